"""Ways side by side: their probabilities, table and maps are what one gets by hand."""

import re

import numpy as np
import pytest
from torch import nn

from aslp_lib.course.models.microscopy import draw_cells
from aslp_lib.course.models.own_comparison import (
    answers,
    counts_of,
    posterior_absolute_error,
    table,
)
from aslp_lib.recalibration import Temperature

CELLS = draw_cells(3, 0, size=12)
WAYS = {"plain": (nn.Identity(), None), "cooled": (nn.Identity(), Temperature(2.0))}


def by_hand(temperature):
    """Of a network that says the standardised grey level."""
    inside = CELLS.masks != 255
    return 1 / (1 + np.exp(-CELLS.images[inside].numpy() / temperature)).reshape(3, -1)


def test_answers_are_of_labelled_pixels_after_the_fit():
    said = answers(WAYS, CELLS)
    np.testing.assert_allclose(said["plain"], by_hand(1))
    np.testing.assert_allclose(said["cooled"], by_hand(2))


def test_scores_are_those_of_the_pixels():
    said, inside = answers(WAYS, CELLS), CELLS.masks != 255
    y, truth = (each[inside].numpy() for each in (CELLS.masks, CELLS.posterior))
    off = posterior_absolute_error(said, CELLS)
    assert off["cooled"] == pytest.approx(np.abs(by_hand(2).ravel() - truth).mean())
    *_, row = table(counts_of(said, CELLS), off, "test").splitlines()
    name, ece, _, accuracy, nll, *_ = (cell.strip() for cell in row.strip("| ").split("|"))
    p = by_hand(2).ravel()
    assert name == "cooled"
    assert float(accuracy) == pytest.approx(100 * ((p >= 0.5) == y).mean(), abs=0.06)
    assert float(nll) == pytest.approx(-np.log(np.where(y, p, 1 - p)).mean(), abs=0.006)
    value, low, high = map(float, re.findall(r"[\d.]+", ece))
    assert low <= value <= high
