"""What training asks of a method, and the random numbers that it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.metrics.counts import Counts


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


def _before(rows: Tensor) -> Tensor:
    """Of one process, which holds the whole batch."""
    return rows.roll(1, 0)


@dataclass(frozen=True)
class Draws:
    """What is random in a batch. Numbers depend on (seed, epoch, image) alone: however the images
    lie in batches and on processes, each meets the same ones.

    Args:
        uniform: (N,) in [0, 1), one an image, on the batch's device.
        images: the images' numbers, on the host.
        seed: an image's number -> its own seed in this epoch.
        partners: rows (N, ...) of these images -> those of each image's partner, the one before it
            in the whole batch, whose order is drawn. Processes wait for each other here.
    """

    uniform: Tensor
    images: Sequence[int]
    seed: Callable[[int], int]
    partners: Callable[[Tensor], Tensor] = _before

    def of_each(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """(N, ...) what `draw` makes of a generator of each image's own, on the host.

        For what needs more than one number an image; a generator costs some 20 microseconds.
        """
        generators = (torch.Generator().manual_seed(self.seed(i)) for i in self.images)
        return torch.stack([draw(generator) for generator in generators])


OptionsT = TypeVar("OptionsT")


class Method(nn.Module, Generic[OptionsT]):
    """A way to train. Training calls these hooks and knows no method by name.

    What a method remembers is held in buffers, so that it moves with `.to(device)` and is saved
    and resumed with every checkpoint. Each process of several holds all of it and calls the hooks
    with its own rows of each batch: state must be what one process would have, either made from
    the validation, which all see alike, or a value an image in `per_image`.

    Args:
        images: how many images the training set has.
        options: the method's hyperparameters.
    """

    name: ClassVar[str]
    """In settings, on the command line and in a run's folder."""
    label: ClassVar[str]
    """In tables and figures."""
    family: ClassVar[str]
    """Which group of hyperparameters it reads: its own, called as it is, or one that it shares."""
    Options: ClassVar[type] = NoOptions
    """The frozen dataclass of these; it refuses bad values."""
    hard_masks: ClassVar[bool] = False
    """It cannot train on soft masks: settings with both are refused."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if hasattr(cls, "name") and not hasattr(cls, "family"):
            cls.family = cls.name

    def __init__(self, images: int, options: OptionsT) -> None:
        super().__init__()
        self.options = options

    def begin(self, network: nn.Module) -> None:
        """See the network before its first step, and before a checkpoint fills it: a copy of it is
        state, as buffers are."""

    def prepare(
        self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """What the network and the loss see instead of a batch's images and labels.

        Args:
            images: (N, 3, S, S) uint8.
            labels: (N, 1, S, S) float in {0, 1}, or of soft masks in [0, 1].
            index: (N,) which images of the training set.

        Returns:
            Images, uint8 or float in [0, 1], and a label map of each; there may be more than N.
        """
        return images, labels

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """The sum of these images' loss over their pixels, in nats; BCE, unless overridden.

        Of several processes each is asked for its own rows; training divides by the pixels of the
        whole batch. A term that is no sum over pixels counts as often as there are pixels.

        Args:
            logits: (N, 1, S, S) float32, or of as many images as `prepare` made.
            labels: the same shape, as `prepare` left them.
        """
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")

    def after_step(self, index: Tensor, logits: Tensor, labels: Tensor) -> None:
        """See what the network said in a step, of what `prepare` made, and the labels as they were;
        no gradients, no wait for the device."""

    def after_update(self, network: nn.Module) -> None:
        """See the network after the optimiser moved it; no gradients, no wait for the device."""

    def validated(self, network: nn.Module) -> nn.Module:
        """What the validation at the end of an epoch, and so its row of the log, are of."""
        return network

    def after_validation(self, counts: Counts, network: nn.Module) -> None:
        """See the validation at the end of an epoch, and the network as it is trained."""

    def log(self) -> dict[str, Tensor]:
        """Numbers to add to an epoch's row of the log, after its validation."""
        return {}

    def finish(self, network: nn.Module) -> None:
        """Put into the network the weights that a finished training leaves."""

    def per_image(self) -> dict[str, Tensor]:
        """Buffers (images,) of which a step moves its own images' values, by name. The progress bar
        shows their means, processes share them after each epoch, a finished training writes them.
        """
        return {}
