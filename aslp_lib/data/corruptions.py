"""Graded corruptions of an image and its mask: a distribution shift of known severity.

Photometric corruptions leave the mask unchanged, and geometric ones transform it with the image.
Noise, blur, contrast, brightness and JPEG follow ImageNet-C (Hendrycks & Dietterich, ICLR 2019),
with severities of this project.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.maps.read import through_jpeg

Item = tuple[Tensor, Tensor]
"""Image (3, H, W) uint8 and mask (1, H, W)."""


@dataclass(frozen=True)
class Corruption:
    """A kind of corruption at one grade.

    >>> item = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> noisy, mask = CORRUPTIONS["noise2"].change(np.random.default_rng(0), item)
    >>> noisy.shape, noisy.dtype
    (torch.Size([3, 4, 4]), torch.uint8)

    Args:
        function: one of the functions below, which corrupts an image; the kind has its name.
        strength: strength of the corruption, in the unit that the function states.
        mixes: whether it needs another image of the set.
        whole: whether nothing is cut off or covered. Apart from lost detail, the image then still
            shows what the annotators saw, so that `P(y = 1 | x)` stays known.
    """

    function: Callable[..., Item]
    strength: float
    mixes: bool = False
    whole: bool = True

    @property
    def kind(self) -> str:
        """Name of the kind, without the grade."""
        return self.function.__name__

    def change(self, rng: Generator, *items: Item) -> Item:
        """Corrupt an image and its mask.

        With the same random numbers, all grades of a kind choose the same noise, place or side.

        Args:
            rng: source of the random numbers.
            items: the image with its mask; a corruption that mixes takes a second pair.
        """
        return self.function(rng, self.strength, *items)


def noise(rng: Generator, sigma: float, item: Item) -> Item:
    """Add Gaussian noise to each channel of each pixel.

    Args:
        sigma: standard deviation in grey levels; the sum is clipped to 0 to 255.

    >>> item = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> noisy, mask = noise(np.random.default_rng(0), 12, item)
    >>> noisy.shape, noisy.dtype, mask is item[1]
    (torch.Size([3, 4, 4]), torch.uint8, True)
    """
    image, mask = item
    draws = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
    return _to_grey_levels(image + sigma * draws), mask


def blur(rng: Generator, share: float, item: Item) -> Item:
    """Blur by a Gaussian kernel; the image is padded by its border pixels.

    Args:
        share: standard deviation as a share of the shorter side.

    >>> item = torch.full((3, 4, 4), 90, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> blur(np.random.default_rng(0), 0.5, item)[0].unique()
    tensor([90], dtype=torch.uint8)
    """
    image, mask = item
    sigma = share * min(image.shape[-2:])
    reach = int(4 * sigma + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).double() / sigma) ** 2)
    weights = (weights / weights.sum()).float()
    padded = F.pad(image.float()[:, None], [reach] * 4, mode="replicate")
    across = F.conv2d(padded, weights.view(1, 1, 1, -1))
    return _to_grey_levels(F.conv2d(across, weights.view(1, 1, -1, 1))[:, 0]), mask


def contrast(rng: Generator, factor: float, item: Item) -> Item:
    """Scale the contrast: `m + factor * (x - m)`, with the mean m of each channel.

    >>> image = torch.tensor([0, 200], dtype=torch.uint8).expand(3, 1, 2)
    >>> contrast(np.random.default_rng(0), 0.5, (image, image[:1]))[0][0]
    tensor([[ 50, 150]], dtype=torch.uint8)
    """
    image, mask = item
    mean = image.double().mean((1, 2), keepdim=True)
    return _to_grey_levels(mean + factor * (image - mean)), mask


def brightness(rng: Generator, shift: int, item: Item) -> Item:
    """Make an image brighter or darker, at random, by `shift` grey levels; clip to 0 to 255.

    >>> image = torch.full((3, 1, 1), 100, dtype=torch.uint8)
    >>> new, _ = brightness(np.random.default_rng(0), 30, (image, image[:1]))
    >>> new[0, 0, 0].item() in (70, 130)
    True
    """
    image, mask = item
    return _to_grey_levels(image.float() + rng.choice((-1, 1)) * shift), mask


def jpeg(rng: Generator, quality: int, item: Item) -> Item:
    """Compress as JPEG, with 4:2:0 colour subsampling, and decode again.

    Args:
        quality: Pillow's JPEG quality, 1 to 95.

    >>> item = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.ones(1, 8, 8)
    >>> jpeg(np.random.default_rng(0), 30, item)[0].shape
    torch.Size([3, 8, 8])
    """
    image, mask = item
    pixels = through_jpeg(image.permute(1, 2, 0).numpy(), quality)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), mask


def zoom(rng: Generator, share: float, item: Item) -> Item:
    """Cut out the central window and resize it to the size of the image.

    Args:
        share: height and width of the window, as a share of those of the image.

    >>> image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    >>> mask = torch.tensor([[[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]])
    >>> zoom(np.random.default_rng(0), 0.5, (image, mask))[1].unique()
    tensor([1])
    """
    rows, columns, down, right = _window(item, share)
    return _cut(item, rows, columns, down // 2, right // 2)


def crop(rng: Generator, share: float, item: Item) -> Item:
    """Cut out a window at a random position and resize it to the size of the image.

    Args:
        share: height and width of the window, as a share of those of the image.

    >>> item = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> crop(np.random.default_rng(0), 0.5, item)[0].shape
    torch.Size([3, 4, 4])
    """
    rows, columns, down, right = _window(item, share)
    y, x = rng.random(2)
    return _cut(item, rows, columns, int(y * (down + 1)), int(x * (right + 1)))


def empty_crop(rng: Generator, share: float, item: Item) -> Item:
    """Cut out the window with the least foreground and resize it to the size of the image.

    If there are several, a random one is cut out.

    Args:
        share: height and width of the window, as a share of those of the image.

    >>> image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(1, 4, 4)
    >>> mask[0, :2, :3] = 1
    >>> empty_crop(np.random.default_rng(0), 0.5, (image, mask))[1].sum().item()
    0.0
    """
    rows, columns, _, _ = _window(item, share)
    # sums[i, j] is the number of foreground pixels above row i and left of column j.
    sums = F.pad((item[1][0] == 1).long().cumsum(0).cumsum(1), (1, 0, 1, 0))
    strips = sums[rows:] - sums[:-rows]
    inside = strips[:, columns:] - strips[:, :-columns]
    emptiest = (inside == inside.min()).nonzero()
    top, left = emptiest[int(rng.random() * len(emptiest))].tolist()
    return _cut(item, rows, columns, top, left)


def pair(rng: Generator, share: float, first: Item, second: Item) -> Item:
    """Put two images side by side in random order, each squeezed to a part of the width.

    Args:
        share: share of the width that the second image gets.

    Raises:
        ValueError: the first image is 1 pixel wide.

    >>> black = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.zeros(1, 2, 4)
    >>> white = torch.full((3, 2, 4), 255, dtype=torch.uint8), torch.ones(1, 2, 4)
    >>> pair(np.random.default_rng(0), 0.25, black, white)[1].mean().item()
    0.25
    """
    height, width = first[1].shape[-2:]
    if width < 2:
        raise ValueError("an image is 1 pixel wide; expected 2 or more, for two side by side")
    columns = max(1, round(share * width))
    parts = [_resized(first, height, width - columns), _resized(second, height, columns)]
    if rng.random() < 0.5:
        parts.reverse()
    images, masks = zip(*parts, strict=True)
    return torch.cat(images, -1), torch.cat(masks, -1)


def paste(rng: Generator, share: float, first: Item, second: Item) -> Item:
    """Paste one side of the second image over the same side of the first; the side is random.

    Args:
        share: share of the image that is covered.

    >>> black = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(1, 4, 4)
    >>> white = torch.full((3, 4, 4), 255, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> paste(np.random.default_rng(0), 0.25, black, white)[1].mean().item()
    0.25
    """
    image, mask = (part.clone() for part in first)
    axis, last = (int(draw) for draw in rng.integers(2, size=2))
    length = mask.shape[1 + axis]
    size = round(share * length)
    side = (1 + axis, last * (length - size), size)
    for part, other in zip((image, mask), _resized(second, *mask.shape[-2:]), strict=True):
        part.narrow(*side).copy_(other.narrow(*side))
    return image, mask


def _grades(
    function: Callable[..., Item], *strengths: float, **facts: bool
) -> dict[str, Corruption]:
    """Return the grades 1, 2, ... of a kind of corruption; `facts` are its `mixes` and `whole`."""
    corruptions = [Corruption(function, strength, **facts) for strength in strengths]
    return {f"{function.__name__}{i}": c for i, c in enumerate(corruptions, 1)}


CORRUPTIONS: dict[str, Corruption] = {
    **_grades(noise, 12, 25, 50),
    **_grades(blur, 1 / 96, 1 / 48, 1 / 24),
    **_grades(contrast, 0.6, 0.4, 0.2),
    **_grades(brightness, 30, 60, 90),
    **_grades(jpeg, 30, 15, 6),
    **_grades(zoom, 0.75, 0.5, 0.3, whole=False),
    **_grades(crop, 0.75, 0.5, 0.3, whole=False),
    **_grades(empty_crop, 0.75, 0.5, 0.3, whole=False),
    **_grades(pair, 0.25, 0.375, 0.5, mixes=True),
    **_grades(paste, 0.25, 0.375, 0.5, mixes=True, whole=False),
}
"""Corruptions by name, such as "noise2": the kind and the grade. The grades of a kind follow each
other, and a higher one is more severe."""


def _window(item: Item, share: float) -> tuple[int, int, int, int]:
    """Return the rows and columns of a window, and how far it can move down and to the right."""
    height, width = item[1].shape[-2:]
    rows, columns = max(1, round(share * height)), max(1, round(share * width))
    return rows, columns, height - rows, width - columns


def _cut(item: Item, rows: int, columns: int, top: int, left: int) -> Item:
    """Cut a window out of an image and its mask, and resize it to their size."""
    image, mask = item
    window = (..., slice(top, top + rows), slice(left, left + columns))
    return _resized((image[window], mask[window]), *mask.shape[-2:])


def _resized(item: Item, height: int, width: int) -> Item:
    """Resize an image bilinearly with antialiasing, and its mask to the nearest pixel."""
    image, mask = item
    resized = F.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]
    rows, columns = _nearest(mask.shape[-2], height), _nearest(mask.shape[-1], width)
    return resized, mask[:, rows][:, :, columns]


def _nearest(length: int, new: int) -> Tensor:
    """Return the source pixel of each of `new` pixels, `floor((i + 1/2) * length / new)`.

    It contains the centre of the new pixel, as in the bilinear resizing of the image. The mode
    "nearest" of `interpolate` uses the pixels' corners instead, and would shift the mask by up to
    half a pixel. Integer arithmetic gives the same result for ties on every machine.
    """
    return (2 * torch.arange(new) + 1) * length // (2 * new)


def _to_grey_levels(values: Tensor) -> Tensor:
    """Round to uint8 grey levels, clipped to 0 to 255."""
    return values.round().clamp(0, 255).to(torch.uint8)
