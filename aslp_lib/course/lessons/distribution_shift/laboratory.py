"""Images from elsewhere: what the laboratory sees of them, and what remedies change on others."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from IPython.display import Markdown
from matplotlib.figure import Figure
from torch import nn

from aslp_lib.course import recorded
from aslp_lib.course.figures import pictures, table
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.experiments.seed_statistics import Difference, difference
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import grey_level_maps

MISS = 10
"""Cost of a missed nucleus pixel; a check costs 1."""
Scores = Mapping[str, tuple[Callable[[Counts], float], str]]
UNLABELLED: Scores = {
    "confidence, %": (lambda c: 100 * calibration.confidence(c), ".0f"),
    "area promised, %": (lambda c: 100 * predicted_area(c), ".0f"),
    "bill expected": (lambda c: 100 * bill(c, MISS).expected, ".0f"),
}
LABELLED: Scores = {
    "area labelled, %": (lambda c: 100 * c.pooled[1].sum() / c.pixels, ".0f"),
    "bill paid": (lambda c: 100 * bill(c, MISS).paid, ".0f"),
    "NLL, nats": (calibration.nll, ".2f"),
}


def crops(network: nn.Module, sets: Mapping[str, Nuclei], chosen: Sequence[int]) -> Figure:
    """Show crops of each set above their predicted maps, without labels."""
    images = [part.crops[i] / 255 for part in sets.values() for i in chosen]
    maps = [m / 255 for part in sets.values() for m in grey_level_maps(network, part, chosen)]
    titles = [name for name in sets for _ in chosen]
    note = "White is f = 1, black is f = 0."
    return pictures({"image": images, "f": maps}, note, titles)


def without_labels(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate what needs no label, in percent of the pixels; bills are for 100 pixels."""
    return _table(sets, UNLABELLED)


def with_labels(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate what labels reveal beside what was promised."""
    promised = {k: UNLABELLED[k] for k in ("area promised, %", "bill expected")}
    return _table(sets, {**promised, **LABELLED})


def _table(sets: Mapping[str, Counts], scores: Scores) -> Markdown:
    rows = (
        [name, *(format(score(c), digits) for score, digits in scores.values())]
        for name, c in sets.items()
    )
    return table(["", *scores], rows)


def predicted_area(counts: Counts) -> float:
    """Return the mean f."""
    return float((counts.pooled * counts.level_probabilities).sum() / counts.pixels)


def range_of(name: str, points: np.ndarray) -> str:
    """Describe a score of several networks in points.

    >>> range_of("test", np.array([0.01, 0.02]))
    'test: +1 to +2 points'
    """
    return f"{name}: {100 * points.min():+.0f} to {100 * points.max():+.0f} points"


def minus_validation(parts: Mapping[str, str]) -> dict[str, Difference]:
    """Compute what two remedies change in BCE's NLL on photographs, paired by seed.

    Args:
        parts: label of a set -> its name in the records.

    Returns:
        "label: remedy" -> difference from the temperature of the validation images.
    """
    remedies = {
        "T of corrupted": "corruption_temperature",
        "image-wise": "image_wise_temperature",
    }
    of = partial(recorded.runs, "comparison_photographs", method="bce")
    return {
        f"{label}: {remedy}": difference(
            of(part=part, recalibration=kind),
            of(part=part, recalibration="temperature_scaling"),
            "nll",
        )
        for label, part in parts.items()
        for remedy, kind in remedies.items()
    }
