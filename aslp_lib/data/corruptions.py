"""Graded corruptions of an image and its mask: a shift of data whose strength is known.

What changes the light or the sharpness leaves the mask; what changes the geometry moves it along.
Noise, blur, contrast, brightness and JPEG are kinds of ImageNet-C (Hendrycks & Dietterich, ICLR
2019), with strengths of our own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.data.images import through_jpeg

Item = tuple[Tensor, Tensor]
"""Image (3, H, W) uint8 and mask (1, H, W)."""


@dataclass(frozen=True)
class Corruption(ABC):
    """One kind at one grade; the higher the grade, the stronger.

    Attributes:
        kind: its name without the grade.
        mixes: it needs another image of the set.
        whole: nothing is cut off or covered. What the annotators judged by is then still to be
            seen, but for lost detail, and `P(y = 1 | x)` is what it was; else nobody knows it.
    """

    grade: int
    kind: ClassVar[str]
    mixes: ClassVar[bool] = False
    whole: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"{self.kind}{self.grade}"

    @abstractmethod
    def change(self, rng: np.random.Generator, *items: Item) -> Item:
        """A new item of an image's own and, if it `mixes`, another one.

        At every grade of a kind, one generator makes the same choices: of noise, place or side.
        """


class Photometric(Corruption):
    """Changes levels, not where things are."""

    def change(self, rng: np.random.Generator, *items: Item) -> Item:
        ((image, mask),) = items
        return self.levels(rng, image), mask

    @abstractmethod
    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        """The image's new levels."""


@dataclass(frozen=True)
class Noise(Photometric):
    """Gaussian noise on each value of each pixel.

    Args:
        sigma: its standard deviation in grey levels, before the sum is cut to 0 to 255.
    """

    sigma: float
    kind = "noise"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
        return _to_grey_levels(image + self.sigma * noise)


@dataclass(frozen=True)
class Blur(Photometric):
    """Gaussian blur; beyond its edge an image goes on as it ends.

    Args:
        sigma: its standard deviation as a share of the shorter side.
    """

    sigma: float
    kind = "blur"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        sigma = self.sigma * min(image.shape[-2:])
        reach = int(4 * sigma + 0.5)
        weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1).double() / sigma) ** 2)
        weights = (weights / weights.sum()).float()
        padded = F.pad(image.float()[:, None], [reach] * 4, mode="replicate")
        across = F.conv2d(padded, weights.view(1, 1, 1, -1))
        return _to_grey_levels(F.conv2d(across, weights.view(1, 1, -1, 1))[:, 0])


@dataclass(frozen=True)
class Contrast(Photometric):
    """`m + factor * (x - m)`, with m a channel's mean over the image."""

    factor: float
    kind = "contrast"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        mean = image.double().mean((1, 2), keepdim=True)
        return _to_grey_levels(mean + self.factor * (image - mean))


@dataclass(frozen=True)
class Brightness(Photometric):
    """Some images brighter, the others darker, by `shift` grey levels; cut to 0 to 255."""

    shift: int
    kind = "brightness"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        return _to_grey_levels(image.float() + rng.choice((-1, 1)) * self.shift)


@dataclass(frozen=True)
class Jpeg(Photometric):
    """Compression as JPEG.

    Args:
        quality: as Pillow's, 1 to 95.
        subsampling: of colour, "4:4:4", "4:2:2" or "4:2:0".
    """

    quality: int
    subsampling: str
    kind = "jpeg"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        pixels = through_jpeg(image.permute(1, 2, 0).numpy(), self.quality, self.subsampling)
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


@dataclass(frozen=True)
class Window(Corruption):
    """A window of the image, resized to its frame.

    Args:
        share: the window's height and width, as a share of the image's.
    """

    share: float
    whole = False

    def change(self, rng: np.random.Generator, *items: Item) -> Item:
        ((image, mask),) = items
        height, width = mask.shape[-2:]
        rows, columns = max(1, round(self.share * height)), max(1, round(self.share * width))
        top, left = self.corner(rng, mask, rows, columns)
        window = (..., slice(top, top + rows), slice(left, left + columns))
        return _resized((image[window], mask[window]), height, width)

    @abstractmethod
    def corner(
        self, rng: np.random.Generator, mask: Tensor, rows: int, columns: int
    ) -> tuple[int, int]:
        """Row and column of the window's first pixel."""


class Zoom(Window):
    """The window in the middle."""

    kind = "zoom"

    def corner(
        self, rng: np.random.Generator, mask: Tensor, rows: int, columns: int
    ) -> tuple[int, int]:
        height, width = mask.shape[-2:]
        return (height - rows) // 2, (width - columns) // 2


class Crop(Window):
    """A window anywhere."""

    kind = "crop"

    def corner(
        self, rng: np.random.Generator, mask: Tensor, rows: int, columns: int
    ) -> tuple[int, int]:
        height, width = mask.shape[-2:]
        down, right = rng.random(2)
        return int(down * (height - rows + 1)), int(right * (width - columns + 1))


class EmptyCrop(Window):
    """The window with the least foreground; one of them, if there are several."""

    kind = "empty_crop"

    def corner(
        self, rng: np.random.Generator, mask: Tensor, rows: int, columns: int
    ) -> tuple[int, int]:
        # sums[i, j]: foreground above row i and left of column j.
        sums = F.pad(mask[0].long().cumsum(0).cumsum(1), (1, 0, 1, 0))
        strips = sums[rows:] - sums[:-rows]
        inside = strips[:, columns:] - strips[:, :-columns]
        emptiest = (inside == inside.min()).nonzero()
        top, left = emptiest[int(rng.random() * len(emptiest))].tolist()
        return top, left


@dataclass(frozen=True)
class Pair(Corruption):
    """Two images side by side, squeezed to the frame of one.

    Args:
        share: of the frame's width, the other image's.
    """

    share: float
    kind = "pair"
    mixes = True

    def change(self, rng: np.random.Generator, *items: Item) -> Item:
        own, other = items
        height, width = own[1].shape[-2:]
        if width < 2:
            raise ValueError("an image is 1 pixel wide, but two side by side need 2 or more")
        columns = max(1, round(self.share * width))
        parts = [_resized(own, height, width - columns), _resized(other, height, columns)]
        if rng.random() < 0.5:
            parts.reverse()
        (left, left_mask), (right, right_mask) = parts
        return torch.cat((left, right), -1), torch.cat((left_mask, right_mask), -1)


@dataclass(frozen=True)
class Paste(Corruption):
    """One side of another image pasted over that side of this one.

    Args:
        share: of the frame, the other image's.
    """

    share: float
    kind = "paste"
    mixes = True
    whole = False

    def change(self, rng: np.random.Generator, *items: Item) -> Item:
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
    each.name: each
    for each in (
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
"""By name, as "noise2": a kind's grades one after another."""


def _resized(item: Item, height: int, width: int) -> Item:
    """The image bilinearly, without aliasing; the mask to the nearest pixel."""
    image, mask = item
    picture = F.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0]
    rows, columns = _nearest(mask.shape[-2], height), _nearest(mask.shape[-1], width)
    return picture, mask[:, rows][:, :, columns]


def _nearest(length: int, new: int) -> Tensor:
    """Which of `length` pixels has each of `new` pixels' middle, `floor((i + 1/2) length / new)`.

    As the image is resized: interpolation's "nearest" goes by the pixels' corners, and would shift
    the mask by up to half a pixel. In whole numbers, so that a tie is one on every machine.
    """
    return (2 * torch.arange(new) + 1) * length // (2 * new)


def _to_grey_levels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
