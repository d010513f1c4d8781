#!/usr/bin/env python3
"""Holds the replay of whole data sets to reference answers that other programs computed.

    golden.py DRIFTLINE DATA [NAME ...]

DRIFTLINE is the binary, DATA a directory with NAME.csv.gz and golden/NAME.values.json (rows, windows, and
for each window, feature and metric the value). For each data set and window scheme this builds the
reference, replays the rows after it with a second a row, and compares each window's report:

    psi             psi_decile10 or psi_categories_floor1e4, to 1e-9 of max(1, value)
    jensen_shannon, what this program computes over the same bins from the rows themselves, to 1e-9
    hellinger
    ks              ks_stat: the value within 0.005, half of all within 0.001, the interval holding it
    p_value         ks_pvalue: on the same side of 0.001, 0.01 and 0.05 in 98 % of all cases
    wasserstein     wasserstein_norm: the interval holding it; the value within 1 % or 0.0075 standard
                    deviations, whichever is more, and within 1 % or 0.002 in 95 % of all cases
    z_score         what this program computes from the clipped rows themselves: the value within 1 % or 0.1,
                    whichever is more, the interval holding it but for what a quantile is off
    rows, missing   n_valid exactly, null_rate to 1e-12

Where the reference of a feature is constant, there is no standard deviation to measure wasserstein by, and
none is to be given. Numbers of few distinct values, which are measured as continuous above, are measured
once more as what they are found to be, discrete: then ks and wasserstein are exact, to 1e-9.

It prints the largest differences and ends with 1 where one is too large, or where a window or a feature has
no report. It needs nothing but Python's standard library.
"""

import csv
import gzip
import io
import json
import math
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from statistics import median

EXACT = 1e-9
KS_TOLERANCE = 0.005
KS_MEDIAN = 0.001
P_SIDES = (0.001, 0.01, 0.05)
P_AGREEMENT = 0.98
# Of the exact distance, and in standard deviations of the reference.
WASSERSTEIN_RELATIVE = 0.01
WASSERSTEIN_MOST = 0.0075
WASSERSTEIN_MOSTLY = 0.002
WASSERSTEIN_AGREEMENT = 0.95
# Of the exact score, and in standard errors; and what the clipping quantiles, which are estimated, may shift.
Z_RELATIVE = 0.01
Z_MOST = 0.1
Z_CLIP = 0.05
# What an interval of counts may miss of a value that was added up in floating point.
ROUNDING = 1e-12
COLUMNS = ("psi", "js", "hellinger", "ks", "ks width", "w", "w discr.", "z", "missing")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    driftline, data = sys.argv[1], Path(sys.argv[2])
    names = sys.argv[3:] or sorted(path.name.split(".")[0] for path in (data / "golden").glob("*.values.json"))
    if not names:
        sys.exit(f"there is no golden/*.values.json in {data}")
    print(f"{'data set':14} {'scheme':12} {'windows':>7} {'values':>7} {''.join(f'{name:>10}' for name in COLUMNS)}  failures")
    found = Found()
    for name in names:
        check(driftline, data, name, found)
    found.judge_all()
    for failure in found.failures[:20]:
        print(failure, file=sys.stderr)
    if found.failures:
        sys.exit(f"{len(found.failures)} values are not what they should be")


class Found:
    """What was found: what is too far off, and how far off the rest is."""

    def __init__(self):
        self.failures = []
        self.ks, self.same_side, self.wasserstein, self.z = [], [], [], []
        self.start()

    def start(self):
        self.worst, self.values, self.before = dict.fromkeys(COLUMNS, 0.0), 0, len(self.failures)

    def hold(self, where, column, value, expected, tolerance):
        self.values += 1
        difference = abs(value - expected)
        self.worst[column] = max(self.worst[column], difference)
        if not difference <= tolerance:
            self.fail(where, f"{column} {value}, not {expected}")

    def hold_interval(self, where, column, measure, expected, slack=None):
        slack = ROUNDING * max(1.0, expected) if slack is None else slack
        if not measure["low"] - slack <= expected <= measure["high"] + slack:
            self.fail(where, f"{column} {expected} is not in [{measure['low']}, {measure['high']}]")

    def fail(self, where, text):
        self.failures.append(f"{where}: {text}")

    def line(self, name, scheme, windows):
        columns = "".join(f"{self.worst[column]:10.1e}" for column in COLUMNS)
        failed = len(self.failures) - self.before
        print(f"{name:14} {scheme:12} {windows:7} {self.values:7} {columns}  {failed}", flush=True)
        self.start()

    def judge_all(self):
        """Holds what is promised of all cases together."""
        middle = median(self.ks)
        print(f"ks: half of {len(self.ks)} within {middle:.1e}")
        if middle > KS_MEDIAN:
            self.fail("all", f"half of ks are within {middle} only")
        sides = sum(self.same_side) / len(self.same_side)
        print(f"p_value: on the same side in {sides:.2%} of {len(self.same_side)}")
        if sides < P_AGREEMENT:
            self.fail("all", f"p_value is on the same side in {sides:.2%} only")
        near = [abs(value - exact) <= max(WASSERSTEIN_RELATIVE * exact, WASSERSTEIN_MOSTLY) for value, exact in self.wasserstein]
        share = sum(near) / len(near)
        print(f"wasserstein: within 1 % or {WASSERSTEIN_MOSTLY} in {share:.2%} of {len(near)}")
        for low, high in ((0.0, 0.02), (0.02, 0.1), (0.1, 0.2), (0.2, math.inf)):
            errors = sorted(abs(value / exact - 1) for value, exact in self.wasserstein if low < exact <= high)
            if errors:
                parts = [errors[int(q * (len(errors) - 1))] for q in (0.5, 0.9, 0.99, 1.0)]
                print(f"  of {low} to {high}: {len(errors)}, relative error " + ", ".join(f"{part:.2%}" for part in parts))
        for what, errors in (
            ("", [abs(value - exact) for value, exact in self.z]),
            (" over the score, where that is over 1", [abs(value / exact - 1) for value, exact in self.z if abs(exact) > 1]),
        ):
            errors.sort()
            parts = [errors[int(q * (len(errors) - 1))] for q in (0.5, 0.9, 0.99, 1.0)]
            print(f"z_score: error{what} of {len(errors)}: " + ", ".join(f"{part:.2g}" for part in parts))
        if share < WASSERSTEIN_AGREEMENT:
            self.fail("all", f"wasserstein is near in {share:.2%} only")


def check(driftline, data, name, found):
    """Checks all window schemes of a data set."""
    golden = json.loads((data / "golden" / f"{name}.values.json").read_text())
    table = data / golden["file"]
    rows = read(table)
    expected = {}
    for window, feature, metric, value in golden["values"]["rows"]:
        expected.setdefault((window, feature), {})[metric] = value
    with tempfile.TemporaryDirectory() as directory:
        as_said, as_found = Path(directory) / "as_said.json", Path(directory) / "as_found.json"
        build(driftline, table, golden, as_said, kinds(golden))
        build(driftline, table, golden, as_found, [])
        for size, step in sorted({(window["size"], window["step"]) for window in golden["windows"]}):
            windows = [w for w in golden["windows"] if (w["size"], w["step"]) == (size, step)]
            reports = replay(driftline, table, golden, as_said, size, step)
            compare(name, golden, windows, reports, expected, rows, found)
            if size == step:
                reports = replay(driftline, table, golden, as_found, size, step)
                compare_discrete(name, golden, windows, reports, expected, found)
            found.line(name, f"{size}/{step}", len(windows))


def read(table):
    with gzip.open(table, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def ignored(table, golden):
    with gzip.open(table, "rt", encoding="utf-8", newline="") as lines:
        header = next(csv.reader(lines))
    features = golden["features"]["numeric"] + golden["features"]["categorical"]
    others = [name for name in header if name not in features]
    return ["--ignore", ",".join(others)] if others else []


def kinds(golden):
    said = []
    for feature in golden["features"]["numeric"]:
        said += ["--kind", f"{feature}=continuous"]
    for feature in golden["features"]["categorical"]:
        said += ["--kind", f"{feature}=categorical"]
    return said


def build(driftline, table, golden, reference, kinds):
    rows = f"{golden['reference']['start']}..{golden['reference']['end']}"
    run([driftline, "reference", "build", table, "--output", reference, "--rows", rows, *kinds, *ignored(table, golden)])


def replay(driftline, table, golden, reference, size, step):
    """The reports of all windows, by the row that they end at."""
    start = golden["reference"]["end"]
    output = run(
        [driftline, "replay", table, "--reference", reference, "--time", "row", "--rows", f"{start}..", "--close",
         "--window", f"{size}s", "--slide", f"{step}s", *ignored(table, golden)]
    )
    reports = {}
    for line in io.StringIO(output):
        record = json.loads(line)
        if record["type"] == "window_report":
            reports[start + row_of(record["window"]["end"])] = record
    return reports


def row_of(time):
    """A time of day or days since 1970 as a number of seconds."""
    from datetime import datetime, timezone

    return round((datetime.fromisoformat(time.replace("Z", "+00:00")) - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds())


def run(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"ended with {done.returncode}: {' '.join(str(part) for part in command)}")
    return done.stdout


def reported(name, window, features, reports, found):
    """The reports of the features of a window, each with what it is called."""
    report = reports.get(window["end"])
    if report is None:
        found.fail(f"{name} {window['id']}", "there is no report")
        return
    by_name = {feature["feature"]: feature for feature in report["features"]}
    for feature in features:
        where = f"{name} {window['id']} {feature}"
        if feature in by_name:
            yield where, feature, by_name[feature]
        else:
            found.fail(where, "is not in the report")


def compare(name, golden, windows, reports, expected, rows, found):
    features = golden["features"]["numeric"] + golden["features"]["categorical"]
    reference = golden["reference"]
    bins = {}
    for feature in features:
        column = values(rows, feature, reference)
        bins[feature] = Deciles(column) if feature in golden["features"]["numeric"] else Categories(column)
    for window in windows:
        for where, feature, got in reported(name, window, features, reports, found):
            metrics = expected[window["id"], feature]
            all_rows = got["rows"] + got["missing"] + got["invalid"]
            if got["rows"] != metrics["n_valid"] or all_rows != window["size"]:
                found.fail(where, f"rows {got['rows']} of {all_rows}, not {metrics['n_valid']} of {window['size']}")
            rate = (got["missing"] + got["invalid"]) / max(all_rows, 1)
            found.hold(where, "missing", rate, metrics["null_rate"], ROUNDING)
            psi = metrics.get("psi_decile10", metrics.get("psi_categories_floor1e4"))
            if psi is not None:
                found.hold(where, "psi", got["measures"]["psi"]["value"], psi, EXACT * max(1.0, psi))
                js, hellinger = bins[feature].distances(values(rows, feature, window))
                found.hold(where, "js", got["measures"]["jensen_shannon"]["value"], js, EXACT)
                found.hold(where, "hellinger", got["measures"]["hellinger"]["value"], hellinger, EXACT)
            if metrics.get("ks_stat") is not None:
                compare_z(where, got, bins[feature].z(values(rows, feature, window)), found)
                compare_ks(where, got, metrics, found)
                compare_wasserstein(where, got, metrics, bins[feature].is_constant, found)


def compare_ks(where, got, metrics, found):
    ks, exact = got["measures"]["ks"], metrics["ks_stat"]
    found.hold(where, "ks", ks["value"], exact, KS_TOLERANCE)
    found.hold_interval(where, "ks", ks, exact)
    found.worst["ks width"] = max(found.worst["ks width"], ks["high"] - ks["low"])
    found.ks.append(abs(ks["value"] - exact))
    p = got["tests"]["shape"]["p_value"]
    found.same_side.append(all((p < side) == (metrics["ks_pvalue"] < side) for side in P_SIDES))


def compare_z(where, got, exact, found):
    score = got["measures"]["z_score"]
    if exact is None or score is None:
        if score is not exact:
            found.fail(where, f"z_score {score}, not {exact}")
        return
    found.hold(where, "z", score["value"], exact, max(Z_RELATIVE * abs(exact), Z_MOST))
    found.hold_interval(where, "z_score", score, exact, max(Z_RELATIVE * abs(exact), Z_CLIP))
    found.z.append((score["value"], exact))


def compare_wasserstein(where, got, metrics, is_constant, found):
    distance, exact = got["measures"]["wasserstein"], metrics["wasserstein_norm"]
    if is_constant or distance is None:
        if (distance is None) != is_constant:
            found.fail(where, f"wasserstein {distance} by a reference that is {'' if is_constant else 'not '}constant")
        return
    found.hold(where, "w", distance["value"], exact, max(WASSERSTEIN_RELATIVE * exact, WASSERSTEIN_MOST))
    found.hold_interval(where, "wasserstein", distance, exact)
    found.wasserstein.append((distance["value"], exact))


def compare_discrete(name, golden, windows, reports, expected, found):
    """Numbers that are found to be discrete are measured exactly."""
    for window in windows:
        for where, feature, got in reported(name, window, golden["features"]["numeric"], reports, found):
            metrics = expected[window["id"], feature]
            if got["kind"] != "discrete" or metrics.get("ks_stat") is None:
                continue
            found.hold_interval(where, "ks", got["measures"]["ks"], metrics["ks_stat"])
            if got["measures"]["wasserstein"] is not None:
                found.hold_interval(where, "wasserstein", got["measures"]["wasserstein"], metrics["wasserstein_norm"])
                width = got["measures"]["wasserstein"]["high"] - got["measures"]["wasserstein"]["low"]
                if width < EXACT:
                    found.hold(where, "w discr.", got["measures"]["wasserstein"]["value"], metrics["wasserstein_norm"], EXACT)


def values(rows, feature, window):
    """The values of a feature in the rows of a window, without the missing ones."""
    return [row[feature] for row in rows[window["start"]:window["end"]] if row[feature] != ""]


class Bins:
    """Counts of the reference, by bin."""

    def __init__(self, reference):
        self.counts = Counter(self.bin(value) for value in reference)
        self.is_constant = len(set(reference)) == 1

    def distances(self, window):
        """Jensen-Shannon in base 2, and Hellinger."""
        counts = Counter(self.bin(value) for value in window)
        m, n = self.counts.total(), counts.total()
        shares = [(self.counts[b] / m, counts[b] / n) for b in self.counts.keys() | counts.keys()]
        half = lambda p, q: p * math.log2(2 * p / (p + q)) if p else 0.0
        divergence = math.fsum(half(p, q) + half(q, p) for p, q in shares) / 2
        squared = math.fsum((math.sqrt(p) - math.sqrt(q)) ** 2 for p, q in shares) / 2
        return math.sqrt(max(divergence, 0.0)), math.sqrt(squared)


class Categories(Bins):
    def bin(self, value):
        return value


class Deciles(Bins):
    def __init__(self, reference):
        ordered = sorted(map(float, reference))
        self.edges = sorted({self.quantile(ordered, j / 10) for j in range(1, 10)})
        self.clip = self.quantile(ordered, 0.001), self.quantile(ordered, 0.999)
        self.side = self.clipped(reference)
        super().__init__(reference)

    def bin(self, value):
        return bisect_left(self.edges, float(value))

    def clipped(self, values):
        """Mean of the clipped values, and the square of its standard error."""
        clipped = [min(max(float(value), self.clip[0]), self.clip[1]) for value in values]
        mean = math.fsum(clipped) / len(clipped)
        return mean, math.fsum((value - mean) ** 2 for value in clipped) / (len(clipped) - 1) / len(clipped)

    def z(self, window):
        """Welch's z of the clipped values; none where the reference has no range."""
        if self.clip[0] == self.clip[1]:
            return None
        (mean, error), (of_reference, reference_error) = self.clipped(window), self.side
        return (mean - of_reference) / math.sqrt(error + reference_error)

    @staticmethod
    def quantile(ordered, q):
        """Linear between order statistics, rounded as NumPy does."""
        position = q * (len(ordered) - 1)
        below = int(position)
        a, b, t = ordered[below], ordered[min(below + 1, len(ordered) - 1)], position - below
        return b - (b - a) * (1 - t) if t >= 0.5 else a + (b - a) * t


if __name__ == "__main__":
    main()
