"""The whole comparison: driftline and the peers, each in a virtual environment of its own, on the same streams.

    run.py BINARY DATA [--only driftline,river,…] [--quick]

Environments are made once, under target/bench-detection; results go there too, a line of JSON each and a file a tool.
It takes hours: most of it is the peers'. With --quick one seed of each is measured, and the tables are printed and change
nothing.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENTS = HERE.parents[1] / "target" / "bench-detection"
RESULTS = ENVIRONMENTS / "results"
# Seeds of each peer's streams: fewer where it is slow.
PEERS = dict.fromkeys(("evidently", "nannyml", "river", "alibi", "frouros", "whylogs"), "1..3")
# Of driftline 300,000 windows of a feature are looked at, which is what shows a rate of 1 in 10,000.
DRIFTLINE = (["--delays", "1..6", "--natural", "--seasonal", "1..6"],
             *(["--stationary", "1..41", "--setting", name] for name in ("default", "default-windows")),
             *(["--stationary", "1..261", "--setting", name] for name in ("all", "all-windows")))
ONE = "1..2"
DRIFTLINE_QUICK = (["--delays", ONE, "--natural", "--seasonal", ONE],
                   *(["--stationary", ONE, "--setting", name] for name in ("default", "all")))


def python(name, requirements):
    """The interpreter of an environment, made if it is not there."""
    environment = ENVIRONMENTS / name
    if not (environment / "done").is_file():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        install = [environment / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", requirements]
        subprocess.run(install, check=True)
        (environment / "done").touch()
    return environment / "bin" / "python"


def measure_driftline(binary, data, results, is_quick):
    results = results / "driftline.jsonl"
    results.unlink(missing_ok=True)
    interpreter = python("driftline", HERE / "driftline.txt")
    for asked in DRIFTLINE_QUICK if is_quick else DRIFTLINE:
        subprocess.run([interpreter, HERE / "measure_driftline.py", binary, data, results, *asked], check=True)


def measure_peer(name, data, results, is_quick):
    interpreter = python(name, HERE / "peers" / f"{name}.txt")
    program = HERE / "peers" / f"with_{name}.py"
    seeds = ONE if is_quick else PEERS[name]
    with open(results / f"{name}.jsonl", "w", encoding="utf-8") as file:
        subprocess.run([interpreter, program, data, "--seeds", seeds], check=True, stdout=file,
                       env=os.environ | {"PYTHONPATH": str(HERE)})


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("binary", type=Path)
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--only", type=lambda text: text.split(","), default=["driftline", *PEERS],
                           metavar="NAME,…")
    arguments.add_argument("--quick", action="store_true", help="one seed of each; the documents stay as they are")
    asked = arguments.parse_args()
    if not asked.data.is_dir():
        sys.exit(f"there is no directory {asked.data}: it must hold the data sets that streams.py lists")
    results = ENVIRONMENTS / "quick" if asked.quick else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    for name in asked.only:
        print(f"measuring {name}", file=sys.stderr)
        if name == "driftline":
            measure_driftline(asked.binary.resolve(), asked.data.resolve(), results, asked.quick)
        else:
            measure_peer(name, asked.data.resolve(), results, asked.quick)
    tables = ENVIRONMENTS / "quick.jsonl" if asked.quick else HERE / "results.jsonl"
    with open(tables, "w", encoding="utf-8") as file:
        subprocess.run([sys.executable, HERE / "summary.py", results], check=True, stdout=file)
    subprocess.run([sys.executable, HERE / "render.py", *([tables] if asked.quick else [])], check=True)


if __name__ == "__main__":
    main()
