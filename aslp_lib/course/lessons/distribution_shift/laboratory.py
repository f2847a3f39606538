"""Areas and bills on shifted test sets, what the checks find, and what a recalibration changes."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from IPython.display import Markdown

from aslp_lib.course import first_trial
from aslp_lib.course.figures import table
from aslp_lib.course.lessons.bill.decision import Bill, bill
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import ImageWiseTemperature
from aslp_lib.recalibration.features import features_of

MISS = 10
"""Cost of a missed nucleus pixel; a check costs 1."""


def area(counts: Counts) -> tuple[float, float]:
    """Return the share of nucleus pixels that is promised, the mean of f, and that of the labels.

    >>> area(Counts.from_map(np.uint8([[255, 51, 51, 0]]), np.uint8([[1, 1, 0, 0]])))
    (0.35, 0.5)
    """
    promised = (counts.pooled * counts.level_probabilities).sum()
    return float(promised / counts.pixels), float(counts.pooled[1].sum() / counts.pixels)


class Checks(NamedTuple):
    """Nuclei among the pixels that a person checks, as shares of all pixels."""

    checked: float
    promised: float
    found: float


def checks(counts: Counts, miss: float = MISS) -> Checks:
    """Compare the nuclei that f promises among the checked pixels with those that a person finds.

    >>> checks(Counts.from_map(np.uint8([[255, 51, 51, 0]]), np.uint8([[1, 1, 0, 0]])))
    Checks(checked=0.75, promised=0.35, found=0.5)
    """
    costs = bill(counts, miss)
    unchecked = np.divide((costs.expected - costs.checked, costs.paid - costs.checked), miss)
    promised, found = np.subtract(area(counts), unchecked).tolist()
    return Checks(costs.checked, promised, found)


class Change(NamedTuple):
    """What a recalibration that checks fewer pixels does to the bill, per pixel."""

    before: Bill
    after: Bill
    skipped: float
    """Share of the pixels that only `before` checks."""
    nuclei: float
    """Share of nuclei among the skipped pixels."""


def change(before: Counts, after: Counts, miss: float = MISS) -> Change:
    """Compare the bills before and after a recalibration that keeps the order of the pixels.

    >>> label = np.uint8([[1, 1, 0, 0]])
    >>> before = Counts.from_map(np.uint8([[255, 51, 51, 0]]), label)
    >>> after = Counts.from_map(np.uint8([[204, 9, 9, 0]]), label)
    >>> change(before, after)[2:]
    (0.5, 0.5)
    """
    old, new = bill(before, miss), bill(after, miss)
    skipped = old.checked - new.checked
    return Change(old, new, skipped, (new.paid - old.paid + skipped) / (miss * skipped))


def gaps_of_trial(name: str) -> str:
    """Say between which ends the gap of BCE, temperature-scaled, lies over the trial's ten runs.

    The gap is the mean confidence minus the accuracy, over all pixels of a test set.
    """
    column = "gap", "temperature_scaling", name
    gaps = 100 * first_trial.scores(first_trial.read("nuclei"), "B", column, pooled=True)[0]
    return f"{gaps.min():z.0f} to {gaps.max():.0f}".replace("-", "−")


def table_of_bills(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate area and bill of 100 pixels, as promised and as found, and the NLL."""
    rows = []
    for name, c in sets.items():
        numbers = [f"{100 * share:.0f}" for share in (*area(c), *bill(c, MISS))]
        rows.append([name, *numbers, f"{calibration.nll(c):.2f}"])
    head = "area promised", "area found", "planned", "paid", "checked", "NLL per pixel, nats"
    return table(["of 100 pixels", *head], rows)


def median_temperatures(fitted: ImageWiseTemperature, counts: Counts) -> np.ndarray:
    """Return the median T over the images, of predicted nuclei and of predicted background."""
    return np.median(fitted.levels(torch.from_numpy(features_of(counts))).exp(), axis=0)
