import hashlib
import math

import numpy as np
import pytest
import torch

from aslp_lib.data.augmentation import augmentation
from aslp_lib.data.shapes import SHIFTS, Scene, Shapes, graded, shapes


def test_the_seed_fixes_each_image_on_every_machine():
    shapes = Shapes("x", 4, seed=5)
    again = Shapes("x", 2, seed=5)  # more images do not change the first ones
    assert torch.equal(shapes.images[:2], again.images)
    assert torch.equal(shapes.masks[:2], again.masks)
    assert not torch.equal(shapes.images, Shapes("x", 4, seed=6).images)
    # Masks hold no rounded arithmetic: their bytes are the same everywhere.
    digest = hashlib.sha256(shapes.masks.numpy().tobytes()).hexdigest()
    assert digest[:12] == "742ae1e32491"


@pytest.mark.parametrize("name", [None, "contrast2", "texture3", "agreement3", "crowd2", "empty1"])
def test_the_posterior_is_the_frequency_of_the_labels(name):
    """Labels of pixels with posterior near q are 1 with frequency q. Images are independent, pixels
    are not: the error of each bin's mean is taken over images."""
    shapes = Shapes("x", 1500, seed=1, size=16) if name is None else graded(16, [name])[name]
    labels, posterior = shapes.masks[:, 0].numpy().astype(float), shapes.posterior
    assert labels[posterior == 0].sum() == 0
    for low, high in [(0, 1)] if name else [(k / 5, (k + 1) / 5) for k in range(5)]:
        inside = (posterior > low) & (posterior <= high)
        excess = np.where(inside, labels - posterior, 0).sum(axis=(1, 2))
        assert abs(excess.sum()) < 4 * excess.std() * math.sqrt(len(excess)), f"bin from {low}"


def test_textures_show_no_shape():
    textures = shapes(16).tests["textures"]
    assert textures.masks.sum() == 0
    assert textures.images.float().std(dim=(1, 2, 3)).min() > 5


def test_items_augment_alike_whoever_loads_them_and_differ_by_epoch():
    def items(epoch, order, cached=False):
        shapes = Shapes("x", 6, seed=2)
        shapes.augment, shapes.seed = augmentation(48, 8), 3
        shapes.epoch.fill_(epoch)
        if cached:
            shapes.cache()
        return {i: shapes[i] for i in order}

    first, other = items(0, range(6)), items(1, range(6))
    for i, again in items(0, [5, 3, 1, 0, 2, 4], cached=True).items():
        torch.testing.assert_close(again, first[i], rtol=0, atol=0)
    assert any(not torch.equal(first[i][0], other[i][0]) for i in range(6))


def test_the_mask_moves_with_its_image():
    """An image that is its own mask stays so, up to the interpolation at its edge."""
    shapes = Shapes("x", 8, seed=4)
    shapes.augment = augmentation(48, 8)
    shapes.images = (255 * shapes.masks).expand(-1, 3, -1, -1)
    for image, label, _ in (shapes[i] for i in range(8)):
        assert ((image[:1] > 127).float() != label).float().mean() < 0.03
        assert set(label.unique().tolist()) <= {0.0, 1.0}


def of_grades(kind, limit=60, size=32):
    return list(graded(size, [f"{kind}{grade}" for grade in (1, 2, 3)], limit=limit).values())


def test_graded_sets_are_fixed_by_their_seed_and_named():
    sets, again, other = (graded(24, ["crowd2"], data_seed=seed, limit=5) for seed in (3, 3, 4))
    assert (sets["crowd2"].name, sets["crowd2"].images.shape) == ("crowd2", (5, 3, 24, 24))
    assert torch.equal(sets["crowd2"].images, again["crowd2"].images)
    assert not torch.equal(sets["crowd2"].images, other["crowd2"].images)
    assert set(graded(8, limit=1)) == set(SHIFTS)


def test_agreement_changes_labels_alone_and_begins_with_the_shifted_set():
    tests = shapes(32, limit=60).tests
    test, shifted = tests["test"].posterior, tests["shifted"]
    assert torch.equal(tests["test"].images, shifted.images)
    sets = of_grades("agreement")
    np.testing.assert_array_equal(sets[0].posterior, shifted.posterior)
    assert torch.equal(sets[0].masks, shifted.masks)
    for shifted_set, agreement in zip(sets, (0.85, 0.65, 0.40), strict=True):
        assert torch.equal(shifted_set.images, shifted.images)
        expected = np.where(test > 0, 0.5 + agreement * (test - 0.5), 0)
        np.testing.assert_allclose(shifted_set.posterior, expected, atol=1e-6)


def test_contrast_lies_where_it_is_said_and_decides_the_posterior():
    test = shapes(32, limit=60).tests["test"]
    fainter = test
    for shifted_set in of_grades("contrast"):
        q = shifted_set.posterior[shifted_set.posterior > 0]
        low, high = SHIFTS[shifted_set.name].contrast
        # q = sigmoid(12 (c - 0.34)), solved for c.
        contrast = 0.34 + np.log(q / (1 - q)) / 12
        assert low - 1e-4 < contrast.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < contrast.max() < high + 1e-4
        # The same shapes in the same places.
        np.testing.assert_array_equal(shifted_set.posterior > 0, test.posterior > 0)
        assert q.mean() < fainter.posterior[fainter.posterior > 0].mean()
        fainter = shifted_set


def test_texture_is_the_clouds_strength_and_leaves_the_truth():
    """Without shapes and without what is cut off, an image is affine in the strength."""
    test = shapes(32, limit=60).tests["test"]
    for shifted_set in of_grades("texture"):
        np.testing.assert_array_equal(shifted_set.posterior, test.posterior)
        assert torch.equal(shifted_set.masks, test.masks)
        assert not torch.equal(shifted_set.images, test.images)
    plain, once, thrice = (
        Shapes("x", 20, 0, size=32, scene=Scene(texture=t, shapes=(0, 0))).images.double()
        for t in (0, 1, 3)
    )
    whole = (thrice > 0) & (thrice < 255)
    assert whole.double().mean() > 0.9
    # Three images were rounded, each by 1/2 at most.
    assert ((thrice - plain) - 3 * (once - plain))[whole].abs().max() <= 3


def test_as_many_shapes_as_are_asked_for():
    """Each shape of an image has a contrast, so a posterior, of its own; some lie under others."""
    mean = 3
    for shifted_set, count in zip(of_grades("crowd"), (4, 6, 9), strict=True):
        seen = [len(np.unique(each[each > 0])) for each in shifted_set.posterior]
        assert max(seen) == count
        assert np.mean(seen) > mean
        mean = np.mean(seen)
    for shifted_set, share in zip(of_grades("empty", 300, 16), (1 / 3, 1 / 2, 1), strict=True):
        empty = (shifted_set.posterior == 0).all(axis=(1, 2))
        # Four standard errors of a share of 300.
        assert abs(empty.mean() - share) <= 4 * math.sqrt(share * (1 - share) / 300)
        assert shifted_set.masks[torch.from_numpy(empty)].sum() == 0
        assert shifted_set.images.float().std(dim=(1, 2, 3)).min() > 5


@pytest.mark.fault
def test_an_unknown_shift_is_named():
    with pytest.raises(ValueError, match="shift is 'contrast9'; expected one of contrast1, "):
        graded(8, ["contrast1", "contrast9"])
