"""The joint histogram of labels and predictions: the one statistic that every metric reads.

`table[image, label, grey level]` counts an image's pixels by label (0, 1) and by the grey level of
the map. Grey level v of L means the foreground probability `v / (L - 1)`; with an even L none is
1/2, and a pixel is predicted foreground iff `v >= L / 2` (128 of an 8-bit map's 256). Tables of
several batches, processes or machines are joined along the images; resampling images gives
confidence intervals.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import numpy as np

from aslp_lib.files import read, write
from aslp_lib.metrics.structure import centroid, moments

if TYPE_CHECKING:
    from torch import Tensor

MAP_GREY_LEVELS = 256
LANES = 4
FLOAT_GREY_LEVELS = 4096
"""Grey levels for float probabilities: rounding moves a confidence by at most 1/8190."""


@dataclass(frozen=True)
class Counts:
    """Joint histogram of a set of predicted maps and their masks; once made, it does not change.

    A set that comes batch by batch is collected by an `accumulator.CountsAccumulator`.

    Args:
        table: (images, 2, grey_levels), not negative; `grey_levels` even. int64, or float64 for
            numbers that are expected, not counted.
        quadrants: (images, 4, 2, 3) int64, for the S-measure: `structure.moments` of each quadrant
            and label; None where the maps' geometry is not known.
        weighted_f: (images,) weighted F, which needs the pixels themselves; None if not measured.
        names: the images' names, in order; empty if not known.
    """

    table: np.ndarray
    quadrants: np.ndarray | None = None
    weighted_f: np.ndarray | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape, n = self.table.shape, len(self.table)
        if (
            len(shape) != 3
            or shape[1] != 2
            or shape[2] % 2
            or self.table.dtype not in (np.int64, np.float64)
        ):
            raise ValueError(
                f"counts must be int64 (or float64) of shape (images, 2, an even number of "
                f"grey levels), not {self.table.dtype} of shape {shape}"
            )
        if self.table.dtype == np.int64 and self.table.sum(dtype=np.float64) >= 2**63:
            raise ValueError(
                f"too many pixels: {self.table.sum(dtype=np.float64):g}; expected fewer than 2^63, "
                "which 64-bit integers can add up. Use float64 counts."
            )
        if self.quadrants is not None and self.quadrants.shape != (n, 4, 2, 3):
            raise ValueError(f"quadrants have shape {self.quadrants.shape}, not {(n, 4, 2, 3)}")
        if self.weighted_f is not None and self.weighted_f.shape != (n,):
            raise ValueError(f"weighted_f has shape {self.weighted_f.shape}, not {(n,)}")
        if self.names and len(self.names) != n:
            raise ValueError(f"there are {len(self.names)} names for {n} images")

    @classmethod
    def from_map(cls, prediction: np.ndarray, mask: np.ndarray) -> Counts:
        """Counts of one image, with its quadrants.

        >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
        >>> counts.pixels
        4

        Args:
            prediction: (H, W) uint8, 255 = surely foreground.
            mask: (H, W), 0 or 1 (or boolean).

        Raises:
            ValueError: shapes that differ, a map that is not 8-bit, a mask of other values.
        """
        if prediction.shape != mask.shape or prediction.ndim != 2:
            raise ValueError(
                f"the map has shape {prediction.shape}, its mask {mask.shape}: both must be the "
                "same (H, W)"
            )
        if prediction.dtype != np.uint8:
            raise ValueError(f"the map is {prediction.dtype}, but must be 8-bit (uint8)")
        _check_mask(mask)
        row, column = centroid(mask)
        # A pixel's cell, from its high bits down: its column modulo LANES, its quadrant (lower,
        # right), its label, its grey level. Neighbours are mostly alike, and adding to the counter
        # that was just added to waits for it; in lanes they have counters of their own.
        high = np.arange(mask.shape[1], dtype=np.uint8) % LANES << 3
        high[column:] |= 2
        cells = mask | high
        cells[row:] |= 4
        cells = cells.astype(np.int16)
        cells <<= 8
        cells |= prediction
        counted = np.bincount(cells.ravel(), minlength=LANES * 8 * MAP_GREY_LEVELS)
        quadrants = counted.reshape(LANES, -1).sum(axis=0).reshape(1, 4, 2, MAP_GREY_LEVELS)
        return cls(quadrants.sum(axis=1), moments(quadrants))

    @classmethod
    def from_maps(cls, predictions: Iterable[np.ndarray], masks: Iterable[np.ndarray]) -> Counts:
        """Counts of several images, each as `from_map`; as many masks as maps."""
        pairs = zip(predictions, masks, strict=True)
        return cls.join([cls.from_map(prediction, mask) for prediction, mask in pairs])

    @classmethod
    def from_probabilities(
        cls,
        probabilities: Tensor,
        labels: Tensor,
        grey_levels: int = FLOAT_GREY_LEVELS,
        ignore_index: int | None = None,
    ) -> Counts:
        """Counts of a batch, made on its device.

        >>> import torch
        >>> probabilities, labels = torch.rand(8, 1, 16, 16), torch.ones(8, 1, 16, 16)
        >>> counts = Counts.from_probabilities(probabilities, labels)
        >>> counts.table.shape  # images, labels, grey levels
        (8, 2, 4096)

        Args:
            probabilities: (N, ...) foreground probability in [0, 1]; of no images (N = 0) there
                are counts of none.
            labels: the same shape, in {0, 1}; or anywhere between, as the true posterior is: the
                table then holds expected numbers (float64), free of the labels' noise.
            grey_levels: a multiple of 4.
            ignore_index: the label of pixels that are left out, whatever is predicted there; an
                image that has no others is left out too.

        Raises:
            ValueError: shapes that differ, values that are NaN or outside [0, 1].
        """
        import torch  # which counting maps does without: it takes longer than a thousand of them

        if probabilities.shape != labels.shape:
            raise ValueError(
                f"probabilities have shape {tuple(probabilities.shape)}, labels "
                f"{tuple(labels.shape)}: they must agree"
            )
        if grey_levels < 4 or grey_levels % 4:
            raise ValueError(f"grey_levels is {grey_levels}, but must be a multiple of 4")
        # Whole numbers in 64 bits: in 8 of them -1 is 255.
        wide = labels if labels.is_floating_point() else labels.long()
        kept = slice(None) if ignore_index is None else wide != ignore_index
        for name, values in (("probabilities", probabilities), ("labels", labels)):
            if not bool(((values[kept] >= 0) & (values[kept] <= 1)).all()):
                raise ValueError(f"{name} must lie in [0, 1] and not be NaN")
        n = len(probabilities)
        # With a multiple of 4, 1/2 falls between two grey levels and rounds (half to even) upwards.
        scaled = probabilities.unsqueeze(-1).flatten(1).float() * (grey_levels - 1)
        image = torch.arange(n, device=scaled.device).unsqueeze(1)
        cell = (image * grey_levels + scaled.round().long()).view(labels.shape)[kept].ravel()
        foreground, size = labels[kept].ravel(), n * grey_levels
        if bool(((foreground == 0) | (foreground == 1)).all()):
            joint = torch.bincount(cell + size * foreground.long(), minlength=2 * size)
        else:
            shares = torch.stack([1 - foreground, foreground]).double()
            joint = torch.stack([torch.bincount(cell, w, minlength=size) for w in shares])
        table = np.ascontiguousarray(joint.view(2, n, grey_levels).transpose(0, 1).cpu().numpy())
        return cls(table if ignore_index is None else table[table.any(axis=(1, 2))])

    @classmethod
    def join(cls, parts: Sequence[Counts]) -> Counts:
        """One set from several, images in order; what one of them lacks, the set lacks.

        Raises:
            ValueError: no parts, or parts of different numbers of grey levels.
        """
        if not parts:
            raise ValueError("there is nothing to count: no images were given")
        if len(levels := sorted({part.grey_levels for part in parts})) > 1:
            raise ValueError(
                f"the numbers of grey levels differ: {', '.join(map(str, levels))}; expected the "
                "same in all parts. Count them all with the same grey_levels."
            )

        def joined(arrays: Iterable[np.ndarray | None]) -> np.ndarray | None:
            there = [array for array in arrays if array is not None]
            return np.concatenate(there) if len(there) == len(parts) else None

        names = tuple(name for part in parts for name in part.names)
        known = all(part.names for part in parts)
        return cls(
            np.concatenate([part.table for part in parts]),
            joined(part.quadrants for part in parts),
            joined(part.weighted_f for part in parts),
            names if known else (),
        )

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, images: slice | np.ndarray) -> Counts:
        """The set of the chosen images (a slice, a mask or an index array)."""
        return Counts(
            self.table[images],
            None if self.quadrants is None else self.quadrants[images],
            None if self.weighted_f is None else self.weighted_f[images],
            tuple(np.array(self.names, dtype=object)[images]) if self.names else (),
        )

    def save(self, path: Path) -> None:
        """Write as .npz: numbers and text, nothing executable. Raises as `files.write`."""
        arrays = {
            "names": np.array(self.names, dtype=np.str_),
            "table": self.table,
            "quadrants": self.quadrants,
            "weighted_f": self.weighted_f,
        }
        present: dict[str, Any] = {key: each for key, each in arrays.items() if each is not None}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **present)
        write(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Counts:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is no regular file, something else, or damaged.
        """
        data = read(Path(path))
        try:
            with ZipFile(io.BytesIO(data)) as file:
                # Read whole, which checks their checksums: numpy stops where the shape that it
                # reads says, and a damaged shape would pass.
                members = {name.removesuffix(".npy"): file.read(name) for name in file.namelist()}
            if len(members) != int.from_bytes(data[-12:-10], "little"):  # zipfile does not look
                raise ValueError("some of its parts are lost")
            held = {
                key: np.load(io.BytesIO(each), allow_pickle=False) for key, each in members.items()
            }
            labels = held.pop("names")
            if labels.ndim != 1 or not labels.itemsize:  # no bytes may be as many as one likes
                raise ValueError("its names are no list")
            names = tuple(str(name) for name in labels)
            if not ((held["table"] >= 0) & (held["table"] < np.inf)).all():
                raise ValueError("its numbers are no counts")
            return cls(**held, names=names)
        except Exception as error:  # what reads a damaged file may raise anything
            raise ValueError(
                f"{path} holds no counts, or is damaged: {error or type(error).__name__}"
            ) from error

    @property
    def grey_levels(self) -> int:
        """How many a map may have."""
        return int(self.table.shape[2])

    @property
    def probabilities(self) -> np.ndarray:
        """(grey_levels,) foreground probability of each."""
        return np.arange(self.grey_levels) / (self.grey_levels - 1)

    @property
    def pixels(self) -> float:
        """How many pixels; whole unless the numbers are expected ones."""
        return self.table.sum().item()

    @property
    def pooled(self) -> np.ndarray:
        """(2, grey_levels) histogram over all images' pixels."""
        return self.table.sum(axis=0)


def _check_mask(mask: np.ndarray) -> None:
    if mask.dtype != np.bool_ and (
        not np.issubdtype(mask.dtype, np.integer)
        or (mask.size and not 0 <= mask.min() <= mask.max() <= 1)
    ):
        held = f"{mask.min()} to {mask.max()}" if mask.size else "nothing"
        raise ValueError(
            f"the mask is {mask.dtype} and holds {held}, but must hold whole numbers, 0 or 1: cut "
            "one of 0 to 255 at 128"
        )


def min_max(prediction: np.ndarray) -> np.ndarray:
    """A map stretched to the full range, as the release did before it wrote maps: legacy.

    It changes every confidence, so that calibration is no longer the network's. A constant map
    becomes 0.

    Args:
        prediction: (H, W), uint8 grey levels or floating-point probabilities; so is the result.
    """
    low, high = float(prediction.min()), float(prediction.max())
    stretched = (prediction - low) / (high - low) if high > low else np.zeros(prediction.shape)
    if prediction.dtype == np.uint8:
        stretched = np.rint(255 * stretched)
    return stretched.astype(prediction.dtype)
