"""Alibi Detect: TabularDrift, a detector a feature at its share of 5 %, which is its own rule for all features
together; missing values are left out, since it takes none, and categories are numbered, new ones last. And
CVMDriftOnline, on three features: it is slow.
"""

import logging
from functools import cache

import numpy as np
from alibi_detect.cd import CVMDriftOnline, TabularDrift

import online
import streams
import windowed
from online import Online
from windowed import Rule

logging.disable(logging.WARNING)
# Its set-up grows with all of these, a minute a feature; it needs more bootstraps than the run that is expected.
EXPECTED_RUN, BOOTSTRAPS, WINDOW, REFERENCE = 5000, 6000, 100, 2000


def tabular(reference, kind, size, features):
    names = {} if kind == "numeric" else {name: float(at) for at, name in enumerate(sorted(set(seen(reference))))}

    def numbers(values):
        values = seen(values)
        return values if kind == "numeric" else np.array([names.setdefault(name, float(len(names))) for name in values])

    categories = {0: None} if kind == "categorical" else None
    detector = TabularDrift(numbers(reference)[:, None], p_val=0.05 / features, categories_per_feature=categories)
    return lambda values: detector.predict(numbers(values)[:, None])["data"]["is_drift"]


def seen(values):
    return values[~streams.missing(values)]


@cache
def set_up(reference):
    return CVMDriftOnline(np.frombuffer(reference)[:, None], ert=EXPECTED_RUN, window_sizes=[WINDOW],
                          n_bootstraps=BOOTSTRAPS, verbose=False)


def cramer_von_mises(reference):
    detector = set_up(seen(reference)[:REFERENCE].tobytes())
    detector.reset_state()

    def update(value):
        is_drift = bool(detector.predict(np.array([value]))["data"]["is_drift"])
        if is_drift:
            detector.reset_state()
        return is_drift

    return update


windowed.run("Alibi Detect", [Rule("TabularDrift, 5 % over all features", tabular)])
online.run("Alibi Detect", [
    Online("CVMDriftOnline, an alarm in 5,000 rows", cramer_von_mises, lead=1000, data="car_loan", features=3,
           rows=20_000),
], windowed.asked())
