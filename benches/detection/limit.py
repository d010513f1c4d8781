"""How soon 15 % of the mix can be seen at all: Lorden's limit, by categorical feature and over all of them.

    limit.py DATA [--look 50] [--between 2e7]

A test that alarms falsely once in so many rows needs about ln(rows between alarms / look) / KL rows on average,
whatever it does (Lorden, Procedures for reacting to a change in distribution, Annals of Mathematical Statistics
42, 1971); KL is the divergence of the changed shares from the reference's.
"""

import argparse
import math
from collections import Counter
from statistics import median

import streams

SEEDS = range(1, 6)
SHARE = 0.15


def divergence(values):
    """Of the mix with 15 % more of the second most common category from the mix as it is, in nats a row."""
    rows = [count for _, count in Counter(value for value in values if value is not None).most_common()]
    before = [count / sum(rows) for count in rows]
    after = [(1 - SHARE) * share + SHARE * (rank == 1) for rank, share in enumerate(before)]
    return sum(q * math.log(q / p) for p, q in zip(before, after))


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data")
    arguments.add_argument("--look", type=float, default=50)
    arguments.add_argument("--between", type=float, default=2e7)
    asked = arguments.parse_args()
    wanted = math.log(asked.between / asked.look)
    limits = {}
    for table in streams.streams(asked.data):
        for stream in (streams.shuffled(table, seed) for seed in SEEDS):
            for name in stream.categorical:
                limits.setdefault((table.name, name), []).append(wanted / divergence(stream.reference(name)))
    for (data, name), of_seeds in limits.items():
        print(f"{data:<16} {name:<24} {median(of_seeds):7.0f} rows")
    print(f"{'median':<41} {median(limit for of_seeds in limits.values() for limit in of_seeds):7.0f} rows")


if __name__ == "__main__":
    main()
