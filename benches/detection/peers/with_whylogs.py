"""whylogs: profiles of reference and window, compared by its drift scores (KS on KLL sketches, chi-square)."""

import logging

import pandas as pd
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from windowed import Rule, run

logging.disable(logging.WARNING)


def view(values):
    return whylogs.log(pd.DataFrame({"x": values})).view()


def prepare(reference, kind, size, features):
    before = view(reference)

    def judge(values):
        score = calculate_drift_scores(target_view=view(values), reference_view=before, with_thresholds=True)["x"]
        return score is not None and score["drift_category"] == "DRIFT"

    return judge


run("whylogs", [Rule("default: KS or chi-square, p < 0.05", prepare, slides=False)])
