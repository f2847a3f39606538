"""Corruption augmentation compared with the same steps by hand, image by image."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from aslp_lib.config import PRESETS
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.methods import Draws
from aslp_lib.methods.corruption_augmentation import (
    CorruptionAugmentation,
    CorruptionAugmentationOptions,
)

N, SIZE = 240, 12
NAMES = list(CORRUPTIONS)


def batch():
    """Textured images with a rectangle in each mask, so that moved masks differ."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (N, 3, SIZE, SIZE), generator=generator, dtype=torch.uint8)
    labels = torch.zeros(N, 1, SIZE, SIZE)
    for i, mask in enumerate(labels):
        mask[:, i % 5 : 7, i % 3 : 6 + i % 4] = 1
    return images, labels


def draws():
    uniform = torch.rand(N, generator=torch.Generator().manual_seed(1))
    return Draws(uniform, range(N), lambda image: 100 + image)


def prepared(share, images, labels):
    method = CorruptionAugmentation(len(images), CorruptionAugmentationOptions(share))
    return method.prepare(images, labels, torch.arange(len(images)), draws())


def by_hand(images, labels, i):
    rng = np.random.default_rng(100 + i)
    corruption = CORRUPTIONS[NAMES[int(rng.integers(len(NAMES)))]]
    masks = labels.byte()
    items = [(images[j], masks[j]) for j in ((i, i - 1) if corruption.mixes else (i,))]
    image, mask = corruption.change(rng, *items)
    return corruption, image, mask.float()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_an_image_whose_number_is_below_the_share_is_replaced_and_its_mask_moves_along(share):
    images, labels = batch()
    seen, masks = prepared(share, images, labels)
    assert (seen.dtype, masks.dtype) == (torch.uint8, torch.float32)
    used, moved = set(), set()
    for i, number in enumerate(draws().uniform.tolist()):
        corruption, image, mask = by_hand(images, labels, i)
        if number >= share:
            image, mask = images[i], labels[i]
        assert torch.equal(seen[i], image), (i, corruption)
        assert torch.equal(masks[i], mask), (i, corruption)
        used.add(next(name for name in NAMES if CORRUPTIONS[name] is corruption))
        if not torch.equal(masks[i], labels[i]):
            moved.add(corruption.kind)
    assert used == set(NAMES)
    assert share < 1 or moved == {"zoom", "crop", "empty_crop", "pair", "paste"}


@pytest.mark.fault
def test_soft_masks_are_refused():
    settings = replace(PRESETS["demo"], methods=("bce", "corruption_augmentation"))
    with pytest.raises(ValueError, match="soft_masks is True; expected False with corruption_aug"):
        replace(settings, soft_masks=True)
    assert replace(settings, methods=("bce",), soft_masks=True).soft_masks


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_it_sees_what_it_does_on_a_cpu():
    on_cuda = prepared(0.5, *(each.cuda() for each in batch()))
    for ours, oracle in zip(on_cuda, prepared(0.5, *batch()), strict=True):
        assert ours.is_cuda
        assert torch.equal(ours.cpu(), oracle)
