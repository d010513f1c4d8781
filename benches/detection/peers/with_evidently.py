"""Evidently: the statistical tests behind its reports, called as these call them, without missing values."""

import pandas as pd
from evidently.legacy.calculations.stattests import get_stattest, psi_stat_test
from evidently.legacy.core import ColumnType

from windowed import Rule, run

KINDS = {"numeric": ColumnType.Numerical, "categorical": ColumnType.Categorical}


def prepared(choose):
    def prepare(reference, kind, size, features):
        before, kind = pd.Series(reference).dropna(), KINDS[kind]

        def judge(values):
            now = pd.Series(values).dropna()
            test = choose(before, now, kind)
            return test(before, now, kind, None).drifted

        return judge

    return prepare


def default(before, now, kind):
    return get_stattest(before, now, kind, None)


run("Evidently", [
    Rule("default: Wasserstein or Jensen-Shannon >= 0.1", prepared(default), slides=False),
    Rule("PSI >= 0.1", prepared(lambda before, now, kind: psi_stat_test), slides=False),
])
