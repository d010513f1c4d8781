"""Draws docs/performance.svg: how CPU an event grows with features, models and partitions.

    plot.py target/bench/pipeline.jsonl > docs/performance.svg
"""

import json
import math
import sys

PANELS = {
    "features": {"json_5": 5, "json_25": 25, "json_100": 100, "json_1000": 1000},
    "models, as much traffic each": {"json_25": 1, "json_25_busy_models_8": 8, "json_25_busy_models_64": 64},
    "models that share the traffic": {"json_25": 1, "json_25_models_8": 8, "json_25_models_64": 64},
    "partitions": {"json_25_partitions_1": 1, "json_25": 4, "json_25_partitions_16": 16},
}
SYSTEMS = {"bare": ("bare poll loop", "#888888"), "driftline": ("driftline", "#0072b2")}
WIDTH, HEIGHT, LEFT, TOP, GAP = 190, 150, 44, 34, 26
# CPU µs an event, from and to.
LEAST, MOST = 1, 300


def panel(at, name, cases, found):
    least, most = min(cases.values()), max(cases.values())
    left = LEFT + at * (WIDTH + GAP)

    def x(value):
        return left + 12 + (WIDTH - 24) * math.log(value / least) / math.log(most / least)

    yield f'<text x="{left + WIDTH / 2}" y="{TOP - 10}" text-anchor="middle" font-weight="600">{name}</text>'
    yield f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#cccccc"/>'
    for mark in (1, 10, 100):
        yield f'<line x1="{left}" x2="{left + WIDTH}" y1="{y(mark)}" y2="{y(mark)}" stroke="#e4e4e4"/>'
        if at == 0:
            yield f'<text x="{left - 6}" y="{y(mark) + 4}" text-anchor="end">{mark}</text>'
    for value in cases.values():
        yield f'<text x="{x(value):.1f}" y="{TOP + HEIGHT + 15}" text-anchor="middle">{value:,}</text>'
    for system, (_, colour) in SYSTEMS.items():
        # Below its points, so that labels of the two don't meet.
        apart = 15 if system == "bare" else -7
        points = [(x(value), found[case, system]) for case, value in cases.items() if (case, system) in found]
        line = " ".join(f"{across:.1f},{y(cpu):.1f}" for across, cpu in points)
        yield f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for across, cpu in points:
            yield f'<circle cx="{across:.1f}" cy="{y(cpu):.1f}" r="3" fill="{colour}"/>'
            yield f'<text x="{across:.1f}" y="{y(cpu) + apart:.1f}" text-anchor="middle" fill="{colour}">{cpu:.1f}</text>'


def y(cpu):
    return TOP + HEIGHT * (1 - math.log(cpu / LEAST) / math.log(MOST / LEAST))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    found = {(line["case"], line["system"]): line["cpu_us_per_event"] for line in lines if "system" in line}
    width = LEFT + len(PANELS) * (WIDTH + GAP)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TOP + HEIGHT + 50}" '
          'font-family="sans-serif" font-size="11" fill="#333333">')
    print(f'<rect width="{width}" height="{TOP + HEIGHT + 50}" fill="#ffffff"/>')
    for at, (name, cases) in enumerate(PANELS.items()):
        print("\n".join(panel(at, name, cases, found)))
    print(f'<text x="{LEFT}" y="{TOP + HEIGHT + 38}">CPU µs an event, both axes logarithmic: ' + ", ".join(
        f'<tspan fill="{colour}" font-weight="600">{name}</tspan>' for name, colour in SYSTEMS.values()) + "</text>")
    print("</svg>")


if __name__ == "__main__":
    main()
