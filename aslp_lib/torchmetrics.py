"""A metric for torchmetrics' `MetricCollection`: calibration of dense predictions of K classes.

It needs torchmetrics, which is not among the dependencies of this library.
"""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from aslp_lib.checks import require
from aslp_lib.metrics import scores
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.classes import ClassCounts

SCORED = ("ece", "class_ece", "gap", "nll", "brier", "accuracy", "mean_iou")
"""Names of the scores by default."""


class CalibrationOfClasses(Metric):
    """Calibration errors and other scores of K classes, in memory that does not grow.

    torchmetrics' own `MulticlassCalibrationError` keeps the confidence of every pixel. The sums
    of several processes are added.

    >>> metric = CalibrationOfClasses(3, names=("ece", "mean_iou"))
    >>> probabilities = torch.tensor([[[0.7, 0.2], [0.2, 0.2], [0.1, 0.6]]])
    >>> metric.update(probabilities, torch.tensor([[0, 1]]))
    >>> {name: round(float(value), 3) for name, value in metric.compute().items()}
    {'ece': 0.45, 'mean_iou': 0.333}

    Args:
        classes: number K of classes.
        names: names of scores, from `metrics.CLASS_SCORES`.
        bins: number of bins of the scores that use bins.
        ignore_index: label of pixels that are not counted.
        logits: batches are logits instead of probabilities.
        options: see `torchmetrics.Metric`.
    """

    full_state_update = False
    confusion: Tensor

    def __init__(
        self,
        classes: int,
        names: tuple[str, ...] = SCORED,
        *,
        bins: int = BINS,
        ignore_index: int | None = None,
        logits: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.names, self.bins = names, bins
        self.ignore_index, self.logits = ignore_index, logits
        nothing = ClassCounts.empty(classes)
        for name, values in zip(ClassCounts.SUMS, nothing.sums, strict=True):
            self.add_state(name, torch.as_tensor(values[0]), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Count a batch: predictions (N, K, ...) and labels (N, ...), as `ClassCounts` does."""
        count = ClassCounts.from_logits if self.logits else ClassCounts.from_probabilities
        counts = count(preds, target, self.ignore_index, pooled=True)
        classes = self.confusion.shape[0]
        require("the number of channels", counts.classes, counts.classes == classes, f"{classes}")
        for name, values in zip(ClassCounts.SUMS, counts.sums, strict=True):
            getattr(self, name).add_(torch.as_tensor(values.sum(axis=0)).to(self.device))

    def compute(self) -> dict[str, Tensor]:
        """Compute the scores of all batches since the last reset."""
        sums = (getattr(self, name).cpu().numpy()[None] for name in ClassCounts.SUMS)
        values = scores(ClassCounts(*sums), self.bins, self.names)
        return {name: torch.tensor(value, device=self.device) for name, value in values.items()}
