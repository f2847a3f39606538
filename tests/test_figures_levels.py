"""The figures of the levels: what is drawn equals what was computed."""

import numpy as np

from aslp_lib import figures


def test_levels_over_epochs_are_the_chosen_images():
    rng = np.random.default_rng(0)
    alpha, bound = rng.random((20, 6)), rng.random(20)
    figure = figures.levels_over_epochs({"A": (alpha, bound), "B": (2 * alpha, bound)}, {"x": 4})
    for axis, factor in zip(figure.axes, (1, 2), strict=True):
        drawn_bound, drawn = (line.get_ydata() for line in axis.lines)
        np.testing.assert_array_equal(drawn_bound, bound)
        np.testing.assert_array_equal(drawn, factor * alpha[:, 4])
    low, high = alpha[-10:, 4].min(), alpha[-10:, 4].max()
    assert f"between {low:.3f} and {high:.3f}" in figures.alt(figure)


def test_levels_over_margins_are_points_of_both():
    margins, alpha = np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.3, 0.2])
    (axis,) = figures.levels_over_margins({"A": (margins, alpha)}).axes
    np.testing.assert_array_equal(axis.lines[0].get_xydata(), np.c_[margins, alpha])


def test_the_trade_draws_its_three_curves():
    weights, excess, spread, predicted = [10, 100], [0.2, 0.02], [0.1, 0.01], [0.21, 0.021]
    figure = figures.lambda_trade(weights, excess, spread, predicted)
    drawn = {line.get_label(): line.get_ydata().tolist() for line in figure.axes[0].lines}
    assert list(drawn.values()) == [predicted, excess, spread]
    assert "from 0.2000 to 0.0200" in figures.alt(figure)


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
