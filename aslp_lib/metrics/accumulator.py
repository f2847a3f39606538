"""Accumulation of counts over batches, as in a validation loop."""

from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from aslp_lib.checks import require, require_shape_of
from aslp_lib.metrics import scores
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts


class CountsAccumulator:
    """Accumulator of counts, which computes every score of a set from batches.

    The methods `update`, `compute` and `reset` work like those of a torchmetrics metric.

    >>> import torch
    >>> accumulator = CountsAccumulator(ignore_index=255)
    >>> accumulator.update(torch.tensor([[0.9, 0.8, 0.3, 0.1]]), torch.tensor([[1, 0, 0, 255]]))
    >>> round(accumulator.compute()["accuracy"], 3)  # two of the three labelled pixels
    0.667

    The memory is 133 KiB per image, or 4 KiB with 256 grey levels; for K classes, 68 (K + 1) KiB.
    Without `per_image` it is that of one image, however many are counted.

    Batches of shape (N, K, ...) with labels (N, ...) are counted as `ClassCounts`:

    >>> accumulator = CountsAccumulator(per_image=False)
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])  # K = 3, two pixels
    >>> accumulator.update(probabilities, torch.tensor([[0, 1]]))
    >>> round(accumulator.compute()["class_ece"], 2)  # (0.25 + 0.3 + 0.35) / 3
    0.3

    Args:
        grey_levels: number of grey levels of two classes, as in `Counts.from_probabilities`.
        ignore_index: label of pixels that are not counted, often 255.
        logits: batches are logits instead of probabilities. Recalibrations that are fitted on
            their counts are exact for every finite logit.
        per_image: keep the counts of each image, as intervals need them. Otherwise all pixels are
            pooled; scores that are means over images, such as F, are then those of one image.
    """

    def __init__(
        self,
        grey_levels: int | None = None,
        ignore_index: int | None = None,
        *,
        logits: bool = False,
        per_image: bool = True,
    ) -> None:
        expected = "None with logits"
        require("grey_levels", grey_levels, grey_levels is None or not logits, expected)
        self.grey_levels, self.ignore_index, self.logits = grey_levels, ignore_index, logits
        self.per_image = per_image
        self._parts: list[Any] = []

    def update(self, predictions: Tensor, labels: Tensor) -> None:
        """Count a batch of probabilities, or of logits.

        Arguments and exceptions are those of `from_probabilities` and `from_logits` of `Counts`
        and, if the labels lack the axis of K channels, of `ClassCounts`. A batch that is refused
        leaves the counts unchanged.
        """
        classes = labels.dim() < predictions.dim() and predictions.shape[1] > 1
        part: Counts | ClassCounts
        if classes:
            count = ClassCounts.from_logits if self.logits else ClassCounts.from_probabilities
            part = count(predictions, labels, self.ignore_index, pooled=not self.per_image)
        elif self.logits:
            part = Counts.from_logits(predictions, labels, self.ignore_index)
        else:
            options = self.grey_levels, self.ignore_index
            part = Counts.from_probabilities(predictions, labels, *options)
        self._parts.append(part)
        if not self.per_image:
            self._parts = [self.counts.as_one_image]

    @property
    def counts(self) -> Any:
        """Counts or ClassCounts of all batches since the last reset, for intervals and figures.

        Raises:
            ValueError: if there were no batches.
        """
        kind = type(self._parts[0]) if self._parts else Counts
        joined = kind.join(self._parts)
        self._parts = [joined]  # so that the next access does not join the batches again
        return joined

    def compute(self, bins: int = BINS) -> dict[str, float]:
        """Compute `metrics.scores` of all batches since the last reset.

        S and weighted F need the geometry of the maps and are NaN.

        Raises:
            ValueError: if no pixel was counted.
        """
        return scores(self.counts, bins)

    def reset(self) -> None:
        """Discard all counts."""
        self._parts = []


def ece(
    probabilities: ArrayLike | Tensor,
    labels: ArrayLike | Tensor,
    *,
    bins: int = BINS,
    class_wise: bool = False,
    ignore_index: int | None = None,
) -> float:
    """Compute the ECE of arrays or tensors of probabilities, pooled over all pixels.

    Confidences are rounded to multiples of 1/4335.

    >>> round(ece([0.9, 0.8, 0.3], [1, 0, 0]), 3)  # two classes: (0.1 + 0.8 + 0.3) / 3
    0.4
    >>> round(ece([[0.7, 0.2, 0.1], [0.2, 0.2, 0.6]], [0, 1]), 3)  # K = 3: (0.3 + 0.6) / 2
    0.45

    Args:
        probabilities: of two classes those of foreground, of any shape; of K classes (N, K, ...).
        labels: labels 0 or 1 of the same shape; of K classes their numbers, (N, ...).
        bins: number of bins of equal width.
        class_wise: compute the mean ECE of K classes instead, see `calibration.ece_of_bins`.
        ignore_index: label of pixels that are not counted.

    Raises:
        ValueError: as `Counts.from_probabilities` and `ClassCounts.from_probabilities`.
    """
    p, y = torch.as_tensor(probabilities), torch.as_tensor(labels)
    if p.dim() == y.dim():
        require_shape_of("probabilities", p.shape, y.shape)
        p, y = p.reshape(1, -1), y.reshape(1, -1)  # one image, as only pooled pixels matter
    accumulator = CountsAccumulator(ignore_index=ignore_index, per_image=False)
    accumulator.update(p, y)
    name = "class_ece" if class_wise else "ece"
    return scores(accumulator.counts, bins, [name])[name]
