"""The data that a recalibration method is fitted on, and the features of a predicted map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit


@dataclass(frozen=True)
class CalibrationData:
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
    def corrupted(self) -> list[Images]:
        """The validation set under each of `CORRUPTIONS`, in bins; of one image, of those that
        need no second."""
        validation = self.data.validation
        names = [k for k, each in CORRUPTIONS.items() if len(validation) > 1 or not each.mixes]
        return [Images.of(self.validate(Corrupted(validation, name))).binned() for name in names]


LIMIT = 6.0
"""`|z|` that counts: 8-bit maps hold no larger ones."""
BINS = 60
"""Of a logit, in which images are kept for a fit; none is 0."""
FEATURES = ("log area", "log entropy", "entropy of foreground", "entropy of background", "|z|")


Array = TypeVar("Array", bound=NDArray[np.float64] | Tensor)


def map_features(logits: Array, pixels: NDArray[np.int64] | None = None) -> Array:
    """(N, features) of predicted maps, named by FEATURES, of logits in NumPy or PyTorch.

    Args:
        logits: (N, pixels), each pixel's; or with `pixels` (levels,), those that there are.
        pixels: (N, levels) how many pixels of each image have them; logits are in NumPy then.
    """
    xp: Any = torch if isinstance(logits, Tensor) else np
    size = xp.abs(logits)
    odds = xp.exp(-size)  # of z and of -z alike
    entropy = xp.log1p(odds) + size * odds / (1 + odds)  # in nats
    held, found = size.clip(max=LIMIT), (logits > 0) * xp.ones_like(logits)
    values = (found, entropy * found, entropy * (1 - found), held)
    if pixels is None:
        means = [each.mean(1) for each in values]
    else:
        shares = pixels / np.maximum(pixels.sum(axis=1, keepdims=True), 1)  # some may have none
        means = [shares @ each for each in values]
    area, inside, outside, size_mean = means
    columns = (
        *(xp.log(0.001 + area), xp.log(0.001 + inside + outside)),
        *(inside / (area + 0.01), outside / (1 - area + 0.01), size_mean),
    )
    return cast(Array, xp.stack(columns, 1))


@dataclass(frozen=True)
class Images:
    """The images of a set's counts that have pixels, by logit.

    Args:
        pooled: (2, grey levels) pixels of all images by label and level.
        logits: (K,) of the grey levels, or the bins' centres.
        tables: (N, 2, K) shares of an image's pixels by label and logit.
        features: (N, features).
    """

    pooled: NDArray[np.float64]
    logits: NDArray[np.float64]
    tables: NDArray[np.float64]
    features: NDArray[np.float64]

    @classmethod
    def of(cls, counts: Counts) -> Images:
        """Raises ValueError as `pixels_to_fit`."""
        pooled = pixels_to_fit(counts)
        kept = counts.table[counts.table.any(axis=(1, 2))]
        z = grey_level_logits(counts.grey_levels)
        shares = kept / kept.sum(axis=(1, 2), keepdims=True)
        return cls(pooled, z, shares, map_features(z, kept.sum(axis=1)))

    def binned(self) -> Images:
        """Return them with logits in BINS bins, in a hundredth of the memory."""
        bins = np.floor((self.logits.clip(-LIMIT, LIMIT) / LIMIT + 1) * BINS / 2).clip(0, BINS - 1)
        into = (bins[:, None] == np.arange(BINS)).astype(np.float64)
        return replace(self, logits=bin_centres(), tables=self.tables @ into)


def bin_centres() -> NDArray[np.float64]:
    """(BINS,) the middle of each bin."""
    return (np.arange(BINS) + 0.5) * 2 * LIMIT / BINS - LIMIT
