#!/usr/bin/env python3
"""Holds the replay of whole data sets to reference answers that other programs computed.

    golden.py DRIFTLINE DATA [NAME ...]

DRIFTLINE is the binary, DATA a directory with NAME.csv.gz and golden/NAME.values.json (rows, windows, and
for each window, feature and metric the value). For each data set and window scheme this builds the
reference, replays the rows after it with a second a row, and compares each window's report:

    psi           psi_decile10 or psi_categories_floor1e4, to 1e-9 of max(1, value)
    ks            ks_stat: the value within 0.005, the interval holding it
    rows, missing n_valid exactly, null_rate to 1e-12

It prints the largest differences and ends with 1 where one is too large, or where a window or a feature has
no report. It needs nothing but Python's standard library.
"""

import csv
import gzip
import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PSI_TOLERANCE = 1e-9
KS_TOLERANCE = 0.005
# What an interval of counts may miss of a value that was added up in floating point.
ROUNDING = 1e-12


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    driftline, data = sys.argv[1], Path(sys.argv[2])
    names = sys.argv[3:] or sorted(path.name.split(".")[0] for path in (data / "golden").glob("*.values.json"))
    if not names:
        sys.exit(f"there is no golden/*.values.json in {data}")
    print(f"{'data set':14} {'scheme':12} {'windows':>7} {'values':>7} {'psi':>9} {'ks':>9} {'ks width':>9} {'missing':>9}  failures")
    failures = []
    for name in names:
        failures += check(driftline, data, name)
    for failure in failures[:20]:
        print(failure, file=sys.stderr)
    if failures:
        sys.exit(f"{len(failures)} values are not what they should be")


def check(driftline, data, name):
    """Checks all window schemes of a data set; the differences that are too large, as texts."""
    golden = json.loads((data / "golden" / f"{name}.values.json").read_text())
    table = data / golden["file"]
    expected = {}
    for window, feature, metric, value in golden["values"]["rows"]:
        expected.setdefault((window, feature), {})[metric] = value
    failures = []
    with tempfile.TemporaryDirectory() as directory:
        reference = Path(directory) / "reference.json"
        build(driftline, table, golden, reference)
        for size, step in sorted({(window["size"], window["step"]) for window in golden["windows"]}):
            windows = [w for w in golden["windows"] if (w["size"], w["step"]) == (size, step)]
            reports = replay(driftline, table, golden, reference, size, step)
            failures += compare(name, f"{size}/{step}", golden, windows, reports, expected)
    return failures


def other_columns(table, golden):
    with gzip.open(table, "rt", encoding="utf-8", newline="") as lines:
        header = next(csv.reader(lines))
    features = golden["features"]["numeric"] + golden["features"]["categorical"]
    return [name for name in header if name not in features]


def ignored(table, golden):
    others = other_columns(table, golden)
    return ["--ignore", ",".join(others)] if others else []


def build(driftline, table, golden, reference):
    kinds = []
    for feature in golden["features"]["numeric"]:
        kinds += ["--kind", f"{feature}=continuous"]
    for feature in golden["features"]["categorical"]:
        kinds += ["--kind", f"{feature}=categorical"]
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


def compare(name, scheme, golden, windows, reports, expected):
    worst = {"psi": 0.0, "ks": 0.0, "width": 0.0, "missing": 0.0}
    failures, values = [], 0

    def fail(window, feature, text):
        failures.append(f"{name} {window['id']} {feature}: {text}")

    for window in windows:
        report = reports.get(window["end"])
        if report is None:
            fail(window, "-", "there is no report")
            continue
        found = {feature["feature"]: feature for feature in report["features"]}
        for feature in golden["features"]["numeric"] + golden["features"]["categorical"]:
            metrics = expected[window["id"], feature]
            if feature not in found:
                fail(window, feature, "is not in the report")
                continue
            got = found[feature]
            values += 2
            if got["rows"] != metrics["n_valid"]:
                fail(window, feature, f"rows {got['rows']}, not {metrics['n_valid']}")
            all_rows = got["rows"] + got["missing"] + got["invalid"]
            missing = abs((got["missing"] + got["invalid"]) / max(all_rows, 1) - metrics["null_rate"])
            worst["missing"] = max(worst["missing"], missing)
            if missing > ROUNDING or all_rows != window["size"]:
                fail(window, feature, f"{got['missing']} of {all_rows} missing, not {metrics['null_rate']}")
            psi = metrics.get("psi_decile10", metrics.get("psi_categories_floor1e4"))
            if psi is not None:
                values += 1
                difference = abs(got["measures"]["psi"]["value"] - psi) / max(1.0, abs(psi))
                worst["psi"] = max(worst["psi"], difference)
                if difference > PSI_TOLERANCE:
                    fail(window, feature, f"psi {got['measures']['psi']['value']}, not {psi}")
            if metrics.get("ks_stat") is not None:
                values += 1
                ks, stat = got["measures"]["ks"], metrics["ks_stat"]
                worst["ks"] = max(worst["ks"], abs(ks["value"] - stat))
                worst["width"] = max(worst["width"], ks["high"] - ks["low"])
                if abs(ks["value"] - stat) > KS_TOLERANCE or not ks["low"] - ROUNDING <= stat <= ks["high"] + ROUNDING:
                    fail(window, feature, f"ks {ks['value']} in [{ks['low']}, {ks['high']}], not {stat}")
    print(
        f"{name:14} {scheme:12} {len(windows):7} {values:7} {worst['psi']:9.1e} {worst['ks']:9.1e} {worst['width']:9.1e} "
        f"{worst['missing']:9.1e}  {len(failures)}",
        flush=True,
    )
    return failures


if __name__ == "__main__":
    main()
