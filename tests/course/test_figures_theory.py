"""The figures of the theory's notebooks: what is drawn equals what was computed."""

import math

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from aslp_lib import HARD_INVERSION, MODERATION, SOFT_INVERSION, Technique
from aslp_lib.course import figures
from aslp_lib.course.figures.loss import expected_loss
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


@pytest.fixture
def shapes():
    return Shapes("x", 4, seed=0, size=16)


@pytest.fixture
def counts(shapes):
    p = torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(0))
    return Counts.from_probabilities(p, shapes.masks[:, 0])


def heights(axis):
    return [bar.get_height() for bar in axis.patches]


def test_confidence_and_wrong_pixels_are_the_maps(shapes):
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    figure = figures.sure_and_wrong(shapes, [1, 2], [levels, levels], "BCE")
    shown = [axis.images[0].get_array() for axis in figure.axes]
    p = levels / 255
    for row, index in ((0, 1), (5, 2)):
        right = (levels >= 128) == shapes.mask(index)
        np.testing.assert_allclose(shown[row + 3], np.where(levels >= 128, p, 1 - p))
        np.testing.assert_array_equal(shown[row + 4], right)
        assert f"{100 * (1 - right.mean()):.0f} % wrong" in figure.axes[row + 4].get_xlabel()


def test_a_faultless_map_is_said_to_have_no_wrong_pixel(shapes):
    figure = figures.sure_and_wrong(shapes, [0], [255 * shapes.mask(0)], "BCE")
    assert figure.axes[4].get_xlabel() == "0 % wrong"


def test_both_readings_are_the_tables(counts):
    figure = figures.readings(counts, "set")
    for column, of in enumerate(("prediction", "foreground")):
        table = calibration.reliability(counts, of=of)
        np.testing.assert_allclose(heights(figure.axes[column]), np.nan_to_num(table.accuracy))
        np.testing.assert_allclose(heights(figure.axes[2 + column]), table.share)
        assert f"ECE {100 * calibration.ece(counts, of=of):.1f} %" in figures.alt(figure)


def test_what_is_said_of_pixels_of_known_probability():
    posterior = np.array([[[0.0, 0.0, 0.5, 0.5, 1.0]]])
    said = np.array([[[0.1, 0.3, 0.2, 0.4, 0.9]]])
    figure = figures.against_truth(posterior, {"A": said})
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_xdata(), [0, 0.5, 1])
    np.testing.assert_allclose(line.get_ydata(), [0.2, 0.3, 0.9])
    assert f"off by {np.mean([0.1, 0.3, 0.3, 0.1, 0.1]):.3f}" in figures.alt(figure)


def test_label_maps_say_their_values():
    mask = np.array([[0, 0], [1, 1]])
    figure = figures.label_maps({"SI": 0.75 - 0.5 * mask, "noise": 0.25 + mask / 2}, mask)
    assert figure.axes[0].get_xlabel() == "background 0.75\nforeground 0.25"
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.75] * 2, [0.25] * 2])
    empty = figures.label_maps({"label": 0 * mask}, 0 * mask)
    assert "foreground none" in figures.alt(empty)


def test_a_grid_shows_every_map():
    rows = {"a": np.random.default_rng(0).random((3, 4, 4)), "b": np.zeros((3, 4, 4))}
    figure = figures.label_grid(rows, "Look.")
    shown = [axis.images[0].get_array() for axis in figure.axes]
    np.testing.assert_array_equal(shown, [*rows["a"], *rows["b"]])
    assert figures.alt(figure).endswith("rows: a, b. Look.")


def test_running_means_are_means_so_far():
    figure = figures.running_means({"HI": np.array([1.0, 0.0, 1.0, 1.0])}, 0.7)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [1, 0.5, 2 / 3, 0.75])
    assert figure.axes[0].lines[1].get_ydata()[0] == 0.7


def test_the_plane_shows_points_and_where_the_decision_goes():
    figure = figures.plane({"HI": (0.1, 2.0), "LS": (1.0, 0.1)})
    axis = figure.axes[0]
    assert [tuple(line.get_xydata()[0]) for line in axis.lines] == [(0.1, 2.0), (1.0, 0.1)]
    for path, level in zip(axis.collections[1].get_paths(), (0.1, 0.2, 0.4, 0.7, 1), strict=True):
        np.testing.assert_allclose(path.vertices.prod(axis=1), level, atol=2e-3)


def test_the_explorers_plane_has_its_legend_beside_its_panels():
    maps = [np.zeros((4, 4))] * 3
    figure = figures.perturbation_plane(*maps, 0.05, 1.0, "M", {"M": 1.0})
    figures.to_png(figure)
    (legend,) = figure.legends
    frame = legend.get_window_extent()
    assert figure.bbox.x0 < frame.x0 and figure.bbox.y0 < frame.y0
    for axis in figure.axes:
        assert axis.get_legend() is None and not Bbox.intersection(frame, axis.bbox)


def test_decisions_cross_one_half_at_the_limit():
    figure = figures.decisions([HARD_INVERSION, SOFT_INVERSION])
    axis = figure.axes[0]
    np.testing.assert_allclose(axis.lines[0].get_ydata(), 1 - axis.lines[0].get_xdata(), atol=1e-6)
    for mark, limit in ((axis.lines[1], 0.5), (axis.lines[3], 1 / 1.5)):
        np.testing.assert_allclose(mark.get_xydata(), [[limit, 0.5]])


def test_the_expected_loss_is_the_formula():
    f, t = np.array([0.2, 0.7]), 1 - 0.1 * 1.5 / 2
    oracle = -t * np.log(f) - (1 - t) * np.log(1 - f)
    np.testing.assert_allclose(expected_loss(f, 0.1, SOFT_INVERSION), oracle)


def test_loss_curves_are_lowest_where_they_are_marked():
    axis = figures.loss_curves((0.1, 0.3), HARD_INVERSION).axes[0]
    for curve, mark in (axis.lines[:2], axis.lines[2:4]):
        lowest = curve.get_ydata().argmin()
        assert curve.get_xdata()[lowest] == pytest.approx(mark.get_xdata()[0], abs=0.003)
        assert curve.get_ydata()[lowest] == pytest.approx(mark.get_ydata()[0], abs=1e-4)


def test_the_surface_and_its_floor():
    figure = figures.loss_surface(SOFT_INVERSION)
    left, right = figure.axes[:2]
    alpha, best = left.lines[-1].get_data()
    np.testing.assert_allclose(best, 1 - 0.75 * alpha)
    floor = right.lines[0].get_ydata()
    inner = slice(1, -1)
    q = 0.75 * alpha[inner]
    np.testing.assert_allclose(floor[inner], -q * np.log(q) - (1 - q) * np.log(1 - q))
    assert floor[-1] == pytest.approx(math.log(2))


def test_a_descent_is_its_trace():
    two = np.array([[0.5, 0.5], [0.6, 0.5], [0.8, 0.9], [0.9, 0.8]])
    figure = figures.descent({"HI": two}, 0.85)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [0.5, 0.6, 0.8, 0.9])
    assert figure.axes[0].lines[1].get_ydata()[0] == 0.85
    (bar,) = figure.axes[1].containers
    assert bar[0].get_ydata()[0] == pytest.approx(0.85)
    np.testing.assert_allclose(bar[2][0].get_segments()[0][:, 1], [0.8, 0.9])
    assert "HI: 0.85 ± 0.050" in figures.alt(figure)


def test_noise_measured_and_by_the_formula():
    axis = figures.gradient_noise({"HI": (0.1, 0.09), "M": (0.03, 0.04)}).axes[0]
    assert heights(axis) == [0.1, 0.03]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), [0.09, 0.04])
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["HI", "M"]


def test_posterior_lines_are_straight_through_the_middle():
    axis = figures.posterior_lines((0.0, 0.4)).axes[0]
    for line, strength in zip(axis.lines, (0.0, 0.4), strict=False):
        x, y = line.get_data()
        np.testing.assert_allclose(y, (1 - strength) * x + strength / 2, atol=1e-6)


@pytest.mark.parametrize("technique", [MODERATION, Technique("weak", 0.5)])
def test_the_surface_is_drawn_where_alpha_may_go(technique):
    left = figures.loss_surface(technique).axes[0]
    assert left.lines[-1].get_xdata()[-1] == technique.alpha_limit == 1


@pytest.fixture(scope="module")
def on_a_projector():
    """The figures of notebooks 02 and 03."""
    mask = np.pad(np.ones((4, 4)), 2)
    rng = np.random.default_rng(0)
    draws = {name: np.where(rng.random(2000) < 0.1, 0.0, 1.0) for name in ("HI, alpha = 0.10", "M")}
    traces = {name: 0.9 - 0.4 * 0.97 ** np.arange(1500)[:, None] for name in ("HI", "SI", "M")}
    three = (HARD_INVERSION, SOFT_INVERSION, MODERATION)
    drawn = {
        "label_maps": figures.label_maps({"DM": rng.uniform(0.25, 0.75, mask.shape)}, mask),
        "label_grid": figures.label_grid({"a switch a pixel": np.stack([mask] * 8)}, "Look."),
        "running_means": figures.running_means(draws, 0.9),
        "plane": figures.plane({"HI": (0.1, 2.0), "label smoothing, 0.2": (1.0, 0.2)}),
        "decisions": figures.decisions(three),
        "loss_curves": figures.loss_curves((0.0, 0.1, 0.2, 0.4), HARD_INVERSION),
        "loss_surface": figures.loss_surface(HARD_INVERSION),
        "descent": figures.descent(traces, 0.9),
        "gradient_noise": figures.gradient_noise(
            {"HI": (0.092, 0.09), "SI": (0.065, 0.065), "M": (0.04, 0.04), "DM": (0.045, 0.044)}
        ),
        "posterior_lines": figures.posterior_lines((0.0, 0.2, 0.5, 1.0)),
    }
    for figure in drawn.values():
        figures.to_png(figure)  # ticks get their texts, legends their places
    return drawn


def test_no_text_is_small(on_a_projector):
    for name, figure in on_a_projector.items():
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        assert min(text.get_fontsize() for text in texts) >= 9, name


def test_legends_hide_nothing(on_a_projector):
    for axis in (axis for figure in on_a_projector.values() for axis in figure.axes):
        legend = axis.get_legend()
        frame = legend and Bbox.intersection(legend.get_window_extent(), axis.bbox)
        if not frame:
            continue  # none, or beside the axes
        assert not axis.images and not any(c.get_array() is not None for c in axis.collections)
        for drawn in (*axis.lines, *axis.patches):
            path = drawn.get_transform().transform_path(drawn.get_path())
            assert not path.intersects_bbox(frame, filled=False), drawn
