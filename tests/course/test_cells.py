"""Cells: the seed fixes them, and their truth is how often annotators who are drawn anew say so."""

import math

import numpy as np
import pytest
import torch

from aslp_lib.course.lessons.own_data.microscopy import UNLABELLED, _draw_image, draw_cells


def test_the_seed_fixes_them_and_another_draws_others():
    first, again, other = draw_cells(3, 7), draw_cells(3, 7), draw_cells(3, 8)
    for name in ("images", "masks", "posterior"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))
    assert torch.equal(draw_cells(2, 7).masks, first.masks[:2])  # whatever else is drawn


def test_pixels_outside_the_round_field_have_no_label_and_are_black():
    cells = draw_cells(2, 0, size=20)
    for row in range(20):
        for column in range(20):
            outside = math.dist((row + 0.5, column + 0.5), (10, 10)) > 10
            assert bool(cells.labelled[0, 0, row, column]) is not outside
    np.testing.assert_allclose(cells.images[~cells.labelled], -2)


class Annotator:
    """A generator that draws what another draws, but for the annotator's taste."""

    def __init__(self, rng, taste):
        self.rng, self.taste = rng, taste

    def __getattr__(self, name):
        return getattr(self.rng, name)

    def logistic(self):
        self.rng.logistic()
        return self.taste


@pytest.mark.parametrize("image", range(3))
def test_the_posterior_is_how_many_of_many_annotators_say_cell(image):
    """Tastes at the quantiles of the logistic distribution, by its own formula."""
    many = 400
    shares = [(k + 0.5) / many for k in range(many)]
    masks = []
    for share in shares:
        rng = Annotator(np.random.default_rng([5, image]), math.log(share / (1 - share)))
        _, mask, posterior = _draw_image(rng, 24, (1, 4))
        masks.append(mask)
    inside = mask != UNLABELLED
    np.testing.assert_allclose(
        np.mean(masks, axis=0)[inside], posterior[inside], atol=0.51 / many, rtol=0
    )
