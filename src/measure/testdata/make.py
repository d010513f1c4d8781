"""Writes expected.json: what the tests of `measure` hold it to, computed without it.

Made with Python 3, numpy 2, scipy 1 and mpmath 1 (`make.py > expected.json`); mpmath at 60 digits
wherever a double is not enough. Seeded: the same file every time.
"""
import json
import sys

import mpmath as mp
import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

mp.mp.dps = 60
rng = np.random.default_rng(20260301)


def kolmogorov():
    for z in [1e-3, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 0.95, 0.999999, 1.0, 1.05, 1.2, 1.36, 1.63, 1.95, 2.5, 3.3, 4.7,
              6.1, 8.8, 11.3, 14.9, 18.2]:
        q = mp.mpf(1) - mp.sqrt(2 * mp.pi) / z * mp.nsum(lambda k: mp.exp(-(2 * k - 1) ** 2 * mp.pi ** 2 / (8 * mp.mpf(z) ** 2)), [1, 40], method="d") \
            if z < 0.5 else 2 * sum((-1) ** (k - 1) * mp.exp(-2 * k * k * mp.mpf(z) ** 2) for k in range(1, 60))
        yield {"z": z, "q": float(q)}


def pool(ordered, r, c, unseen):
    """Cells after pooling, by the rule in words: both samples expect five."""
    m, n = sum(r), sum(c) + unseen
    full = lambda cell: sum(cell) > 0 and min(sum(cell) * m / (n + m), sum(cell) * n / (n + m)) >= 5
    cells = [[a, b] for a, b in zip(r, c)]
    if ordered:
        done, waiting = [], [0, 0]
        for cell in cells:
            waiting = [waiting[0] + cell[0], waiting[1] + cell[1]]
            if full(waiting):
                done, waiting = done + [waiting], [0, 0]
        if done:
            done[-1] = [done[-1][0] + waiting[0], done[-1][1] + waiting[1]]
        return done
    done = [cell for cell in cells if full(cell)]
    rare = [sum(cell[0] for cell in cells if not full(cell)), unseen + sum(cell[1] for cell in cells if not full(cell))]
    if full(rare):
        return done + [rare]
    if done:
        smallest = min(range(len(done)), key=lambda i: sum(done[i]))
        done[smallest] = [done[smallest][0] + rare[0], done[smallest][1] + rare[1]]
    return done


def chi_square():
    def case(ordered, r, c, unseen=0):
        r, c = [int(x) for x in r], [int(x) for x in c]
        cells = pool(ordered, r, c, unseen)
        out = {"ordered": ordered, "reference": r, "window": c, "unseen": unseen, "degrees": 0, "statistic": 0.0, "p_value": 1.0}
        if len(cells) >= 2:
            statistic, _, degrees, _ = stats.chi2_contingency(np.array(cells).T, correction=False)
            p = mp.gammainc(mp.mpf(degrees) / 2, mp.mpf(statistic) / 2, regularized=True)
            out.update(degrees=int(degrees), statistic=float(statistic), p_value=float(p))
        return out

    yield case(False, [500, 500], [50, 61])
    yield case(False, [5000, 3000, 12, 1, 1], [480, 330, 1, 0, 2], 3)
    yield case(False, [30, 20], [3, 1])
    yield case(False, [1000], [100])
    yield case(False, [7000, 3000], [100, 900])
    yield case(False, [1000, 1000, 3, 3], [100, 90, 40, 1])
    for k, m, n in [(3, 500, 80), (20, 10_000, 5_000), (200, 5_000, 1_000), (1024, 200_000, 50_000), (100, 1_000, 10_000)]:
        p = 1 / np.arange(1, k + 1)
        p /= p.sum()
        q = p.copy()
        q[: max(1, k // 10)] *= 1.1
        q /= q.sum()
        r = rng.multinomial(m, p)
        seen = r > 0
        for law in (p, q):
            c = rng.multinomial(n, law)
            yield case(False, r[seen], c[seen], int(c[~seen].sum()))
            yield case(True, r, c)


def beta_binomial():
    def tails(c, n, a, b):
        """Exact by a recurrence in 60 digits from the mode-free closed form, summed in full."""
        term = mp.exp(mp.loggamma(n + 1) - mp.loggamma(c + 1) - mp.loggamma(n - c + 1) + mp.loggamma(c + a)
                      + mp.loggamma(n - c + b) - mp.loggamma(n + a + b) + mp.loggamma(a + b) - mp.loggamma(a) - mp.loggamma(b))

        def side(step):
            total, t, k = mp.mpf(0), term, c
            while True:
                total += t
                nxt = k + step
                if nxt < 0 or nxt > n:
                    return total
                if step > 0:
                    t = t * (n - k) * (k + a) / ((k + 1) * (n - k - 1 + b))
                else:
                    t = t * k * (n - k + b) / ((n - k + 1) * (k - 1 + a))
                k = nxt
                if t < total * mp.mpf(10) ** -25:
                    return total
        up, down = side(1), side(-1)
        return {"c": c, "n": n, "a": a, "b": b, "upper": float(up), "lower": float(down)}

    cases = [
        (0, 50, 1, 51), (1, 50, 1, 51), (50, 50, 1, 51), (7, 100, 3, 998), (0, 1000, 301, 9701), (3, 1000, 301, 9701),
        (28, 1000, 301, 9701), (31, 1000, 301, 9701), (60, 1000, 301, 9701), (400, 1000, 301, 9701), (1000, 1000, 301, 9701),
        (999, 1000, 9701, 301), (900, 1000, 9701, 301), (5, 5000, 1, 50_000), (80, 5000, 1, 50_000), (60, 500, 11, 990),
        (500, 100_000, 1, 1_000_001), (5200, 1_000_000, 50_001, 9_950_001), (5800, 1_000_000, 50_001, 9_950_001),
        (3900, 1_000_000, 50_001, 9_950_001), (510_000, 10_000_000, 5_000_001, 95_000_001), (491_000, 10_000_000, 5_000_001, 95_000_001),
        (500_100, 10_000_000, 5_000_001, 95_000_001), (20, 10_000_000, 1, 100_000_001), (90, 10_000_000, 8, 99_999_994),
        (6000, 10_000, 26, 26), (10_000, 10_000, 26, 26), (1, 1, 1, 10), (300, 2000, 60, 941), (700, 1000, 100, 901),
    ]
    for c, n, a, b in cases:
        out = tails(c, n, a, b)
        # A second opinion, as far as doubles carry it.
        for name, found in (("upper", stats.betabinom.sf(c - 1, n, a, b)), ("lower", stats.betabinom.cdf(c, n, a, b))):
            if n <= 10_000 and 1e-3 < out[name] < 0.999:
                assert abs(found / out[name] - 1) < 1e-6, (c, n, a, b, name, found, out[name])
        yield out


def adjust():
    def by_hand(p):
        k, order = len(p), np.argsort(p, kind="stable")
        holm, bh = np.empty(k), np.empty(k)
        for rank, i in enumerate(order):
            holm[i] = min(1, max((k - j) * p[order[j]] for j in range(rank + 1)))
            bh[i] = min(1, min(k / (j + 1) * p[order[j]] for j in range(rank, k)))
        return {"p": list(map(float, p)), "benjamini_hochberg": bh.tolist(), "holm": holm.tolist()}

    for p in ([], [0.03], [0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.5], [0.0, 1.0, 1e-300], rng.uniform(size=30), rng.uniform(size=30) ** 6):
        out = by_hand(np.array(p, dtype=float))
        if len(p):
            assert np.allclose(stats.false_discovery_control(np.array(p, dtype=float)), out["benjamini_hochberg"], rtol=1e-12)
        yield out


def cells(r):
    """Edges at the reference's quantiles j/250; values of a share of 1/125 alone; deciles end bins."""
    edges = set(np.quantile(r, np.arange(1, 250) / 250).tolist())
    values, counts = np.unique(r, return_counts=True)
    for v in values[counts * 125 >= len(r)].tolist():
        edges |= {float(np.nextafter(v, -np.inf)), v}
    edges = sorted(edges)
    deciles = set(np.quantile(r, np.arange(1, 10) / 10).tolist())
    return edges, [i for i, edge in enumerate(edges) if edge in deciles]


def welch(x, r):
    """Welch's statistic without its degrees of freedom; none where neither side varies."""
    with np.errstate(all="ignore"):
        z = stats.ttest_ind(x, r, equal_var=False).statistic
    return float(z) if np.isfinite(z) else None


def samples():
    def case(name, r, x):
        r, x = np.round(np.asarray(r, dtype=float), 4), np.round(np.asarray(x, dtype=float), 4)
        r, x = r + 0.0, x + 0.0
        edges, bin_ends = cells(r)
        deciles = [edges[i] for i in bin_ends]
        share = lambda v: np.bincount(np.searchsorted(deciles, v, side="left"), minlength=len(deciles) + 1) / len(v)
        p, q = share(r), share(x)
        js = float(jensenshannon(p, q, base=2))
        hellinger = float(np.linalg.norm(np.sqrt(p) - np.sqrt(q)) / np.sqrt(2))
        p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
        psi = float(((q - p) * np.log(q / p)).sum())
        ks = float(stats.ks_2samp(r, x, method="asymp").statistic)
        varies = r.min() < r.max()
        moved = float(stats.wasserstein_distance(r, x) / np.std(r)) if varies else None
        clip = np.quantile(r, [0.001, 0.999])
        z = welch(np.clip(x, *clip), np.clip(r, *clip)) if varies else None
        return {"name": name, "reference": r.tolist(), "window": x.tolist(), "edges": edges, "bin_ends": bin_ends, "psi": psi, "ks": ks,
                "jensen_shannon": js, "hellinger": hellinger, "wasserstein": moved, "z_clipped": z}

    zeros = lambda k, share: np.where(rng.uniform(size=k) < share, 0.0, rng.exponential(size=k))
    yield case("normal, moved by a quarter", rng.normal(size=1500), rng.normal(0.25, 1, size=600))
    yield case("normal, unchanged", rng.normal(size=1500), rng.normal(size=600))
    yield case("normal, wider", rng.normal(size=1500), rng.normal(0, 1.5, size=200))
    yield case("60 % zeros, then 45 %", zeros(1500, 0.6), zeros(600, 0.45))
    yield case("a constant that stays", np.full(300, 7.5), np.full(200, 7.5))
    yield case("a constant that varies", np.full(300, 7.5), rng.normal(7.5, 1, size=200))
    yield case("heavy tails", rng.standard_cauchy(size=1200), rng.standard_cauchy(size=600) * 1.4)
    yield case("tied to a grid", np.round(rng.normal(size=1500), 1), np.round(rng.normal(0.1, 1, size=600), 1))
    yield case("a new spike", rng.normal(size=1500), np.concatenate([rng.normal(size=400), np.full(200, 0.123456)]))
    yield case("beyond the reference", rng.uniform(size=1000), rng.uniform(2, 3, size=300))
    yield case("one value", rng.normal(size=1000), [0.1])
    yield case("few rows", rng.normal(size=200), rng.normal(0.4, 1.2, size=150))


expected = {f.__name__: list(f()) for f in (kolmogorov, chi_square, beta_binomial, adjust, samples)}
lines = ",\n".join(f'"{name}":[\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]" for name, cases in expected.items())
sys.stdout.write("{\n" + lines + "\n}\n")
