"""Areas and bills on shifted test sets, maps of decisions, and points that a person labels."""

from collections.abc import Mapping

import numpy as np
import torch
from IPython.display import Markdown
from matplotlib.colors import to_rgb

from aslp_lib.course.figures import table
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.evaluation.figures.style import PINK
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


def decisions(f: np.ndarray) -> np.ndarray:
    """Colour maps of f: black is not checked, pink is, white is checked and predicted as nucleus.

    >>> decisions(np.array([0.05, 0.9])).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    """
    colours = np.array([to_rgb("black"), to_rgb(PINK), to_rgb("white")])
    return colours[np.digitize(f, (1 / MISS, 0.5), right=True)]


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


def marked(crop: np.ndarray, points: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Mark the points that a person labels: pink on a nucleus, white beside one.

    >>> marked(np.zeros((9, 9)), np.array([40]), np.array([0]))[4, 2:7, 0].tolist()
    [0.0, 1.0, 1.0, 1.0, 0.0]

    Args:
        crop: grey levels from 0 to 1, shape (H, W).
        points: places in the flattened crop.
        inside: label of each point, 1 on a nucleus.
    """
    picture = np.stack([crop] * 3, axis=-1)
    for point, label in zip(points, inside, strict=True):
        row, column = divmod(point, crop.shape[1])
        for reach, colour in ((2, "black"), (1, PINK if label else "white")):
            top, left = max(row - reach, 0), max(column - reach, 0)
            picture[top : row + reach + 1, left : column + reach + 1] = to_rgb(colour)
    return picture
