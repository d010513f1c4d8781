"""driftline, as a user runs it: `reference build` and `replay` on files, results read from standard output."""

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

WINDOW, SLIDE = 5000, 1000
# Time of the first row after the reference, in seconds: windows of 5,000 rows and of a day, in seconds or in
# minutes, all begin there.
START = 1_728_000_000
# Nothing is held back that a person would be spared: this counts every event.
TOLD = {"policy.mode": "alert", "policy.events.max_feature_events": 1_000_000,
        "policy.events.max_events_per_hour": 1_000_000}


@dataclass(frozen=True)
class Setting:
    """How driftline is run: windows in rows, which come so many seconds apart, and settings over the defaults.

    Early sight looks every `look` rows; without it, at a tenth of the slide.
    """

    name: str
    window: int = WINDOW
    slide: int = SLIDE
    seconds: int = 1
    calibrate: bool = False
    season: str = "none"
    look: int | None = None
    policy: dict = None

    def cut(self):
        return f"--window={self.window * self.seconds}s", f"--slide={self.slide * self.seconds}s"

    def looks(self):
        return [] if self.look is None else [f"--look={self.look * self.seconds}s"]

    def budget(self, features):
        """One false event in 10,000 windows of a feature: as many as there are features in 10,000 slides."""
        return {"false_events": features, "per": f"{10_000 * self.slide * self.seconds}s"}


@dataclass(frozen=True)
class Found:
    """What a replay found, by feature; rows are counted from the end of the reference."""

    ends: np.ndarray
    flagged: dict
    events: dict
    reports: list


def write(path, stream, rows, seconds):
    """Writes rows as CSV; the first row after the reference has the time START, the others are so far apart."""
    def texts(values):
        if values.dtype == float:
            return ["" if value != value else repr(value) for value in values.tolist()]
        return ["" if value is None else value for value in values.tolist()]

    names = [*stream.numeric, *stream.categorical]
    columns = [texts(stream.columns[name][rows.start : rows.stop]) for name in names]
    times = (str(START + (row - stream.reference_rows) * seconds) for row in rows)
    # No category holds a comma or a quote.
    lines = map(",".join, zip(times, *columns))
    Path(path).write_text("\n".join([",".join(["time", *names]), *lines, ""]), encoding="utf-8")


class Driftline:
    """The binary, and a directory for files between its commands."""

    def __init__(self, binary):
        self.binary = Path(binary).resolve()
        self.directory = tempfile.TemporaryDirectory(prefix="driftline-detection-")

    def call(self, *arguments):
        environment = os.environ | {"RUST_LOG": "error"}
        done = subprocess.run([self.binary, *map(str, arguments)], env=environment, capture_output=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"driftline {' '.join(map(str, arguments))}: {done.stderr.decode()}")
        return done.stdout

    def build(self, stream, setting):
        """A profile of the stream's reference."""
        data, profile = Path(self.directory.name, "reference.csv"), Path(self.directory.name, "reference.json")
        write(data, stream, range(stream.reference_rows), setting.seconds)
        kinds = [f"--kind={name}=categorical" for name in stream.categorical]
        times = ["--time=time"] if setting.calibrate else ["--ignore=time"]
        times.append(f"--season={setting.season}")
        self.call("reference", "build", data, "--output", profile, *kinds, *times, *setting.cut())
        return profile

    def replay(self, stream, profile, setting):
        """What is found in the rows after the reference."""
        data = Path(self.directory.name, "stream.csv")
        write(data, stream, range(stream.reference_rows, stream.rows), setting.seconds)
        features = [*stream.numeric, *stream.categorical]
        policy = TOLD | {"policy.budget": setting.budget(len(features))} | (setting.policy or {})
        sets = [f"--set={key}={toml(value)}" for key, value in policy.items()]
        cut = [*setting.cut(), *setting.looks()]
        lines = self.call("replay", data, "--time=time", "--reference", profile, *cut, "--close", *sets)
        return found(map(orjson.loads, lines.splitlines()), features, setting.seconds)


def toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def found(records, features, seconds):
    ends, reports = [], []
    flagged = {name: [] for name in features}
    events = {name: [] for name in features}

    def row(record):
        at = np.datetime64(record["decided_at"].removesuffix("Z"), "ms").astype(int) // 1000
        return int((at - START) // seconds)

    for record in records:
        if record["type"] == "window_report":
            verdicts = {one["feature"]: one["verdict"] for one in record["features"]}
            if all(verdict == "insufficient" for verdict in verdicts.values()):
                continue
            ends.append(row(record))
            reports.append(record)
            for name in features:
                flagged[name].append(verdicts[name] in ("warning", "drift", "critical"))
        elif record["type"] == "drift_event" and record["transition"] in ("detected", "escalated"):
            event = {key: record[key] for key in ("transition", "category", "severity", "early", "explanation")}
            events[record["feature"]].append(event | {"row": row(record)})
    return Found(np.array(ends), {name: np.array(flags) for name, flags in flagged.items()}, events, reports)


def alert(found, name, at):
    """The row of the first event of a feature after row `at`, and whether an early look saw it."""
    later = [event for event in found.events[name] if event["row"] > at]
    return (later[0]["row"], later[0]["early"]) if later else (None, None)
