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


class InMemory(ImageSet):
    """Images and masks that are given, of any sizes."""

    def __init__(self, images, masks):
        super().__init__("given", [f"{i}" for i in range(len(images))])
        self.images, self.masks = images, masks

    def load(self, index):
        return self.images[index], self.masks[index]


def a_set(count, height, width):
    """Random images and masks, in which every pixel matters."""
    draw = np.random.default_rng(0).integers
    images = draw(0, 256, (count, 3, height, width), dtype=np.uint8)
    masks = draw(0, 2, (count, 1, height, width), dtype=np.uint8)
    return InMemory(torch.from_numpy(images), torch.from_numpy(masks))


def corrupt(data, name, *, draws):
    """A set's images and masks, corrupted by the draws of a seed."""
    corrupted = Corrupted(data, name)
    corrupted.draws = draws
    return map(torch.stack, zip(*map(corrupted.load, range(len(data))), strict=True))


def test_the_table_has_every_kind_in_three_grades():
    strengths = [(kind, strength) for kind, row in STRENGTHS.items() for strength in row]
    assert [(each.kind, each.strength) for each in CORRUPTIONS.values()] == strengths
    assert list(CORRUPTIONS) == [f"{kind}{grade}" for kind in STRENGTHS for grade in (1, 2, 3)]


def resized(pixels, box, size):
    """(C, H, W) pixels: a box (left, top, right, bottom) resized to (H, W) by Pillow."""
    picture = Image.fromarray(pixels.transpose(1, 2, 0).squeeze()).crop(box)
    mode, whole = Image.Resampling.BILINEAR, (0, 0, *picture.size)
    if len(pixels) == 1:
        # A middle between two pixels is the second's; Pillow would take either.
        mode, whole = Image.Resampling.NEAREST, (1e-4, 1e-4, *picture.size)
    new = np.asarray(picture.resize(size[::-1], mode, box=whole))
    return new.reshape(*size, -1).transpose(2, 0, 1)


def windows(kind, mask, rows, columns):
    """Every window that may be cut out, as a box (left, top, right, bottom)."""
    height, width = mask.shape[1:]
    corners = list(product(range(height - rows + 1), range(width - columns + 1)))
    if kind == "zoom":
        corners = [((height - rows) // 2, (width - columns) // 2)]
    if kind == "empty_crop":
        inside = [mask[0, y : y + rows, x : x + columns].sum() for y, x in corners]
        corners = [c for c, n in zip(corners, inside, strict=True) if n == min(inside)]
    return [(x, y, x + columns, y + rows) for y, x in corners]


def possible(kind, strength, images, masks, i):
    """Yield every (image, mask) that image i may become, one for each choice that is drawn."""
    image, mask = images[i], masks[i]
    height, width = size = mask.shape[1:]
    rows, columns = round(strength * height), round(strength * width)
    others = [(images[j], masks[j]) for j in range(len(images)) if j != i]
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
        for box in windows(kind, mask, rows, columns):
            yield resized(image, box, size), resized(mask, box, size)
    if kind == "pair":
        whole = (0, 0, width, height)
        for other, order in product(others, (1, -1)):
            first = [resized(each, whole, (height, width - columns)) for each in (image, mask)]
            second = [resized(each, whole, (height, columns)) for each in other]
            sides = zip(*(first, second)[::order], strict=True)
            yield tuple(np.concatenate(both, 2) for both in sides)
    if kind == "paste":
        ends = np.s_[:, :rows], np.s_[:, height - rows :]
        ends += np.s_[:, :, :columns], np.s_[:, :, width - columns :]
        for other, end in product(others, ends):
            pasted = image.copy(), mask.copy()
            for part, cover in zip(pasted, other, strict=True):
                part[end] = cover[end]
            yield pasted


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if not name.startswith("noise")])
def test_an_image_becomes_what_other_libraries_make_of_it_by_any_choice(name):
    """Three images, the last without foreground, by as many seeds as show every choice."""
    kind, strength = name[:-1], STRENGTHS[name[:-1]][int(name[-1]) - 1]
    data = a_set(3, *((6, 7) if "crop" in kind else (24, 30)))
    data.masks[2] = 0
    arrays = data.images.numpy(), data.masks.numpy()
    oracles = [list(possible(kind, strength, *arrays, i)) for i in range(3)]
    seeds = max(80, *(12 * len(each) for each in oracles)) if kind in RANDOM else 1
    choices = np.zeros((3, seeds), int)  # by image and seed
    for seed in range(seeds):
        changed = zip(*corrupt(data, name, draws=seed), oracles, strict=True)
        for i, (ours, label, oracle) in enumerate(changed):
            near = [
                np.abs(ours.numpy() - image.astype(float)).max() <= TOLERANCE.get(kind, 1)
                and np.array_equal(label, mask)
                for image, mask in oracle
            ]
            assert sum(near) == 1
            choices[i, seed] = near.index(True)
    for drawn, oracle in zip(choices, oracles, strict=True):
        expected, often = seeds / len(oracle), np.bincount(drawn, minlength=len(oracle))
        assert often.min() > 0
        assert abs(often - expected).max() <= 5 * math.sqrt(expected * (1 - 1 / len(oracle)))
    if kind in RANDOM and kind != "empty_crop":
        assert len(np.unique(choices, axis=0)) == 3  # each image has draws of its own


def test_noise_has_its_standard_deviation_and_no_pattern():
    grey = InMemory(torch.full((4, 3, 64, 64), 128, dtype=torch.uint8), torch.zeros(4, 1, 64, 64))
    noises = [next(corrupt(grey, f"noise{grade}", draws=1)).double() - 128 for grade in (1, 2)]
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
    data = a_set(7, 20, 22)
    images, masks = data.images.clone(), data.masks.clone()
    corrupted = Corrupted(data, name, seed=4)
    assert (corrupted.name, len(corrupted)) == (f"given, {name}", 7)
    changed, moved = corrupt(data, name, draws=corrupted.draws)
    for i in (4, 0, 6, 6, 1):
        image, label, index = corrupted[i]
        assert torch.equal(image, changed[i]) and torch.equal(label, moved[i].float())
        np.testing.assert_array_equal(corrupted.mask(i), moved[i, 0])
        assert index == i and corrupted.shape(i) == (20, 22)
    again = pickle.loads(pickle.dumps(corrupted))  # to a worker process
    again.cache()
    assert torch.equal(again[2][0], changed[2])
    assert torch.equal(data.images, images) and torch.equal(data.masks, masks)
    others = [next(corrupt(data, name, draws=draws)) for draws in range(4)]
    assert all(torch.equal(changed, each) for each in others) == (not name.startswith(RANDOM))
    assert torch.equal(moved, masks) == name.startswith(tuple(PHOTOMETRIC))


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("size", [(1, 2), (3, 1), (1, 1), (7, 5)])
def test_small_images_keep_their_size(name, size):
    data = a_set(4, *size)
    if name.startswith("pair") and size[1] == 1:
        with pytest.raises(ValueError, match="1 pixel wide"):
            corrupt(data, name, draws=0)
    else:
        changed, moved = corrupt(data, name, draws=0)
        assert changed.dtype == moved.dtype == torch.uint8 and moved.max() <= 1
        assert (changed.shape, moved.shape) == (data.images.shape, data.masks.shape)


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
