"""Accumulation of counts over batches, as in a validation loop."""

from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.metrics import scores
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts


class CountsAccumulator:
    """Accumulator of counts, which computes every score of a set from batches.

    The methods `update`, `compute` and `reset` work like those of a torchmetrics metric.

    >>> import torch
    >>> accumulator = CountsAccumulator(ignore_index=255)
    >>> accumulator.update(torch.tensor([[0.9, 0.8, 0.3, 0.1]]), torch.tensor([[1, 0, 0, 255]]))
    >>> round(accumulator.compute()["accuracy"], 3)  # two of the three labelled pixels
    0.667

    The memory is 133 KiB per image, or 4 KiB with 256 grey levels.

    Args:
        grey_levels: number of grey levels, as in `Counts.from_probabilities`, or None.
        ignore_index: label of pixels that are not counted, often 255.
        logits: batches are logits instead of probabilities. Recalibrations that are fitted on
            their counts are exact for every finite logit.
    """

    def __init__(
        self,
        grey_levels: int | None = None,
        ignore_index: int | None = None,
        *,
        logits: bool = False,
    ) -> None:
        expected = "None with logits"
        require("grey_levels", grey_levels, grey_levels is None or not logits, expected)
        self.grey_levels, self.ignore_index, self.logits = grey_levels, ignore_index, logits
        self._parts: list[Counts] = []

    def update(self, predictions: Tensor, labels: Tensor) -> None:
        """Count a batch of probabilities, or of logits.

        Arguments and exceptions are those of `Counts.from_probabilities` and `Counts.from_logits`.
        A batch that is refused leaves the counts unchanged.
        """
        if self.logits:
            part = Counts.from_logits(predictions, labels, self.ignore_index)
        else:
            count = Counts.from_probabilities
            part = count(predictions, labels, self.grey_levels, self.ignore_index)
        self._parts.append(part)

    @property
    def counts(self) -> Counts:
        """Counts of all batches since the last reset, for intervals and figures.

        Raises:
            ValueError: if there were no batches.
        """
        joined = Counts.join(self._parts)
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
