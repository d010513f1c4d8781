"""driftline on the streams: one line of JSON a result, appended.

    measure_driftline.py BINARY DATA RESULTS [--stationary A..B] [--delays A..B] [--natural] [--seasonal A..B]
                         [--setting NAME]

Seeds are half-open ranges; without --setting all of them are run.
"""

import argparse
import json
from dataclasses import replace

import numpy as np

import streams
from driftline import Driftline, Setting, alert

# As it comes: whole windows, those of their parts that the reference was calibrated for, and early sight where
# the reference suits it. And where rows are known to be independent of each other: all parts. Each also without
# early sight, and all parts with looks twice as often.
SUFFIXES, WINDOWS = {"policy.suffixes": "all"}, {"policy.early.enabled": False}
SETTINGS = {
    "default": Setting("default", calibrate=True),
    "default-windows": Setting("default, windows alone", calibrate=True, policy=WINDOWS),
    "all": Setting("suffixes all", policy=SUFFIXES),
    "all-50": Setting("suffixes all, look 50", look=50, policy=SUFFIXES),
    "all-windows": Setting("suffixes all, windows alone", policy=SUFFIXES | WINDOWS),
}
# Windows of a day by an hour, rows a minute apart; against the reference as a whole, and against its own hours.
DAYS = replace(SETTINGS["default"], window=streams.DAY, slide=60, seconds=60)
SEASONS = (DAYS, replace(DAYS, name="default, season week", season="week"))


def base(what, setting, stream, **more):
    windows = f"{setting.window}/{setting.slide}"
    return {"what": what, "tool": "driftline", "rule": setting.name, "windows": windows, "data": stream.name,
            "seed": stream.seed, **more}


def kinds(stream):
    return (("numeric", stream.numeric), ("categorical", stream.categorical))


def evidence(found, name, row):
    """What the first report from `row` on says of a feature: why it alarmed, or did not."""
    report = found.reports[int(np.searchsorted(found.ends, row))]
    one = next(one for one in report["features"] if one["feature"] == name)
    sizes = {measure: one["measures"][measure]["corrected"] for measure in ("psi", "ks") if one["measures"][measure]}
    return {"tests": one["tests"], "whole": sizes}


def stationary(stream, found, setting):
    for kind, names in kinds(stream):
        alarms = [event | {"feature": name} | evidence(found, name, event["row"])
                  for name in names for event in found.events[name]]
        yield base("stationary", setting, stream, kind=kind, feature_windows=len(names) * len(found.ends),
                   flagged=int(sum(found.flagged[name].sum() for name in names)),
                   events=sum(alarm["transition"] == "detected" for alarm in alarms),
                   early=sum(alarm["early"] for alarm in alarms), alarms=alarms)


def delays(stream, found, setting):
    at = stream.at - stream.reference_rows
    for kind, names in kinds(stream):
        for name in names:
            if name in stream.changed:
                row, early = alert(found, name, at)
                delay = None if row is None else row - at
                yield base("delay", setting, stream, change=stream.change, feature=name, kind=kind, delay=delay,
                           early=early)


def natural(stream, found, setting):
    for name in (*stream.numeric, *stream.categorical):
        rows = [int(row) for row in found.ends[found.flagged[name]] + stream.reference_rows]
        events = [event["row"] + stream.reference_rows for event in found.events[name]
                  if event["transition"] == "detected"]
        yield base("natural", setting, stream, feature=name, events=events, flagged=len(rows),
                   windows_seen=len(found.ends), first_flagged=rows[0] if rows else None)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    seeds = {"type": lambda text: range(*map(int, text.split(".."))), "default": range(0), "metavar": "A..B"}
    for name in ("binary", "data", "results"):
        arguments.add_argument(name)
    for name in ("--stationary", "--delays", "--seasonal"):
        arguments.add_argument(name, **seeds)
    arguments.add_argument("--natural", action="store_true")
    arguments.add_argument("--setting", choices=SETTINGS)
    asked = arguments.parse_args()
    driftline = Driftline(asked.binary)
    with open(asked.results, "a", encoding="utf-8") as file:
        for record in results(driftline, asked):
            print(json.dumps(record), file=file, flush=True)


def results(driftline, asked):
    tables = {table.name: table for table in streams.streams(asked.data)}
    for seed in sorted({*asked.stationary, *asked.delays}):
        for table in tables.values():
            stream = streams.shuffled(table, seed)
            for setting in [SETTINGS[asked.setting]] if asked.setting else SETTINGS.values():
                profile = driftline.build(stream, setting)
                if seed in asked.stationary:
                    yield from stationary(stream, driftline.replay(stream, profile, setting), setting)
                for change in dict.fromkeys(streams.NUMERIC_CHANGES + streams.CATEGORICAL_CHANGES):
                    if seed in asked.delays:
                        changed = streams.injected(stream, change)
                        yield from delays(changed, driftline.replay(changed, profile, setting), setting)
    for seed in asked.seasonal:
        stream = streams.seasonal(seed)
        for setting in SEASONS:
            profile = driftline.build(stream, setting)
            yield from stationary(stream, driftline.replay(stream, profile, setting), setting)
            for changed in streams.seasonal_changed(seed):
                yield from delays(changed, driftline.replay(changed, profile, setting), setting)
    for name in ("car_loan", "elec2") if asked.natural else ():
        for setting in SETTINGS.values():
            profile = driftline.build(tables[name], setting)
            yield from natural(tables[name], driftline.replay(tables[name], profile, setting), setting)


if __name__ == "__main__":
    main()
