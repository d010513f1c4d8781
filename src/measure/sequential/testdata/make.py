"""Expected answers for the tests of `measure::sequential`, computed independently of the crate.

Run with SciPy 1.17 and NumPy 2.4: `python3 make.py > expected.json`. Bets are computed from
their definitions (shares that move in normal scores, shares that turn into a cell), the
recursion in plain floating point, without logarithms.
"""

import json

import numpy as np
from scipy.stats import norm

LEAST = 1e-9


def of_values(counts, total, kind, by):
    rows = np.array(counts) + 0.5
    p = rows / rows.sum()
    z = norm.ppf(np.concatenate([[0.0], np.cumsum(p)[:-1], [1.0]]))
    z = z - by if kind == "shift" else z / by
    z[0], z[-1] = -np.inf, np.inf
    # Through the survival function where that keeps digits.
    q = np.where(z[:-1] > 0, norm.sf(z[:-1]) - norm.sf(z[1:]), norm.cdf(z[1:]) - norm.cdf(z[:-1]))
    q = np.maximum(q, p * LEAST)
    share = rows.sum() / max(total, rows.sum())
    gain = share * float((q * np.log(q / p)).sum())
    variance = share * float((q * q / p).sum() - 1)
    return {"scores": np.log(q / p).tolist(), "gain": gain, "error": variance / (2 * gain * total)}


def of_cell(rows, total, q_of):
    spare = 3.0 if rows < 30 else 0.5
    p = (rows + spare) / (total + 2 * spare)
    q = q_of(p)
    inside, outside = np.log(q / p), np.log((1 - q) / (1 - p))
    gain = q * inside + (1 - q) * outside
    variance = q * q / p + (1 - q) ** 2 / (1 - p) - 1
    if rows < 30:
        variance *= (rows + 1) / (rows + 3)
    return {"scores": [float(inside), float(outside)], "gain": float(gain), "error": float(variance / (2 * gain * total))}


def bets(counts, novel, missing, total, ordered):
    found = {}
    if ordered:
        for by in (0.25, -0.25, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0):
            found[f"shift {by}"] = of_values(counts, total, "shift", by)
        for by in (0.5, 0.67, 1.5, 2.0):
            found[f"scale {by}"] = of_values(counts, total, "scale", by)
    cells = list(enumerate(counts))
    if ordered:
        cells = [cells[0], cells[-1]]
    for cell, rows in cells + [(len(counts), novel), (len(counts) + 1, missing)]:
        for share in (0.05, 0.12, 0.3):
            found[f"surge {cell} {share}"] = of_cell(rows, total, lambda p: (1 - share) * p + share)
    found["fall 0.25"] = of_cell(missing, total, lambda p: p / 4)
    return found


def stepped(all_bets, looks, cells, patience):
    """The recursion of the wagers over `looks`, as logarithms after the last; no alarm on the way."""
    evidence = min(max(np.log(patience), 10.0), 30.0)
    on = {name: bet for name, bet in all_bets.items() if bet["gain"] >= 4 * evidence * bet["error"]}
    sums = {}
    for name, bet in on.items():
        kind = name.split()[0] in ("shift", "scale")
        sums[kind] = sums.get(kind, 0.0) + bet["gain"] ** -0.5
    logs = {}
    for name, bet in all_bets.items():
        if name not in on:
            logs[name] = None
            continue
        weight = bet["gain"] ** -0.5 / sums[name.split()[0] in ("shift", "scale")] / len(sums)
        wager = 0.0
        for counts in looks:
            counts = np.array(counts)
            score = np.zeros(cells)
            if name.split()[0] in ("shift", "scale"):
                score[: cells - 2] = bet["scores"]
            else:
                cell = cells - 1 if name.startswith("fall") else int(name.split()[1])
                score[:] = bet["scores"][1]
                score[cell] = bet["scores"][0]
            pay = float(counts @ score) - counts.sum() * evidence * bet["error"]
            wager = (wager + weight / patience) * np.exp(pay)
        logs[name] = float(np.log(wager))
    return logs


def main():
    cases = []
    rng = np.random.default_rng(7)
    for counts, novel, missing, ordered in [
        ([600, 612, 588, 640, 560, 599, 601, 700, 500, 580], 0, 120, True),
        ([9000, 330, 340, 350, 345], 0, 40, True),
        ([2500, 1200, 800, 600] + [400 - 10 * i for i in range(26)] + [25, 10], 18, 300, False),
    ]:
        total = sum(counts) + novel + missing
        cells = len(counts) + 2
        p = np.array(counts + [0, missing], float)
        looks = rng.multinomial(40, p / p.sum(), size=30).tolist()
        all_bets = bets(counts, novel, missing, total, ordered)
        cases.append(
            {
                "ordered": ordered,
                "counts": counts,
                "novel": novel,
                "missing": missing,
                "bets": all_bets,
                "patience": 1e6,
                "looks": looks,
                "logs": stepped(all_bets, looks, cells, 1e6),
            }
        )
    print(json.dumps({"cases": cases}))


main()
