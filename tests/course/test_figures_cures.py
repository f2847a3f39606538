"""The figures of cures: what is drawn equals what was computed."""

import math

import numpy as np
import pytest

from aslp_lib.course import figures
from aslp_lib.data.shapes import Shapes
from aslp_lib.experiments.seed_statistics import Difference
from aslp_lib.metrics.counts import Counts


@pytest.fixture
def sure():
    """A network that says 0.8 of 100 pixels, of which 60 are foreground."""
    table = np.zeros((1, 2, 256), np.int64)
    table[0, :, 204] = 40, 60
    return Counts(table)


def test_the_curve_over_temperatures_is_the_likelihood_and_its_mark_the_closed_form(sure):
    axis = figures.nll_over_temperature({"sure": sure}, "title").axes[0]
    curve, mark, _ = axis.lines
    for t, drawn in zip(*curve.get_data(), strict=True):
        p = 1 / (1 + math.exp(-math.log(4) / t))
        assert drawn == pytest.approx(-0.6 * math.log(p) - 0.4 * math.log(1 - p))
    t, least = mark.get_xydata()[0]
    assert t == pytest.approx(math.log(4) / math.log(1.5))  # where it says 0.6
    assert least == pytest.approx(-0.6 * math.log(0.6) - 0.4 * math.log(0.4))


def test_the_curve_s_words_are_its_ends(sure):
    words = figures.alt(figures.nll_over_temperature({"sure": sure}, "title"))
    # log(4) / log(1.5) = 3.42; of T = 1: -0.6 log 0.8 - 0.4 log 0.2 = 0.778.
    assert "sure: least at T = 3.4, 0.67 where T = 1 has 0.78" in words


def test_errors_stand_in_the_rows_of_their_sets():
    errors = {"none": {"test": 0.1, "far": 0.2}, "cure": {"test": 0.02, "far": 0.3}}
    figure = figures.errors_by_set(errors, "title")
    axis = figure.axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["test", "far"]
    drawn = {line.get_label(): line.get_xydata() for line in axis.lines}
    np.testing.assert_allclose(drawn["none"], [[10, 0], [20, 1]])
    np.testing.assert_allclose(drawn["cure"], [[2, 0], [30, 1]])
    assert axis.get_xlim()[0] < -1  # so that a mark at 0 is seen whole
    words = figures.alt(figure)
    assert "test: none 10 %, cure 2 %; of far: none 20 %, cure 30 %" in words


def test_an_early_stop_is_marked_at_the_epoch_that_is_kept():
    keys = ("epoch", "accuracy", "confidence", "nll", "best_epoch")
    rows = [(1, 0.7, 0.6, 0.6, 1.0), (2, 0.9, 0.8, 0.3, 2.0), (3, 0.8, 0.97, 0.5, 2.0)]
    figure = figures.early_stop([dict(zip(keys, row, strict=True)) for row in rows], "title")
    left, right = figure.axes
    drawn = {line.get_label(): line for line in (*left.lines, *right.lines)}
    np.testing.assert_allclose(drawn["confidence"].get_ydata(), [60, 80, 97])
    np.testing.assert_allclose(drawn["accuracy"].get_ydata(), [70, 90, 80])
    np.testing.assert_allclose(drawn["NLL"].get_ydata(), [0.6, 0.3, 0.5])
    assert set(drawn["kept: epoch 2"].get_xdata()) == {2}
    words = figures.alt(figure)
    assert "At epoch 2, whose weights are kept, accuracy is 90 % and confidence 80 %" in words
    assert "at the last, 3, 80 % and 97 %" in words


def test_levels_of_a_set_are_their_quantiles():
    levels = {"clean": np.linspace(0, 1, 101), "one": np.full(4, 0.25)}
    axis = figures.levels_by_set(levels, "title").axes[0]
    thin, thick, middle, *_ = axis.lines
    np.testing.assert_allclose(thin.get_xdata(), [0.1, 0.9])
    np.testing.assert_allclose(thick.get_xdata(), [0.25, 0.75])
    np.testing.assert_allclose(middle.get_xydata(), [[0.5, 0]])
    assert "The highest median is that of clean." in figures.alt(axis.figure)


def test_images_stand_over_their_levels():
    shapes = Shapes("x", 3, seed=0, size=24)
    said = [np.full((24, 24), level, np.uint8) for level in (10, 200)]
    figure = figures.image_levels(
        shapes, [2, 0], {"said": said}, np.array([[0.1, 0.2], [0.3, 0.4]])
    )
    grid = np.array(figure.axes).reshape(3, 2)
    for column, index in enumerate((2, 0)):
        image, label, network = (axis.images[0].get_array() for axis in grid[:, column])
        np.testing.assert_array_equal(image, shapes.images[index].permute(1, 2, 0))
        np.testing.assert_array_equal(label, 255 * shapes.mask(index))
        np.testing.assert_array_equal(network, said[column])
    assert grid[-1, 1].get_xlabel() == "s = 0.40 outside,\n0.30 inside"
    assert "0.20 and 0.10; 0.40 and 0.30" in figures.alt(figure)


def test_differences_are_filled_where_they_are_settled():
    found = {
        "a - b": Difference(-0.02, -0.03, -0.01, p_value=0.01, seeds=5),
        "c - d": Difference(0.01, -0.01, 0.03, p_value=0.2, seeds=5),
    }
    figure = figures.differences(found, "title")
    axis = figure.axes[0]
    first, first_mark, second, second_mark, _ = axis.lines
    np.testing.assert_allclose(first.get_xdata(), [-3, -1])
    np.testing.assert_allclose(second.get_xdata(), [-1, 3])
    np.testing.assert_allclose(first_mark.get_xydata(), [[-2, 0]])
    assert second_mark.get_markerfacecolor() == "white" != first_mark.get_markerfacecolor()
    assert [tick.get_text() for tick in axis.get_yticklabels()] == list(found)
    assert "a - b: -2.0 [-3.0, -1.0]; c - d: +1.0 [-1.0, +3.0]" in figures.alt(figure)


def test_a_difference_of_one_seed_has_no_interval_to_draw():
    figure = figures.differences({"a - b": Difference(-0.02, -math.inf, math.inf, 1.0, 1)}, "title")
    mark, _ = figure.axes[0].lines
    assert mark.get_markerfacecolor() == "white"
    figures.to_png(figure)
