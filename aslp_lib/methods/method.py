"""The interface of training methods, and the random numbers that training passes to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.checks import check_types
from aslp_lib.metrics.classes import AnyCounts


@dataclass(frozen=True)
class MethodOptions:
    """Base class of the hyperparameters of a method; by itself, those of a method that has none.

    The ranges of numbers are marks of their annotations, such as `PositiveFloat` or `Share`.
    """

    def __post_init__(self) -> None:
        check_types(type(self), vars(self))


ALL = torch.tensor(True)
"""A mask that is true everywhere: it broadcasts."""


@dataclass(frozen=True)
class Draws:
    """The random numbers of one batch, and the mask of its ignored pixels.

    The numbers depend on (seed, epoch, image) alone, so an image gets the same ones however images
    are divided into batches and among processes.

    >>> draws = Draws(torch.tensor([0.3, 0.7]), images=[4, 9], seed=lambda image: 100 + image)
    >>> draws.of_each(lambda generator: torch.rand(3, generator=generator)).shape
    torch.Size([2, 3])

    Args:
        uniform: (N,) numbers in [0, 1), one per image, on the device of the batch.
        images: indices of the images in the training set, on the host.
        seed: maps the index of an image to the seed of that image in this epoch.
        valid: booleans of the shape of the logits, false for ignored pixels. Where they are not yet
            known, as in `prepare`, which may move pixels, it is a single true.
    """

    uniform: Tensor
    images: Sequence[int]
    seed: Callable[[int], int]
    valid: Tensor = ALL

    def of_each(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """Call `draw` with a generator for each image and stack the results, (N, ...), on the host.

        This is for methods that need more than one number per image. A generator costs about 20
        microseconds.
        """
        generators = (torch.Generator().manual_seed(self.seed(i)) for i in self.images)
        return torch.stack([draw(generator) for generator in generators])


OptionsT = TypeVar("OptionsT")
Batch = tuple[Tensor, Tensor]
"""Images and their label maps."""


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Compute the cross entropy of each pixel: BCE of one channel, or that of the softmax.

    Args:
        logits: (N, ...), or (N, K, ...) for K classes.
        labels: labels of the same shape, or class ids (N, ...) int64.

    >>> cross_entropy(torch.zeros(1, 3, 1, 2), torch.tensor([[[0, 2]]]))  # ln 3
    tensor([[[1.0986, 1.0986]]])
    """
    if labels.dim() < logits.dim():
        return F.cross_entropy(logits, labels, reduction="none")
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def known_labels(logits: Tensor, labels: Tensor, ignored: int) -> Tensor:
    """Return the labels of a batch as losses take them: of K channels, class ids (N, S, S) int64.

    Args:
        logits: (N, 1, S, S) or (N, K, S, S).
        labels: (N, 1, S, S) float, NaN for ignored pixels.
        ignored: what takes the place of NaN.
    """
    known = labels.nan_to_num(ignored)
    return known if logits.shape[1] == 1 else known[:, 0].long()


class Method(nn.Module, Generic[OptionsT]):
    """Base class of training methods.

    The training loop calls the hooks of a method and knows no method by its name.

    State is held in buffers, so that it moves with `.to(device)` and is saved in every checkpoint.
    With several processes, each holds all of the state and calls the hooks with its own images.
    State that follows from the weights or from the validation is the same in all of them. State of
    images is shared in `after_validation`, as ASLP does.

    >>> from aslp_lib.methods import METHODS
    >>> method = METHODS["focal"](images=2, options=METHODS["focal"].Options(gamma=2.0))
    >>> draws = Draws(torch.rand(2), images=[0, 1], seed=lambda image: image)
    >>> logits, labels = torch.zeros(2, 1, 2, 2), torch.ones(2, 1, 2, 2)
    >>> loss = method.loss(logits, labels, torch.tensor([0, 1]), draws)
    >>> print(f"{loss:.2f}")  # 8 pixels, each (1/2)^2 ln 2
    1.39

    Args:
        images: number of images in the training set.
        options: hyperparameters of the method.
        channels: number of channels of the logits: K for K classes, or 1 for an object and its
            background.
    """

    name: ClassVar[str]
    """Name in settings, on the command line and in the folder of a run."""
    label: ClassVar[str]
    """Name in tables and figures."""
    family: ClassVar[str]
    """Name of the group of hyperparameters, which several methods may share; by default `name`."""
    Options: ClassVar[type] = MethodOptions
    """Frozen dataclass of the hyperparameters, which rejects invalid values: the type argument of
    the base class, as in `class Focal(Method[FocalOptions])`."""
    perturbs: bool = False
    """True if the network learns perturbed labels, whose `dose` can be undone."""
    hard_masks: ClassVar[bool] = False
    """True if the method needs binary masks; settings with soft masks are then rejected."""
    multiclass: ClassVar[bool] = False
    """True if the method takes logits with a channel for each class; settings with classes reject
    the others."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in vars(cls).get("__orig_bases__", ()):
            (cls.Options,) = get_args(base)
        if hasattr(cls, "name") and not hasattr(cls, "family"):
            cls.family = cls.name

    def __init__(self, images: int, options: OptionsT, channels: int = 1) -> None:
        super().__init__()
        self.options, self.channels = options, channels

    def begin(self, network: nn.Module) -> None:
        """Receive the network before its first step and before a checkpoint is loaded into it.

        A method may keep a copy of the network here; the copy is part of its state, as buffers are.
        """

    def prepare(self, images: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Batch:
        """Transform the images and labels of a batch before the network and the loss use them.

        Args:
            images: (N, 3, S, S) uint8.
            labels: (N, 1, S, S) float in {0, 1}, or in [0, 1] for soft masks, or class ids; NaN
                for ignored pixels, also in what is returned.
            index: (N,) indices of the images in the training set.
            draws: random numbers of the batch.

        Returns:
            Images, as uint8 or as float in [0, 1], and their label maps. There may be more than N.
        """
        return images, labels

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """Compute the loss of each pixel of these images, in nats; by default, the cross entropy.

        A term that is defined per image belongs to each of its pixels.

        Args:
            logits: (N, 1, S, S) float32, or one row for each image that `prepare` returned; of a
                `multiclass` method also (N, K, S, S).
            labels: labels of the same shape, as `prepare` returned them; of K channels, class ids
                (N, S, S) int64. They are 0 for ignored pixels.
            index: (N,) indices of the images in the training set.
            draws: the random numbers that `prepare` received, and the mask of ignored pixels, whose
                losses do not matter. The losses of other pixels must not depend on them.

        Returns:
            Losses of the same shape as the labels.
        """
        return cross_entropy(logits, labels)

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        """Compute the sum of `pixel_losses` over the pixels that are not ignored.

        Training divides it by the number of these pixels.

        Args:
            labels: labels as `prepare` returned them, NaN for ignored pixels.
        """
        valid = ~labels.isnan()
        draws = replace(draws, valid=valid)
        losses = self.pixel_losses(logits, known_labels(logits, labels, 0), index, draws)
        return losses.masked_fill(~valid.reshape(losses.shape), 0).sum()

    def after_step(self, index: Tensor, logits: Tensor, labels: Tensor, draws: Draws) -> None:
        """Update state after a batch's backward pass, without synchronising the device.

        Args:
            index: (N,) indices of the images in the training set.
            logits: outputs of the network for the images that `prepare` returned.
            labels: (N, 1, S, S) labels or class ids before `prepare`; NaN for ignored pixels.
            draws: the random numbers that `prepare` received.
        """

    def after_update(self, network: nn.Module) -> None:
        """Update state after the optimiser changed the network; by default, do nothing."""

    def validated(self, network: nn.Module) -> nn.Module:
        """Return the network that is validated and logged at the end of an epoch."""
        return network

    def after_validation(self, counts: AnyCounts, network: nn.Module) -> None:
        """Update state after the validation at the end of an epoch.

        Args:
            counts: result of the validation of `validated(network)`.
            network: the network in training.
        """

    def log(self) -> dict[str, Tensor]:
        """Return numbers to add to the log of an epoch, after its validation."""
        return {}

    def notes(self, log: Sequence[Mapping[str, float]]) -> list[str]:
        """Return what a user should know about a finished training, from the rows of its log."""
        return []

    def finish(self, network: nn.Module) -> None:
        """Load the final weights into the network at the end of training."""

    @property
    def dose(self) -> Tensor:
        """The dose alpha*beta that `unperturb` undoes; (images,), or a number for all images."""
        return torch.zeros(())

    def per_image(self) -> dict[str, Tensor]:
        """Return the buffers (images,) that hold one value per training image, by name.

        The progress bar shows the means, and a finished training saves the values.
        """
        return {}
