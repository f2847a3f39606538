"""Degradations against other libraries, loops over windows and arithmetic."""

import io
import math
import pickle
import re
import subprocess
import sys
from dataclasses import astuple, replace
from fractions import Fraction
from itertools import groupby, product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.data.base import SaliencySet
from aslp_lib.data.degradations import DEGRADATIONS
from aslp_lib.data.degraded import Degraded, degrade
from aslp_lib.data.folders import paper_layout
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation import figures
from aslp_lib.metrics import calibration
from aslp_lib.prediction.predict import predict
from aslp_lib.training.validation import validate

KINDS = {
    kind: [each.name for each in grades]
    for kind, grades in groupby(DEGRADATIONS.values(), lambda each: each.kind)
}
PHOTOMETRIC = ("noise", "blur", "contrast", "brightness", "jpeg")
MIXING = ("pair", "paste")
SHARES = (0.75, 0.5, 0.3)
PAGE = Path(__file__).parents[2] / "docs" / "degradations.md"


def graded(kind, strengths):
    """Each grade's name with its strength."""
    return list(zip(KINDS[kind], strengths, strict=True))


def names(*kinds):
    return [name for kind in kinds for name in KINDS[kind]]


def a_set(count, height, width, seed=0):
    """Random images and masks: every pixel matters."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 3, height, width), dtype=np.uint8)
    masks = rng.integers(0, 2, (count, 1, height, width), dtype=np.uint8)
    return torch.from_numpy(images), torch.from_numpy(masks)


def smooth_set(count, height, width):
    shapes = Shapes("x", count, 0, size=max(height, width))
    return shapes.images[..., :height, :width], shapes.masks[..., :height, :width]


def pillow(image, box, size):
    """(C, H, W) pixels: a box (left, top, right, bottom) resized to a size (H, W), as an image and
    as a mask is."""
    picture = Image.fromarray(image.permute(1, 2, 0).squeeze(-1).numpy()).crop(box)
    mode, whole = Image.Resampling.BILINEAR, (0, 0, *picture.size)
    if len(image) == 1:
        # A middle between two pixels is the second's; Pillow would take either.
        mode, whole = Image.Resampling.NEAREST, (1e-4, 1e-4, *picture.size)
    resized = np.asarray(picture.resize(size[::-1], mode, box=whole))
    return torch.from_numpy(resized.copy()).reshape(*size, -1).permute(2, 0, 1)


def off(one, other):
    """The largest difference of two images' levels."""
    return (one.int() - other.int()).abs().max()


def test_the_table_has_every_kind_in_grades_of_its_name():
    assert list(KINDS) == [*PHOTOMETRIC, "zoom", "crop", "empty_crop", *MIXING]
    for kind, graded in KINDS.items():
        assert graded == [f"{kind}{grade}" for grade in (1, 2, 3)]
        assert [DEGRADATIONS[name].grade for name in graded] == [1, 2, 3]


def test_the_page_s_table_is_this_one():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (.+) \|$", PAGE.read_text(), re.M)
    told = {kind: text for kind, text in rows if kind in KINDS}
    assert list(told) == list(KINDS)
    for kind, text in told.items():
        numbers = [float(Fraction(each)) for each in re.findall(r"\d[\d./]*", text)]
        strengths = [astuple(DEGRADATIONS[name])[1] for name in KINDS[kind]]
        assert (numbers or SHARES) == pytest.approx(strengths)


@pytest.mark.parametrize(("name", "sigma"), [("noise1", 12), ("noise2", 25)])
def test_noise_has_its_standard_deviation_and_no_pattern(name, sigma):
    images = torch.full((4, 3, 64, 64), 128, dtype=torch.uint8)
    noisy, _ = degrade(images, images[:, :1] * 0, name, seed=1)
    noise = noisy.double() - 128
    n = noise.numel()
    # Rounding adds a variance of 1/12. The error of a standard deviation is sigma / sqrt(2 n).
    assert abs(noise.std() - math.sqrt(sigma**2 + 1 / 12)) < 4 * sigma / math.sqrt(2 * n)
    assert abs(noise.mean()) < 4 * sigma / math.sqrt(n)
    rows = noise.reshape(12, -1)  # of images and channels
    between = torch.corrcoef(rows) - torch.eye(12)
    assert between.abs().max() < 5 / math.sqrt(rows.shape[1])


@pytest.mark.parametrize(("name", "share"), graded("blur", (1 / 96, 1 / 48, 1 / 24)))
@pytest.mark.parametrize(("height", "width"), [(96, 96), (61, 90), (5, 40)])
def test_blur_is_scipy_s(name, share, height, width):
    images, masks = a_set(2, height, width)
    blurred, _ = degrade(images, masks, name, seed=0)
    sigma = share * min(height, width)
    for image, ours in zip(images.double().numpy(), blurred, strict=True):
        oracle = gaussian_filter(image, (0, sigma, sigma), mode="nearest", truncate=4)
        assert np.abs(ours.numpy() - oracle).max() < 0.51  # rounding


@pytest.mark.parametrize(("name", "factor"), graded("contrast", (0.6, 0.4, 0.2)))
def test_contrast_by_arithmetic(name, factor):
    images, masks = a_set(3, 7, 9)
    for image, ours in zip(images.numpy(), degrade(images, masks, name, seed=0)[0], strict=True):
        for channel, levels in zip(image, ours.numpy(), strict=True):
            oracle = channel.mean() + factor * (channel - channel.mean())
            assert np.abs(levels - oracle).max() < 0.501
    # 0 and 200, of mean 100
    two = torch.tensor([0, 200], dtype=torch.uint8).expand(1, 3, 1, 2)
    found = degrade(two, two[:, :1] * 0, name, seed=0)[0][0, 0, 0]
    assert found.tolist() == [100 - 100 * factor, 100 + 100 * factor]


@pytest.mark.parametrize(("name", "shift"), graded("brightness", (30, 60, 90)))
def test_brightness_by_arithmetic_half_of_the_images_darker(name, shift):
    images, masks = a_set(200, 3, 4)
    brighter = 0
    for image, ours in zip(images.int(), degrade(images, masks, name, seed=0)[0], strict=True):
        up, down = ((image + s).clamp(0, 255) for s in (shift, -shift))
        assert torch.equal(ours.int(), up) != torch.equal(ours.int(), down)
        brighter += torch.equal(ours.int(), up)
    assert abs(brighter - 100) < 4 * math.sqrt(50)


@pytest.mark.parametrize(("name", "quality"), graded("jpeg", (30, 15, 6)))
def test_jpeg_is_pillow_s_round_trip(name, quality):
    images, masks = smooth_set(3, 31, 40)
    for image, ours in zip(images, degrade(images, masks, name, seed=0)[0], strict=True):
        file = io.BytesIO()
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(
            file, "JPEG", quality=quality, subsampling=2
        )
        with Image.open(file) as opened:
            np.testing.assert_array_equal(ours.permute(1, 2, 0), np.asarray(opened))


@pytest.mark.parametrize(("name", "share"), graded("zoom", SHARES))
@pytest.mark.parametrize(("height", "width"), [(48, 48), (37, 52)])
def test_zoom_is_pillow_s_crop_of_the_middle_resized(name, share, height, width):
    rows, columns = round(share * height), round(share * width)
    top, left = (height - rows) // 2, (width - columns) // 2
    assert abs(2 * top + rows - height) <= 1
    box = (left, top, left + columns, top + rows)
    images, masks = a_set(3, height, width)
    zoomed, moved = degrade(images, masks, name, seed=0)
    for i in range(3):
        assert off(zoomed[i], pillow(images[i], box, (height, width))) <= 1
        assert torch.equal(moved[i], pillow(masks[i], box, (height, width)))


def windows(share, height, width):
    """Every window (left, top, right, bottom) of a share."""
    rows, columns = round(share * height), round(share * width)
    for top, left in product(range(height - rows + 1), range(width - columns + 1)):
        yield left, top, left + columns, top + rows


def window_of(image, mask, ours, moved, share):
    """The one window whose pixels, resized by Pillow, are `ours` and `moved`."""
    size = image.shape[1:]
    (found,) = (
        box
        for box in windows(share, *size)
        if off(ours, pillow(image, box, size)) <= 1 and torch.equal(moved, pillow(mask, box, size))
    )
    return found


@pytest.mark.parametrize(("name", "share"), graded("crop", SHARES))
def test_crops_are_pillow_s_of_windows_anywhere(name, share):
    images, masks = a_set(120, 8, 11)
    cropped, moved = degrade(images, masks, name, seed=0)
    found = {window_of(*each, share) for each in zip(images, masks, cropped, moved, strict=True)}
    everywhere = set(windows(share, 8, 11))
    assert found <= everywhere
    # Of n windows, 120 draws leave out a share (1 - 1/n)^120 on average.
    n = len(everywhere)
    assert abs(len(found) - n * (1 - (1 - 1 / n) ** 120)) < 4 * math.sqrt(n) / 2
    for side in range(4):
        assert {box[side] for box in found} == {box[side] for box in everywhere}


@pytest.mark.parametrize(("name", "share"), graded("empty_crop", SHARES))
def test_the_emptiest_window_against_all_windows(name, share):
    images, masks = a_set(40, 9, 12)
    cropped, moved = degrade(images, masks, name, seed=0)
    for image, mask, ours, label in zip(images, masks, cropped, moved, strict=True):
        foreground = {
            (left, top, right, bottom): int(mask[0, top:bottom, left:right].sum())
            for left, top, right, bottom in windows(share, 9, 12)
        }
        box = window_of(image, mask, ours, label, share)
        assert foreground[box] == min(foreground.values()) < max(foreground.values())


def test_of_several_emptiest_windows_any_is_taken():
    images, masks = a_set(60, 6, 6)
    masks[:] = 0
    cropped, moved = degrade(images, masks, "empty_crop2", seed=0)
    each = zip(images, masks, cropped, moved, strict=True)
    assert len({window_of(*one, 0.5) for one in each}) > 12  # of 16


@pytest.mark.parametrize(("name", "columns"), graded("pair", (3, 4, 6)))
def test_pairs_are_two_images_of_pillow_s_side_by_side(name, columns):
    """Of two images, each is the other's other."""
    images, masks = a_set(2, 10, 12)
    paired, moved = degrade(images, masks, name, seed=0)
    sides = set()
    for seed in range(8):
        paired, moved = degrade(images, masks, name, seed=seed)
        for i in (0, 1):
            own, other = (12 - columns, i), (columns, 1 - i)
            near = []
            for parts in ((own, other), (other, own)):
                pictures, labels = (
                    torch.cat([pillow(of[k], (0, 0, 12, 10), (10, w)) for w, k in parts], -1)
                    for of in (images, masks)
                )
                near.append(off(paired[i], pictures) <= 1 and torch.equal(moved[i], labels))
            assert sum(near) == 1
            sides.add(near.index(True))
    assert sides == {0, 1}


@pytest.mark.parametrize(("name", "share"), graded("paste", (0.25, 0.375, 0.5)))
def test_a_side_of_the_other_image_is_pasted(name, share):
    height, width = 8, 16
    images, masks = a_set(2, height, width)
    rows, columns = int(share * height), int(share * width)
    sides = {
        "top": np.s_[..., :rows, :],
        "bottom": np.s_[..., height - rows :, :],
        "left": np.s_[..., :columns],
        "right": np.s_[..., width - columns :],
    }
    seen = set()
    for seed in range(20):
        pasted, moved = degrade(images, masks, name, seed=seed)
        for i in (0, 1):
            found = []
            for side, over in sides.items():
                image, mask = images[i].clone(), masks[i].clone()
                image[over], mask[over] = images[1 - i][over], masks[1 - i][over]
                if torch.equal(pasted[i], image) and torch.equal(moved[i], mask):
                    found.append(side)
            assert len(found) == 1
            seen.update(found)
    assert seen == set(sides)


@pytest.mark.parametrize("name", ["pair3", "paste3"])
def test_the_other_image_is_each_other_one_alike_and_never_the_image_itself(name):
    """Images of one level each, so that the other can be told."""
    count = 5
    images = (40 * torch.arange(count)).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 8, 8)
    others = np.zeros((count, count), int)
    for seed in range(200):
        for i, image in enumerate(degrade(images, images[:, :1] * 0, name, seed=seed)[0]):
            (other,) = set((image // 40).unique().tolist()) - {i}
            others[i, other] += 1
    assert (others.diagonal() == 0).all()
    assert others.sum() == count * 200
    # Four standard deviations of a count of 200 draws of probability 1/4.
    assert np.abs(others[~np.eye(count, dtype=bool)] - 50).max() < 4 * math.sqrt(200 * 3 / 16)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_neither_order_nor_batches_change_an_image(name):
    images, masks = smooth_set(7, 20, 20)
    before = images.clone(), masks.clone()
    whole = degrade(images, masks, name, seed=3)
    again = degrade(images, masks, name, seed=3)
    order = [4, 0, 6, 6, 1]
    some = degrade(images, masks, name, seed=3, which=order)
    single = [degrade(images, masks, name, seed=3, which=[i]) for i in range(7)]
    none = degrade(images, masks, name, seed=3, which=[])
    for part in (0, 1):
        assert torch.equal(whole[part], again[part])
        assert torch.equal(whole[part][order], some[part])
        assert torch.equal(whole[part], torch.cat([each[part] for each in single]))
        assert none[part].shape == (0, *whole[part].shape[1:])
    assert torch.equal(images, before[0])
    assert torch.equal(masks, before[1])


@pytest.mark.parametrize("name", names("noise", "brightness", "crop", "empty_crop", *MIXING))
def test_another_seed_draws_otherwise_and_each_image_for_itself(name):
    images, masks = a_set(1, 24, 24)
    images, masks = images.expand(20, -1, -1, -1), masks.expand(20, -1, -1, -1).clone()
    masks[:] = 0
    if name.startswith(MIXING):
        images, masks = a_set(20, 24, 24)
    changed = degrade(images, masks, name, seed=0)[0]
    assert not torch.equal(changed, degrade(images, masks, name, seed=1)[0])
    assert len({each.numpy().tobytes() for each in changed}) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_higher_grade_changes_images_more(kind):
    images, masks = smooth_set(60, 48, 48)
    changes = [
        (degrade(images, masks, name, seed=0)[0].double() - images).square().mean()
        for name in KINDS[kind]
    ]
    assert 0 < changes[0] < changes[1] < changes[2]


def test_grades_of_noise_are_one_noise():
    images = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    weak, strong = (
        (degrade(images, images[:, :1] * 0, name, seed=0)[0].double() - 128) / sigma
        for name, sigma in (("noise1", 12), ("noise2", 25))
    )
    assert (weak - strong).abs().max() <= 0.5 / 12 + 0.5 / 25


@pytest.mark.parametrize("size", [(1, 2), (2, 2), (3, 1), (1, 1), (7, 5), (33, 46)], ids=str)
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_any_size_keeps_its_shape_and_its_binary_masks(name, size):
    images, masks = a_set(4, *size)
    if name.startswith("pair") and size[1] == 1:
        with pytest.raises(ValueError, match="1 pixel wide"):
            degrade(images, masks, name, seed=0)
        return
    changed, moved = degrade(images, masks, name, seed=0)
    assert changed.dtype == moved.dtype == torch.uint8
    assert changed.shape == images.shape
    assert moved.shape == masks.shape
    assert moved.max() <= 1


@pytest.mark.parametrize("name", names(*PHOTOMETRIC))
def test_light_and_sharpness_leave_the_mask(name):
    images, masks = a_set(3, 9, 14)
    assert torch.equal(degrade(images, masks, name, seed=0)[1], masks)


@pytest.mark.parametrize("name", [n for n in DEGRADATIONS if not n.startswith(("noise", "bright"))])
@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_set_of_one_colour_keeps_it_and_full_and_empty_masks_stay(name, level):
    images = torch.full((2, 3, 15, 18), level, dtype=torch.uint8)
    for label in (0, 1):
        masks = torch.full((2, 1, 15, 18), label, dtype=torch.uint8)
        changed, moved = degrade(images, masks, name, seed=0)
        assert off(changed, images) <= (3 if name.startswith("jpeg") else 0)
        assert torch.equal(moved, masks)


def test_an_object_of_one_pixel():
    """In the middle it fills what zoom makes of it; the emptiest window avoids it."""
    images, masks = a_set(1, 9, 9)
    masks[:] = 0
    masks[..., 4, 4] = 1
    moved = degrade(images, masks, "zoom3", seed=0)[1][0, 0]  # a window of 3, each pixel 3 wide
    assert moved.nonzero().tolist() == [[i, j] for i in (3, 4, 5) for j in (3, 4, 5)]
    assert degrade(images, masks, "empty_crop3", seed=0)[1].sum() == 0


IMAGES, MASKS = a_set(2, 4, 5)


@pytest.mark.fault(
    "images or masks of another type, shape or range are to be degraded, or by an unknown name",
    "they are refused, and what was expected is said",
)
@pytest.mark.parametrize(
    ("images", "masks", "name", "message"),
    [
        (IMAGES / 255, MASKS, "blur1", r"images are torch\.float32 .* must be uint8"),
        (IMAGES[:, :1], MASKS, "blur1", r"shape \(2, 1, 4, 5\), but must be uint8"),
        (IMAGES[0], MASKS, "blur1", r"shape \(3, 4, 5\)"),
        (IMAGES, 255 * MASKS, "blur1", "masks go to 255, but must hold 0 and 1"),
        (IMAGES, MASKS.float(), "blur1", r"masks are torch\.float32"),
        (IMAGES, MASKS[:1], "blur1", r"must be uint8 of shape \(2, 1, 4, 5\)"),
        (IMAGES, MASKS, "blur4", "no degradation 'blur4': choose of noise1, noise2"),
        (IMAGES[:1], MASKS[:1], "pair1", "pair1 mixes two images of a set, but this one has 1"),
        (IMAGES[:1], MASKS[:1], "paste2", "paste2 mixes two images of a set"),
    ],
)
def test_what_cannot_be_degraded(images, masks, name, message):
    with pytest.raises(ValueError, match=message):
        degrade(images, masks, name, seed=0)


@pytest.mark.parametrize("number", [-1, 2])
def test_an_image_that_is_not_there(number):
    with pytest.raises(IndexError, match=f"there is no image {number}: the set has 2"):
        degrade(IMAGES, MASKS, "crop1", seed=0, which=[number])


class Logits(nn.Module):
    """A logit from the brightness of a pixel."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))  # so that it has a device

    def forward(self, images):
        return (images.float().mean(1, keepdim=True) - 100) / 20 + self.weight


def whole(dataset):
    images, masks = zip(*(dataset.load(i) for i in range(len(dataset))), strict=True)
    return torch.stack(images), torch.stack(masks)


class TestSet:
    @pytest.mark.parametrize("name", ["noise2", "crop1", "pair2"])
    def test_it_is_a_set_of_the_degraded_images(self, name):
        shapes = Shapes("test", 6, 0, size=16)
        degraded = Degraded(shapes, name, seed=4)
        assert degraded.name == f"test, {name}"
        assert degraded.stems == shapes.stems
        assert len(degraded) == 6
        images, masks = degrade(shapes.images, shapes.masks, name, seed=degraded.draws)
        for cached in (False, True):
            if cached:
                degraded.cache()
            for i in (5, 0, 3):
                image, label, index = degraded[i]
                assert torch.equal(image, images[i])
                assert torch.equal(label, masks[i].float())
                assert index == i
                np.testing.assert_array_equal(degraded.mask(i), masks[i, 0])
                np.testing.assert_array_equal(degraded.mask_levels(i), 255 * masks[i, 0])
                assert degraded.shape(i) == (16, 16)
        again = pickle.loads(pickle.dumps(Degraded(shapes, name, seed=4)))  # to a worker process
        assert torch.equal(again[2][0], images[2])

    def test_sets_and_seeds_have_draws_of_their_own(self):
        shapes, same = Shapes("test", 2, 0, size=16), Shapes("validation", 2, 0, size=16)
        assert torch.equal(shapes.images, same.images)
        noisy = [
            Degraded(shapes, "noise1"),
            Degraded(same, "noise1"),
            Degraded(shapes, "noise1", 1),
        ]
        assert len({each[0][0].numpy().tobytes() for each in noisy}) == 3

    def test_fingerprints_are_of_what_is_seen(self):
        shapes = Shapes("test", 4, 0, size=16)
        clean = shapes.fingerprints()
        noisy, zoomed = (Degraded(shapes, name).fingerprints() for name in ("noise1", "zoom2"))
        assert noisy == Degraded(shapes, "noise1").fingerprints()
        assert noisy != Degraded(shapes, "noise1", seed=1).fingerprints()
        for stem, (image, mask) in clean.items():
            assert noisy[stem][0] != image
            assert noisy[stem][1] == mask
            assert zoomed[stem][0] != image

    def test_the_posterior_goes_with_the_mask_or_is_not_known(self):
        shapes = Shapes("test", 5, 0, size=16)
        for name, degradation in DEGRADATIONS.items():
            degraded = Degraded(shapes, name)
            if degradation.kind in PHOTOMETRIC:
                np.testing.assert_array_equal(degraded.posterior, shapes.posterior)
            elif degradation.kind != "pair":
                assert not hasattr(degraded, "posterior")
        with pytest.raises(AttributeError, match="nobody knows the posterior of test, crop1"):
            _ = Degraded(shapes, "crop1").posterior
        # A posterior that is the mask stays the mask.
        shapes.posterior = shapes.masks[:, 0].numpy().astype(np.float32)
        paired = Degraded(shapes, "pair2")
        np.testing.assert_array_equal(paired.posterior, [paired.mask(i) for i in range(5)])
        assert paired.posterior.dtype == np.float32

    def test_of_files_it_is_of_the_network_s_size(self, paper_root):
        sod = paper_layout(paper_root, 24).tests["SOD"]
        zoomed = Degraded(sod, "zoom2")
        image, label, _ = zoomed[1]
        assert image.shape == (3, 24, 24)
        assert zoomed.shape(1) == (24, 24) != sod.shape(1)
        np.testing.assert_array_equal(label[0], zoomed.mask(1))
        assert not hasattr(zoomed, "posterior")
        zoomed.check_files()
        next(iter(sod.masks.values())).write_bytes(b"")
        with pytest.raises(ValueError, match="it is empty"):
            zoomed.check_files()

    def test_files_that_are_kept_in_memory_are_not_read_again(self, paper_root):
        sod = paper_layout(paper_root, 24).tests["SOD"]
        before = [item[0] for item in Degraded(sod, "pair1")]
        sod.cache()
        for path in sod.images.values():
            path.unlink()
        after = [item[0] for item in Degraded(sod, "pair1")]
        assert torch.equal(torch.stack(before), torch.stack(after))

    @pytest.mark.parametrize("name", ["pair3", "paste3"])
    def test_another_image_of_another_size_takes_the_image_s_frame(self, name):
        class Sizes(SaliencySet):
            def load(self, index):
                colour, size = ((10, (8, 12)), (200, (5, 6)))[index]
                return torch.full((3, *size), colour, dtype=torch.uint8), torch.ones(
                    1, *size
                ).byte()

        degraded = Degraded(Sizes("sizes", ["a", "b"]), name)
        for index, size in enumerate(((8, 12), (5, 6))):
            image, label, _ = degraded[index]
            assert degraded.shape(index) == image.shape[1:] == label.shape[1:] == size
            assert set(image.unique().tolist()) == {10, 200}

    @pytest.mark.parametrize("name", ["blur2", "paste3"])
    def test_it_is_validated_and_predicted_as_any_set(self, paper_root, tmp_path, name):
        degraded = Degraded(paper_layout(paper_root, 24).tests["SOD"], name)
        network = Logits()
        images, labels = degrade(*whole(degraded.dataset), name, seed=degraded.draws)
        p = torch.sigmoid(network(images)).detach()
        settings = replace(PRESETS["demo"], device="cpu", batch_size=2)
        for at in ("network", "image"):
            counts = validate(network, degraded, replace(settings, validate_at=at))
            assert counts.pixels == 5 * 24 * 24
            right = ((p >= 0.5) == labels).double().mean()
            assert calibration.accuracy(counts) == pytest.approx(right.item(), abs=1e-3)
            confidence = torch.maximum(p, 1 - p).mean()
            assert calibration.confidence(counts) == pytest.approx(confidence.item(), abs=2e-3)
        predict(network, degraded, tmp_path / "maps", settings, progress=False)
        for stem, map_ in zip(degraded.stems, p[:, 0], strict=True):
            with Image.open(tmp_path / "maps" / f"{stem}.png") as opened:
                assert np.abs(np.asarray(opened) - 255 * map_.numpy()).max() < 0.51

    def test_figures_show_it(self):
        shapes = Shapes("test", 3, 0, size=16)
        for name, columns in (("noise1", 3), ("crop1", 2)):
            degraded = Degraded(shapes, name)
            figure = figures.gallery(degraded, [1], {})
            assert f"1 images of test, {name}" in figures.alt(figure)
            assert len(figure.axes) == columns  # with the true posterior, and without
            np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), degraded.mask(1))

    @pytest.mark.fault(
        "a set of soft masks, of one image or an unknown name is to be degraded",
        "it is refused before anything is loaded",
    )
    def test_sets_that_cannot_be_degraded(self, paper_root):
        shapes = Shapes("test", 1, 0, size=16)
        with pytest.raises(ValueError, match="no degradation 'fog1': choose of noise1"):
            Degraded(shapes, "fog1")
        with pytest.raises(ValueError, match="pair3 mixes two images of a set"):
            Degraded(shapes, "pair3")
        soft = paper_layout(paper_root, 16, soft_masks=True).train
        with pytest.raises(ValueError, match="the set train has soft masks"):
            Degraded(soft, "noise1")


@pytest.mark.slow
def test_they_need_no_torchvision():
    code = "import aslp_lib.data.degraded, sys; assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
