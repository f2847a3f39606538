"""Counts of a set that comes batch by batch, as in the validation loop of a training."""

from __future__ import annotations

from torch import Tensor

from aslp_lib.metrics import scores
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import FLOAT_GREY_LEVELS, Counts


class CountsAccumulator:
    """Every score of a set, by the calls of a torchmetrics metric: update, compute, reset.

    >>> import torch
    >>> found = CountsAccumulator(ignore_index=255)
    >>> found.update(torch.tensor([[0.9, 0.8, 0.3, 0.1]]), torch.tensor([[1, 0, 0, 255]]))
    >>> round(found.compute()["accuracy"], 3)
    0.667

    `counts` is what was counted so far, for intervals and figures. It takes 16 bytes an image and
    grey level, 64 KiB an image; with 256 grey levels 4 KiB.

    Args:
        grey_levels: as `Counts.from_probabilities`.
        ignore_index: the label of pixels that are left out, as 255 often is.
    """

    def __init__(
        self, grey_levels: int = FLOAT_GREY_LEVELS, ignore_index: int | None = None
    ) -> None:
        self.grey_levels = grey_levels
        self.ignore_index = ignore_index
        self._parts: list[Counts] = []

    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Count a batch. Arguments and errors as `Counts.from_probabilities`: no logits."""
        self._parts.append(
            Counts.from_probabilities(probabilities, labels, self.grey_levels, self.ignore_index)
        )

    @property
    def counts(self) -> Counts:
        """Of all batches since the last reset. Raises ValueError if there were none."""
        whole = Counts.join(self._parts)
        self._parts = [whole]  # joined once, not again at the next look
        return whole

    def compute(self, bins: int = BINS) -> dict[str, float]:
        """`metrics.scores` of all batches since the last reset; NaN for S and weighted F, which
        need whole maps. Raises ValueError without a pixel."""
        return scores(self.counts, bins)

    def reset(self) -> None:
        """Begin anew."""
        self._parts = []
