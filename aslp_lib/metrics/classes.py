"""Counts of predictions for K classes, from which their scores are computed.

A joint histogram of K probabilities would be too large. An image has sums instead: a reliability
table of the predicted class (is it right, at which confidence?), one of each class against the
rest, the confusion matrix, the NLL and the squared error. Probabilities are counted at the grey
levels of floats, multiples of 1/4335; NLL and squared error are summed before they are rounded. The
size of the sums does not depend on that of the image.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from aslp_lib.checks import require, require_predictions
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import GREY_LEVELS
from aslp_lib.metrics.image_columns import ImageColumns

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 2**19
"""Number of probabilities that are counted at once, so that intermediate results stay small."""
SUM_TOLERANCE = 0.01
"""Largest distance from 1 of the sum of a pixel's probabilities, which may be in half precision."""


@dataclass(frozen=True)
class ClassCounts(ImageColumns):
    """Sums over the pixels of each image, for K classes (immutable).

    >>> import torch
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])  # two pixels
    >>> counts = ClassCounts.from_probabilities(probabilities, torch.tensor([[0, 1]]))
    >>> counts.classes, counts.pixels, counts.confusion[0].tolist()
    (3, 2, [[1, 0, 0], [0, 0, 1], [0, 0, 0]])

    Args:
        top: numbers of pixels (images, 2, levels): the predicted class is wrong or right, by the
            grey level of its probability.
        table: numbers of pixels (images, K, 2, levels): the label is another class or class k, by
            the grey level of the probability of class k; for each class that of `Counts`.
        confusion: numbers of pixels (images, K, K), by label and predicted class.
        losses: NLL of the pixels of each image, in nats, (images,).
        squares: squared errors `sum_k (p_k - [y = k])^2` of the pixels of each image, (images,).
        columns: what else is known of each image, as in `Counts`.
    """

    SUMS = ("top", "table", "confusion", "losses", "squares")
    grey_levels: ClassVar[int] = GREY_LEVELS
    """Number of grey levels at which probabilities are counted."""
    top: np.ndarray
    table: np.ndarray
    confusion: np.ndarray
    losses: np.ndarray
    squares: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict, kw_only=True)

    @classmethod
    def empty(cls, classes: int, images: int = 1) -> ClassCounts:
        """Return the counts of images without pixels.

        >>> ClassCounts.empty(3).pixels
        0
        """
        shapes = (2, GREY_LEVELS), (classes, 2, GREY_LEVELS), (classes, classes), (), ()
        kinds = (np.int64,) * 3 + (np.float64,) * 2
        return cls(*(np.zeros((images, *s), kind) for s, kind in zip(shapes, kinds, strict=True)))

    @classmethod
    def from_logits(
        cls,
        logits: Tensor,
        labels: Tensor,
        ignore_index: int | None = None,
        *,
        pooled: bool = False,
    ) -> ClassCounts:
        """Count the pixels of a batch of logits, on its device.

        Args:
            logits: logits (N, K, ...) of N images, K of 2 or more.
            labels: class of each pixel, (N, ...), of an integer type.
            ignore_index: label of pixels that are not counted, whatever is predicted there. An
                image that has only such pixels is omitted.
            pooled: count all pixels as those of one image, which needs a fixed memory.

        Raises:
            TypeError: if logits or labels are not tensors.
            ValueError: if shapes disagree, if a logit is not finite, or if a label is no class.
        """
        return cls._from_tensors("logits", logits, labels, ignore_index, pooled)

    @classmethod
    def from_probabilities(
        cls,
        probabilities: Tensor,
        labels: Tensor,
        ignore_index: int | None = None,
        *,
        pooled: bool = False,
    ) -> ClassCounts:
        """Count the pixels of a batch of probabilities, on its device.

        A probability of 0 stands for the smallest positive number of its data type in the NLL, as
        one pixel of that class would otherwise make it infinite.

        Args:
            probabilities: probabilities (N, K, ...), which sum to 1 over the K classes.
            labels, ignore_index, pooled: as in `from_logits`.

        Raises:
            TypeError: if probabilities or labels are not tensors.
            ValueError: if shapes disagree, if probabilities are NaN or outside [0, 1] or do not sum
                to 1, or if a label is no class.
        """
        return cls._from_tensors("probabilities", probabilities, labels, ignore_index, pooled)

    @classmethod
    def _from_tensors(
        cls, name: str, values: Tensor, labels: Tensor, ignore_index: int | None, pooled: bool
    ) -> ClassCounts:
        values, labels = checked_batch(values, labels, ignore_index)
        if pooled:
            values = values.transpose(0, 1).reshape(1, values.shape[1], -1)
            labels = labels.reshape(1, -1)
        counts = cls.empty(values.shape[1], len(values))
        for image, (z, y) in enumerate(zip(values, labels, strict=True)):
            if ignore_index is not None:
                counted = (y != ignore_index).nonzero().squeeze(1)  # faster than a mask
                z, y = z[:, counted], y[counted]
            for total, part in zip(counts.sums, _sums(name, z, y), strict=True):
                total[image] = part.cpu().numpy()
        if ignore_index is None:
            return counts
        pixels = counts.confusion.sum(axis=(1, 2))
        return counts.with_columns(ignored=labels.shape[1] - pixels)[pixels > 0]

    @property
    def classes(self) -> int:
        """Number K of classes."""
        return int(self.table.shape[1])

    def of_class(self, number: int) -> Counts:
        """Return the counts of one class against the rest, at grey levels.

        Their NLL is that of grey levels. All scores of two classes apply that need no geometry.

        >>> import torch
        >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])
        >>> counts = ClassCounts.from_probabilities(probabilities, torch.tensor([[0, 1]]))
        >>> counts.of_class(2).pooled.sum(axis=1)  # two pixels of other classes
        array([2, 0])
        """
        return Counts(self.table_of(number), self.columns)

    def table_of(self, number: int | str) -> np.ndarray:
        """Return the table of a class, (images, 2, levels); raise ValueError if there is none."""
        valid = isinstance(number, int) and 0 <= number < self.classes
        require("the class", number, valid, f"an integer from 0 to {self.classes - 1}")
        return self.table[:, int(number)]

    def resampled(self, draws: np.ndarray) -> list[ClassCounts]:
        """Return resampled sets, each pooled into one image, without the tables of each class.

        Those would be large; scores of classes are resampled by their bins (`score.OfBins`).
        """
        return ImageColumns.resampled(replace(self, table=self.table[..., :0]), draws)


def checked_batch(
    values: Tensor, labels: Tensor, ignore_index: int | None
) -> tuple[Tensor, Tensor]:
    """Check a batch, and flatten it to (N, K, pixels) and class ids (N, pixels) in int64."""
    from aslp_lib.aslp.inputs import check_pixels

    classes, labels, _ = check_pixels(values, labels, ignore_index, on_any_device=True)
    expected = (
        "(N, K, ...) with K of 2 or more, and class ids (N, ...). Count one channel with Counts; "
        "of one-hot labels, take labels.argmax(1)"
    )
    fits = classes > 1 and labels.dim() < values.dim()
    require("the shape of the batch", tuple(values.shape), fits, expected)
    if values.device.type == "mps":  # which has no float64
        values, labels = values.cpu(), labels.cpu()
    pixels = math.prod(values.shape[2:])
    values = values.detach().reshape(*values.shape[:2], pixels)
    return values, labels.reshape(len(labels), pixels)


def _from_logits(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the probabilities (K, pixels), the largest logits, and the labels' log-likelihood."""
    require_predictions("the batch", logits, logits=True)
    largest = logits.amax(dim=0)
    shifted = logits - largest
    log_likelihood = _own(shifted, labels)
    likelihood = shifted.exp_()
    total = likelihood.sum(dim=0)
    return likelihood.div_(total), largest, log_likelihood - total.log()


def _from_probabilities(p: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the probabilities, the largest ones, and the labels' log-likelihood."""
    import torch

    require_predictions("the batch", p)
    deviation = (p.sum(dim=0) - 1).abs_().max().item()
    expected = f"at most {SUM_TOLERANCE}. Apply a softmax over the channels, not a sigmoid."
    name = "the largest distance from 1 of the sum of a pixel's probabilities"
    require(name, deviation, deviation <= SUM_TOLERANCE, expected)
    tiny = torch.finfo(p.dtype).tiny
    return p, p.amax(dim=0), _own(p, labels).clamp(min=tiny).log()


_READ = {"logits": _from_logits, "probabilities": _from_probabilities}


def _own(values: Tensor, classes: Tensor) -> Tensor:
    """Select the value of one class for each pixel: (K, pixels) to (pixels,)."""
    return values.gather(0, classes[None])[0]


def _sums(name: str, values: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """Compute the sums of `ClassCounts` over the counted pixels of an image, (K, P) and (P,)."""
    import torch

    k, size = len(values), max(1, CHUNK // len(values))
    number = torch.arange(k, device=values.device)[:, None]
    rank = (k - number).to(torch.uint8 if k < 256 else torch.int32)
    first_level = (number * GREY_LEVELS).int()
    cells = torch.empty(values.shape, dtype=torch.int32, device=values.device)
    predicted = torch.empty_like(labels)
    loss = square = torch.zeros((), dtype=torch.float64, device=values.device)
    for start in range(0, len(labels), size):
        part = slice(start, start + size)
        chunk, y = values[:, part], labels[part]
        chunk = chunk.to(torch.promote_types(chunk.dtype, torch.float32))
        p, largest, log_likelihood = _READ[name](chunk, y)
        # The first class with the largest value, ten times as fast as argmax.
        predicted[part] = k - (chunk == largest).to(rank.dtype).mul_(rank).amax(dim=0).long()
        square = square + (p.square().sum(dim=0) - 2 * _own(p, y) + 1).double().sum()
        loss = loss - log_likelihood.double().sum()
        cells[:, part] = (p * (GREY_LEVELS - 1)).round_()
        cells[:, part] += first_level
    right = (predicted == labels).long()
    top = _own(cells, predicted) + (right - predicted) * GREY_LEVELS
    every = torch.bincount(cells.ravel(), minlength=k * GREY_LEVELS)
    positive = torch.bincount(_own(cells, labels), minlength=k * GREY_LEVELS)
    return (
        torch.bincount(top, minlength=2 * GREY_LEVELS).view(2, GREY_LEVELS),
        torch.stack([every - positive, positive]).view(2, k, GREY_LEVELS).transpose(0, 1),
        torch.bincount(labels * k + predicted, minlength=k * k).view(k, k),
        loss,
        square,
    )


AnyCounts = Counts | ClassCounts
"""Counts of two classes, or of K."""
