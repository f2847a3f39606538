"""What a laboratory is promised on images from elsewhere, and what an expert finds."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from IPython.display import Markdown

from aslp_lib.course import recorded
from aslp_lib.course.figures import numbers, table
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


def promised(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate what is promised."""
    head = ("promised, of 100 pixels", "correct", *Promises._fields[1:])
    return numbers(head, {name: promises(c) for name, c in sets.items()})


def promised_and_found(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate what is promised and, below it, what the labels reveal."""
    rows: dict[str, Promises] = {}
    for name, c in sets.items():
        rows |= {f"{name}, promised": promises(c), f"{name}, found": findings(c)}
    return numbers(("of 100 pixels", "correct", *Promises._fields[1:]), rows)


def remedies(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate the area and the bill that remedies promise, what is paid, and the NLL."""
    rows = []
    for name, c in sets.items():
        _, area, planned = promises(c)
        bills = (f"{value:.0f}" for value in (area, planned, findings(c).bill))
        rows.append([name, *bills, f"{calibration.nll(c):.2f}"])
    return table(["of 100 pixels", "area", "bill planned", "bill paid", "NLL, nats"], rows)


def temperatures(fitted: ImageWiseTemperature, sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate the median T over the images of each set, by predicted class."""
    rows = []
    for name, c in sets.items():
        levels = fitted.levels(torch.from_numpy(features_of(c))).exp()
        rows.append([name, *(f"{level:.1f}" for level in np.median(levels, axis=0))])
    return table(["median T", "of predicted nuclei", "of predicted background"], rows)


def redrawn(counts: Counts, fields: np.ndarray, numbers_of_fields: Sequence[int]) -> Markdown:
    """Tabulate what slope and offset reach on other fields, over 20 draws of labelled fields.

    Args:
        fields: field of view of each image.
        numbers_of_fields: numbers of labelled fields, a column each.
    """
    rng, columns = np.random.default_rng(0), []
    for number in numbers_of_fields:
        drawn = []
        for _ in range(20):
            labelled = np.isin(fields, rng.permutation(np.unique(fields))[:number])
            platt = Logistic().fit(counts[labelled])
            others = platt.apply_counts(counts[~labelled])
            area, bill_paid = findings(others)[1:]
            areas = promises(others).area - area, findings(counts[labelled]).area - area
            drawn.append([float(platt.slope), float(platt.offset), *areas, bill_paid])
        columns.append(np.transpose(drawn))
    labels = {"slope": ".1f", "offset": ".0f", "area by slope and offset, minus found": "+.0f"}
    labels |= {"area of labelled crops, minus found": "+.0f", "bill paid": ".0f"}
    rows = [
        [label, *(f"{c[i].min():{digits}} to {c[i].max():{digits}}" for c in columns)]
        for i, (label, digits) in enumerate(labels.items())
    ]
    return table(["20 draws", *(f"{n} fields labelled" for n in numbers_of_fields)], rows)


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
        "T of copies": "corruption_temperature",
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
