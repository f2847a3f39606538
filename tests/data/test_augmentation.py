import math
from itertools import product

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors

from aslp_lib.data.augmentation import BicubicRotation, CentredCrop, release_augmentation


def test_a_centred_crop_keeps_the_middle_and_cuts_each_side_by_its_own_draw():
    """On a ramp, what is left of the range says what was cut off."""
    size, cut = 100, 20
    ramp = torch.arange(size).float().expand(size, size)
    both = torch.stack([ramp, ramp.T, ramp]).clone()
    mask = torch.zeros(1, size, size, dtype=torch.uint8)
    mask[:, 45:55, 45:55] = 1
    crop, seen = CentredCrop(cut), set()
    torch.manual_seed(0)
    for _ in range(200):
        image, label = crop(tv_tensors.Image(both), tv_tensors.Mask(mask))
        assert image.shape[-2:] == label.shape[-2:]
        assert label.sum() == 100
        width, height = (int(image[i].max() - image[i].min()) + 1 for i in (0, 1))
        assert image.shape == (3, height, width)
        for axis in (0, 1):
            assert abs(image[axis].mean() - (size - 1) / 2) <= 0.5
        seen.add((size - width, size - height))
    cuts = [{pair[i] for pair in seen} for i in (0, 1)]
    assert cuts[0] == cuts[1] == set(range(1, cut + 1))
    assert any(a != b for a, b in seen)
    for side in (1, 2, 25):  # something is left of a small image
        assert min(CentredCrop(30)(torch.zeros(3, side, 40)).shape) >= 1


def picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A smooth image (H, W, 3) uint8, and a mask (H, W) of 0 and 255."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([np.sin(x / 7), np.cos(y / 5), np.sin((x + y) / 9)], axis=-1)
    return (127 + 120 * waves).astype(np.uint8), 255 * (np.hypot(y - 40, x - 50) < 22).astype("u1")


def test_a_rotation_is_pillow_s_by_every_whole_degree_from_minus_15_to_14():
    pair = picture(60, 80)
    given = [torch.from_numpy(each).reshape(60, 80, -1).permute(2, 0, 1) for each in pair]
    rotation, seen = BicubicRotation(15), set()
    torch.manual_seed(0)
    for _ in range(240):
        angle = rotation.make_params([])["angle"]
        for array, tensor in zip(pair, given, strict=True):
            rotated = rotation.transform(tv_tensors.Image(tensor), {"angle": angle})
            oracle = Image.fromarray(array).rotate(angle, Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(rotated.permute(1, 2, 0).squeeze(), np.asarray(oracle))
        seen.add(angle)
    assert seen == set(range(-15, 15))


def test_the_release_augments_at_the_image_s_size_and_resizes_once(monkeypatch):
    """Against Pillow: flip, crop, rotation, resizing. With the crop and the angle given, four
    results are possible, of a flip in half and a rotation in a fifth of the draws."""
    height, width, cut_height, cut_width, angle, size = 90, 120, 7, 12, -13, 48
    monkeypatch.setattr(
        CentredCrop, "make_params", lambda *_: {"height": cut_height, "width": cut_width}
    )
    monkeypatch.setattr(BicubicRotation, "make_params", lambda *_: {"angle": angle})
    files = [Image.fromarray(each) for each in picture(height, width)]
    box = (6, 3, width - 6, height - 4)  # 12 // 2, 7 // 2 and what is left of 12 and of 7

    def by_pillow(image, flipped, turned):
        if flipped:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        image = image.crop(box)
        if turned:
            image = image.rotate(angle, Image.Resampling.BICUBIC)
        return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).astype(int)

    choices = list(product((False, True), repeat=2))
    oracles = [[by_pillow(each, *which) for each in files] for which in choices]
    image, mask = (torch.from_numpy(np.array(each)) for each in files)
    transform, seen = release_augmentation(size), []
    torch.manual_seed(0)
    for _ in range(300):
        ours = transform(tv_tensors.Image(image.permute(2, 0, 1)), tv_tensors.Image(mask[None]))
        ours = ours[0].permute(1, 2, 0).numpy(), ours[1][0].numpy()
        near = [
            max(abs(a - b).max() for a, b in zip(oracle, ours, strict=True)) for oracle in oracles
        ]
        assert min(near) <= 1  # Pillow and torch round differently
        assert sorted(near)[1] > 20
        seen.append(choices[np.argmin(near)])
    flips, turns = np.mean(seen, axis=0)
    assert abs(flips - 0.5) < 4 * math.sqrt(0.25 / 300)
    assert abs(turns - 0.2) < 4 * math.sqrt(0.16 / 300)
