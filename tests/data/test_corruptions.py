"""One contract for every corruption: what an image and its mask may become, by SciPy, Pillow and
arithmetic; each choice is drawn equally often, and depends on the seed and the image alone."""

import io
import math
import pickle
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.folders import paper_layout
from aslp_lib.data.image_set import ImageSet
from aslp_lib.data.shapes import Shapes

PHOTOMETRIC = {
    "noise": (12, 25, 50),
    "blur": (1 / 96, 1 / 48, 1 / 24),
    "contrast": (0.6, 0.4, 0.2),
    "brightness": (30, 60, 90),
    "jpeg": (30, 15, 6),
}
WINDOWS = dict.fromkeys(("zoom", "crop", "empty_crop"), (0.75, 0.5, 0.3))
MIXING = dict.fromkeys(("pair", "paste"), (0.25, 0.375, 0.5))
STRENGTHS = PHOTOMETRIC | WINDOWS | MIXING
RANDOM = ("noise", "brightness", "crop", "empty_crop", *MIXING)
TOLERANCE = {"blur": 0.51, "contrast": 0.501, "brightness": 0, "jpeg": 0, "paste": 0}
"""Grey levels; 1 where Pillow and torch round differently."""


def a_set(count, height, width):
    """Random images and masks, in which every pixel matters."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 3, height, width), dtype=np.uint8)
    masks = rng.integers(0, 2, (count, 1, height, width), dtype=np.uint8)
    return torch.from_numpy(images), torch.from_numpy(masks)


class InMemory(ImageSet):
    """Images and masks that are given."""

    def __init__(self, images, masks):
        super().__init__("given", [f"{i}" for i in range(len(images))])
        self.images, self.masks = images, masks

    def load(self, index):
        return self.images[index], self.masks[index]


def corrupt(images, masks, name, *, seed):
    """A set's images and masks, corrupted by the draws of a seed."""
    corrupted = Corrupted(InMemory(images, masks), name)
    corrupted.draws = seed
    items = zip(*map(corrupted.load, range(len(images))), strict=True)
    pictures, labels = map(torch.stack, items)
    return pictures, labels


def test_the_table_has_every_kind_in_three_grades():
    assert list(CORRUPTIONS) == [f"{kind}{grade}" for kind in STRENGTHS for grade in (1, 2, 3)]
    for kind, strengths in STRENGTHS.items():
        ours = [CORRUPTIONS[f"{kind}{grade}"].strength for grade in (1, 2, 3)]
        assert ours == pytest.approx(strengths)


def resized(pixels, box, size):
    """(C, H, W) pixels: a box (left, top, right, bottom) resized to (H, W) by Pillow."""
    picture = Image.fromarray(pixels.transpose(1, 2, 0).squeeze()).crop(box)
    mode, whole = Image.Resampling.BILINEAR, (0, 0, *picture.size)
    if len(pixels) == 1:
        # A middle between two pixels is the second's; Pillow would take either.
        mode, whole = Image.Resampling.NEAREST, (1e-4, 1e-4, *picture.size)
    return (
        np.asarray(picture.resize(size[::-1], mode, box=whole))
        .reshape(*size, -1)
        .transpose(2, 0, 1)
    )


def possible(kind, strength, images, masks, i):
    """Yield every (image, mask) that image i may become, one for each choice that is drawn."""
    image, mask = images[i], masks[i]
    height, width = mask.shape[1:]
    size, whole = (height, width), (0, 0, width, height)
    if kind == "blur":
        sigma = strength * min(size)
        yield gaussian_filter(image.astype(float), (0, sigma, sigma), mode="nearest"), mask
    if kind == "contrast":
        mean = image.mean((1, 2), keepdims=True)
        yield mean + strength * (image - mean), mask
    if kind == "brightness":
        for shift in (-strength, strength):
            yield np.clip(image.astype(int) + shift, 0, 255), mask
    if kind == "jpeg":
        file = io.BytesIO()
        picture = Image.fromarray(image.transpose(1, 2, 0))
        picture.save(file, "JPEG", quality=strength, subsampling=2)
        yield np.asarray(Image.open(file)).transpose(2, 0, 1), mask
    if kind in WINDOWS:
        rows, columns = round(strength * height), round(strength * width)
        corners = list(product(range(height - rows + 1), range(width - columns + 1)))
        if kind == "zoom":
            corners = [((height - rows) // 2, (width - columns) // 2)]
        if kind == "empty_crop":
            inside = [mask[0, y : y + rows, x : x + columns].sum() for y, x in corners]
            corners = [c for c, n in zip(corners, inside, strict=True) if n == min(inside)]
        for y, x in corners:
            box = (x, y, x + columns, y + rows)
            yield resized(image, box, size), resized(mask, box, size)
    for j in set(range(len(images))) - {i} if kind == "pair" else ():
        columns = round(strength * width)
        sides = (i, width - columns), (j, columns)
        for order in (1, -1):
            yield tuple(
                np.concatenate([resized(of[k], whole, (height, w)) for k, w in sides[::order]], 2)
                for of in (images, masks)
            )
    for j in set(range(len(images))) - {i} if kind == "paste" else ():
        rows, columns = round(strength * height), round(strength * width)
        for side in (
            np.s_[:, :rows],
            np.s_[:, height - rows :],
            np.s_[:, :, :columns],
            np.s_[:, :, width - columns :],
        ):
            pasted = image.copy(), mask.copy()
            pasted[0][side], pasted[1][side] = images[j][side], masks[j][side]
            yield pasted


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if not name.startswith("noise")])
def test_an_image_becomes_what_other_libraries_make_of_it_by_any_choice(name):
    """Three images, the last without foreground, by as many seeds as show every choice."""
    kind, strength = name[:-1], STRENGTHS[name[:-1]][int(name[-1]) - 1]
    images, masks = a_set(3, *((6, 7) if "crop" in kind else (24, 30)))
    masks[2] = 0
    oracles = [list(possible(kind, strength, images.numpy(), masks.numpy(), i)) for i in range(3)]
    seeds, choices = max(80, *(12 * len(each) for each in oracles)) if kind in RANDOM else 1, []
    for seed in range(seeds):
        for ours, label, oracle in zip(
            *corrupt(images, masks, name, seed=seed), oracles, strict=True
        ):
            near = [
                np.abs(ours.numpy() - image.astype(float)).max() <= TOLERANCE.get(kind, 1)
                and np.array_equal(label, mask)
                for image, mask in oracle
            ]
            assert sum(near) == 1
            choices.append(near.index(True))
    by_image = np.reshape(choices, (seeds, 3)).T
    for drawn, oracle in zip(by_image, oracles, strict=True):
        expected, often = seeds / len(oracle), np.bincount(drawn, minlength=len(oracle))
        assert often.min() > 0
        assert abs(often - expected).max() <= 5 * math.sqrt(expected * (1 - 1 / len(oracle)))
    if kind in RANDOM and kind != "empty_crop":
        assert len(np.unique(by_image, axis=0)) == 3  # each image has draws of its own


def test_noise_has_its_standard_deviation_and_no_pattern():
    grey = torch.full((4, 3, 64, 64), 128, dtype=torch.uint8)
    noises = [corrupt(grey, grey[:, :1] * 0, f"noise{g}", seed=1)[0].double() - 128 for g in (1, 2)]
    for noise, sigma in zip(noises, (12, 25), strict=True):
        n = noise.numel()
        # Rounding adds a variance of 1/12. A standard deviation's error is sigma / sqrt(2 n).
        assert abs(noise.std() - math.sqrt(sigma**2 + 1 / 12)) < 4 * sigma / math.sqrt(2 * n)
        assert abs(noise.mean()) < 4 * sigma / math.sqrt(n)
        rows = noise.reshape(12, -1)  # of images and channels
        between = torch.corrcoef(rows) - torch.eye(12)
        assert between.abs().max() < 5 / math.sqrt(rows.shape[1])
    # Grades are one noise.
    assert (noises[0] / 12 - noises[1] / 25).abs().max() <= 0.5 / 12 + 0.5 / 25


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_corrupted_set_is_fixed_by_its_seed_whatever_the_order(name):
    images, masks = a_set(7, 20, 22)
    before = images.clone(), masks.clone()
    corrupted = Corrupted(InMemory(images, masks), name, seed=4)
    assert (corrupted.name, len(corrupted)) == (f"given, {name}", 7)
    changed, moved = corrupt(images, masks, name, seed=corrupted.draws)
    for i in (4, 0, 6, 6, 1):
        image, label, index = corrupted[i]
        assert torch.equal(image, changed[i]) and torch.equal(label, moved[i].float())
        np.testing.assert_array_equal(corrupted.mask(i), moved[i, 0])
        assert index == i and corrupted.shape(i) == (20, 22)
    again = pickle.loads(pickle.dumps(corrupted))  # to a worker process
    again.cache()
    assert torch.equal(again[2][0], changed[2])
    assert all(map(torch.equal, (images, masks), before))
    others = [corrupt(images, masks, name, seed=seed)[0] for seed in range(4)]
    assert all(torch.equal(changed, each) for each in others) == (not name.startswith(RANDOM))
    assert torch.equal(moved, masks) == name.startswith(tuple(PHOTOMETRIC))


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(1, 2), (3, 1), (1, 1), (7, 5)])
def test_small_images_keep_their_size(name, size):
    images, masks = a_set(4, *size)
    if name.startswith("pair") and size[1] == 1:
        with pytest.raises(ValueError, match="1 pixel wide"):
            corrupt(images, masks, name, seed=0)
        return
    changed, moved = corrupt(images, masks, name, seed=0)
    assert changed.dtype == moved.dtype == torch.uint8 and moved.max() <= 1
    assert (changed.shape, moved.shape) == (images.shape, masks.shape)


def test_sets_and_seeds_have_draws_of_their_own_and_fingerprints_of_what_is_seen():
    shapes, same = Shapes("test", 2, 0, size=16), Shapes("validation", 2, 0, size=16)
    assert torch.equal(shapes.images, same.images)
    noisy = [Corrupted(shapes, "noise1"), Corrupted(same, "noise1"), Corrupted(shapes, "noise1", 1)]
    prints = [list(each.fingerprints().values()) for each in (shapes, *noisy)]
    assert len({both[:8] for each in prints for both in each}) == 8  # images
    assert len({both[8:] for each in prints for both in each}) == 2  # masks
    assert noisy[0].fingerprints() == Corrupted(shapes, "noise1").fingerprints()


def test_the_posterior_goes_with_the_mask_or_is_not_known():
    shapes = Shapes("test", 5, 0, size=16)
    for name in CORRUPTIONS:
        corrupted = Corrupted(shapes, name)
        if name.startswith(tuple(PHOTOMETRIC)):
            np.testing.assert_array_equal(corrupted.posterior, shapes.posterior)
        elif not name.startswith("pair"):
            with pytest.raises(AttributeError, match=f"posterior .* test, {name} is unknown"):
                _ = corrupted.posterior
    # A posterior that is the mask stays the mask.
    shapes.posterior = shapes.masks[:, 0].numpy().astype(np.float32)
    paired = Corrupted(shapes, "pair2")
    np.testing.assert_array_equal(paired.posterior, [paired.mask(i) for i in range(5)])
    assert paired.posterior.dtype == np.float32


def test_of_files_it_is_of_the_network_s_size_and_reads_none_that_is_in_memory(paper_root):
    sod = paper_layout(paper_root, 24).tests["SOD"]
    corrupted = Corrupted(sod, "pair1")
    before = [image for image, _, _ in corrupted]
    assert before[1].shape == (3, 24, 24)
    assert corrupted.shape(1) == (24, 24) != sod.shape(1)
    assert not hasattr(corrupted, "posterior")
    sod.cache()
    for path in sod.images.values():
        path.write_bytes(b"")
    assert all(map(torch.equal, before, (image for image, _, _ in corrupted)))
    with pytest.raises(ValueError, match="empty file"):
        corrupted.check_files()


@pytest.mark.parametrize("name", ["pair3", "paste3"])
def test_another_image_of_another_size_takes_the_image_s_frame(name):
    sizes = (8, 12), (5, 6)
    pictures = [torch.full((3, *size), 10 + i, dtype=torch.uint8) for i, size in enumerate(sizes)]
    corrupted = Corrupted(InMemory(pictures, [each[:1] // 10 for each in pictures]), name)
    for index, size in enumerate(sizes):
        image, label, _ = corrupted[index]
        assert corrupted.shape(index) == image.shape[1:] == label.shape[1:] == size
        assert set(image.unique().tolist()) == {10, 11}


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fog1", "corruption is 'fog1'; expected one of noise1"),
        ("pair3", "expected more, as pair3"),
    ],
)
def test_sets_that_cannot_be_corrupted(paper_root, name, message):
    with pytest.raises(ValueError, match=message):
        Corrupted(Shapes("test", 1, 0, size=16), name)
    with pytest.raises(ValueError, match="set train has soft masks; expected masks of 0 and 1"):
        Corrupted(paper_layout(paper_root, 16, soft_masks=True).train, "noise1")
