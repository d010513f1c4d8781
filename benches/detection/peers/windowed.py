"""Detectors that compare a window with a reference, on the streams: one line of JSON a result, on standard output.

A peer gives `Rule`s; `run` asks each of them, feature by feature, about windows that follow each other from the
reference's end on. A window alerts with its last row.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass

import streams

ROWS = ((1000, 1000), (5000, 5000), (5000, 1000))
DAYS = ((1440, 1440),)


@dataclass(frozen=True)
class Rule:
    """`prepare(reference, kind, size, features)` gives the function from a window's values to: is it drifted?"""

    name: str
    prepare: Callable
    kinds: tuple = ("numeric", "categorical")
    slides: bool = True


def ask(judge, values, begin, end, size, step):
    """The end of each window between the rows, and what is said of it."""
    for stop in range(begin + size, end + 1, step):
        yield stop, bool(judge(values[stop - size : stop]))


def judges(stream, rule, size):
    """Each feature that the rule is for, with its kind and its judge."""
    features = len(stream.numeric) + len(stream.categorical)
    for kind, names in (("numeric", stream.numeric), ("categorical", stream.categorical)):
        for name in names if kind in rule.kinds else ():
            yield name, kind, rule.prepare(stream.reference(name), kind, size, features)


def measure(tool, rule, stream, changed_streams, size, step):
    """False alarms in the stationary stream, then the delay of each change."""
    base = {"tool": tool, "rule": rule.name, "windows": f"{size}/{step}", "data": stream.name, "seed": stream.seed}
    start, sums = stream.reference_rows, {}
    for name, kind, judge in judges(stream, rule, size):
        said = [is_drifted for _, is_drifted in ask(judge, stream.columns[name], start, stream.rows, size, step)]
        total = sums.setdefault(kind, [0, 0])
        total[0] += len(said)
        total[1] += sum(said)
        for changed in changed_streams:
            if name in changed.changed:
                # Windows that end before the change have nothing to say of it.
                skipped = max(0, (changed.at - start - size) // step + 1) * step
                asked = ask(judge, changed.columns[name], start + skipped, changed.rows, size, step)
                delay = next((stop - changed.at for stop, is_drifted in asked if is_drifted), None)
                yield base | {"what": "delay", "change": changed.change, "feature": name, "kind": kind, "delay": delay}
    for kind, (windows, flagged) in sums.items():
        yield base | {"what": "stationary", "kind": kind, "feature_windows": windows, "flagged": flagged}


def cases(data, seeds):
    """Every stationary stream with its changed ones, and how its windows are cut."""
    for table in streams.streams(data):
        for seed in seeds:
            stream = streams.shuffled(table, seed)
            changes = dict.fromkeys(streams.NUMERIC_CHANGES + streams.CATEGORICAL_CHANGES)
            yield stream, [streams.injected(stream, change) for change in changes], ROWS
    for seed in seeds:
        yield streams.seasonal(seed), list(streams.seasonal_changed(seed)), DAYS


def asked():
    """The data directory and the seeds, from the command line."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data")
    arguments.add_argument("--seeds", type=lambda text: range(*map(int, text.split(".."))), metavar="A..B")
    return arguments.parse_args()


def run(tool, rules):
    """Measures all rules of a tool."""
    said = asked()
    for stream, changed, cuts in cases(said.data, said.seeds):
        for rule in rules:
            for size, step in cuts:
                if rule.slides or size == step:
                    for record in measure(tool, rule, stream, changed, size, step):
                        print(json.dumps(record), flush=True)
