"""Frouros: its two-sample tests. They give a p-value and no rule; 0.01 is ours."""

from frouros.detectors.data_drift import ChiSquareTest, KSTest

import streams
from windowed import Rule, run

LEVEL = 0.01


def prepare(reference, kind, size, features):
    def seen(values):
        return values[~streams.missing(values)]

    detector = KSTest() if kind == "numeric" else ChiSquareTest()
    detector.fit(X=seen(reference))
    return lambda values: detector.compare(X=seen(values))[0].p_value <= LEVEL


run("Frouros", [Rule("KSTest or ChiSquareTest, p <= 0.01", prepare)])
