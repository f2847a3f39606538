"""Areas and bills on shifted test sets, temperatures, and draws of labelled fields."""

from collections.abc import Mapping

import numpy as np
import torch
from IPython.display import Markdown
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from aslp_lib.course.figures import curves, table
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.evaluation.figures.style import PINK, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import ImageWiseTemperature, Logistic, Temperature
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
    head = "area promised", "area found", "planned", "paid", "checked", "NLL, nats"
    return table(["of 100 pixels", *head], rows)


def median_temperatures(fitted: ImageWiseTemperature, counts: Counts) -> np.ndarray:
    """Return the median T over the images, of predicted nuclei and of predicted background."""
    return np.median(fitted.levels(torch.from_numpy(features_of(counts))).exp(), axis=0)


@themed
def nll_over_temperature(sets: Mapping[str, Counts], fitted: Mapping[str, float]) -> Figure:
    """Plot the NLL over T, with the best T of each set and the NLL of constants.

    Args:
        sets: name -> counts; the constants are those of the last set.
        fitted: label -> a temperature, whose NLL is marked on the curve of the last set.
    """
    grid, lines, points = np.geomspace(1, 16, 49), {}, {}
    for name, c in sets.items():
        one, best = c.as_one_image(), float(Temperature().fit(c).value)
        nll = [calibration.nll(Temperature(t).apply_counts(one)) for t in (*grid, best)]
        lines[name], points[name] = nll[:-1], (best, nll[-1])
    points |= {x: (t, calibration.nll(Temperature(t).apply_counts(one))) for x, t in fitted.items()}
    share = area(one)[1]
    constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
    across = {"f = 1/2 everywhere": np.log(2), f"f = {share:.2f}, nuclei on {name}": constant}
    figure = curves(
        grid, {"NLL, nats per pixel": lines}, "temperature T", "One network, three microscopes",
        points=points, across=across, digits=".2g", xscale="log", yscale="log",
        xticks=(1, 2, 4, 8, 16), yticks=(0.1, 0.2, 0.5, 1, 2),
    )  # fmt: skip
    figure.legends[0].remove()  # each curve has its name beside it instead
    (axis,) = figure.axes
    for line in axis.lines[: len(lines)]:
        line.set_linestyle("-")
    places = dict.fromkeys(lines, ((0, 9), "center"))
    places |= dict(zip(fitted, (((-9, -14), "right"), ((9, 3), "left")), strict=True))
    for label, (shift, side) in places.items():
        axis.annotate(label, points[label], shift, textcoords="offset points", ha=side)
    for label, height in across.items():
        axis.text(1, 1.04 * height, label)
    return figure


def redrawn(counts: Counts, fields: np.ndarray) -> dict[str, np.ndarray]:
    """Fit slope and offset to two fields of view, drawn 20 times, and apply them to the others.

    Args:
        fields: field of view of each image.

    Returns:
        name -> number of each draw, for 100 pixels of the other fields.
    """
    rng, draws = np.random.default_rng(0), []
    for _ in range(20):
        labelled = np.isin(fields, rng.permutation(np.unique(fields))[:2])
        others = counts[~labelled]
        recalibrated = Logistic().fit(counts[labelled]).apply_counts(others)
        promised, found = area(recalibrated)
        planned, paid, _ = bill(recalibrated, MISS)
        areas = promised - found, area(counts[labelled])[1] - found
        draws.append([*bill(others, MISS)[:2], paid, planned - paid, *areas])
    names = (
        "planned as trained", "paid as trained", "paid with slope and offset",
        "planned minus paid with them", "area promised minus found", "area labelled minus found",
    )  # fmt: skip
    return dict(zip(names, 100 * np.transpose(draws), strict=True))
