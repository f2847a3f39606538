"""Graded corruptions of an image and its mask: a distribution shift of known severity.

Photometric corruptions leave the mask unchanged, and geometric ones transform it with the image.
Noise, blur, contrast, brightness and JPEG follow ImageNet-C (Hendrycks & Dietterich, ICLR 2019),
with severities of this project.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.maps.read import through_jpeg

Item = tuple[Tensor, Tensor]
"""Image (3, H, W) uint8 and mask (1, H, W)."""


@dataclass(frozen=True)
class Corruption(ABC):
    """Base class of corruptions: one kind at one grade.

    Args:
        grade: severity; a higher grade is more severe.

    Attributes:
        kind: name without the grade.
        mixes: whether it needs another image of the set.
        whole: whether nothing is cut off or covered. Apart from lost detail, the image then still
            shows what the annotators saw, so that `P(y = 1 | x)` stays known.
    """

    grade: int
    kind: ClassVar[str]
    mixes: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Name with the grade, such as "noise2"."""
        return f"{self.kind}{self.grade}"

    @abstractmethod
    def change(self, rng: Generator, *items: Item) -> Item:
        """Corrupt an image and its mask.

        With the same random numbers, all grades of a kind choose the same noise, place or side.

        Args:
            rng: source of the random numbers.
            items: the image with its mask; a corruption that mixes takes a second pair.
        """


class Photometric(Corruption):
    """Base class of corruptions that change the grey levels of an image, but not its mask."""

    def change(self, rng: Generator, *items: Item) -> Item:
        """Corrupt an image; return it with its unchanged mask."""
        ((image, mask),) = items
        return self.levels(rng, image), mask

    @abstractmethod
    def levels(self, rng: Generator, image: Tensor) -> Tensor:
        """Compute the corrupted image (3, H, W) uint8."""


@dataclass(frozen=True)
class Noise(Photometric):
    """Add Gaussian noise to each channel of each pixel.

    Args:
        sigma: standard deviation in grey levels; the sum is clipped to 0 to 255.

    >>> image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> noisy, same = Noise(grade=1, sigma=12).change(np.random.default_rng(0), (image, mask))
    >>> noisy.shape, noisy.dtype, same is mask
    (torch.Size([3, 4, 4]), torch.uint8, True)
    """

    sigma: float
    kind = "noise"

    def levels(self, rng: Generator, image: Tensor) -> Tensor:
        noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
        return _to_grey_levels(image + self.sigma * noise)


@dataclass(frozen=True)
class Blur(Photometric):
    """Blur by a Gaussian kernel; the image is padded by its border pixels.

    Args:
        sigma: standard deviation as a share of the shorter side.

    >>> image = torch.full((3, 4, 4), 90, dtype=torch.uint8)
    >>> Blur(grade=1, sigma=0.5).levels(np.random.default_rng(0), image).unique()
    tensor([90], dtype=torch.uint8)
    """

    sigma: float
    kind = "blur"

    def levels(self, rng: Generator, image: Tensor) -> Tensor:
        sigma = self.sigma * min(image.shape[-2:])
        reach = int(4 * sigma + 0.5)
        weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).double() / sigma) ** 2)
        weights = (weights / weights.sum()).float()
        padded = F.pad(image.float()[:, None], [reach] * 4, mode="replicate")
        across = F.conv2d(padded, weights.view(1, 1, 1, -1))
        return _to_grey_levels(F.conv2d(across, weights.view(1, 1, -1, 1))[:, 0])


@dataclass(frozen=True)
class Contrast(Photometric):
    """Scale the contrast: `m + factor * (x - m)`, with the mean m of each channel.

    >>> image = torch.tensor([0, 200], dtype=torch.uint8).expand(3, 1, 2)
    >>> Contrast(grade=1, factor=0.5).levels(np.random.default_rng(0), image)[0]
    tensor([[ 50, 150]], dtype=torch.uint8)
    """

    factor: float
    kind = "contrast"

    def levels(self, rng: Generator, image: Tensor) -> Tensor:
        mean = image.double().mean((1, 2), keepdim=True)
        return _to_grey_levels(mean + self.factor * (image - mean))


@dataclass(frozen=True)
class Brightness(Photometric):
    """Make an image brighter or darker, at random, by `shift` grey levels; clip to 0 to 255.

    >>> image = torch.full((3, 1, 1), 100, dtype=torch.uint8)
    >>> new = Brightness(grade=1, shift=30).levels(np.random.default_rng(0), image)
    >>> new[0, 0, 0].item() in (70, 130)
    True
    """

    shift: int
    kind = "brightness"

    def levels(self, rng: Generator, image: Tensor) -> Tensor:
        return _to_grey_levels(image.float() + rng.choice((-1, 1)) * self.shift)


@dataclass(frozen=True)
class Jpeg(Photometric):
    """Compress as JPEG and decode again.

    Args:
        quality: Pillow's JPEG quality, 1 to 95.
        subsampling: colour subsampling, "4:4:4", "4:2:2" or "4:2:0".

    >>> image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    >>> Jpeg(1, quality=30, subsampling="4:2:0").levels(np.random.default_rng(0), image).shape
    torch.Size([3, 8, 8])
    """

    quality: int
    subsampling: str
    kind = "jpeg"

    def levels(self, rng: Generator, image: Tensor) -> Tensor:
        pixels = through_jpeg(image.permute(1, 2, 0).numpy(), self.quality, self.subsampling)
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Geometric(Corruption):
    """Base class of corruptions that transform an image and its mask together.

    Args:
        share: share of the image that is shown or covered; the subclasses say of which side.
    """

    share: float


class Window(Geometric):
    """Base class of corruptions that cut out a window and resize it to the size of the image.

    Args:
        share: height and width of the window, as a share of those of the image.
    """

    whole = False

    def change(self, rng: Generator, *items: Item) -> Item:
        """Cut the window out of an image and its mask, and resize both."""
        ((image, mask),) = items
        height, width = mask.shape[-2:]
        rows, columns = max(1, round(self.share * height)), max(1, round(self.share * width))
        top, left = self.corner(rng, mask, rows, columns)
        window = (..., slice(top, top + rows), slice(left, left + columns))
        return _resized((image[window], mask[window]), height, width)

    @abstractmethod
    def corner(self, rng: Generator, mask: Tensor, rows: int, columns: int) -> tuple[int, int]:
        """Choose the row and column of the window's first pixel."""


class Zoom(Window):
    """Cut out the central window.

    >>> image = torch.zeros(3, 4, 4, dtype=torch.uint8)
    >>> mask = torch.tensor([[[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]])
    >>> Zoom(grade=1, share=0.5).change(np.random.default_rng(0), (image, mask))[1].unique()
    tensor([1])
    """

    kind = "zoom"

    def corner(self, rng: Generator, mask: Tensor, rows: int, columns: int) -> tuple[int, int]:
        height, width = mask.shape[-2:]
        return (height - rows) // 2, (width - columns) // 2


class Crop(Window):
    """Cut out a window at a random position.

    >>> image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> Crop(grade=1, share=0.5).change(np.random.default_rng(0), (image, mask))[0].shape
    torch.Size([3, 4, 4])
    """

    kind = "crop"

    def corner(self, rng: Generator, mask: Tensor, rows: int, columns: int) -> tuple[int, int]:
        height, width = mask.shape[-2:]
        down, right = rng.random(2)
        return int(down * (height - rows + 1)), int(right * (width - columns + 1))


class EmptyCrop(Window):
    """Cut out the window with the least foreground; a random one if there are several.

    >>> image, mask = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(1, 4, 4)
    >>> mask[0, :2, :3] = 1
    >>> empty = EmptyCrop(grade=1, share=0.5)
    >>> empty.change(np.random.default_rng(0), (image, mask))[1].sum().item()
    0.0
    """

    kind = "empty_crop"

    def corner(self, rng: Generator, mask: Tensor, rows: int, columns: int) -> tuple[int, int]:
        # sums[i, j] is the number of foreground pixels above row i and left of column j.
        sums = F.pad((mask[0] == 1).long().cumsum(0).cumsum(1), (1, 0, 1, 0))
        strips = sums[rows:] - sums[:-rows]
        inside = strips[:, columns:] - strips[:, :-columns]
        emptiest = (inside == inside.min()).nonzero()
        top, left = emptiest[int(rng.random() * len(emptiest))].tolist()
        return top, left


class Pair(Geometric):
    """Put two images side by side, each squeezed to a part of the width.

    Args:
        share: share of the width that the other image gets.

    >>> black = torch.zeros(3, 2, 4, dtype=torch.uint8), torch.zeros(1, 2, 4)
    >>> white = torch.full((3, 2, 4), 255, dtype=torch.uint8), torch.ones(1, 2, 4)
    >>> Pair(grade=1, share=0.25).change(np.random.default_rng(0), black, white)[1].mean().item()
    0.25
    """

    kind = "pair"
    mixes = True

    def change(self, rng: Generator, *items: Item) -> Item:
        """Combine two images and their masks, in random order."""
        first, second = items
        height, width = first[1].shape[-2:]
        if width < 2:
            raise ValueError("an image is 1 pixel wide; expected 2 or more, for two side by side")
        columns = max(1, round(self.share * width))
        parts = [_resized(first, height, width - columns), _resized(second, height, columns)]
        if rng.random() < 0.5:
            parts.reverse()
        (left, left_mask), (right, right_mask) = parts
        return torch.cat((left, right), -1), torch.cat((left_mask, right_mask), -1)


class Paste(Geometric):
    """Paste one side of another image over the same side of an image.

    Args:
        share: share of the image that is covered.

    >>> black = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.zeros(1, 4, 4)
    >>> white = torch.full((3, 4, 4), 255, dtype=torch.uint8), torch.ones(1, 4, 4)
    >>> Paste(grade=1, share=0.25).change(np.random.default_rng(0), black, white)[1].mean().item()
    0.25
    """

    kind = "paste"
    mixes = True
    whole = False

    def change(self, rng: Generator, *items: Item) -> Item:
        """Paste the second image and mask over a random side of the first."""
        image, mask = items[0]
        other, other_mask = _resized(items[1], *mask.shape[-2:])
        axis, last = (int(draw) for draw in rng.integers(2, size=2))
        length = mask.shape[1 + axis]
        size = round(self.share * length)
        side = torch.arange(length)[length - size if last else 0 :][:size]
        return (
            image.index_copy(1 + axis, side, other.index_select(1 + axis, side)),
            mask.index_copy(1 + axis, side, other_mask.index_select(1 + axis, side)),
        )


CORRUPTIONS: dict[str, Corruption] = {
    corruption.name: corruption
    for corruption in (
        *(Noise(1, sigma=12), Noise(2, sigma=25), Noise(3, sigma=50)),
        *(Blur(1, sigma=1 / 96), Blur(2, sigma=1 / 48), Blur(3, sigma=1 / 24)),
        *(Contrast(1, factor=0.6), Contrast(2, factor=0.4), Contrast(3, factor=0.2)),
        *(Brightness(1, shift=30), Brightness(2, shift=60), Brightness(3, shift=90)),
        *(Jpeg(1, 30, "4:2:0"), Jpeg(2, 15, "4:2:0"), Jpeg(3, 6, "4:2:0")),
        *(Zoom(1, share=0.75), Zoom(2, share=0.5), Zoom(3, share=0.3)),
        *(Crop(1, share=0.75), Crop(2, share=0.5), Crop(3, share=0.3)),
        *(EmptyCrop(1, share=0.75), EmptyCrop(2, share=0.5), EmptyCrop(3, share=0.3)),
        *(Pair(1, share=0.25), Pair(2, share=0.375), Pair(3, share=0.5)),
        *(Paste(1, share=0.25), Paste(2, share=0.375), Paste(3, share=0.5)),
    )
}
"""Corruptions by name, such as "noise2"; the grades of a kind follow each other."""


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
