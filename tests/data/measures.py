"""Adds to noaa_weather.values.json what SciPy makes of the measures over driftline's own bins.

    measures.py        rewrites the file beside it; run with numpy 2.4.6 and scipy 1.17.1

The bins are those of psi_decile10 and psi_categories_floor1e4; README.md says what each metric is.
"""
import csv
import gzip
import json
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

HERE = Path(__file__).parent
ADDED = ("jensen_shannon", "hellinger", "ks_pvalue", "wasserstein_norm", "z_clipped")


def distances(p, q):
    yield "jensen_shannon", jensenshannon(p, q, base=2)
    yield "hellinger", np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2)


def numeric(r, x):
    edges = np.unique(np.quantile(r, np.arange(1, 10) / 10))
    share = lambda v: np.bincount(np.searchsorted(edges, v, side="left"), minlength=len(edges) + 1) / len(v)
    yield from distances(share(r), share(x))
    yield "ks_pvalue", stats.ks_2samp(r, x).pvalue
    yield "wasserstein_norm", stats.wasserstein_distance(r, x) / np.std(r)
    clip = np.quantile(r, [0.001, 0.999])
    yield "z_clipped", stats.ttest_ind(np.clip(x, *clip), np.clip(r, *clip), equal_var=False).statistic


def categorical(r, x):
    names = sorted(set(r) | set(x))
    share = lambda v: np.array([np.mean(v == name) for name in names])
    yield from distances(share(r), share(x))


def main():
    path = HERE / "noaa_weather.values.json"
    golden = json.loads(path.read_text())
    with gzip.open(HERE / golden["file"], "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    added = []
    for feature in golden["features"]["numeric"] + golden["features"]["categorical"]:
        is_number = feature in golden["features"]["numeric"]
        column = np.array([float(row[feature]) if is_number else row[feature] for row in rows])
        r = column[golden["reference"]["start"]:golden["reference"]["end"]]
        for window in golden["windows"]:
            x = column[window["start"]:window["end"]]
            for metric, value in (numeric if is_number else categorical)(r, x):
                added.append([window["id"], feature, metric, float(value)])
    golden["values"] = [row for row in golden["values"] if row[2] not in ADDED] + added
    lines = lambda items: "[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in items) + "\n]"
    fields = [f'"{name}":' + (lines(value) if name in ("windows", "values") else json.dumps(value, separators=(",", ":")))
              for name, value in golden.items()]
    path.write_text("{" + ",\n".join(fields) + "}\n")


main()
