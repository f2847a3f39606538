"""Cells: the seed fixes them, and their truth is how often annotators who are drawn anew say so."""

import math

import numpy as np
import pytest
import torch

from aslp_lib.course.models.microscopy import UNLABELLED, _draw_image, draw_cells, spoiled


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
        _, mask, posterior = _draw_image(rng, 24, (1, 4), 1.0, 0.06)
        masks.append(mask)
    inside = mask != UNLABELLED
    np.testing.assert_allclose(
        np.mean(masks, axis=0)[inside], posterior[inside], atol=0.51 / many, rtol=0
    )


def test_the_lamp_changes_the_image_alone():
    bright, dim = draw_cells(3, 7, noise=0), draw_cells(3, 7, light=0.5, noise=0)
    assert torch.equal(bright.masks, dim.masks)
    np.testing.assert_allclose(0.2 * dim.images + 0.4, 0.5 * (0.2 * bright.images + 0.4))


def test_what_is_spoiled_is_dimmed_noisy_or_blurred_as_its_name_says():
    cells = draw_cells(3, 7, noise=0)
    found = spoiled(cells)
    added = (found["noise 0.6"].images - cells.images) / 0.6
    assert abs(added.mean()) < 0.1 and abs(added.std() - 1) < 0.1
    block = cells.images[1, 0, 9:12, 20:23].mean()
    np.testing.assert_allclose(found["focus 1"].images[1, 0, 10, 21], block)
    for each in found.values():
        assert torch.equal(each.masks, cells.masks)
        assert torch.equal(each.posterior, cells.posterior)
