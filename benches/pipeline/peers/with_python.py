"""The best that Python can be made to do: orjson, numpy, and sketches in C++, without a row of its own in any loop."""

import collections

import datasketches
import numpy

from records import PANES_A_WINDOW, arguments, done, is_category, panes

SHARE_FLOOR = 1e-4


def psi(before, after):
    before, after = numpy.maximum(before, SHARE_FLOOR), numpy.maximum(after, SHARE_FLOOR)
    return float(numpy.sum((after - before) * numpy.log(after / before)))


class Numbers:
    """A column of numbers: KLL sketches by minute, held against the reference's cells."""

    def __init__(self, reference):
        self.cells = numpy.unique(numpy.quantile(reference, numpy.linspace(0, 1, 257)[1:-1]))
        self.deciles = numpy.unique(numpy.quantile(reference, numpy.linspace(0, 1, 11)[1:-1]))
        self.before = self.sketch(reference)
        self.panes = collections.deque(maxlen=PANES_A_WINDOW)

    @staticmethod
    def sketch(values):
        sketch = datasketches.kll_doubles_sketch(200)
        sketch.update(numpy.asarray(values, dtype=numpy.float64))
        return sketch

    def add(self, values):
        self.panes.append(self.sketch(values))
        window = datasketches.kll_doubles_sketch(200)
        for pane in self.panes:
            window.merge(pane)
        ks = numpy.max(numpy.abs(numpy.subtract(window.get_cdf(self.cells), self.before.get_cdf(self.cells))))
        return psi(numpy.array(self.before.get_pmf(self.deciles)), numpy.array(window.get_pmf(self.deciles))), ks


class Categories:
    """A column of categories: counts by minute."""

    def __init__(self, reference):
        self.before = collections.Counter(reference)
        self.panes = collections.deque(maxlen=PANES_A_WINDOW)

    def add(self, values):
        self.panes.append(collections.Counter(values))
        window = sum(self.panes, collections.Counter())
        names = self.before.keys() | window.keys()
        shares = [numpy.array([counts[name] for name in names]) / counts.total() for counts in (self.before, window)]
        return psi(*shares), None


def main():
    topic, count, reference = arguments()
    columns = [Categories(values) if is_category(name) else Numbers(values) for name, values in reference.items()]
    for rows in panes(topic, count):
        for column, values in zip(columns, zip(*rows)):
            column.add(values)
    done()


main()
