"""The joint histogram of labels and predictions, from which all metrics are computed.

`table[image, label, grey level]` counts the pixels of an image by label (0 or 1) and by the grey
level of the map. With L grey levels, grey level v is the foreground probability `v / (L - 1)`. L is
even, so that no grey level is 1/2, and a pixel is predicted foreground if and only if `v >= L / 2`
(128 for the 256 grey levels of an 8-bit map). Tables of several batches, processes or machines are
joined along the images. Resampling the images yields confidence intervals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from aslp_lib.checks import explained, require, require_one_channel, require_type, short_repr
from aslp_lib.metrics.structure import centroid, moments

if TYPE_CHECKING:
    from torch import Tensor

MAP_GREY_LEVELS = 256
"""Number of grey levels of an 8-bit map."""
LANES = 4
"""Number of separate counters per cell of the histogram, which make counting faster."""
FLOAT_GREY_LEVELS = 17 * (MAP_GREY_LEVELS - 1) + 1
"""Number of grey levels for float probabilities, 4336; those of 8-bit maps are among them. Rounding
changes a probability by at most 1/8670."""
SUMS = ("ignored", "nll", "brier")
"""Columns that are sums over the pixels of an image."""


@dataclass(frozen=True)
class Counts:
    """Joint histogram of a set of predicted maps and their masks (immutable).

    `Counts.from_map` and `Counts.from_probabilities` count maps and batches;
    `accumulator.CountsAccumulator` collects batches.

    >>> counts = Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]]))  # one image, 4 grey levels
    >>> len(counts), counts.grey_levels, counts.pixels
    (1, 4, 10)

    Args:
        table: non-negative numbers of pixels, fewer than 2^63 in total, shape (images, 2,
            grey_levels) with an even number of grey levels; int64, or float64 for expected numbers
            (see `from_probabilities`).
        columns: what else is known of each image, by name; arrays of shape (images, ...). The
            library uses "names"; "groups", such as the fields of view of crops, within which errors
            may be correlated; "quadrants", the `structure.moments` that S needs; "weighted_f",
            which needs the pixels themselves; "ignored", the number of pixels that are not
            counted; and "nll" and "brier", sums over the pixels before their probabilities were
            rounded to grey levels. What is unknown is left out.

    Raises:
        TypeError: if the table is not a NumPy array.
        ValueError: if shapes, types or numbers of images disagree, or if an entry of the table is
            not a number of pixels.
    """

    table: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_type("the table of counts", self.table, np.ndarray, "a NumPy array")
        shape, n = self.table.shape, len(self.table)
        well_shaped = len(shape) == 3 and shape[1] == 2 and shape[2] % 2 == 0
        if not well_shaped or self.table.dtype not in (np.int64, np.float64):
            raise ValueError(
                f"the table of counts is {self.table.dtype} of shape {shape}; expected int64 (or "
                "float64) of shape (images, 2, an even number of grey levels)."
            )
        smallest = self.table.min(initial=0).item()
        expected = "numbers of pixels, 0 or more. Count the set again."
        require("the smallest entry of the table of counts", smallest, smallest >= 0, expected)
        total = self.table.sum(dtype=np.float64).item()
        expected = "fewer than 2^63, which 64-bit integers can hold. Count fewer images at a time."
        require("the number of pixels", total, total < 2**63, expected)
        for name, column in self.columns.items():
            fits, expected = column.shape[:1] == (n,), f"one entry for each of {n} images"
            require(f"the shape of the column {name}", column.shape, fits, expected)

    def with_columns(self, **columns: ArrayLike | None) -> Counts:
        """Return the same counts with other columns; None removes a column.

        >>> counts = Counts(np.ones((2, 2, 256), np.int64)).with_columns(groups=[7, 7])
        >>> counts.independent, counts.with_columns(groups=None).independent
        (1, 2)
        """
        known = {**self.columns, **columns}
        kept = {name: np.asarray(values) for name, values in known.items() if values is not None}
        return replace(self, columns=kept)

    @classmethod
    def from_map(
        cls, prediction: np.ndarray, mask: np.ndarray, ignore_index: int | None = None
    ) -> Counts:
        """Count the pixels of one map.

        >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
        >>> counts.table[0, :, 204]  # one background pixel, no foreground pixel
        array([1, 0])

        Args:
            prediction: 8-bit map (H, W), uint8; grey level v is the foreground probability v / 255.
            mask: labels (H, W), 0 or 1, of an integer type or boolean.
            ignore_index: label of pixels that are not counted, whatever is predicted there. The
                column "ignored" then holds their number. S needs whole images, so if there are
                such pixels, there is no column "quadrants".

        Raises:
            TypeError: if the map or the mask is not a NumPy array.
            ValueError: if the shapes differ, if the map is not uint8, or if the mask is not binary.
        """
        grey, labels, sums = _labelled_pixels(prediction, mask, ignore_index, {2: "(H, W)"})
        if grey.dtype != np.uint8:
            raise ValueError(f"the map is {grey.dtype}; expected 8-bit grey levels (uint8).")
        return cls._from_pixels(grey, labels, MAP_GREY_LEVELS, sums)

    @classmethod
    def from_floats(
        cls,
        prediction: np.ndarray,
        mask: np.ndarray,
        *,
        logits: bool = False,
        ignore_index: int | None = None,
    ) -> Counts:
        """Count the pixels of one map of floats.

        They are counted at `FLOAT_GREY_LEVELS`. NLL and Brier score are summed before rounding, in
        the columns "nll" and "brier". There, probabilities of 0 and 1 stand for half of the
        smallest distance from them that the data type can distinguish, as one wrong pixel of
        probability 0 or 1 would otherwise make the NLL infinite.

        >>> counts = Counts.from_floats(np.array([[0.8, 0.2]]), np.uint8([[1, 1]]))
        >>> counts.grey_levels, counts.columns["brier"].round(2)  # 0.2^2 + 0.8^2
        (4336, array([0.68]))

        Args:
            prediction: foreground probabilities or logits, float16 to float64, of an image (H, W)
                or a volume (D, H, W).
            mask: labels of the same shape, 0 or 1, of an integer type or boolean.
            logits: the predictions are logits instead of probabilities.
            ignore_index: label of pixels that are not counted, see `from_map`.

        Raises:
            TypeError: if the map or the mask is not a NumPy array.
            ValueError: if the shapes differ, if the map does not hold floats, if probabilities are
                NaN or outside [0, 1] or logits are not finite, or if the mask is not binary.
        """
        from scipy.special import expit

        shapes = {2: "(H, W)", 3: "(D, H, W)"}
        values, labels, sums = _labelled_pixels(prediction, mask, ignore_index, shapes)
        kind = values.dtype
        if kind not in (np.float16, np.float32, np.float64):
            raise ValueError(f"the map is {kind}; expected float16, float32 or float64.")
        values, labels = values.astype(np.float64), labels.astype(bool)
        low, high = values.min(initial=0.5), values.max(initial=0.5)
        valid = bool(0 <= low <= high <= 1)
        expected = "probabilities in [0, 1]."
        if np.isnan(low):
            expected += " Look for NaN in what the network computes."
        elif low >= 0:
            expected += " Divide grey levels by 255."
        if low < 0 or high < 50:  # a larger logit is improbable
            expected += " If these are logits, say so: logits, or --logits."
        if logits:
            valid, expected = bool(np.isfinite([low, high]).all()), "finite logits."
        if not valid:
            raise ValueError(f"the map spans [{low:g}, {high:g}]; expected {expected}")
        if logits:
            nll = np.logaddexp(0, np.where(labels, -values, values))
            values = expit(values)
        else:
            info = np.finfo(kind)
            # In float64, half of the smallest number is 0, but its logarithm is a number.
            nearest_0 = math.log(info.smallest_subnormal) - math.log(2)
            nearest_1 = math.log(info.epsneg) - math.log(2)
            with np.errstate(divide="ignore"):
                foreground = np.maximum(np.log(values), nearest_0)
                background = np.maximum(np.log1p(-values), nearest_1)
            nll = -np.where(labels, foreground, background)
        sums |= {"nll": nll.sum(), "brier": np.square(values - labels).sum()}
        grey = np.rint(values * (FLOAT_GREY_LEVELS - 1)).astype(np.int32)
        return cls._from_pixels(grey, labels, FLOAT_GREY_LEVELS, sums)

    @classmethod
    def _from_pixels(
        cls, grey: np.ndarray, labels: np.ndarray, grey_levels: int, sums: dict[str, float]
    ) -> Counts:
        """Count grey levels and labels of one image, with its `SUMS`.

        Quadrants are counted too if the arrays are a whole map (H, W).
        """
        columns = {name: np.array([value]) for name, value in sums.items()}
        whole = labels.ndim == 2
        row, column = centroid(labels) if whole else (labels.size, labels.size)
        # A pixel's cell is made of, from the highest: its column modulo LANES, its quadrant (lower,
        # right), its label and its grey level. Neighbouring pixels mostly have the same grey level.
        # Incrementing one counter repeatedly is slow, and lanes give neighbours separate counters.
        high = np.arange(labels.shape[-1], dtype=np.uint8) % LANES << 3
        high[column:] |= 2
        cells = labels | high
        cells[row:] |= 4
        cells = cells.astype(np.result_type(grey, np.int16))
        cells *= grey_levels
        cells += grey
        counted = np.bincount(cells.ravel(), minlength=LANES * 8 * grey_levels)
        quadrants = counted.reshape(LANES, -1).sum(axis=0).reshape(1, 4, 2, grey_levels)
        if whole:
            columns["quadrants"] = moments(quadrants)
        return cls(quadrants.sum(axis=1), columns)

    def merged(self) -> Counts:
        """Return the counts of the parts of one image, such as the slabs of a volume, as one.

        >>> part = Counts(np.ones((1, 2, 256), np.int64))
        >>> whole = Counts.join([part, part]).merged()
        >>> len(whole), whole.pixels
        (1, 1024)
        """
        if len(self) == 1:
            return self
        columns = {k: v.sum(axis=0, keepdims=True) for k, v in self.columns.items() if k in SUMS}
        return Counts(self.table.sum(axis=0, keepdims=True), columns)

    @classmethod
    def from_maps(cls, predictions: Iterable[np.ndarray], masks: Iterable[np.ndarray]) -> Counts:
        """Count the pixels of several maps, each as in `from_map`.

        >>> maps, masks = [np.zeros((2, 3), np.uint8)] * 2, [np.ones((2, 3), np.uint8)] * 2
        >>> Counts.from_maps(maps, masks).pixels
        12

        Args:
            predictions: 8-bit maps, which may differ in size.
            masks: their masks, in the same order.

        Raises:
            ValueError: if the numbers of maps and masks differ; see also `from_map`.
        """
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
        """Count the pixels of a batch, on its device.

        >>> import torch
        >>> p = torch.tensor([[0.2, 0.8, 0.8]])
        >>> counts = Counts.from_probabilities(p, torch.tensor([[0, 1, 1]]), grey_levels=256)
        >>> counts.table[0, :, 204]  # two foreground pixels with p = 204 / 255
        array([0, 2])
        >>> expected = Counts.from_probabilities(p, torch.full((1, 3), 0.25), grey_levels=256)
        >>> expected.table[0, :, 204]  # expected numbers of background and foreground pixels
        array([1.5, 0.5])

        Args:
            probabilities: foreground probabilities in [0, 1], shape (N, ...) with N >= 0 images.
            labels: labels of the same shape, 0 or 1. Labels between 0 and 1, such as the true
                posterior, yield expected numbers of pixels (float64) without label noise.
            grey_levels: number of grey levels, a multiple of 4.
            ignore_index: label of pixels that are not counted, whatever is predicted there. An
                image that has only such pixels is omitted.

        Raises:
            TypeError: if probabilities or labels are not tensors.
            ValueError: if shapes differ, or if values are NaN or outside [0, 1].
        """
        import torch  # only here, since importing it takes longer than counting 1,000 maps

        for name, values in (("probabilities", probabilities), ("labels", labels)):
            require_type(name, values, torch.Tensor, "a tensor. Use torch.from_numpy for an array")
        require_one_channel("probabilities", probabilities.shape)
        shape = tuple(probabilities.shape)
        expected = f"that of the probabilities, {shape}"
        require("the shape of the labels", tuple(labels.shape), shape == labels.shape, expected)
        allowed = grey_levels > 0 and grey_levels % 4 == 0
        require("grey_levels", grey_levels, allowed, "a positive multiple of 4")
        # In 64 bits, because an ignore_index of -1 would equal 255 in uint8.
        wide = labels if labels.is_floating_point() else labels.long()
        counted: slice | Tensor = slice(None)
        if ignore_index is not None:
            counted = (wide != ignore_index).ravel().nonzero().squeeze(1)  # faster than a mask
        predicted, foreground = probabilities.ravel()[counted], labels.ravel()[counted]
        _require_shares("probabilities", predicted, "Apply a sigmoid to logits")
        advice = "Binarise masks of 0 to 255 with mask >= 128, or pass ignore_index"
        _require_shares("labels", foreground, advice)
        n = len(probabilities)
        # Since grey_levels is a multiple of 4, 1/2 lies between two grey levels, and rounding half
        # to even rounds it up.
        scaled = probabilities.unsqueeze(-1).flatten(1).float() * (grey_levels - 1)
        image = torch.arange(n, device=scaled.device).unsqueeze(1)
        cell = (image * grey_levels + scaled.round().long()).ravel()[counted]
        size = n * grey_levels
        if bool(((foreground == 0) | (foreground == 1)).all()):
            joint = torch.bincount(cell + size * foreground.long(), minlength=2 * size)
        else:
            share = foreground.double()  # in half precision, the two shares would not add up to 1
            both = [torch.bincount(cell, w, minlength=size) for w in (1 - share, share)]
            joint = torch.stack(both)
        table = np.ascontiguousarray(joint.view(2, n, grey_levels).transpose(0, 1).cpu().numpy())
        return cls(table if ignore_index is None else table[table.any(axis=(1, 2))])

    @classmethod
    def join(cls, parts: Sequence[Counts]) -> Counts:
        """Concatenate the images of several sets, in order.

        >>> part = Counts(np.ones((3, 2, 256), np.int64))
        >>> len(Counts.join([part, part]))
        6

        The set has the columns that all parts have. Images of different parts are of one group if
        their groups are equal.

        Raises:
            ValueError: if there are no parts, or if their numbers of grey levels differ.
        """
        require("the number of images", 0, bool(parts), "1 or more. Count a map or a batch first.")
        levels = sorted({part.grey_levels for part in parts})
        require("grey_levels", levels, len(levels) == 1, "one number. Count all parts with it.")
        common = [name for name in parts[0].columns if all(name in p.columns for p in parts)]
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in common}
        return cls(np.concatenate([part.table for part in parts]), columns)

    @classmethod
    def of_images(cls, images: Sequence[Counts], **columns: ArrayLike | None) -> Counts:
        """Join the counts of single images, and leave out those without a counted pixel.

        >>> image = Counts.from_map(np.uint8([[255]]), np.uint8([[1]]))
        >>> ignored = Counts.from_map(np.uint8([[255]]), np.uint8([[255]]), ignore_index=255)
        >>> Counts.of_images([ignored, image], names=["first", "second"]).names
        ('second',)

        Args:
            images: counts of one image each.
            columns: see `with_columns`; one entry for each of the images.

        Raises:
            ValueError: if no image has a counted pixel; see also `join`.
        """
        kept = [number for number, image in enumerate(images) if image.pixels]
        known = {k: np.asarray(v)[kept] for k, v in columns.items() if v is not None}
        return cls.join([images[number] for number in kept]).with_columns(**known)

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, images: slice | np.ndarray) -> Counts:
        """Return the set of the images that a slice, a mask or an index array selects."""
        columns = {name: column[images] for name, column in self.columns.items()}
        return Counts(self.table[images], columns)

    def save(self, path: Path) -> None:
        """Write the counts as safetensors; columns of text, such as names, become metadata.

        Raises:
            OSError: if the file cannot be written; see `files.write`.
        """
        import torch

        from aslp_lib.tensors import save_tensors

        arrays = {"table": self.table, **self.columns}
        texts = {name: array.tolist() for name, array in arrays.items() if array.dtype.kind == "U"}
        tensors = {name: torch.as_tensor(arrays[name]) for name in arrays.keys() - texts.keys()}
        save_tensors(Path(path), tensors, {"texts": texts})

    @classmethod
    def load(cls, path: Path) -> Counts:
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is damaged, or does not contain counts.
        """
        from aslp_lib.tensors import load_tensors

        tensors, facts = load_tensors(path)
        expected = "a file that Counts.save wrote. Count the maps again."
        with explained(f"{path} holds no counts", expected):
            arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
            texts = {name: np.array(texts, dtype=str) for name, texts in facts["texts"].items()}
            return cls(arrays.pop("table"), arrays | texts)

    @property
    def grey_levels(self) -> int:
        """Number of grey levels."""
        return int(self.table.shape[2])

    @property
    def probabilities(self) -> np.ndarray:
        """Foreground probability of each grey level, shape (grey_levels,)."""
        return np.arange(self.grey_levels) / (self.grey_levels - 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images, in order; empty if unknown."""
        return tuple(map(str, self.columns.get("names", ())))

    @property
    def group_index(self) -> np.ndarray:
        """Number of each image's group, from 0, or of the image if there are no groups."""
        groups = self.columns.get("groups", np.arange(len(self)))
        return np.unique(groups, return_inverse=True)[1]

    @property
    def independent(self) -> int:
        """Number of groups, or of images if there are no groups."""
        return len(np.unique(self.group_index))

    @property
    def pixels(self) -> float:
        """Number of pixels of the set; a float for expected numbers."""
        return self.table.sum().item()

    @property
    def pooled(self) -> np.ndarray:
        """Histogram over the pixels of all images, shape (2, grey_levels)."""
        return self.table.sum(axis=0)


def _require_shares(name: str, values: Tensor, advice: str) -> None:
    if not bool(((values >= 0) & (values <= 1)).all()):
        raise ValueError(f"{name} are NaN or outside [0, 1]; expected numbers in [0, 1]. {advice}.")


def _labelled_pixels(
    prediction: np.ndarray, mask: np.ndarray, ignore_index: int | None, shapes: dict[int, str]
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Check a map and its mask, and select the pixels that are counted.

    Args:
        shapes: the accepted shapes, by number of axes.

    Returns:
        Predictions and labels, flat if pixels are ignored, and the number of ignored pixels by the
        name of its column, unless there is no `ignore_index`.
    """
    for name, array in (("the map", prediction), ("the mask", mask)):
        require_type(name, array, np.ndarray, "a NumPy array")
    same = prediction.shape == mask.shape and mask.ndim in shapes
    expected = f"that of its mask, {mask.shape}, as {' or '.join(shapes.values())}"
    require("the shape of the map", prediction.shape, same, expected)
    sums: dict[str, float] = {}
    if ignore_index is not None:
        labelled = mask != ignore_index
        sums["ignored"] = int(mask.size - np.count_nonzero(labelled))
        if sums["ignored"]:
            prediction, mask = prediction[labelled], mask[labelled]
    if mask.dtype.kind not in "biu" or mask.min(initial=0) < 0 or mask.max(initial=1) > 1:
        values = short_repr(np.unique(mask).tolist())
        raise ValueError(
            f"the mask is {mask.dtype} and holds {values}; expected the integers 0 and 1. "
            "Binarise a mask of 0 to 255 with mask >= 128."
        )
    return prediction, mask, sums
