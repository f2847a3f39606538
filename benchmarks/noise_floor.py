"""The noise floor of the ECE with few units, for predictors whose miscalibration is known.

python benchmarks/noise_floor.py    # 5 minutes on one thread; writes record and table

The units of a test set are synthetic images, or groups of them, drawn with replacement from a pool.
"""

from __future__ import annotations

import numpy as np
from ece_intervals import count, covered, draw
from harness import facts, publish
from tqdm import trange

from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics import SCORES, calibration
from aslp_lib.metrics.bootstrap import Resamples
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import noise_floor

POOL, DRAWS = 12_000, 500
"""Number of images of the pool, and of test sets of each size."""
FACTORS = {"true posterior": 1, "logits doubled": 2}
"""Predictor -> factor of the true posterior's logits."""
UNITS = {"images": (5, 10, 20, 50, 100, 300), "groups of 12": (5, 10, 20),
         "groups of 1 to 60": (5, 10, 20)}  # fmt: skip
"""Kind of unit -> numbers of units of the test sets."""


def pooled_units(counts: Counts, kind: str) -> Counts:
    """Add up the histograms of the images of each unit."""
    unequal = np.ceil(np.random.default_rng(1).lognormal(1.5, 1, POOL)).clip(max=60)
    sizes = {"images": 1, "groups of 12": 12, "groups of 1 to 60": unequal.astype(int)}
    ends = np.cumsum(np.broadcast_to(sizes[kind], POOL))
    starts = np.concatenate([[0], ends[ends < POOL]])
    return Counts(np.add.reduceat(counts.table, starts))


def measure() -> dict:
    """Compute ECE, floors and interval of the test sets.

    The chance in the ECE of a test set is what remains if the true gaps of the bins are subtracted.
    """
    posterior, labels, _ = draw(seed=30, images=POOL)
    rows = []
    for predictor, factor in FACTORS.items():
        odds = (posterior / (1 - posterior)) ** factor
        predicted = odds / (1 + odds)
        expected, pool = count(predicted, posterior), count(predicted, labels)
        gaps, truth = calibration.reliability(expected).gap, calibration.ece(expected)
        for kind, numbers in UNITS.items():
            units = pooled_units(pool, kind)
            for number in numbers:
                rng, values, ends = np.random.default_rng(number), [], []
                for _ in trange(DRAWS, desc=f"{predictor}, {number} {kind}"):
                    counts = units[rng.integers(len(units), size=number)]
                    diagram = calibration.reliability(counts)
                    chance = diagram.share @ np.abs(diagram.gap - gaps)
                    values.append([calibration.ece(counts), chance, noise_floor(counts)])
                    ends.append(Resamples(counts).bounds(SCORES["ece"]))
                names, means = ("ece", "chance", "floor"), np.mean(values, axis=0)
                row = {"predictor": predictor, "units": number, "kind": kind}
                row |= zip(names, means, strict=True)
                row["sd"] = np.std(values, axis=0, ddof=1)[0]
                rows.append(row | {"interval": covered(truth, ends)})
    return {**facts(), "pool": POOL, "draws": DRAWS, "rows": rows}


def table(record: dict) -> str:
    """Format the record as a Markdown table."""
    head = ["predictor", "units", "ECE % ± SD", "chance in it %", "noise floor %",
            "floor / chance", "intervals with the true ECE"]  # fmt: skip
    rows = []
    for row in record["rows"]:
        chance, floor = (f"{100 * row[key]:.2f}" for key in ("chance", "floor"))
        rows.append([
            row["predictor"], f"{row['units']} {row['kind']}",
            f"{100 * row['ece']:.2f} ± {100 * row['sd']:.2f}", chance, floor,
            f"{row['floor'] / row['chance']:.2f}", f"{100 * row['interval']['covered']:.0f} %",
        ])  # fmt: skip
    return (
        f"{markdown_table(head, rows, 'llr')}\n\n{record['draws']} test sets of each size, from "
        f"{record['pool']:,} synthetic images; {record['date']}, commit {record['commit']}."
    )


if __name__ == "__main__":
    record = measure()
    publish("noise_floor", record, table(record))
