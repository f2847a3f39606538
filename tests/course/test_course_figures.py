"""Every figure of the course draws what was computed, in letters that can be read."""

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas
import pytest
import torch
from matplotlib.path import Path
from matplotlib.text import Text
from scipy.special import entr

from aslp_lib import HARD_INVERSION
from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.lessons.audit.words import QUESTIONS, in_words
from aslp_lib.course.lessons.bill.decision import bills
from aslp_lib.course.lessons.own_data.microscopy import draw_cells
from aslp_lib.course.lessons.release.bins import Spans
from aslp_lib.course.simulation import Trace
from aslp_lib.course.trial import MECHANISM_ARMS, MECHANISM_SEEDS, Effect
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures import alt
from aslp_lib.experiments.seed_statistics import Difference
from aslp_lib.metrics.counts import Counts

OF_LESSONS = (f"aslp_lib.course.lessons.{lesson}.figures" for lesson in LESSONS)
SHARED = (f"aslp_lib.course.figures.{name}" for name in ("curves", "panels", "reliability"))
MODULES = [*SHARED, *filter(find_spec, OF_LESSONS)]
FIGURES = {
    name: function
    for module in MODULES
    for name, function in vars(import_module(module)).items()
    if getattr(function, "__module__", "") == module and hasattr(function, "__wrapped__")  # themed
}
"""Every figure of the course."""

RNG = np.random.default_rng(0)
SHAPES = Shapes("x", 4, seed=0, size=16)
COUNTS = Counts.from_probabilities(torch.from_numpy(RNG.random((4, 16, 16))), SHAPES.masks[:, 0])
BILLS = bills(COUNTS)
CELLS = draw_cells(3, 0)
INSIDE = CELLS.labelled[2, 0].numpy()
EVERY_GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
DIM = 40 + EVERY_GREY // 16
ALPHA, BOUND, ACCURACY, CONFIDENCE = RNG.random((20, 30)), *RNG.random((3, 20))
MARGINS = RNG.normal(5, 2, 30)
ORDER = np.argsort(MARGINS)
SURE = Counts(np.zeros((1, 2, 256), np.int64))  # P(y=1) = 0.8 for 100 pixels, 60 of them foreground
SURE.table[0, :, 204] = 40, 60
CALIBRATED = Counts(SURE.table.copy())
CALIBRATED.table[0, :, 204] = 20, 80
POSTERIORS = np.linspace(0, 1, 201)
COMPRESSED = POSTERIORS / 2 + 1 / 4
KEYS = ("epoch", "accuracy", "confidence", "nll", "scaled_nll", "best_epoch")
ROWS = (1, 0.7, 0.6, 0.6, 0.5, 1.0), (2, 0.9, 0.8, 0.3, 0.2, 2.0), (3, 0.8, 0.97, 0.5, 0.4, 2.0)
LOG = [dict(zip(KEYS, row, strict=True)) for row in ROWS]
ALPHAS = {"alpha_mean": 0.2, "alpha_p10": 0.1, "alpha_p90": 0.3}
ERRORS = {"test": {"none": [0.1], "fit": [0.01, 0.03]}, "far": {"none": [0.2], "fit": [0.2, 0.4]}}
LOW, HIGH, SHARES = np.array([[0.0, 0.6], [0.8, 1.0], [0.7, 0.9]])
SPANS = Spans(LOW, HIGH, np.array([60, 90]), confidence=SHARES, accuracy=SHARES - 0.1, total=100)
ENDS = {"images": np.array([[0.1, 0.3], [0.25, 0.4], [0.0, 0.15]])}
RUNS = {"A": (ALPHA, BOUND), "B": (ALPHA / 2, BOUND)}
WORSE = Effect(0.02, 0.01, 0.03, p_value=0.0, equivalence=1.0, seeds=20)
CONTRASTS = [in_words(label) for label in QUESTIONS]
EXCESS = dict(zip(MECHANISM_ARMS, (0.8, 0.4, 0.1, 0.5), strict=True)).items()
MECHANISM = pandas.DataFrame(
    [(arm, seed, 10, mean) for arm, mean in EXCESS for seed in MECHANISM_SEEDS],
    columns=["arm", "seed", "epoch", "excess"],
)
TRACE = Trace(MARGINS, ALPHA, ALPHA, ACCURACY, CONFIDENCE, BOUND)


def entropy(q):
    return entr(q) + entr(1 - q)


def of_cells(values):
    return np.where(INSIDE, values[2, 0].double(), -1)


DRAWN = {
    "ascent": (
        ({"A": np.array([0.1, 0.2])}, 0.15),
        {(0, 0): [0.1, 0.2], (0, 1): [0.15, 0.15]},
    ),
    "envelope": (
        ([0.2], HARD_INVERSION),
        {
            (0, 0): entropy(np.linspace(0.5, 1, 251))[::-1],
            (0, 1): np.linspace(-np.log(0.8), np.log(2.5), 251),
            (0, 2): [[0.2, entropy(0.8)]],
        },
    ),
    "steps_of_gains": (
        ({0.5: [-1.0, 0.0, 1.0]},),
        {(0, 0): [0, 0], (0, 1): [2, 2], (0, 2): [[0, -1], [1, 0], [2, 1]]},
    ),
    "verdict": (({"set": dict.fromkeys(CONTRASTS, WORSE)},), {(0, 1): [[0.02, 0]]}),
    "memorised_labels": ((MECHANISM,), {(0, 1): [[10, 0.4]], (0, 5): [[18.5, 0.414]]}),
    "bce_over_target": (  # log 4 and log 4/3 in the proportion 4 to 1
        (0.75, 0.2),
        {(1, 0): np.log([4, 4 / 3]), (1, 3): [[0.8, np.log(4) - 0.8 * np.log(3)]]},
    ),
    "bills_of_seeds": (
        ({"A": pandas.DataFrame({"expected": [0.4], "paid": [0.6]})},),
        {(0, 0): [[40, -0.3], [60, -0.3]], (0, 1): [[40, -0.3]], (0, 2): [[60, -0.3]]},
    ),
    "cells": (
        (CELLS, [2, 0]),
        {(2, "image"): of_cells(CELLS.masks), (4, "image"): of_cells(CELLS.posterior)},
    ),
    "confidence_and_accuracy": (
        ({"BCE": LOG},),
        {(0, 0): [[1, 60], [2, 80], [3, 97]], (0, 1): [[1, 70], [2, 90], [3, 80]]},
    ),
    "in_view": (
        ({"BCE": LOG, "ASLP (MC)": [row | ALPHAS for row in LOG]},),
        {(1, 0): [[1, 60], [2, 80], [3, 97]], (2, 0): [0.2] * 3, (2, 1): [0.3, 0.1, 0.2]},
    ),
    "scaled_nll_by_epoch": ((LOG,), {(0, 0): [[1, 0.5], [2, 0.2], [3, 0.4]], (0, 1): [[2, 0.2]]}),
    "curves": (
        ([1, 2], {"one": {"A": [3, 4], "B": [5, 6]}, "two": {"A": [7, 8]}}, "x", "title"),
        {(0, 1): [[1, 5], [2, 6]], (1, 0): [7, 8]},
    ),
    "pictures": (
        ({"image": [np.ones((4, 4, 3)) / 2], "label": [np.eye(4)]}, "."),
        {(0, "image"): np.ones((4, 4, 3)) / 2, (1, "image"): np.eye(4)},
    ),
    "reliability_dots": (({"A": (SURE, "prediction")},), {(0, 0): [50, 100]}),
    "nll_by_set": ((ERRORS, "title"), {(0, 1): [[0.02, 0], [0.3, 1]]}),
    "entropy_of_kinds": (  # mean confidence 0.8
        ({"easy": (30, 27), "hard": (10, 5)},),
        {
            (0, 3): [[0.9, entropy(0.9)], [0.5, entropy(0.5)]],
            (0, 4): [[0.8, 0.75 * entropy(0.9) + 0.25 * entropy(0.5)]],
            (0, 5): [[0.8, entropy(0.8)]],
        },
    ),
    "paid_bills": (
        ({"all": {"A": BILLS}}, "title"),
        {(0, 0): 100 * BILLS.paid, (0, 1): 100 * BILLS.nothing, (0, 2): [100, 100]},
    ),
    "excess_over_bound": (
        ({"HI": [0.01, 0.02]}, {"HI": [0.03, 0.04]}),
        {
            (0, 0): [0.01, 0.02],
            (0, 1): [0.03, 0.04],
            (0, 2): [0.01, 0.03],
            (0, 3): [0.02, 0.04],
        },
    ),
    "feedback_loop": (
        (TRACE, "title"),
        {
            (0, 0): BOUND,
            (0, 1): ALPHA[:, ORDER[2]],
            (0, 3): ALPHA[:, ORDER[26]],
            (1, 0): 100 * CONFIDENCE,
            (1, 1): 100 * ACCURACY,
            (2, 0): np.c_[MARGINS, ALPHA[-1]],
        },
    ),
    "interval_coverage": ((0.2, ENDS, "Coverage"), {}),
    "gaps": (
        ([{"all": (SURE, CALIBRATED)}], "title"),
        {(0, 1): [[20, 0], [0, 0]], (0, 2): [[20, 0]], (0, 3): [[0, 0]]},
    ),
    "alphas_over_epochs": (
        ({"A": TRACE, "B": replace(TRACE, alpha=ALPHA / 2)},),
        {(0, 0): BOUND, (1, 1): ALPHA[:, ORDER[2]] / 2},
    ),
    "alphas_over_margins": (({"A": (MARGINS, ALPHA[0])},), {(0, 0): np.c_[MARGINS, ALPHA[0]]}),
    "less_confidence": (  # two of the same pixel's labels agree with probability 0.8^2 + 0.2^2
        (0.8,),
        {
            (0, 0): np.linspace(80, 50, 101),
            (0, 1): [80, 80],
            (1, 0): np.linspace(100, 50, 101),
            (1, 1): [68, 68],
        },
    ),
    "mistakes": (
        ({"a": [(DIM, EVERY_GREY > 9, EVERY_GREY / 255)]},),
        {
            (0, "image"): DIM,
            (1, "image"): EVERY_GREY / 255,
            (2, "image"): np.select(
                [EVERY_GREY > 127, EVERY_GREY > 51, EVERY_GREY > 9], [0, 2, 3], default=0
            ),
        },
    ),
    "more_seeds": (
        ({"A - B": {3: Difference(0.02, 0.01, 0.03), 4: Difference(0.0, -0.01, 0.01)}}, 0.01),
        {(0, 1): [[3, 0.01], [3, 0.03]], (0, 5): [[4, 0.0]]},
    ),
    "overlapping_bins": ((SPANS, "title"), {}),
    "stretched_maps": (
        (SHAPES, [1, 0], [DIM, DIM]),
        {(2, "image"): DIM, (4, "image"): 17 * (DIM - 40)},
    ),
    "undone_perturbation": (  # at d = 1/2, f* is pi/2 + 1/4
        (0.5, 2.0, {"as trained": SURE, "scaled": CALIBRATED, "undone": SURE}),
        {
            (0, 0): np.c_[COMPRESSED, POSTERIORS],
            (0, 1): np.c_[1 / (1 + np.sqrt(1 / COMPRESSED - 1)), POSTERIORS],
            (0, 2): np.c_[POSTERIORS.clip(1e-4, 1 - 1e-4), POSTERIORS],
            (1, 0): [[0.8, 0.6]],
            (1, 1): [[0.8, 0.8]],
        },
    ),
    "areas": (
        ({"A": [80.0, 20.0], "B": [70.0, 30.0]}, [75.0, 25.0], "rest", "cell"),
        {(0, 0): [[80, 0]], (0, 1): [[70, 1]], (0, 2): [[75, 0], [75, 1]], (1, 1): [[30, 1]]},
    ),
    "targets_over_epochs": (({"A": DIM[0], "B": DIM[1] / 99},), {(1, "image"): DIM[1:2] / 99}),
}
"""Figure -> its arguments, and y values or points for (axes, line); or an image."""


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_draws_its_numbers_and_says_them(name):
    arguments, parts = DRAWN[name]
    figure = FIGURES[name](*arguments)
    figure.set_layout_engine("none")  # half of the time; the notebooks draw the layouts
    figure.draw_without_rendering()  # ticks get their texts
    assert alt(figure)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 9
    for (axis, part), expected in parts.items():
        axes = figure.axes[axis]
        if part == "image":
            found = np.ma.filled(np.ma.asarray(axes.images[0].get_array(), dtype=float), -1)
        else:
            points = axes.lines[part].get_xydata()
            found = points if np.ndim(expected) == 2 else points[:, 1]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_no_figure_is_forgotten():
    assert FIGURES.keys() == DRAWN.keys() | {"corruptions"}


@pytest.mark.parametrize("panel", [0, 1])
def test_both_kinds_of_calibration_are_frequencies_of_their_outcomes(panel):
    p = COUNTS.grey.probabilities
    probability, frequency = np.meshgrid(p, [0, 1])
    if panel == 0:
        frequency = (probability >= 0.5) == frequency
        probability = np.maximum(probability, 1 - probability)
    which = np.ceil(10 * probability).clip(1)
    points = []
    for k in np.unique(which):
        weights = COUNTS.grey.pooled * (which == k)
        points.append([np.average(x, weights=weights) for x in (probability, frequency)])
    panels = {"top-label": (COUNTS, "prediction"), "class-wise": (COUNTS, "foreground")}
    drawn = FIGURES["reliability_dots"](panels).axes[panel].collections[1].get_offsets()
    np.testing.assert_allclose(drawn, 100 * np.array(points))


def test_curves_have_bands_marks_and_lines_of_reference():
    """A label has one look in all panels."""
    figure = FIGURES["curves"](
        [1, 10],
        {"one": {"A": [[3, 4], [2, 3], [4, 6]]}, "two": {"B": [5, 6], "A": [7, 8]}},
        "x",
        "Title",
        points={"A": (2, 3.5), "P": (3, 4)},
        across={"zero": 0},
        upright={"here": 2},
        xscale="log",
        xticks=(1, 10),
    )
    first, second = figure.axes
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "A", "P", "here", "zero", "B"
    ]  # fmt: skip
    colours = [line.get_color() for line in (first.lines[0], second.lines[1], first.lines[1])]
    assert len(set(colours)) == 1
    np.testing.assert_allclose(first.lines[1].get_xydata(), [[2, 3.5]])
    np.testing.assert_allclose(first.lines[3].get_xdata(), [2, 2])
    np.testing.assert_allclose(first.lines[4].get_ydata(), [0, 0])
    band = first.collections[0].get_paths()[0].vertices
    assert {(1, 2), (1, 4), (10, 3), (10, 6)} <= set(map(tuple, band.tolist()))
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["1", "10"]
    assert alt(figure).endswith(
        "Title: over x from 1 to 10. one: A 3 → 4 [3 to 6]. two: B 5 → 6, A 7 → 8. "
        "Marked: A at 2, 3.5; P at 3, 4; here at 2; zero at 0."
    )


def test_intervals_that_miss_are_drawn_apart():
    hits, misses = FIGURES["interval_coverage"](0.2, ENDS, "Coverage").axes[0].collections
    assert (len(hits.get_segments()), len(misses.get_segments())) == (1, 2)


def test_every_corruption_is_shown_with_the_outline_of_its_mask():
    shown = {a.get_title(): a for a in FIGURES["corruptions"](SHAPES, 1, seed=5).axes if a.images}
    assert set(shown) == {"as it is", *CORRUPTIONS}
    pixels = np.stack(np.meshgrid(np.arange(16), np.arange(16)), -1).reshape(-1, 2)
    for name, axis in shown.items():
        corrupted = SHAPES if name == "as it is" else Corrupted(SHAPES, name, seed=5)
        image, mask = corrupted.load(1)
        np.testing.assert_array_equal(axis.images[0].get_array(), image.permute(1, 2, 0))
        inside = np.zeros(len(pixels), bool)
        for line in axis.collections[-1:]:  # the first is its white edge
            for polygon in line.get_paths()[0].to_polygons():
                inside ^= Path(polygon).contains_points(pixels)
        np.testing.assert_array_equal(inside.reshape(16, 16), mask[0].bool())


def test_a_bin_is_drawn_from_its_lower_to_its_upper_end_in_two_parts():
    own, shared = FIGURES["overlapping_bins"](SPANS, "title").axes[0].containers
    spans = [
        [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars] for bars in (own, shared)
    ]
    np.testing.assert_allclose(spans[0], [(0.5, 0.8), (0.8, 1.0)])
    np.testing.assert_allclose(spans[1], [(0.5, 0.5), (0.6, 0.8)])
