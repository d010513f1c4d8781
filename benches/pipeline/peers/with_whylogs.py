"""whylogs: a profile of each minute, merged to windows, and its drift scores."""

import collections
import functools
import logging

import pandas
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

from records import PANES_A_WINDOW, arguments, done, panes

logging.disable(logging.WARNING)


def main():
    topic, count, reference = arguments()
    before = pandas.DataFrame(reference)
    reference_view = whylogs.log(before).view()
    views = collections.deque(maxlen=PANES_A_WINDOW)
    for rows in panes(topic, count):
        views.append(whylogs.log(pandas.DataFrame(rows, columns=before.columns)).view())
        window = functools.reduce(lambda one, other: one.merge(other), views)
        calculate_drift_scores(target_view=window, reference_view=reference_view, with_thresholds=True)
    done()


main()
