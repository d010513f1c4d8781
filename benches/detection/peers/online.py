"""Detectors that look at every row, on the numeric features: one line of JSON a result, on standard output.

They have no windows: of 1,000 rows in a row it is said whether there was an alert in them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import streams
from windowed import cases

BLOCK = 1000


@dataclass(frozen=True)
class Online:
    """`start(reference)` gives the function from the next value to: is it drifted?

    A slow one sees one data set's first features, and of them `lead` rows before what counts and `rows` then.
    """

    name: str
    start: Callable
    lead: int | None = None
    data: str | None = None
    features: int | None = None
    rows: int = streams.ROWS_MAX


def alerts(update, values, begin):
    """Rows after `begin` with an alert; missing values are not shown."""
    for row, value in enumerate(values.tolist()):
        if value == value and update(value) and row >= begin:
            yield row


def measure(tool, rule, stream, changed_streams):
    """False alarms in the stationary stream, then the delay of each change."""
    base = {"tool": tool, "rule": rule.name, "windows": "none", "data": stream.name, "seed": stream.seed,
            "kind": "numeric"}

    def from_row(begin):
        return 0 if rule.lead is None else begin - rule.lead

    blocks = flagged = events = 0
    for name in stream.numeric[: rule.features]:
        begin, values = stream.reference_rows, stream.columns[name]
        end = min(stream.rows, begin + rule.rows)
        first = from_row(begin)
        rows = list(alerts(rule.start(stream.reference(name)), values[first:end], begin - first))
        blocks += (end - begin) // BLOCK
        flagged += len(np.unique((np.array(rows, dtype=int) + first - begin) // BLOCK))
        events += len(rows)
        for changed in changed_streams:
            if name in changed.changed:
                first = from_row(changed.at)
                update = rule.start(stream.reference(name))
                row = next(alerts(update, changed.columns[name][first:], changed.at - first), None)
                delay = None if row is None else row + first - changed.at + 1
                yield base | {"what": "delay", "change": changed.change, "feature": name, "delay": delay}
    yield base | {"what": "stationary", "feature_windows": blocks, "flagged": flagged, "events": events}


def run(tool, rules, said):
    """Measures all rules of a tool; slow ones on the first seed alone."""
    for stream, changed, _ in cases(said.data, said.seeds):
        for rule in rules:
            if rule.data in (None, stream.name) and (rule.data is None or stream.seed == said.seeds[0]):
                for record in measure(tool, rule, stream, changed):
                    print(json.dumps(record), flush=True)
