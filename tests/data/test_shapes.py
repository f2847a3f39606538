import hashlib
import math

import numpy as np
import pytest
import torch

from aslp_lib.data.augmentation import augmentation
from aslp_lib.data.shapes import SHIFTED, Annotators, ShapelessTextures, Shapes, embedded


def test_the_seed_fixes_the_set_on_every_machine():
    shapes = Shapes("x", 4, seed=5)
    again = Shapes("x", 4, seed=5)
    assert torch.equal(shapes.images, again.images)
    assert torch.equal(shapes.masks, again.masks)
    assert not torch.equal(shapes.images, Shapes("x", 4, seed=6).images)
    # Masks hold no rounded arithmetic: their bytes are the same everywhere.
    digest = hashlib.sha256(shapes.masks.numpy().tobytes()).hexdigest()
    assert digest[:12] == "742ae1e32491"


def test_more_images_do_not_change_the_first_ones():
    assert torch.equal(Shapes("x", 2, seed=5).images, Shapes("x", 4, seed=5).images[:2])


def test_the_posterior_is_the_frequency_of_the_labels():
    """Labels of pixels with posterior near q are 1 with frequency q. Images are independent, pixels
    are not: the error of each bin's mean is taken over images."""
    shapes = Shapes("x", 1500, seed=1, size=16)
    labels, posterior = shapes.masks[:, 0].numpy().astype(float), shapes.posterior
    for low in np.arange(0, 1, 0.2):
        inside = (posterior > low) & (posterior <= low + 0.2)
        excess = np.where(inside, labels - posterior, 0).sum(axis=(1, 2))
        error = excess.std() * math.sqrt(len(excess))
        assert abs(excess.sum()) < 4 * error, f"bin from {low}"
    assert labels[posterior == 0].sum() == 0


def test_shifted_annotators_see_the_same_images_and_agree_less():
    sets = embedded(limit=40).tests
    test, shifted = sets["test"], sets["shifted"]
    assert torch.equal(test.images, shifted.images)
    on_shape = test.posterior > 0
    expected = 0.5 + SHIFTED.agreement * (test.posterior[on_shape] - 0.5)
    np.testing.assert_allclose(shifted.posterior[on_shape], expected, atol=1e-6)
    assert shifted.posterior[~on_shape].max() == 0


def test_salience_by_hand():
    annotators = Annotators(sharpness=10, threshold=0.3)
    # 1 / (1 + e^-1) and its half-way pull to 1/2
    assert annotators.salience(np.array(0.4)) == pytest.approx(1 / (1 + math.exp(-1)))
    half = Annotators(sharpness=10, threshold=0.3, agreement=0.5)
    assert half.salience(np.array(0.4)) == pytest.approx(0.25 + 0.5 / (1 + math.exp(-1)))
    with pytest.raises(ValueError, match=r"agreement is 1\.5"):
        Annotators(agreement=1.5)


def test_no_image_is_in_two_sets():
    data = embedded()
    parts = [data.train, data.validation, data.tests["test"], data.tests["textures"]]
    seen = {image.numpy().tobytes() for part in parts for image in part.images}
    assert len(seen) == sum(len(part) for part in parts)


def test_textures_have_no_foreground():
    textures = ShapelessTextures("t", 5, seed=0)
    assert textures.masks.sum() == 0
    assert textures.images.float().std(dim=(1, 2, 3)).min() > 5


def test_items_augment_alike_whoever_loads_them_and_differ_by_epoch():
    def items(epoch, order):
        shapes = Shapes("x", 6, seed=2, augment=augmentation(48, 8, 15), augment_seed=3)
        shapes.epoch = epoch
        return {i: shapes[i] for i in order}

    first, second = items(0, range(6)), items(0, [5, 3, 1, 0, 2, 4])
    for i in range(6):
        assert torch.equal(first[i][0], second[i][0])
        assert torch.equal(first[i][1], second[i][1])
    other = items(1, range(6))
    assert any(not torch.equal(first[i][0], other[i][0]) for i in range(6))


def test_the_mask_moves_with_its_image():
    """An image that is its own mask stays so, up to the interpolation at its edge."""
    shapes = Shapes("x", 8, seed=4, augment=augmentation(48, 8, 15))
    shapes.images = (255 * shapes.masks).expand(-1, 3, -1, -1)
    for image, label, _ in (shapes[i] for i in range(8)):
        assert ((image[:1] > 127).float() != label).float().mean() < 0.03
        assert set(label.unique().tolist()) <= {0.0, 1.0}


def test_held_items_are_the_loaded_ones():
    shapes = Shapes("x", 3, seed=2)
    loaded = [shapes[i] for i in range(3)]
    shapes.cache()
    for i in range(3):
        assert torch.equal(shapes[i][0], loaded[i][0])
        assert torch.equal(shapes[i][1], loaded[i][1])
