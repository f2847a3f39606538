"""The augmentation of the release, against Pillow with the same random numbers."""

import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors

from aslp_lib.data.augmentation import CentredCrop, release_augmentation

HEIGHT, WIDTH, SIZE = 90, 120, 48


def picture() -> tuple[np.ndarray, np.ndarray]:
    """A smooth image (H, W, 3) uint8, and a mask (H, W) of 0 and 255."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = np.stack([np.sin(x / 7), np.cos(y / 5), np.sin((x + y) / 9)], axis=-1)
    return (127 + 120 * waves).astype(np.uint8), 255 * (np.hypot(y - 40, x - 50) < 22).astype("u1")


def draws(seed):
    """Whether the image is flipped, rows and columns to cut, and the angle; 0 for no rotation."""
    torch.manual_seed(seed)
    flipped = torch.rand(1).item() < 0.5
    rows, columns = torch.randint(1, 31, (2,)).tolist()
    return flipped, rows, columns, int(torch.rand(1) < 0.2) and int(torch.randint(-15, 15, ()))


def by_pillow(array, flipped, rows, columns, angle):
    image = Image.fromarray(array)
    if flipped:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    left, top = columns // 2, rows // 2
    image = image.crop((left, top, left + WIDTH - columns, top + HEIGHT - rows))
    image = image.rotate(angle, Image.Resampling.BICUBIC)
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)).astype(int)


def test_the_release_flips_crops_and_rotates_at_the_image_s_size_and_resizes_once():
    arrays, transform, angles = picture(), release_augmentation(SIZE), set()
    image, mask = (torch.from_numpy(each).reshape(HEIGHT, WIDTH, -1) for each in arrays)
    given = [tv_tensors.Image(each.permute(2, 0, 1)) for each in (image, mask)]
    for seed in range(120):
        chosen = draws(seed)
        angles.add(chosen[-1])
        torch.manual_seed(seed)
        for array, ours in zip(arrays, transform(*given), strict=True):
            difference = ours.permute(1, 2, 0).squeeze().numpy() - by_pillow(array, *chosen)
            assert abs(difference).max() <= 1  # Pillow and torch round differently
    assert len(angles) > 10


def test_something_is_left_of_a_small_image():
    for side in (1, 2, 25):
        assert min(CentredCrop(30)(torch.zeros(3, side, 40)).shape) >= 1
