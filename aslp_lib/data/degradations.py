"""Graded degradations of an image and its mask: a shift of data whose strength is known.

What changes the light or the sharpness leaves the mask; what changes the geometry moves it along.
Noise, blur, contrast, brightness and JPEG are kinds of ImageNet-C (Hendrycks & Dietterich, ICLR
2019), with strengths of our own. All is computed at the size of the items that a set loads.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.data.base import SaliencySet, derived_seed
from aslp_lib.data.images import through_jpeg

Item = tuple[Tensor, Tensor]
"""Image (3, H, W) uint8 and mask (1, H, W)."""


@dataclass(frozen=True)
class Degradation(ABC):
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


class Photometric(Degradation):
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
        return _to_levels(image + self.sigma * noise)


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
        return _to_levels(F.conv2d(across, weights.view(1, 1, -1, 1))[:, 0])


@dataclass(frozen=True)
class Contrast(Photometric):
    """`m + factor * (x - m)`, with m a channel's mean over the image."""

    factor: float
    kind = "contrast"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        mean = image.double().mean((1, 2), keepdim=True)
        return _to_levels(mean + self.factor * (image - mean))


@dataclass(frozen=True)
class Brightness(Photometric):
    """Some images brighter, the others darker, by `shift` grey levels; cut to 0 to 255."""

    shift: int
    kind = "brightness"

    def levels(self, rng: np.random.Generator, image: Tensor) -> Tensor:
        return _to_levels(image.float() + rng.choice((-1, 1)) * self.shift)


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
class Window(Degradation):
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
class Pair(Degradation):
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
class Paste(Degradation):
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


DEGRADATIONS: dict[str, Degradation] = {
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


def degrade(
    images: Tensor, masks: Tensor, name: str, *, seed: int, which: Sequence[int] | None = None
) -> tuple[Tensor, Tensor]:
    """A set's images and masks, degraded.

    What becomes of an image depends on the seed, on its number in the set and, where two are mixed,
    on how many there are: not on which others are asked for, or in what order.

    Args:
        images: (N, 3, H, W) uint8, the whole set.
        masks: (N, 1, H, W) uint8 in {0, 1}.
        name: one of `DEGRADATIONS`.
        seed: 0 or more.
        which: the numbers of the images to return, in this order; all, unless given.

    Returns:
        Images (n, 3, H, W) uint8 and masks (n, 1, H, W) uint8 in {0, 1}.

    Raises:
        ValueError: no such degradation; other tensors than these; one image, where two are mixed.
        IndexError: a number that the set does not have.
    """
    _check(images, masks)
    degradation = _named(name, len(images))
    chosen = range(len(images)) if which is None else which
    changed = [
        _degraded(degradation, lambda i: (images[i], masks[i]), len(images), number, seed)
        for number in chosen
    ]
    if not changed:
        return images[:0], masks[:0]
    pictures, labels = zip(*changed, strict=True)
    return torch.stack(pictures), torch.stack(labels)


class Degraded(SaliencySet):
    """A set, each of its images degraded when it is loaded.

    It exists at the size of the set's items alone, so that its predicted maps are measured there
    too, not at the size of any file. Sets of different names have draws of their own, so that what
    is fitted on one degraded set has not seen the noise of another.

    Args:
        dataset: the set; what augments it is left out.
        degradation: a name of `DEGRADATIONS`.
        seed: 0 or more.

    Raises:
        ValueError: no such degradation; a set of soft masks; one image, where two are mixed.
    """

    def __init__(self, dataset: SaliencySet, degradation: str, seed: int = 0) -> None:
        super().__init__(f"{dataset.name}, {degradation}", dataset.stems)
        self.dataset, self.degradation = dataset, _named(degradation, len(dataset))
        self.draws = derived_seed(seed, zlib.crc32(dataset.name.encode()))
        if dataset.soft_masks:
            raise ValueError(
                f"the set {dataset.name} has soft masks, but only masks of 0 and 1 are degraded: "
                "load it without them"
            )

    def load(self, index: int) -> Item:
        return self._changed(self.dataset.loaded, index)

    def shape(self, index: int) -> tuple[int, int]:
        height, width = self.mask(index).shape
        return height, width

    def mask(self, index: int) -> np.ndarray:
        _, mask = self.loaded(index)
        return mask[0].numpy()

    def check_files(self) -> None:
        self.dataset.check_files()

    @cached_property
    def posterior(self) -> np.ndarray:
        """(images, H, W) `P(y = 1 | x)`, moved as the masks are, where it is known.

        Raises:
            AttributeError: it is not known of the set itself, or not of what is left of its images.
        """
        known = getattr(self.dataset, "posterior", None)
        if known is None or not self.degradation.whole:
            raise AttributeError(f"nobody knows the posterior of {self.name}")

        def item(index: int) -> Item:
            truth = torch.from_numpy(known[index])[None]
            return torch.zeros(3, *truth.shape[1:], dtype=torch.uint8), truth

        return np.stack([self._changed(item, i)[1][0].numpy() for i in range(len(self))])

    def _changed(self, load: Callable[[int], Item], index: int) -> Item:
        return _degraded(self.degradation, load, len(self), index, self.draws)


def _degraded(
    degradation: Degradation, load: Callable[[int], Item], count: int, number: int, seed: int
) -> Item:
    """Image `number` of `count`, which `load` gives by their numbers."""
    if not 0 <= number < count:
        raise IndexError(f"there is no image {number}: the set has {count}, from 0 on")
    rng = np.random.default_rng(derived_seed(seed, number))
    if not degradation.mixes:
        return degradation.change(rng, load(number))
    other = int(rng.integers(count - 1))
    return degradation.change(rng, load(number), load(other + (other >= number)))


def _named(name: str, images: int) -> Degradation:
    """The degradation of a name, for a set of so many images."""
    if name not in DEGRADATIONS:
        raise ValueError(f"there is no degradation {name!r}: choose of {', '.join(DEGRADATIONS)}")
    if DEGRADATIONS[name].mixes and images < 2:
        raise ValueError(f"{name} mixes two images of a set, but this one has {images}")
    return DEGRADATIONS[name]


def _check(images: Tensor, masks: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(
            f"images are {images.dtype} of shape {tuple(images.shape)}, but must be uint8 (0 to "
            "255) of shape (N, 3, H, W)"
        )
    count, _, height, width = images.shape
    if masks.dtype != torch.uint8 or masks.shape != (count, 1, height, width):
        raise ValueError(
            f"masks are {masks.dtype} of shape {tuple(masks.shape)}, but must be uint8 of shape "
            f"{(count, 1, height, width)}, as the images are"
        )
    if masks.numel() and masks.max() > 1:
        raise ValueError(f"masks go to {int(masks.max())}, but must hold 0 and 1 alone")


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


def _to_levels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)
