"""Every figure of the course draws what was computed, in letters that can be read."""

from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas
import pytest
import torch
from matplotlib.text import Text
from scipy.special import entr

from aslp_lib.course.lessons import LESSONS
from aslp_lib.course.lessons.bill.decision import Bill
from aslp_lib.course.lessons.bill.figures import COSTS
from aslp_lib.course.second_trial import Contrast, Effect, Judged
from aslp_lib.course.simulation import Trace
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures import alt
from aslp_lib.metrics.bootstrap import Interval
from aslp_lib.metrics.counts import Counts

OF_LESSONS = (f"aslp_lib.course.lessons.{lesson}.figures" for lesson in LESSONS)
SHARED = [
    f"aslp_lib.course.figures.{name}" for name in ("curves", "panels", "reliability", "seeds")
]
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
EVERY_GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
DIM = 40 + EVERY_GREY // 16
ALPHA, BOUND, ACCURACY, CONFIDENCE = RNG.random((20, 30)), *RNG.random((3, 20))
PRICES = np.interp(np.arange(101), [19, 100], [1, 0.4])
MARGINS = RNG.normal(5, 2, 30)
SURE = Counts(np.zeros((1, 2, 256), np.int64))  # P(y=1) = 0.8 for 100 pixels, 60 of them foreground
SURE.table[0, :, 204] = 40, 60
CALIBRATED = Counts(SURE.table.copy())
CALIBRATED.table[0, :, 204] = 20, 80
RARE = Counts(np.zeros((1, 2, 256), np.int64))  # P(y=1) = 0.2 for 100 pixels, 30 of them foreground
RARE.table[0, :, 51] = 70, 30
LOW_F = Counts(np.zeros((1, 2, 256), np.int64))  # P(y=1) = 1/51 for 100 pixels, 4 of foreground
LOW_F.table[0, :, 5] = 96, 4
LOGITS = np.linspace(-4, 6, 201)
BINS = np.linspace(-15, 15, 61)
KEYS = ("epoch", "accuracy", "confidence", "nll", "scaled_nll", "best_epoch")
ROWS = (1, 0.7, 0.6, 0.6, 0.5, 1.0), (2, 0.9, 0.8, 0.3, 0.2, 2.0), (3, 0.8, 0.97, 0.5, 0.4, 2.0)
LOG = [dict(zip(KEYS, row, strict=True)) for row in ROWS]
LOW, HIGH, SHARES = np.array([[0.0, 0.6], [0.8, 1.0], [0.7, 0.9]])
ENDS = {"images": np.array([[0.1, 0.3], [0.25, 0.4], [0.0, 0.15]])}
RUNS = {"A": (ALPHA, BOUND), "B": (ALPHA / 2, BOUND)}
WORSE = Effect(0.02, 0.01, 0.03, p_value=0.0, equivalence=1.0, seeds=20)
JUDGED = Judged(Contrast("C", "B", "Does it help?"), WORSE, "worse")
SHIFTED = pandas.DataFrame(
    [
        ("photos", "SOD", 7, -20, -30, -10, "better"),
        ("nuclei", "fluorescence", 3, 50, -5, 105, "not resolved"),
    ],
    columns=["regime", "set", "gap", "change", "low", "high", "word"],
)
CURVE = pandas.DataFrame(
    [("photos", seed, arm, alpha, T, name, nll + change)
     for arm, alpha, T, *both in (("B", 0, 0.5, 0.3, 0.8), ("B", 0, 1, 0.2, 0.7),
                                  ("B", 0, 2, 0.3, 0.5),
                                  ("C", 0.1, 1, 0.25, 0.4), ("C", 0.2, 1, 0.35, 0.6))
     for name, nll in zip(("test", "SOD"), both, strict=True)
     for seed, change in ((0, 0.01), (1, -0.01))],
    columns=["regime", "seed", "arm", "alpha", "T", "set", "nll"],
)  # fmt: skip
TRACE = Trace(MARGINS, ALPHA, ALPHA, ACCURACY, CONFIDENCE, BOUND)


def entropy(q):
    return entr(q) + entr(1 - q)


DRAWN = {
    "hunches": ((np.dot, np.array([0.5, 0.5]), np.array([1.0, 0.0])), [
        np.full(41, 0.5), np.linspace(0, 1, 41), [[0, 0.5], [0, 0]],
    ]),
    "envelope": (([0.2],), [
        entropy(np.linspace(0.5, 1, 251))[::-1], np.linspace(-np.log(0.8), np.log(2.5), 251),
        [[0.2, entropy(0.8)]],
    ]),
    "steps_of_gains": (({0.5: [-1.0, 0.0, 1.0]},), [[0, 0], [2, 2], [[0, -1], [1, 0], [2, 1]]]),
    "by_regime": (({"constant alpha − BCE": {"shapes": JUDGED, "nuclei": JUDGED}}, "Which?"), [
        [[0.02, 1]], [[0.02, 2]],
    ]),
    "where_it_helps": ((SHIFTED,), [[[50, 0]], [[-20, 1]]]),
    # In % of BCE's 0.2 on the test set and 0.7 on SOD at T = 1, where its curve starts.
    "insurance_curve": ((CURVE,), [
        [[0, 0], [50, -200 / 7]], [[25, -300 / 7], [75, -100 / 7]],
    ]),
    # At d = 1/2, the target is 3/4.
    "loss_over_logit": (([0, 0.5], {"wrong": 0.25}), [
        np.logaddexp(0, LOGITS) - LOGITS, np.logaddexp(0, -LOGITS) + LOGITS / 4,
        1 / (1 + np.exp(-LOGITS)) - 3 / 4, [[np.log(3), entropy(0.75)]], [[np.log(3), 0]],
        [[-np.log(3), 0], [-np.log(3), 1]],
    ]),
    "noise_kept": ((SHARES, {"bias": LOW, "gain": HIGH}), [
        np.c_[100 * SHARES, 100 * LOW], np.c_[100 * SHARES, 100 * HIGH],
    ]),
    # Without and with the reserve, and the promise.
    "reserves": ((np.array([0, 0.1, 0.2]), {19: np.array([0, 0.04, 0.1])}), [
        [0, 4, 10], [5, 8.8, 14.5], [5, 5], [[0, 5]], [[0.1, 5]],
    ]),
    # The promise, the mean, and a bar.
    "draws": ((np.array([0.04, 0.06, 0.06, 0.0612]), 0.06), [
        [[5, 0], [5, 1]], [[5.53, 0]], [[6, 0], [6.25, 3]],
    ]),
    "crops_or_fields": (({"A": np.array([0.04, 0.06]), "B": np.array([0.02, 0.02])},), [
        [[5, 0]], [[2, 0]], [[6, 0], [6.25, 1]], [[2, 0], [2.25, 2]],
    ]),
    "checked_over_units": (({0.05: PRICES, 0.1: PRICES / 2},), [
        100 * PRICES, 50 * PRICES, [[19, 100]], [[100, 40]],
    ]),
    "confidence_and_accuracy": (({"ASLP (MC)": [(SURE, 0.1), (CALIBRATED, 0.4)]}, 1), [
        [80, 80], [60, 80], [0.1, 0.4], [0.8, 0.4],
    ]),
    # Seeds, their interval and mean.
    "savings": (({"labels stay": {"BCE": ([0.2, 0.3], [0.4, 0.6])}}, "NLL"), [
        [[0.2, 0.88], [0.3, 0.88]], [[-0.3853102, 1.22], [0.8853102, 1.22]], [[0.25, 1.22]],
    ]),
    "one_label": (({"image": np.eye(4), "label": np.zeros((4, 4))},), [
        np.eye(4), np.zeros((4, 4)),
    ]),
    "by_seed": (({"BCE": [30, 40], "ASLP (MC)": [70, -20]}, "gap", "title", 0, ("up", "down")), [
        [30, 70], [40, -20], [[-0.1, 30], [0.1, 40]], [[0.9, 70], [1.1, -20]],
        [[-0.2, 35], [0.2, 35]], [0, 0],
    ]),
    "curves": (
        ([1, 2], {"one": {"A": [3, 4], "B": [5, 6]}, "two": {"A": [7, 8]}}, "x", "title"),
        [[[1, 5], [2, 6]], [7, 8]],
    ),
    "pictures": (
        ({"image": [np.ones((4, 4, 3)) / 2], "label": [np.eye(4)]}, "."),
        [np.ones((4, 4, 3)) / 2, np.eye(4)],
    ),
    "reliability_dots": (({"A": RARE},), [[0, 100], [[20, 30]]]),
    "entropies": (({"easy": (0.9, 0.3), "BCE": (0.5, 0.7)},), [
        entropy(np.linspace(0.5, 1, 251)), [[90, 0.3]], [[50, 0.7]],
    ]),
    "climbs": (({"ASLP (ME)": [0.01, 0.5]}, 0.14), [[0.01, 0.5], [0.14, 0.14]]),
    # Dark pixels are pink.
    "predictions": (
        (SHAPES, [0], {"A": EVERY_GREY[None] / 255}, {"A": EVERY_GREY[None] < 9}, "dark"),
        [EVERY_GREY / 255, np.where(EVERY_GREY < 9, 1, -1)],
    ),
    # The diagonal, the threshold, a dot, and its bar.
    "first_dots": (({"BCE": LOW_F}, 0.05), [
        [[0, 0], [10, 10]], [[5, 0], [5, 1]], [[100 / 51, 4]],
        [[100 / 51, 100 / 51], [100 / 51, 4]],
    ]),
    "paid_bills": (({"all": {"BCE": np.sqrt(COSTS)}}, "title"), [np.sqrt(COSTS), [100, 100]]),
    "lists_over_epochs": (
        ([1, 2, 3], {"A": [3, 4, 5]}, {"chance": 1}, "hits", "title", None, {"B": (2, 6)}),
        [[[1, 3], [2, 4], [3, 5]], [1, 1], [[2, 6], [3, 6]]],
    ),
    "evidence": ((np.r_[MARGINS[:15], MARGINS[15:] + 9], MARGINS), [
        np.c_[MARGINS + 9, MARGINS][15:], np.c_[MARGINS, MARGINS][:15],
    ]),
    "alphas_of_images": (
        (range(20), ALPHA, BOUND, {"A": 1, "B": 2}, {"a": [1], "b": [2, 3], "all": range(30)}),
        [ALPHA[:, 0], ALPHA[:, 1], ALPHA[:, 3], ALPHA[:, 2], BOUND],
    ),
    "interval_coverage": ((0.2, ENDS), [[[10, 0], [30, 0]], [[25, 1], [40, 1]]]),
    "in_fields": (
        (
            {"BCE": np.array([1.0, 3.0]), "ASLP (MC)": np.array([2.0, 4.5])},
            {"paired": np.array([0.5, 2.0])},
        ),
        [[3, 1], [4.5, 2], [[1.5, 0], [1, 0]], [[0.5, 1], [2, 1]]],
    ),
    "verdicts": (
        ({"ECE": Interval(-2, -3, -1), "bill": Interval(0, -1, 1), "NLL": Interval(2, 1, 3)},),
        [[[-2, 0]], [[-3, 0], [-1, 0]], [[2, 2]]],
    ),
    "seeds_and_fields": (
        (np.array([[0.1, -0.1], [0.2, 0.4]]), {"A": (0, 0.4), "B": (0.1, 0.2), "both": (-1, 1)}),
        [
            [[0, -0.15], [0.3, -0.15]], [[0.15, 0.85], [0.15, 0.85]], [[0, 0.2], [0.4, 0.2]],
            [[-1, 2.2], [1, 2.2]],
        ],
    ),
    "over_epochs": (([row | {"loss": row["nll"]} for row in LOG], 2, 3), [
        [0.3, 0.5], [80, 97], [90, 80],
    ]),
    # Nine pixels of margin 4, one of -2.
    "histograms": ((np.array([9, 1]), np.array([4.0, -2.0]), 2), [
        90 * (BINS == 4) + 10 * (BINS == -2),
        100 * (9 * np.logaddexp(0, -2) * (BINS == 4) + np.logaddexp(0, 1) * (BINS == -2))
        / (9 * np.logaddexp(0, -4) + np.logaddexp(0, 2)),
    ]),
    "temperatures": (
        (
            np.array([0.25, 1, 16]),
            {"training": [0.1, 0.2, 0.6], "validation": [1.5, 1, 0.7], "test": [1.6, 0.9, 0.8]},
            {"training": (0.25, 0.1), "validation": (16, 0.7), "test": (16, 0.8)},
        ),
        [[0.1, 0.2, 0.6], [1.5, 1, 0.7], [1.6, 0.9, 0.8], [[0.25, 0.1]], [[16, 0.7]]],
    ),
    # White, grey where correct at the edge, and black where wrong there.
    "edge": (
        (np.full((2, 2, 3), 0.4), np.eye(2), np.array([[0, 1], [1, 0]]) > 0, np.eye(2)[:1] > 0),
        [np.full((2, 2, 3), 0.4), [[1, 0.65], [0, 1]]],
    ),
    "paid_over_checks": (
        (RARE, {"scaled": Bill(0.4, 0.6, 0.3)}),
        [np.repeat([300, 100], [204, 52]), [[30, 60]], [30, 30]],
    ),
    "gaps": (({"all": (20, -5)}, "title"), [[[20, 0], [-5, 0]], [[20, 0]], [[-5, 0]]]),
    "swinging_alphas": ((TRACE, {"A": 1, "B": 2}), [BOUND, ALPHA[:, 1], ALPHA[:, 2]]),
    "alphas_over_margins": (({"A": TRACE},), [np.c_[MARGINS, ALPHA[-1]]]),
    # Two of the same pixel's labels agree with probability 0.8^2 + 0.2^2.
    "less_confidence": ((0.8,), [
        np.linspace(80, 50, 101), [80, 80], np.linspace(100, 50, 101), [68, 68],
    ]),
    # 20 promised, 30 made.
    "mistakes": (({"A": RARE}, 35), [[[75, 20], [75, 30]], [[75, 30]]]),
    "moves_by_option": (([0.5, 1, 2], {"A": [0.25, 1, 4]}), [[[0.5, 0.25], [1, 1], [2, 4]]]),
    "stretched_maps": ((SHAPES, {1: (DIM / 99, DIM / 55)}), [DIM / 99, DIM / 55]),
    "errors_of_bins": (({"A": [-2.0, *[0.5] * 9]}, "p, %", "title"), [
        [[1, 0], [9, -2]], [[91, 0], [99, 0.5]],
    ]),
    "networks": ((
        {"ECE": {"A": [1.0, 3.0], "B": [5.0, 4.0]}, "area": {"A": [2.0, 6.0], "B": [7.0, 8.0]}},
        "title", 5.5,
    ), [
        [[0, 1], [1, 5]], [[0, 3], [1, 4]], [[0, 2], [1, 7]], [[0, 6], [1, 8]],
    ]),
    "targets_over_epochs": (
        ({"A": DIM[0], "B": DIM[1] / 99},), [DIM[:1], DIM[1:2] / 99],
    ),
    "scores": (
        ({"BCE": np.array([0.1, 0.4]), "constant alpha": np.array([0.2, 0.3])},),
        [[[0.1, 0], [0.4, 0]], [[0.25, 0]], [[0.2, 1], [0.3, 1]], [[0.25, 1]]],
    ),
    "over_temperature": (
        (np.array([0.5, 1, 16]), {"A": [1.5, 1.0, 0.7]}, {"A": [60, 70, 100]}, {"T of A": 2.0}),
        [[1.5, 1, 0.7], [60, 70, 100], [[2, 0], [2, 1]], [np.log(2)] * 2],
    ),
    "diagram": (({"A": RARE},), [[[20, 30]], [[20, 20], [20, 30]], [[0, 0], [10, 1]]]),
    "over_area": (
        (np.array([0.1, 0.3, 0.5]), [70, 50, 60], np.linspace(0.2, 0.4, 201), 0.3, 65),
        [[70, 50, 60], [[20.5, 0], [39.5, 1]], [[30, 0], [30, 1]], [65, 65]],
    ),
}  # fmt: skip
"""Figure -> its arguments, and what it draws: heights of a line, points, ends, or an image."""


def everything_drawn(figure):
    """Yield the points of lines and dots, their heights, the ends of bars, and images."""
    for axes in figure.axes:
        for line in axes.lines:
            yield from (line.get_xydata(), line.get_ydata())
        for bar in axes.patches:
            yield bar.get_bbox().get_points()
        for dots in axes.collections:
            yield np.ma.filled(np.ma.asarray(dots.get_offsets(), dtype=float), np.nan)
            yield from (path.vertices for path in dots.get_paths())
        for image in axes.images:
            yield np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), -1)


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_draws_its_numbers_and_says_them(name):
    arguments, parts = DRAWN[name]
    figure = FIGURES[name](*arguments)
    figure.set_layout_engine("none")  # half of the time; the notebooks draw the layouts
    figure.draw_without_rendering()  # ticks get their texts
    assert alt(figure)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 9
    drawn = [*everything_drawn(figure)]
    for part in parts:
        of_its_shape = (each for each in drawn if np.shape(each) == np.shape(part))
        assert any(np.allclose(each, part, rtol=1e-5, atol=1e-6) for each in of_its_shape), part


def test_no_figure_is_forgotten():
    assert FIGURES.keys() == DRAWN.keys()


def test_curves_have_bands_and_lines_of_reference():
    """A label has one look in all panels."""
    figure = FIGURES["curves"](
        [1, 10], {"one": {"A": [[3, 4], [2, 3], [4, 6]]}, "two": {"B": [5, 6], "A": [7, 8]}},
        "x", "Title", across={"zero": 0},
        upright={"here": 2}, xscale="log", xticks=(1, 10),
    )  # fmt: skip
    first, second = figure.axes
    labels = [[text.get_text() for text in axis.texts] for axis in (first, second)]
    assert labels == [["here"], ["here", "zero", "B", "A"]]  # at the ends, from below
    colours = [line.get_color() for line in (first.lines[0], second.lines[1])]
    assert len(set(colours)) == 1
    band = first.collections[0].get_paths()[0].vertices
    assert {(1, 2), (1, 4), (10, 3), (10, 6)} <= set(map(tuple, band.tolist()))
    assert [tick.get_text() for tick in first.get_xticklabels()] == ["1", "10"]
    assert alt(figure).endswith(
        "Title: over x from 1 to 10. one: A 3 → 4 [3 to 6]. two: B 5 → 6, A 7 → 8. "
        "Marked: here at 2; zero at 0."
    )


def test_intervals_that_miss_are_drawn_apart():
    hits, misses = FIGURES["interval_coverage"](0.2, ENDS).axes[0].collections
    assert (len(hits.get_segments()), len(misses.get_segments())) == (1, 2)
