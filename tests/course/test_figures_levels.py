"""The figures of the levels: what is drawn equals what was computed."""

import numpy as np
import pytest

from aslp_lib.course import figures


def test_levels_over_epochs_are_the_chosen_images():
    rng = np.random.default_rng(0)
    alpha, bound = rng.random((20, 6)), rng.random(20)
    figure = figures.levels_over_epochs({"A": (alpha, bound), "B": (2 * alpha, bound)}, {"x": 4})
    for axis, factor in zip(figure.axes, (1, 2), strict=True):
        drawn_bound, drawn = (line.get_ydata() for line in axis.lines)
        np.testing.assert_array_equal(drawn_bound, bound)
        np.testing.assert_array_equal(drawn, factor * alpha[:, 4])
    assert figures.alt(figure).count("in the last 10 epochs they swing") == 2
    at_rest = np.full((20, 6), 0.25)
    figure = figures.levels_over_epochs({"A": (at_rest, bound)}, {"x": 4})
    assert "they rest between 0.250 and 0.250" in figures.alt(figure)


def test_levels_over_margins_are_points_of_both():
    margins, alpha = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.3, 0.2])
    (axis,) = figures.levels_over_margins({"A": (margins, alpha)}).axes
    np.testing.assert_array_equal(axis.lines[0].get_xydata(), np.c_[margins, alpha])
    (beside,) = axis.collections
    assert [stroke[0, 1] for stroke in beside.get_segments()] == alpha.tolist()


def test_levels_over_margins_share_a_scale_that_wastes_no_half_of_it():
    margins = np.array([1.0, 2.0])
    near, far, from_zero = np.array([0.38, 0.39]), np.array([0.32, 0.44]), np.array([0.0, 0.08])
    one, other = figures.levels_over_margins({"A": (margins, near), "B": (margins, far)}).axes
    assert one.get_ylim() == other.get_ylim()
    assert 0.3 < one.get_ylim()[0] < 0.32 and 0.44 < one.get_ylim()[1] < 0.46
    (axis,) = figures.levels_over_margins({"A": (margins, from_zero)}).axes
    assert axis.get_ylim()[0] == 0


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.29, 0.31, "around 0.30, which hardly differ"),
        (0.25, 0.35, "around 0.30, which differ."),
        (0.1, 0.5, "around 0.30, which differ widely"),
        (0.0, 0.0, "around 0.00, which hardly differ"),
    ],
)
def test_how_much_levels_differ_is_said_in_words(low, high, words):
    alpha = np.linspace(low, high, 21)
    figure = figures.levels_over_margins({"A": (np.arange(21), alpha)})
    assert words in figures.alt(figure)


def test_the_trade_draws_its_three_curves():
    weights, excess, spread, predicted = [10, 100], [0.2, 0.02], [0.1, 0.01], [0.21, 0.021]
    figure = figures.lambda_trade(weights, excess, spread, predicted)
    drawn = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert list(drawn.values()) == [predicted, excess, spread]
    assert "from 0.2 to 0.02" in figures.alt(figure)


def test_the_feedback_loop_draws_its_trace():
    rng = np.random.default_rng(0)
    alpha, margins = rng.random((12, 30)), rng.normal(5, 2, 30)
    bound, accuracy, confidence = rng.random((3, 12))
    left, middle, right = figures.feedback_loop(
        alpha, margins, bound, accuracy, confidence, "title"
    ).axes
    order = np.argsort(margins)
    expected = [bound, *(alpha[:, order[i]] for i in (2, 14, 26))]
    for line, values in zip(left.lines, expected, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    np.testing.assert_allclose(middle.lines[0].get_ydata(), 100 * confidence)
    np.testing.assert_allclose(middle.lines[1].get_ydata(), 100 * accuracy)
    np.testing.assert_array_equal(right.lines[0].get_xydata(), np.c_[margins, alpha[-1]])
    assert left.get_ylim() == right.get_ylim() == (0, 1)
    left, _, right = figures.feedback_loop(
        alpha, margins, bound, accuracy, confidence, "title", top=0.1
    ).axes
    assert left.get_ylim() == right.get_ylim() == (0, 0.1)
    assert left.get_yticks().tolist() == right.get_yticks().tolist() == [0, 0.01, 0.05, 0.1]


@pytest.mark.parametrize(("level", "top"), [(0.05, 1.0), (0.4, 1.0), (0.9, 1.0), (0.05, 0.1)])
def test_the_legend_of_the_feedback_loop_hides_no_level_at_rest(level, top):
    alpha, rest = np.full((60, 30), level), np.full(60, level)
    figure = figures.feedback_loop(alpha, np.arange(30.0), rest, rest, rest, "title", top)
    figures.to_png(figure)
    left = figure.axes[0]
    at_rest = left.transData.transform((60, level))[1]
    frame = left.get_legend().get_window_extent()
    assert not frame.y0 - 2 < at_rest < frame.y1 + 2
