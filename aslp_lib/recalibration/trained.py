"""What a recalibration is fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from torch import nn

from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.degradations import DEGRADATIONS
from aslp_lib.data.degraded import Degraded
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.map_features import Images


@dataclass(frozen=True)
class Trained:
    """What is there once training is over.

    Args:
        network: as its last step left it, in eval mode, on its device.
        data: a recalibration may look at the training and validation sets, never at the tests.
        validate: a set -> its counts by the network. Several processes call it together.
    """

    network: nn.Module
    data: DataSplits
    validate: Callable[[SaliencySet], Counts]

    @cached_property
    def counts(self) -> Counts:
        """Counts of the validation set."""
        return self.validate(self.data.validation)

    @cached_property
    def degraded(self) -> list[Images]:
        """The validation set under each of `DEGRADATIONS`, in bins; of one image, of those that
        need no second."""
        validation = self.data.validation
        names = [k for k, each in DEGRADATIONS.items() if len(validation) > 1 or not each.mixes]
        return [Images.of(self.validate(Degraded(validation, name))).binned() for name in names]
