"""NannyML: its calculators, fitted to the reference in chunks of the window's size, asked about one chunk."""

import logging
import warnings

import nannyml
import pandas as pd

from windowed import Rule, run

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
nannyml.disable_usage_logging()


def frame(values):
    return pd.DataFrame({"x": values})


def analysed(calculator, values):
    return calculator.calculate(frame(values)).filter(period="analysis").to_df()


def univariate(methods):
    def prepare(reference, kind, size, features):
        method = methods[kind]
        calculator = nannyml.UnivariateDriftCalculator(
            column_names=["x"], treat_as_categorical=["x"] if kind == "categorical" else [],
            continuous_methods=[methods["numeric"]], categorical_methods=[methods["categorical"]], chunk_size=size)
        calculator.fit(frame(reference))
        return lambda values: analysed(calculator, values)["x", method, "alert"].any()

    return prepare


def missing(reference, kind, size, features):
    calculator = nannyml.MissingValuesCalculator(column_names=["x"], chunk_size=size)
    calculator.fit(frame(reference))
    return lambda values: analysed(calculator, values)["x", "alert"].any()


run("NannyML", [
    Rule("default: Jensen-Shannon, mean + 3 sd of chunks",
         univariate({"numeric": "jensen_shannon", "categorical": "jensen_shannon"}), slides=False),
    Rule("Kolmogorov-Smirnov or chi-square",
         univariate({"numeric": "kolmogorov_smirnov", "categorical": "chi2"}), slides=False),
    Rule("MissingValuesCalculator", missing, slides=False),
])
