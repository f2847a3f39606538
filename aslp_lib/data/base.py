"""What every data set here is: an ordered list of stems, each with an image and a binary mask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import resized_crop
from tqdm.auto import tqdm


class SaliencySet(Dataset):
    """Items `(image, label, index)`; the index names the image's alpha.

    `image` is (3, S, S) uint8, `label` (1, S, S) float in {0, 1}. Augmentation draws from
    (seed, epoch, index) alone, so an item does not depend on how many workers load it or in what
    order, and a resumed run sees what an unbroken one would have seen.

    Args:
        name: the set's name, for messages, tables and folders.
        stems: one name an image, in the order of the indices.
        augment: a torchvision v2 transform of (image, mask), or None.
    """

    def __init__(
        self, name: str, stems: Sequence[str], augment: Callable | None = None, seed: int = 0
    ) -> None:
        self.name, self.stems = name, list(stems)
        self.augment, self.seed = augment, seed
        # In shared memory, for worker processes that live from epoch to epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()
        self._held: list[tuple[Tensor, Tensor]] | None = None

    def __len__(self) -> int:
        return len(self.stems)

    @property
    def epoch(self) -> int:
        """What augmentation draws from besides the seed and the index."""
        return self._epoch.item()

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        image, mask = self._held[index] if self._held is not None else self.load(index)
        if self.augment is not None:
            # As torch.random.fork_rng, which takes longer than a flip.
            before = torch.default_generator.get_state()
            torch.default_generator.manual_seed(derived_seed(self.seed, self.epoch, index))
            image, mask = self.augment(tv_tensors.Image(image), tv_tensors.Mask(mask))
            torch.default_generator.set_state(before)
        return image.as_subclass(Tensor), mask.as_subclass(Tensor).float(), index

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        """Image (3, S, S) uint8 and mask (1, S, S) uint8 in {0, 1}, before augmentation."""
        raise NotImplementedError

    def shape(self, index: int) -> tuple[int, int]:
        """(H, W) of the image as it is stored: the size of its predicted map."""
        raise NotImplementedError

    def mask(self, index: int) -> np.ndarray:
        """(H, W) uint8 in {0, 1} at the stored size: what a predicted map is measured against."""
        raise NotImplementedError

    def hold(self, progress: bool = False) -> None:
        """Load all items once and keep them in memory (S * S * 4 bytes each)."""
        with ThreadPoolExecutor() as pool:
            items = pool.map(self.load, range(len(self)))
            bar = tqdm(
                items,
                total=len(self),
                desc=f"reading {self.name}",
                disable=not progress,
                leave=False,
            )
            self._held = list(bar)


@dataclass(frozen=True)
class DataSets:
    """All that a run trains, validates and tests on.

    Args:
        origin: where it comes from, in words.
        tests: test sets by name.
        notes: what the user should be told: lists made up, sets not found.
    """

    origin: str
    train: SaliencySet
    validation: SaliencySet
    tests: dict[str, SaliencySet]
    notes: list[str] = field(default_factory=list)


def augmentation(
    size: int, crop: int = 0, degrees: int = 0, *, centred: bool = False
) -> v2.Transform:
    """Random flip, and as asked a crop and a rotation with probability 0.2.

    Args:
        size: side of the (square) items.
        crop: the crop cuts up to this many pixels off each side length, then resizes back.
        degrees: the rotation's range, +-degrees.
        centred: crop to the middle, height and width each by its own draw, as the release does;
            else to a square anywhere.
    """
    steps: list[v2.Transform] = [v2.RandomHorizontalFlip()]
    if crop and centred:
        steps.append(CentredCrop(size, crop))
    elif crop:
        scale = ((size - crop) / size) ** 2
        steps.append(v2.RandomResizedCrop(size, scale=(scale, 1.0), ratio=(1.0, 1.0)))
    if degrees:
        rotation = v2.RandomRotation(degrees, interpolation=v2.InterpolationMode.BILINEAR)
        steps.append(v2.RandomApply([rotation], p=0.2))
    return v2.Compose(steps)


class CentredCrop(v2.Transform):
    """Cuts 1 to `cut` pixels off the height and off the width, evenly on both sides, and resizes
    to `size` again."""

    def __init__(self, size: int, cut: int) -> None:
        super().__init__()
        self.size, self.cut = size, cut

    def make_params(self, flat_inputs: list) -> dict[str, int]:
        height, width = torch.randint(1, self.cut + 1, (2,)).tolist()
        return {"height": height, "width": width}

    def transform(self, inpt: Tensor, params: dict[str, int]) -> Tensor:
        height, width = params["height"], params["width"]
        return resized_crop(
            inpt,
            top=height // 2,
            left=width // 2,
            height=self.size - height,
            width=self.size - width,
            size=[self.size, self.size],
            antialias=True,
        )


def derived_seed(*parts: int) -> int:
    """One seed from several numbers, well mixed."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
