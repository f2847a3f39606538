"""The methods compared on cells: their scores are those of the pixels, computed with numpy."""

import numpy as np
import pytest
from torch import nn

from aslp_lib.course.lessons.own_data.comparison import (
    compare,
    count,
    posterior_error,
    predict,
)
from aslp_lib.course.lessons.own_data.microscopy import draw_cells
from aslp_lib.metrics import calibration
from aslp_lib.recalibration import Temperature

CELLS = draw_cells(3, 0, size=12)
INSIDE = CELLS.masks.numpy() != 255
LABELS, TRUTH = CELLS.masks.numpy()[INSIDE], CELLS.posterior.numpy()[INSIDE]


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_scores_of_labelled_pixels(temperature):
    """The identity as a network predicts the standardised grey level as a logit."""
    p = 1 / (1 + np.exp(-CELLS.images.numpy()[INSIDE] / temperature))
    arguments = nn.Identity(), CELLS, Temperature(temperature)
    counts, prediction = count(*arguments), predict(*arguments)
    assert counts.pixels == INSIDE.sum()
    assert calibration.accuracy(counts) == pytest.approx(((p >= 0.5) == LABELS).mean())
    nll = -np.log(np.where(LABELS, p, 1 - p)).mean()
    assert calibration.nll(counts) == pytest.approx(nll, abs=1e-3)
    assert posterior_error(prediction, CELLS) == pytest.approx(((p - TRUTH) ** 2).mean())


@pytest.mark.slow
def test_compare_trains_every_method():
    results = compare([4], alpha=0.1, epochs=20)
    assert len(results) == 8
    assert all(frame.seed.tolist() == [4] for frame in results.values())
    scaled = results["BCE + temperature scaling"]
    assert (results["BCE"].scaled_nll == scaled.scaled_nll).all()
    assert (scaled.scaled_nll == scaled.nll).all()
    methods = [label for label in results if "temperature" not in label]
    for name in ("scaled_nll", "empty_ece", "posterior_error"):
        assert len({results[label][name][0] for label in methods}) == len(methods)
