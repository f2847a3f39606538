"""The figures of notebook 09: what is drawn equals what was computed."""

import numpy as np
import pytest

from aslp_lib.course import figures
from aslp_lib.course.models.release import Spans
from aslp_lib.data.shapes import Shapes


def texts(figure):
    """All that is written in a figure."""
    figure.draw_without_rendering()
    return [
        each for each in figure.findobj(lambda a: hasattr(a, "get_fontsize")) if each.get_text()
    ]


def test_strengths_are_drawn_with_their_bound_and_their_spread():
    calm = np.full((20, 11), 0.1) + np.linspace(0, 0.01, 11)
    swinging = np.where(np.arange(20)[:, None] % 2, 0.02, 0.12) * np.ones(11)
    bound = np.full(20, 0.07)
    runs = {"calm": (calm, bound), "swinging": (swinging, bound)}
    figure = figures.strengths_over_epochs(runs, 3)
    for axis, (strength, _) in zip(figure.axes, runs.values(), strict=True):
        one, line = axis.lines
        np.testing.assert_array_equal(one.get_xdata(), np.arange(1, 21))
        np.testing.assert_allclose(one.get_ydata(), strength[:, 3])
        np.testing.assert_allclose(line.get_ydata(), bound)
    band = figure.axes[0].collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.101, 0.109))
    words = figures.alt(figure)
    assert "calm: they rest, at a mean of 1.5 times the bound" in words
    assert "swinging: they swing, at a mean of 1.0 times the bound" in words


def test_rates_are_percent_of_the_first():
    rates = {"kept": np.ones(4), "halved": 0.5 ** np.arange(4)}
    figure = figures.rates_over_epochs(rates, [2, 4])
    kept, halved, *marks = figure.axes[0].lines
    np.testing.assert_allclose(kept.get_ydata(), 100)
    np.testing.assert_allclose(halved.get_xydata(), [[1, 100], [2, 50], [3, 25], [4, 12.5]])
    assert [line.get_xdata()[0] for line in marks] == [2, 4]
    assert "halved: 50 % in epoch 2, 12 % in epoch 4" in figures.alt(figure)


def test_stretched_maps_stand_under_their_maps():
    shapes = Shapes("x", 2, seed=0, size=4)
    dim = np.arange(40, 56, dtype=np.uint8).reshape(4, 4)
    figure = figures.stretched_maps(shapes, [1, 0], [dim, dim])
    grid = np.array(figure.axes).reshape(3, 2)
    np.testing.assert_array_equal(
        grid[0, 0].images[0].get_array(), shapes.images[1].permute(1, 2, 0)
    )
    np.testing.assert_array_equal(grid[1, 0].images[0].get_array(), dim)
    np.testing.assert_array_equal(
        grid[2, 0].images[0].get_array(), 17 * np.arange(16).reshape(4, 4)
    )
    assert grid[1, 0].get_xlabel() == "0.16 to 0.22\n0 % object"
    assert grid[2, 0].get_xlabel() == "0.00 to 1.00\n50 % object"
    assert "before and after: 0 % and 50 %; 0 % and 50 %" in figures.alt(figure)


def spans():
    return Spans(
        low=np.array([0.0, 0.6]),
        high=np.array([0.8, 1.0]),
        pixels=np.array([60, 90]),
        confidence=np.array([0.7, 0.9]),
        accuracy=np.array([0.6, 0.8]),
        there=100,
    )


def test_bars_of_bins_reach_over_their_confidences():
    figure = figures.overlapping_bins(spans(), "title")
    axis = figure.axes[0]
    reach = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axis.patches]
    np.testing.assert_allclose(reach, [(0.5, 0.8), (0.6, 1.0)])
    assert [text.get_text() for text in axis.texts] == ["60 %", "90 %"]
    assert "each of 2 bins takes. Neighbours overlap; together the bins count 150 %" in figures.alt(
        figure
    )


def test_a_projector_can_show_what_is_written():
    shapes = Shapes("x", 2, seed=0, size=4)
    level = np.full((6, 5), 0.1), np.full(6, 0.1)
    drawn = (
        figures.overlapping_bins(spans(), "title"),
        figures.stretched_maps(shapes, [0, 1], [np.eye(4, dtype=np.uint8)] * 2),
        figures.strengths_over_epochs({"one": level, "two": level}, 0),
        figures.rates_over_epochs({"a": np.ones(5), "b": np.ones(5)}, [3]),
    )
    for figure in drawn:
        assert min(each.get_fontsize() for each in texts(figure)) >= 9
