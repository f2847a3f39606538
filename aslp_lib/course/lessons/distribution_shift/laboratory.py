"""What a laboratory is promised on images from elsewhere, and what an expert finds."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from IPython.display import Markdown

from aslp_lib.course import recorded
from aslp_lib.course.figures import table
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.experiments.seed_statistics import Difference, difference
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import ImageWiseTemperature, Logistic
from aslp_lib.recalibration.features import features_of

MISS = 10
"""Cost of a missed nucleus pixel; a check costs 1."""


class Promises(NamedTuple):
    """Numbers for 100 pixels."""

    confidence: float
    """Correct pixels."""
    area: float
    """Pixels of nuclei."""
    bill: float
    """Checks and missed pixels."""


def promises(counts: Counts) -> Promises:
    """Compute what the predictions promise."""
    area = (counts.pooled * counts.level_probabilities).sum() / counts.pixels
    shares = calibration.confidence(counts), float(area), bill(counts, MISS).expected
    return Promises(*(100 * share for share in shares))


def findings(counts: Counts) -> Promises:
    """Compute what the labels reveal of the same three numbers."""
    area = counts.pooled[1].sum() / counts.pixels
    shares = calibration.accuracy(counts), float(area), bill(counts, MISS).paid
    return Promises(*(100 * share for share in shares))


def without_labels(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate what is promised."""
    head = ("promised, of 100 pixels", *Promises._fields)
    return table(head, ([name, *_whole(promises(c))] for name, c in sets.items()))


def with_labels(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate what is promised and found, with the NLL, also that of the best constant."""
    rows = []
    for name, c in sets.items():
        pairs = map(" / ".join, zip(_whole(promises(c)), _whole(findings(c)), strict=True))
        share = findings(c).area / 100
        constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
        rows.append([name, *pairs, f"{calibration.nll(c):.2f}", f"{constant:.2f}"])
    head = ["promised / found, of 100 pixels", "confidence / accuracy", "area"]
    return table([*head, "bill expected / paid", "NLL, nats", "of a constant"], rows)


def _whole(values: Sequence[float]) -> list[str]:
    return [f"{value:.0f}" for value in values]


def temperatures(fitted: ImageWiseTemperature, sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate the median T over the images of each set, by predicted class."""
    rows = []
    for name, c in sets.items():
        levels = fitted.levels(torch.from_numpy(features_of(c))).exp()
        rows.append([name, *(f"{level:.1f}" for level in np.median(levels, axis=0))])
    return table(["median T", "of predicted nuclei", "of predicted background"], rows)


def redrawn(counts: Counts, fields: np.ndarray, numbers: Sequence[int]) -> Markdown:
    """Tabulate what slope and offset reach on other fields, over 20 draws of labelled fields.

    Args:
        fields: field of view of each image.
        numbers: numbers of labelled fields, a row each.
    """
    rng, rows = np.random.default_rng(0), []
    for number in numbers:
        drawn = []
        for _ in range(20):
            labelled = np.isin(fields, rng.permutation(np.unique(fields))[:number])
            rest = Logistic().fit(counts[labelled]).apply_counts(counts[~labelled])
            found = findings(rest)
            areas = promises(rest).area, findings(counts[labelled]).area
            drawn.append([*(area - found.area for area in areas), found.bill])
        *errors, bills = np.transpose(drawn)
        ranges = [f"{e.min():+.0f} to {e.max():+.0f}" for e in errors]
        rows.append([f"{number}", *ranges, f"{bills.min():.0f} to {bills.max():.0f}"])
    head = ["labelled fields", "area, slope and offset", "area, mean of labelled crops"]
    return table([*head, "bill paid"], rows)


def range_of(name: str, points: np.ndarray) -> str:
    """Describe a score of several networks in points.

    >>> range_of("test", np.array([1, 2.1]))
    'test: +1 to +2 points'
    """
    return f"{name}: {points.min():+z.0f} to {points.max():+z.0f} points"


def minus_validation(parts: Mapping[str, str]) -> dict[str, dict[str, Difference]]:
    """Compute what two remedies change in BCE's NLL on photographs, paired by seed.

    Args:
        parts: label of a set -> its name in the records.

    Returns:
        label -> remedy -> difference from the T of validation.
    """
    remedies = {
        "T of corrupted": "corruption_temperature",
        "image-wise T": "image_wise_temperature",
    }
    of = partial(recorded.runs, "comparison_photographs", method="bce")
    return {
        label: {
            remedy: difference(
                of(part=part, recalibration=kind),
                of(part=part, recalibration="temperature_scaling"),
                "nll",
            )
            for remedy, kind in remedies.items()
        }
        for label, part in parts.items()
    }
