"""Puts the tables of results.jsonl into docs/detection.md, between the comments that say so; prints those of another file.

    render.py [RESULTS]
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs" / "detection.md"
CHANGES = {
    "numeric": {"mean+0.1": "+0.1 sd", "mean+0.25": "+0.25 sd", "mean+0.5": "+0.5 sd", "scale1.5": "scale × 1.5",
                "tail0.1": "one tail", "null0.2": "missing"},
    "categorical": {"mix0.15": "mix 15 %", "new0.05": "new 5 %", "null0.2": "missing"},
    "seasonal": {"shift+0.5": "0.5", "shift+1.0": "1.0"},
}
# From this rate on what is found is as likely a false alarm.
TOO_MANY = 500


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def rate(record):
    """False alarms in 10,000 windows of a feature, with what it rests on."""
    if record is None:
        return ""
    flagged, windows = record["flagged"], record["feature_windows"]
    of_10_000 = 10_000 * flagged / windows
    shown = f"{of_10_000:,.0f}" if of_10_000 >= 10 or flagged == 0 else f"{of_10_000:.2g}"
    return f"{shown} ({flagged:,} of {windows:,})"


def delay(record, is_noisy):
    if record is None:
        return ""
    share = 100 * record["found"] / record["cases"]
    shown = "missed" if record["median"] is None else f"{record['median']:,}"
    return f"{shown} ({share:.0f} %)" + ("*" if is_noisy else "")


def rules(records, data, kind):
    """The rules that were asked about a kind of feature: false alarms, and delays by change."""
    asked = {}
    for record in records:
        if record["what"] != "natural" and record["data"] == data and record["kind"] == kind:
            one = asked.setdefault((record["tool"], record["rule"], record["windows"]), {})
            one[record.get("change", "stationary")] = record
    return asked


def comparison(records, data, kind, changes):
    head = ["tool", "rule", "windows", "false alarms in 10,000", *changes.values(), "seeds"]
    rows = []
    for (tool, rule, windows), found in rules(records, data, kind).items():
        stationary = found.get("stationary")
        is_noisy = stationary and 10_000 * stationary["flagged"] / stationary["feature_windows"] > TOO_MANY
        seeds = {one["seeds"] for one in found.values()}
        name = f"**{tool}**" if tool == "driftline" else tool
        rows.append([name, rule, windows, rate(stationary), *(delay(found.get(change), is_noisy) for change in changes),
                     "–".join(map(str, sorted({min(seeds), max(seeds)})))])
    return table(head, rows)


def natural(records):
    """What driftline says of data in their own order: its events, and how many windows it flagged."""
    said = {}
    for one in (one for one in records if one["what"] == "natural"):
        events = ", ".join(f"{row:,}" for row in one["events"][:4]) or "none"
        of_feature = said.setdefault((one["data"], one["feature"]), {})
        of_feature[one["rule"]] = f"{events} ({one['flagged']} of {one['windows_seen']})"
    rules = list(dict.fromkeys(rule for found in said.values() for rule in found))
    rows = [[*feature, *(found.get(rule, "") for rule in rules)] for feature, found in said.items()]
    return table(["data", "feature", *rules], rows)


def sections(records):
    yield "numeric", comparison(records, "real", "numeric", CHANGES["numeric"])
    yield "categorical", comparison(records, "real", "categorical", CHANGES["categorical"])
    yield "seasonal numeric", comparison(records, "seasonal", "numeric", CHANGES["seasonal"])
    yield "seasonal categorical", comparison(records, "seasonal", "categorical", CHANGES["seasonal"])
    yield "natural", natural(records)


def main():
    if len(sys.argv) > 1:
        for name, lines in sections(read(Path(sys.argv[1]))):
            print(name, "", *lines, sep="\n")
        return
    records = read(HERE / "results.jsonl")
    docs = DOCS.read_text(encoding="utf-8")
    for name, lines in sections(records):
        marked = re.compile(rf"(<!-- {name}: made by render.py -->\n).*?(<!-- end -->)", re.DOTALL)
        if not marked.search(docs):
            raise SystemExit(f"{DOCS.name} has no place for the table `{name}`")
        docs = marked.sub(lambda found: found[1] + "\n".join(lines) + found[2], docs)
    DOCS.write_text(docs, encoding="utf-8")


if __name__ == "__main__":
    main()
