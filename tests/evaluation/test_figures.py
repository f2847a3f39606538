"""What is drawn equals what was computed."""

import base64
import io
import itertools

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation import figures
from aslp_lib.evaluation.figures.style import looks
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import reliability_interval
from aslp_lib.metrics.counts import Counts


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (20, 20)).astype(np.uint8)
    return Counts.from_map(levels, (rng.random((20, 20)) < levels / 300).astype(np.uint8))


def test_a_reliability_diagram_draws_the_table(counts, images):
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
    axis = figures.reliability_diagrams({"A": images}, "set").axes[0]
    ends = np.transpose(reliability_interval(images))
    segments = [np.array(each)[:, 1] for each in axis.collections[0].get_segments() if len(each)]
    np.testing.assert_allclose(segments, ends[~np.isnan(ends[:, 0])])


@pytest.mark.fault(
    "few pixels, or none of some confidence", "the joint density is blank where no pixels are"
)
def test_the_joint_density_is_blank_where_no_pixels_are(images):
    axis = figures.joint_density({"A": images}, "set").axes[0]
    squares = axis.collections[0]
    expected = np.zeros((25, 25))
    for i in range(len(images)):
        table = calibration.reliability(images[i : i + 1])
        for sure, right, pixels in zip(table.confidence, table.accuracy, table.pixels, strict=True):
            if pixels:
                row, column = min(int(right * 25), 24), min(int((sure - 0.5) * 50), 24)
                expected[row, column] += pixels / images.pixels
    shares = squares.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shares), expected == 0)
    np.testing.assert_allclose(shares.filled(0), expected)
    assert squares.get_clim()[0] < shares.min()
    pooled = calibration.reliability(images)
    full = pooled.pixels > 0
    points = np.c_[pooled.confidence[full], pooled.accuracy[full]]
    np.testing.assert_allclose(axis.collections[-1].get_offsets(), points)


def test_one_full_bin_still_makes_a_picture():
    sure = Counts.from_map(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8))
    for draw in (figures.joint_density, figures.reliability_diagrams):
        assert figures.to_png(draw({"A": sure}, "textures")).startswith(b"\x89PNG")


@pytest.mark.fault(
    "more methods than colours, or near-equal ones", "each has its own look; a panel of differences"
)
def test_methods_are_told_apart(images):
    styles = list(itertools.islice(looks(), 28))
    assert len(set(styles)) == 28
    names = "ABCDEFGHI"
    figure = figures.reliability_overlay(dict.fromkeys(names, images), "set")
    upper, lower = figure.axes
    curves = upper.lines[: len(names)]
    assert len({(c.get_color(), c.get_linestyle()) for c in curves}) == len(names)
    widths = [curve.get_linewidth() for curve in curves]
    assert widths == sorted(set(widths), reverse=True)  # over one another, all are seen
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(names)
    for line in lower.lines:
        np.testing.assert_allclose(np.nan_to_num(line.get_ydata()), 0)


@pytest.mark.slow
def test_a_label_is_no_formula_and_fits(images):
    """Warnings are errors: none of a layout that leaves no room."""
    labels = (r"$\frac{1}$", "_a", r"\$5", "x" * 255)
    methods = dict.fromkeys(labels, images)
    overlay = figures.reliability_overlay(methods, labels[0])
    for figure in (
        overlay,
        figures.reliability_diagrams(methods, labels[0]),
        figures.joint_density(methods, labels[0]),
        figures.image_scatter(methods, labels[-1]),
        figures.detection_curves(methods, labels[0]),
    ):
        assert figures.to_png(figure).startswith(b"\x89PNG")
        assert all(label in figures.alt(figure) for label in labels)
    texts = overlay.legends[0].get_texts()
    drawn = [text._preprocess_math(text.get_text()) for text in texts[:3]]
    assert [(text.strip(), math) for text, math in drawn] == [(each, False) for each in labels[:3]]


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
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == figures.alt(figure)
    pixels = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width
    assert pixels == pytest.approx(150 / 96 * metadata["image/png"]["width"], abs=1)


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 256, (5, 12, 12)).astype(np.uint8)
    labels = (rng.random(levels.shape) < levels / 300).astype(np.uint8)
    return Counts.join([Counts.from_map(m, y) for m, y in zip(levels, labels, strict=True)])


def test_the_overlay_draws_confidence_less_accuracy(images):
    figure = figures.reliability_overlay({"A": images, "B": images[:2]}, "set")
    for line, counts in zip(figure.axes[0].lines, (images, images[:2]), strict=False):
        table = calibration.reliability(counts)
        np.testing.assert_allclose(line.get_xdata(), 100 * table.confidence)
        np.testing.assert_allclose(line.get_ydata(), 100 * (table.confidence - table.accuracy))
    first, second = figure.axes[0].lines[:2]
    change = second.get_ydata() - first.get_ydata()  # drawn below
    np.testing.assert_allclose(figure.axes[1].lines[1].get_ydata(), change)


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
    lowest = figure.axes[0].get_xlim()[0], figure.axes[0].get_ylim()[0]
    room = points.min(axis=0) - lowest  # axes hold every image, and little else
    assert ((room >= 1) & (room <= 6)).all()


def test_texts_can_be_read_from_afar_and_legends_hide_nothing(images):
    methods = {"A": images, "B": images[:3]}
    for draw in (
        figures.reliability_diagrams,
        figures.reliability_overlay,
        figures.image_scatter,
        figures.detection_curves,
    ):
        figure = draw(methods, "set")
        figures.to_png(figure)
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert min(text.get_fontsize() for text in texts) >= 9
        below = figure.legends[0].get_window_extent()
        assert all(below.y1 <= axis.get_window_extent().y0 for axis in figure.axes)
        assert not any(axis.get_legend() for axis in figure.axes)
