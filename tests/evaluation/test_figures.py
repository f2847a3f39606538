"""What is drawn equals what was computed."""

import base64
import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from PIL import Image

from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation import figures
from aslp_lib.evaluation.figures.images import local_calibration_error
from aslp_lib.evaluation.figures.style import directions, looks
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.metrics.counts import Counts


@pytest.fixture
def images():
    rng = np.random.default_rng(1)
    levels = rng.integers(0, 256, (5, 12, 12)).astype(np.uint8)
    labels = (rng.random(levels.shape) < levels / 300).astype(np.uint8)
    return Counts.join([Counts.from_map(m, y) for m, y in zip(levels, labels, strict=True)])


@pytest.fixture
def underconfident():
    """Maps whose decisions are right more often than their confidence says."""
    rng = np.random.default_rng(2)
    grey_levels = rng.integers(90, 166, (20, 20)).astype(np.uint8)
    return Counts.from_map(grey_levels, (grey_levels > 127).astype(np.uint8))


def test_a_reliability_diagram_draws_the_table_in_both_directions(images, underconfident):
    methods = {"A": images, "B": underconfident}
    tables = reliability_tables(methods)
    assert tables["A"].over > tables["A"].under and tables["B"].over == 0 < tables["B"].under
    figure = figures.reliability_diagrams(tables, "set")
    over, under = (to_rgba(colour) for colour in directions())
    axes = zip(figure.axes[:2], figure.axes[2:], strict=True)
    for (label, table), (top, bottom) in zip(tables.items(), axes, strict=True):
        full = table.pixels > 0
        confidence, accuracy = 100 * table.confidence[full], 100 * table.accuracy[full]
        colours = [over if gap > 0 else under for gap in confidence - accuracy]
        bars, dots, *_ = top.collections
        for path, end in zip(bars.get_paths(), accuracy, strict=True):  # from the diagonal
            (x0, y0), (x1, y1), (_, y2), (_, y3) = path.vertices[:4]
            assert (x0, x1) == (y0, y1) and y2 == y3 == pytest.approx(end)
        np.testing.assert_allclose(dots.get_offsets(), np.c_[confidence, accuracy])
        drawn = np.array([(bar.get_width(), bar.get_height()) for bar in bottom.patches])
        np.testing.assert_allclose(drawn, np.c_[100 * table.share[full], confidence - accuracy])
        assert [bar.get_facecolor() for bar in bottom.patches] == colours
        assert [tuple(colour) for colour in bars.get_facecolor()] == colours
        title = f"= {100 * table.over:.1f} over + {100 * table.under:.1f} under"
        assert top.get_title().endswith(title)
        assert f"ECE {100 * calibration.ece(methods[label]):.1f} %" in figures.alt(figure)
    table, axis = tables["A"], figure.axes[0]  # a single image, B, has no intervals
    full = table.pixels > 0
    segments = [segment[:, 1] for segment in axis.collections[2].get_segments()]
    np.testing.assert_allclose(segments, 100 * np.c_[table.low[full], table.high[full]])
    assert len(figure.axes[1].collections) == 2


def test_figures_may_have_the_same_axes_and_words_and_dots_are_drawn_whole(images, underconfident):
    """No bar reaches the word above it, and a dot at 100 % is not cut off."""
    tables = reliability_tables({"A": images, "B": underconfident})
    together = figures.reliability_diagrams(tables, "set")
    for label, table in tables.items():
        alone = figures.reliability_diagrams({label: table}, "", axes_of=tables.values())
        limits = [axis.get_ylim() for axis in alone.axes]
        assert limits == [together.axes[0].get_ylim(), together.axes[2].get_ylim()]
    alone.draw_without_rendering()
    axis = alone.axes[0]
    (word,) = (text for text in axis.texts if text.get_text() == "underconfident")
    lowest = axis.transData.inverted().transform(word.get_window_extent())[0, 1]
    assert lowest > 100 and not axis.collections[1].get_clip_on()


@pytest.mark.fault
def test_the_joint_density_is_blank_where_no_pixels_are(images):
    axis = figures.joint_density({"A": images}, "set").axes[0]
    squares = axis.collections[0]
    expected = np.zeros((25, 25))
    for i in range(len(images)):
        table = calibration.reliability(images[i : i + 1])
        for b in np.flatnonzero(table.pixels):
            row, column = int(table.accuracy[b] * 25), int((table.confidence[b] - 0.5) * 50)
            expected[min(row, 24), min(column, 24)] += table.pixels[b] / images.pixels
    shares = squares.get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(shares), expected == 0)
    np.testing.assert_allclose(shares.filled(0), expected)
    assert squares.get_clim()[0] < shares.min()


def test_curves_of_methods_differ_and_are_all_seen(images):
    assert len(set(looks(f"{n}" for n in range(28)).values())) == 28
    (table,) = reliability_tables({"A": images}).values()
    figure = figures.calibration_errors(dict.fromkeys("ABCDEFGHI", table), "set")
    curves = figure.axes[0].lines[:9]
    expected = 100 * table.confidence, 100 * (table.confidence - table.accuracy)
    np.testing.assert_allclose(curves[0].get_data(), expected)
    widths = [curve.get_linewidth() for curve in curves]
    assert widths == sorted(set(widths), reverse=True)
    labels = [text.get_text()[:2] for text in figure.legends[0].get_texts()]
    assert labels == [f"{name}:" for name in "ABCDEFGHI"]


@pytest.mark.slow
def test_a_label_is_no_formula_and_fits_and_legends_hide_nothing(images):
    """Warnings are errors: none of a layout that leaves no room."""
    labels = (r"$\frac{1}$", "_a", r"\$5", "x" * 255)
    methods = dict.fromkeys(labels, images)
    tables = reliability_tables(methods)
    overlay = figures.calibration_errors(tables, labels[0])
    for figure in (
        overlay,
        figures.reliability_diagrams(tables, labels[0]),
        figures.joint_density(methods, labels[0]),
        figures.image_scatter(methods, labels[-1]),
        figures.detection_curves(methods, labels[0]),
    ):
        assert figures.to_png(figure).startswith(b"\x89PNG")
        assert all(label in figures.alt(figure) for label in labels)
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert min(text.get_fontsize() for text in texts) >= 9  # read from afar
        for legend in figure.legends:
            below = legend.get_window_extent()
            assert all(below.y1 <= axis.get_window_extent().y0 for axis in figure.axes)
        assert not any(axis.get_legend() for axis in figure.axes)
    texts = overlay.legends[0].get_texts()
    drawn = [text._preprocess_math(text.get_text()) for text in texts[:3]]
    begun = [(text.strip().split(": ECE")[0], math) for text, math in drawn]
    assert begun == [(each, False) for each in labels[:3]]


def test_the_history_draws_the_log():
    keys = ("epoch", "confidence", "accuracy", "ece", "alpha_mean", "alpha_p10", "alpha_p90")
    log = [dict.fromkeys(keys, 0.1 * i) | {"epoch": i} for i in range(1, 4)]
    figure = figures.training_history({"ASLP": log})
    share, error, level = figure.axes
    for axis, expected in ((share, [10, 20, 30]), (error, [10, 20, 30]), (level, [0.1, 0.2, 0.3])):
        np.testing.assert_allclose(axis.lines[0].get_ydata(), expected)
    assert "mean alpha 0.300" in figures.alt(figure)


def test_a_gallery_shows_what_it_is_given():
    shapes, levels = Shapes("x", 3, seed=0, size=16), np.arange(256, dtype=np.uint8).reshape(16, 16)
    axes = figures.gallery(shapes, [2], {"BCE": [levels]}).axes
    image = shapes.images[2].permute(1, 2, 0).numpy()
    expected = image, shapes.mask(2), shapes.posterior[2], levels / 255
    for axis, picture in zip(axes, expected, strict=True):
        np.testing.assert_allclose(axis.images[0].get_array(), picture)


def test_a_shown_figure_carries_its_words(images):
    figure = figures.reliability_diagrams(reliability_tables({"A": images}), "set")
    picture = figures.show(figure)
    assert repr(picture) == figures.alt(figure)
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == figures.alt(figure)
    pixels = Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).width
    assert pixels == pytest.approx(150 / 96 * metadata["image/png"]["width"], abs=1)


def test_a_figure_for_a_paper_is_the_same_file_every_time(images):
    """A PDF file has no fonts of Type 3, which publishers refuse."""
    tables = reliability_tables({"A": images})
    one, two = (figures.reliability_diagrams(tables, "set") for _ in range(2))
    for suffix in ("pdf", "svg", "png"):
        file = figures.to_file(one, suffix)
        assert file == figures.to_file(two, suffix) and b"/Type3" not in file


def test_the_detection_curves_are_the_metrics(images):
    figure = figures.detection_curves({"A": images}, "set")
    left, right = figure.axes
    precision, recall = saliency.precision_recall(images)
    np.testing.assert_allclose(left.lines[0].get_data(), [recall, precision])
    np.testing.assert_allclose(right.lines[0].get_data(), saliency.roc(images))
    assert f"AUC {saliency.auc(images):.2f}" in figures.alt(figure)


def test_the_scatter_has_a_point_an_image(images):
    def point(counts):
        return 100 * calibration.confidence(counts), 100 * calibration.accuracy(counts)

    (axis,) = figures.image_scatter({"A": images}, "set").axes
    expected = np.array([point(images[i : i + 1]) for i in range(5)])
    over = expected[:, 0] > expected[:, 1]
    for points, chosen in zip(axis.collections, (over, ~over), strict=True):
        np.testing.assert_allclose(points.get_offsets(), expected[chosen])
    least = axis.get_ylim()[0]
    assert least <= expected.min() < least + 10 and axis.get_xlim()[0] == max(50, least)
    assert axis.lines[0].get_xydata()[0] == pytest.approx(point(images))
    wrong = Counts.from_map(np.zeros((1, 4), np.uint8), np.ones((1, 4), np.uint8))
    (axis,) = figures.image_scatter({"A": images}, "set", axes_of=[images, wrong]).axes
    assert axis.get_ylim()[0] == 0 and axis.get_xlim()[0] == 50


def test_error_maps_are_confidence_minus_the_posterior_of_the_decision():
    shapes, levels = Shapes("x", 3, seed=0, size=16), np.arange(256, dtype=np.uint8).reshape(16, 16)
    p, true = levels / 255, shapes.posterior[2]
    expected = np.maximum(p, 1 - p) - np.where(p >= 0.5, true, 1 - true)
    drawn = figures.error_maps(shapes, [2], {"BCE": [levels]}).axes[4].images[0].get_array()
    np.testing.assert_allclose(drawn, expected, atol=1e-6)


def test_local_calibration_errors_are_averages_of_confidence_minus_accuracy():
    rng = np.random.default_rng(0)
    probability, mask = rng.random((32, 32)), rng.integers(0, 2, (32, 32))
    everywhere = local_calibration_error(probability, mask, radius=100)
    confidence = np.maximum(probability, 1 - probability)
    correct = (probability >= 0.5) == mask
    assert everywhere[16, 16] == pytest.approx(confidence.mean() - correct.mean(), abs=0.02)
    alone = local_calibration_error(probability, mask, radius=0.001)
    np.testing.assert_allclose(alone, confidence - correct)
