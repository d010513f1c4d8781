"""Streams with and without a known change, made of real data; everything is seeded.

`Stream` holds columns: floats with NaN for numbers, objects with None for categories; None and NaN are
missing. Its first `reference_rows` rows are the reference, `at` is the first row of the change.

shuffled(table, seed)   rows in the order of default_rng(1000·seed + 7), at most 60,000, so that nothing changes; the
                        first quarter is the reference
injected(stream, kind)  the same with a change from row reference + 4,000 + U on, U below 5,000 and of its own
                        generator; mean and standard deviation are the reference's:
    mean+k    x + k·sd
    scale1.5  mean + 1.5·(x − mean)
    null0.2   a fifth of the values is missing
    tail0.1   a tenth of the values is drawn from the reference's highest twentieth
    mix0.15   15 % of the values are the reference's second most common category
    new0.05   5 % of the values are a category that never was
A change is made in all features of its kind; they are judged one by one, and each has its own delay.

seasonal(seed)          made up, with seasons of day and week; see there
"""

import csv
import gzip
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

ROWS_MAX = 60_000
HORIZON = 20_000
NUMERIC_CHANGES = ["mean+0.1", "mean+0.25", "mean+0.5", "scale1.5", "null0.2", "tail0.1"]
CATEGORICAL_CHANGES = ["mix0.15", "new0.05", "null0.2"]
NEW = "__new__"


@dataclass(frozen=True)
class DataSet:
    """What of a file is looked at, and how many of its first rows are a reference when it isn't shuffled."""

    reference_rows: int
    numeric: tuple
    categorical: tuple


DATA_SETS = {
    "elec2": DataSet(11_328, ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"), ("day", "class")),
    "noaa_weather": DataSet(
        4_500,
        ("temperature", "dew_point", "sea_level_pressure", "visibility", "avg_wind_speed", "max_sustained_wind",
         "max_temperature", "min_temperature"),
        ("rain",)),
    "beijing_pm25": DataSet(
        8_760, ("pm25", "dewp", "temp", "pres", "cum_wind_speed", "cum_snow_hours", "cum_rain_hours"), ("wind_dir",)),
    "flights_2001h1": DataSet(50_000, ("delay", "distance"), ("origin", "destination")),
    "car_loan": DataSet(
        25_000, ("car_value", "debt_to_income_ratio", "loan_length", "driver_tenure", "y_pred_proba"),
        ("salary_range", "repaid_loan_on_prev_car", "size_of_downpayment", "y_pred")),
}


@dataclass
class Stream:
    """Columns of equal length, reference first."""

    name: str
    seed: int
    columns: dict
    numeric: tuple
    categorical: tuple
    reference_rows: int
    at: int | None = None
    change: str | None = None
    changed: tuple = field(default=())

    @property
    def rows(self):
        return len(next(iter(self.columns.values())))

    def reference(self, name):
        return self.columns[name][: self.reference_rows]

    def head(self, rows):
        """The same stream, cut after `rows` rows."""
        return replace(self, columns={name: values[:rows] for name, values in self.columns.items()})


def missing(values):
    """Which values are missing."""
    return np.isnan(values) if values.dtype == float else np.equal(values, None).astype(bool)


def load(directory, name):
    """A data set in its own order, as a stream."""
    path = Path(directory) / f"{name}.csv.gz"
    if not path.is_file():
        raise SystemExit(f"{path} is missing: the data directory must hold " +
                         ", ".join(f"{name}.csv.gz" for name in DATA_SETS))
    of = DATA_SETS[name]
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    by_name = dict(zip(header, zip(*rows)))
    columns = {name: np.array([float(text) if text else np.nan for text in by_name[name]]) for name in of.numeric}
    for column in of.categorical:
        columns[column] = np.array([text or None for text in by_name[column]], dtype=object)
    return Stream(name, 0, columns, of.numeric, of.categorical, of.reference_rows)


def shuffled(table, seed):
    """A stationary stream of the rows of `table`."""
    order = np.random.default_rng(1000 * seed + 7).permutation(table.rows)[:ROWS_MAX]
    columns = {name: values[order] for name, values in table.columns.items()}
    return replace(table, seed=seed, columns=columns, reference_rows=len(order) // 4)


def injected(stream, change):
    """A stationary stream with a change in every feature that can have it, cut at the horizon."""
    generator = np.random.default_rng(1000 * stream.seed + 11 + zlib.crc32(stream.name.encode()) % 997)
    at = int(stream.reference_rows + 4000 + generator.integers(0, 5000))
    cut = stream.head(at + HORIZON)
    is_of = {"numeric": change in NUMERIC_CHANGES, "categorical": change in CATEGORICAL_CHANGES}
    changed = stream.numeric * is_of["numeric"] + stream.categorical * is_of["categorical"]
    for name in changed:
        values = cut.columns[name].copy()
        values[at:] = altered(values[at:], cut.reference(name), change, stream.seed)
        cut.columns[name] = values
    return replace(cut, at=at, change=change, changed=changed)


def altered(values, reference, change, seed):
    """`values` after the change, by what the reference is."""
    seen = reference[~missing(reference)]

    def share(part, offset):
        return np.random.default_rng(1000 * seed + offset).random(len(values)) < part

    if change.startswith("mean+"):
        return values + float(change.removeprefix("mean+")) * seen.std()
    if change == "scale1.5":
        return seen.mean() + 1.5 * (values - seen.mean())
    if change == "null0.2":
        return np.where(share(0.2, 13), np.nan if values.dtype == float else None, values)
    if change == "tail0.1":
        highest = np.sort(seen)[-len(seen) // 20 :]
        drawn = np.random.default_rng(1000 * seed + 29).choice(highest, len(values))
        return np.where(share(0.1, 23), drawn, values)
    if change == "mix0.15":
        names, counts = np.unique(seen.astype(str), return_counts=True)
        second = names[np.argsort(-counts, kind="stable")[min(1, len(names) - 1)]]
        return np.where(share(0.15, 17), second, values)
    if change == "new0.05":
        return np.where(share(0.05, 19), NEW, values)
    raise ValueError(change)


def streams(directory, names=DATA_SETS):
    """Each data set in its own order, one after the other."""
    return (load(directory, name) for name in names)


DAY = 1440
REFERENCE_DAYS, SEASONAL_DAYS = 56, 112
SHIFTS = (0.5, 1.0)


def seasonal(seed):
    """A row a minute; the first eight of sixteen weeks are the reference. Nothing changes but by season.

    load      a day's wave, less at weekends, and noise that hangs together: AR(1), 0.9 from row to row
    amount    no season, the same noise
    score     independent rows, with a small wave of the day
    channel   app, web or shop; the shop is open by day
    """
    generator = np.random.default_rng(1000 * seed + 31)
    rows = SEASONAL_DAYS * DAY
    day = np.arange(rows) / DAY
    wave = np.sin(2 * np.pi * (day - 0.3))
    is_weekend = (day.astype(int) % 7) >= 5
    load = wave - 0.5 * is_weekend + correlated(generator, rows)
    score = 0.3 * wave + generator.standard_normal(rows)
    is_shop = generator.random(rows) < 0.3 * (1 + wave)
    channel = np.where(is_shop, "shop", np.where(generator.random(rows) < 0.6, "app", "web")).astype(object)
    columns = {"load": load, "amount": correlated(generator, rows), "score": score, "channel": channel}
    return Stream("seasonal", seed, columns, ("load", "amount", "score"), ("channel",), REFERENCE_DAYS * DAY)


def correlated(generator, rows):
    """AR(1) of variance 1, 0.9 from row to row."""
    values, last = [], generator.standard_normal()
    for noise in (0.19**0.5 * generator.standard_normal(rows)).tolist():
        last = 0.9 * last + noise
        values.append(last)
    return np.array(values)


def seasonal_changed(seed):
    """The seasonal stream with a change at a random minute of its fourth day, cut at the horizon: as many
    standard deviations more, and 15 or 30 % of the channels become web."""
    stream = seasonal(seed)
    generator = np.random.default_rng(1000 * seed + 37)
    at = stream.reference_rows + 3 * DAY + int(generator.integers(0, DAY))
    for shift in SHIFTS:
        cut = stream.head(at + HORIZON)
        for name in stream.numeric:
            added = np.where(np.arange(cut.rows) >= at, shift * stream.reference(name).std(), 0.0)
            cut.columns[name] = cut.columns[name] + added
        moved = (np.arange(cut.rows) >= at) & (generator.random(cut.rows) < 0.3 * shift)
        cut.columns["channel"] = np.where(moved, "web", cut.columns["channel"])
        yield replace(cut, at=at, change=f"shift+{shift}", changed=stream.numeric + stream.categorical)
