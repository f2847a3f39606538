"""The figures of studies, and of as many curves as are asked for."""

import numpy as np
import torch
from matplotlib.text import Text

from aslp_lib.aslp.perturbation import MODERATION
from aslp_lib.course import figures
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics.counts import Counts


def test_bias_curves_are_the_means():
    found = {"ece": np.array([[0.1, 0.2], [0.05, 0.07]])}
    figure = figures.estimator_bias([100, 1000], found, 0.02, "Bias")
    line, truth = figure.axes[0].lines
    np.testing.assert_allclose(line.get_data(), [[100, 1000], [15, 6]])
    assert set(truth.get_ydata()) == {2.0}
    assert "ece goes from 15 % to 6 %" in figures.alt(figure)


def test_intervals_that_miss_are_drawn_apart():
    ends = np.array([[0.1, 0.3], [0.25, 0.4], [0.0, 0.15]])
    figure = figures.interval_coverage(0.2, {"images": ends}, "Coverage")
    hits, misses = figure.axes[0].collections
    assert len(hits.get_segments()) == 1
    assert len(misses.get_segments()) == 2
    assert "images, 30 to 40 % of the intervals hold the truth" in figures.alt(figure)


def test_an_eighth_curve_is_drawn_too():
    """There are seven colours; they come round again, and no curve is left out."""
    alphas = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
    axis = figures.loss_curves(alphas, MODERATION).axes[0]
    labels = [line.get_label() for line in axis.lines if not line.get_label().startswith("_")]
    assert labels == [f"alpha = {alpha:g}" for alpha in alphas]
    said = {f"network {i}": np.full((1, 2, 2), 0.1 * i) for i in range(8)}
    titles = [a.get_title() for a in figures.against_truth(np.zeros((1, 2, 2)), said).axes]
    assert titles == list(said)


def test_texts_can_be_read_from_afar_and_legends_hide_nothing():
    shapes = Shapes("x", 2, seed=0, size=16)
    half = np.full((2, 16, 16), 0.5)
    counts = Counts.from_probabilities(torch.from_numpy(half), shapes.masks[:, 0])
    for figure in (
        figures.estimator_bias([100, 1000], {"ece": np.ones((2, 2))}, 0, "Bias"),
        figures.interval_coverage(0.2, {"images": np.array([[0.1, 0.3]])}, "Coverage"),
        figures.against_truth(shapes.posterior, {"A": half}),
        figures.readings(counts, "A"),
        figures.sure_and_wrong(shapes, [0], [np.zeros((16, 16), np.uint8)], "A"),
        figures.gallery(shapes, [0], {"A": [np.zeros((16, 16), np.uint8)]}),
    ):
        figures.to_png(figure)
        texts = [text for text in figure.findobj(Text) if text.get_text()]
        assert min(text.get_fontsize() for text in texts) >= 9
        assert not any(axis.get_legend() for axis in figure.axes)
