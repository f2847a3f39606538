"""What is drawn equals what was computed."""

import numpy as np
import pytest

from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation import figures
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import reliability_interval
from aslp_lib.metrics.counts import Counts


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (20, 20)).astype(np.uint8)
    return Counts.from_map(levels, (rng.random((20, 20)) < levels / 300).astype(np.uint8))


def test_a_reliability_diagram_draws_the_table(counts):
    figure = figures.reliability_diagrams({"A": counts, "B": counts}, "set")
    table = calibration.reliability(counts)
    top, bottom = figure.axes[0], figure.axes[2]
    drawn = [bar.get_height() for bar in top.patches[:10]]
    np.testing.assert_allclose(drawn, np.nan_to_num(table.accuracy))
    over = [bar.get_height() for bar in top.patches[10:20]]
    expected = np.maximum(np.nan_to_num(table.confidence) - np.nan_to_num(table.accuracy), 0)
    np.testing.assert_allclose(over, expected)
    np.testing.assert_allclose([bar.get_height() for bar in bottom.patches[:10]], table.share)
    marks = [line.get_xdata()[0] for line in bottom.lines]
    assert marks == [calibration.confidence(counts), calibration.accuracy(counts)]
    assert f"ECE {100 * calibration.ece(counts):.1f} %" in figures.alt(figure)


def test_the_joint_density_is_over_the_full_bins(counts):
    figure = figures.joint_density({"A": counts}, "set")
    table = calibration.reliability(counts)
    full = table.pixels > 0
    points = figure.axes[0].collections[-1].get_offsets()
    np.testing.assert_allclose(points, np.c_[table.confidence[full], table.accuracy[full]])


def test_one_full_bin_still_makes_a_picture():
    sure = Counts.from_map(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    for draw in (figures.joint_density, figures.reliability_diagrams):
        assert figures.to_png(draw({"A": sure}, "textures")).startswith(b"\x89PNG")


@pytest.mark.parametrize("levels", [[250, 200], [250, 220, 190]])
def test_points_on_a_line_have_no_density_but_a_picture(levels):
    table = np.zeros((1, 2, 256), np.int64)
    table[0, 1, levels] = 90
    if len(levels) == 2:
        table[0, 0, levels] = 10, 40
    figure = figures.joint_density({"A": Counts(table)}, "set")
    assert figures.to_png(figure).startswith(b"\x89PNG")


def test_the_history_draws_the_log():
    keys = ("epoch", "confidence", "accuracy", "ece", "alpha_mean", "alpha_p10", "alpha_p90")
    log = [dict.fromkeys(keys, 0.1 * i) | {"epoch": i} for i in range(1, 4)]
    figure = figures.training_history({"ASLP": log})
    share, error, level = figure.axes
    np.testing.assert_allclose(share.lines[0].get_ydata(), [10, 20, 30])
    np.testing.assert_allclose(error.lines[0].get_ydata(), [10, 20, 30])
    np.testing.assert_allclose(level.lines[0].get_ydata(), [0.1, 0.2, 0.3])
    assert "mean alpha 0.300" in figures.alt(figure)


def test_a_gallery_shows_what_it_is_given():
    shapes = Shapes("x", 3, seed=0, size=16)
    level_map = np.arange(256, dtype=np.uint8).reshape(16, 16)
    figure = figures.gallery(shapes, [2], {"BCE": [level_map]})
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["image", "mask", "true P(y=1)", "BCE"]
    shown = [axis.images[0].get_array() for axis in figure.axes]
    np.testing.assert_array_equal(shown[0], shapes.images[2].permute(1, 2, 0).numpy())
    np.testing.assert_array_equal(shown[1], shapes.mask(2))
    np.testing.assert_allclose(shown[2], shapes.posterior[2])
    np.testing.assert_allclose(shown[3], level_map / 255)


def test_a_shown_figure_carries_its_words(counts):
    figure = figures.reliability_diagrams({"A": counts}, "set")
    picture = figures.show(figure)
    assert repr(picture) == figures.alt(figure)
    assert picture._repr_mimebundle_()[1]["image/png"]["alt"] == figures.alt(figure)


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 256, (5, 12, 12)).astype(np.uint8)
    labels = (rng.random(levels.shape) < levels / 300).astype(np.uint8)
    return Counts.join([Counts.from_map(m, y) for m, y in zip(levels, labels, strict=True)])


def test_a_diagram_s_intervals_are_the_bootstrap_s(images):
    figure = figures.reliability_diagrams({"A": images}, "set")
    low, high = reliability_interval(images)
    filled = ~np.isnan(low)
    segments = figure.axes[0].collections[0].get_segments()
    drawn = np.array([np.array(segment)[:, 1] for segment in segments if len(segment)])
    np.testing.assert_allclose(drawn, np.c_[low, high][filled])


def test_the_overlay_draws_confidence_less_accuracy(images):
    figure = figures.reliability_overlay({"A": images, "B": images[:2]}, "set")
    for line, counts in zip(figure.axes[0].lines, (images, images[:2]), strict=False):
        table = calibration.reliability(counts)
        np.testing.assert_allclose(line.get_xdata(), 100 * table.confidence)
        np.testing.assert_allclose(line.get_ydata(), 100 * (table.confidence - table.accuracy))
    worst = np.argmax(np.abs(calibration.reliability(images).gap) * table.share)
    assert f"{100 * calibration.reliability(images).gap[worst]:+.0f} points" in figures.alt(figure)
    first, second = figure.axes[0].lines[:2]
    assert first.get_linestyle() != second.get_linestyle()


def test_the_detection_curves_are_the_metrics(images):
    figure = figures.detection_curves({"A": images}, "set")
    left, right = figure.axes
    precision, recall = saliency.precision_recall(images)
    np.testing.assert_allclose(left.lines[0].get_data(), [recall, precision])
    np.testing.assert_allclose(right.lines[0].get_data(), saliency.roc(images))
    assert f"AUC {saliency.auc(images):.2f}" in figures.alt(figure)


def test_the_scatter_has_a_point_an_image(images):
    figure = figures.image_scatter({"A": images}, "set")
    points = figure.axes[0].collections[0].get_offsets()
    for point, one in zip(points, (images[i : i + 1] for i in range(5)), strict=True):
        expected = 100 * calibration.confidence(one), 100 * calibration.accuracy(one)
        assert tuple(point) == pytest.approx(expected)
    (pooled,) = figure.axes[0].lines[0].get_xydata()
    expected = 100 * calibration.confidence(images), 100 * calibration.accuracy(images)
    assert tuple(pooled) == pytest.approx(expected)
