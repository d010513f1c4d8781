"""Evidently: its data drift preset on each minute's rows. An easier job than ours: no windows that slide."""

import pandas
from evidently import Report
from evidently.presets import DataDriftPreset

from records import arguments, done, panes


def main():
    topic, count, reference = arguments()
    before = pandas.DataFrame(reference)
    for rows in panes(topic, count):
        Report([DataDriftPreset()]).run(pandas.DataFrame(rows, columns=before.columns), before).dict()
    done()


main()
