"""The joint histogram of labels and predictions: the one statistic that every metric reads.

`table[image, label, level]` counts an image's pixels by label (0, 1) and predicted level. Level v
of L means the foreground probability `v / (L - 1)`; with an even L no level is 1/2, and a pixel is
predicted foreground iff `v >= L / 2` (128 of an 8-bit map's 256). Tables of several batches,
processes or machines are joined along the images; resampling images gives confidence intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

MAP_LEVELS = 256
FLOAT_LEVELS = 4096
"""Levels for float probabilities: rounding moves a confidence by at most 1/8190."""


@dataclass(frozen=True)
class Counts:
    """Joint histogram of a set of predicted maps and their masks.

    Args:
        table: (images, 2, levels) int64, not negative; `levels` even.
    """

    table: np.ndarray

    def __post_init__(self) -> None:
        shape = self.table.shape
        if len(shape) != 3 or shape[1] != 2 or shape[2] % 2 or self.table.dtype != np.int64:
            raise ValueError(
                f"counts must be int64 of shape (images, 2, an even number of levels), not "
                f"{self.table.dtype} of shape {shape}"
            )

    @classmethod
    def from_map(cls, prediction: np.ndarray, mask: np.ndarray) -> Counts:
        """Counts of one image.

        Args:
            prediction: (H, W) uint8, 255 = surely foreground.
            mask: (H, W), 0 or 1 (or boolean).
        """
        if prediction.shape != mask.shape or prediction.ndim != 2:
            raise ValueError(
                f"the map has shape {prediction.shape}, its mask {mask.shape}: both must be the "
                "same (H, W)"
            )
        if prediction.dtype != np.uint8:
            raise ValueError(f"the map is {prediction.dtype}, but must be 8-bit (uint8)")
        joint = prediction.astype(np.int16) + MAP_LEVELS * mask.astype(np.int16)
        table = np.bincount(joint.ravel(), minlength=2 * MAP_LEVELS)
        return cls(table.reshape(1, 2, MAP_LEVELS))

    @classmethod
    def from_probabilities(
        cls, probabilities: Tensor, labels: Tensor, levels: int = FLOAT_LEVELS
    ) -> Counts:
        """Counts of a batch, made on its device.

        Args:
            probabilities: (N, ...) foreground probability in [0, 1].
            labels: the same shape, in {0, 1}.
            levels: a multiple of 4.

        Raises:
            ValueError: shapes that differ, or probabilities that are NaN or outside [0, 1].
        """
        if probabilities.shape != labels.shape:
            raise ValueError(
                f"probabilities have shape {tuple(probabilities.shape)}, labels "
                f"{tuple(labels.shape)}: they must agree"
            )
        if levels % 4:
            raise ValueError(f"levels is {levels}, but must be a multiple of 4")
        if not bool(((probabilities >= 0) & (probabilities <= 1)).all()):
            raise ValueError("probabilities must lie in [0, 1] and not be NaN")
        n = len(probabilities)
        # With a multiple of 4, 1/2 falls between two levels and rounds (half to even) upwards.
        scaled = probabilities.reshape(n, -1).float() * (levels - 1)
        image = torch.arange(n, device=scaled.device).unsqueeze(1)
        joint = (2 * image + labels.reshape(n, -1).long()) * levels + scaled.round().long()
        table = torch.bincount(joint.ravel(), minlength=2 * n * levels)
        return cls(table.view(n, 2, levels).cpu().numpy())

    @classmethod
    def join(cls, parts: Sequence[Counts]) -> Counts:
        """One set from several, images in order."""
        if not parts:
            raise ValueError("there is nothing to count: no images were given")
        return cls(np.concatenate([part.table for part in parts]))

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, images: slice | np.ndarray) -> Counts:
        """The set of the chosen images (a slice, a mask or an index array)."""
        return Counts(self.table[images])

    @property
    def levels(self) -> int:
        return self.table.shape[2]

    @property
    def probabilities(self) -> np.ndarray:
        """(levels,) foreground probability of each level."""
        return np.arange(self.levels) / (self.levels - 1)

    @property
    def pixels(self) -> int:
        return int(self.table.sum())

    @property
    def pooled(self) -> np.ndarray:
        """(2, levels) histogram over all images' pixels."""
        return self.table.sum(axis=0)
