"""River: ADWIN, PageHinkley and KSWIN, with their defaults, fed the reference first."""

from river.drift import ADWIN, KSWIN, PageHinkley

from online import Online, run
from windowed import asked


def fed(make, scaled=False):
    def start(reference):
        detector = make()
        seen = reference[reference == reference]
        mean, deviation = (seen.mean(), seen.std() or 1.0) if scaled else (0.0, 1.0)

        def update(value):
            detector.update((value - mean) / deviation)
            return detector.drift_detected

        return update

    return start


run("River", [
    Online("ADWIN", fed(ADWIN)),
    Online("PageHinkley", fed(PageHinkley)),
    Online("PageHinkley, values in standard deviations", fed(PageHinkley, scaled=True)),
    Online("KSWIN", fed(lambda: KSWIN(seed=1)), lead=1000, data="car_loan", features=3, rows=10_000),
], asked())
