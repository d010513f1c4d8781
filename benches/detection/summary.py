"""From the lines of single results to results.jsonl: one line for what a rule does to a kind of feature.

    summary.py DIRECTORY > results.jsonl

A change that was not found within the horizon counts as later than all that were.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path


def quantile(delays, part):
    """The delay by which a part of the cases is found; None where fewer are."""
    ordered = sorted(delays, key=lambda delay: (delay is None, delay))
    return ordered[max(0, -(-len(ordered) * part // 100) - 1)]


def of_stationary(records):
    sums = {key: sum(record.get(key, 0) for record in records) for key in ("feature_windows", "flagged", "events")}
    return sums | {"seeds": len({record["seed"] for record in records})}


def of_delays(records):
    delays = [record["delay"] for record in records]
    return {"cases": len(delays), "found": sum(delay is not None for delay in delays),
            "early": sum(bool(record.get("early")) for record in records),
            "median": quantile(delays, 50), "p90": quantile(delays, 90),
            "seeds": len({record["seed"] for record in records})}


def summary(records):
    groups, natural = defaultdict(list), []
    for record in records:
        if record["what"] == "natural":
            natural.append(record)
            continue
        data = "seasonal" if record["data"] == "seasonal" else "real"
        key = (record["what"], record["tool"], record["rule"], record["windows"], data, record["kind"])
        groups[*key, record.get("change")].append(record)
    names = ("what", "tool", "rule", "windows", "data", "kind", "change")
    for key, group in groups.items():
        found = of_delays(group) if key[0] == "delay" else of_stationary(group)
        yield {name: value for name, value in zip(names, key) if value is not None} | found
    yield from natural


def main():
    paths = sorted(Path(sys.argv[1]).glob("*.jsonl"), key=lambda path: (path.stem != "driftline", path.stem))
    records = (json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines())
    for line in summary(records):
        print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
