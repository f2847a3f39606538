"""The joint histogram of labels and predictions, from which all metrics are computed.

`table[image, label, level]` counts the pixels of an image by label (0 or 1) and by the level of the
prediction. In 8-bit maps, the levels are grey levels: with L of them, grey level v is the
foreground probability `v / (L - 1)`. L is even, so that no grey level is 1/2, and a pixel is
predicted foreground if and only if `v >= L / 2` (128 for the 256 grey levels of an 8-bit map).

Predictions in floating point are counted at the finer levels of `float_levels`, and the mean logit
of each level is kept. Fits, NLL, ROC and AP use these levels and logits; all other scores use the
grey levels (`Counts.grey`) that the levels divide.

Tables of several batches, processes or machines are joined along the images. Resampling the images
yields confidence intervals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aslp_lib.checks import BINARY, require, require_predictions, require_type, short_repr
from aslp_lib.metrics.float_levels import (
    EDGES,
    FLOAT_LEVELS,
    GREY_LEVELS,
    FloatLevels,
    finite_logits,
    joined_levels,
    level_of,
    mean_logits,
    nearest_grey,
)
from aslp_lib.metrics.image_columns import ImageColumns
from aslp_lib.metrics.map_features import map_values
from aslp_lib.metrics.structure import centroid, moments

if TYPE_CHECKING:
    from torch import Tensor

MAP_GREY_LEVELS = 256
"""Number of grey levels of an 8-bit map."""


@dataclass(frozen=True)
class Counts(ImageColumns):
    """Joint histogram of a set of predicted maps and their masks (immutable).

    `Counts.from_map` and `Counts.from_probabilities` count maps and batches;
    `accumulator.CountsAccumulator` collects batches.

    >>> counts = Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]]))  # one image, 4 grey levels
    >>> len(counts), counts.grey_levels, counts.pixels
    (1, 4, 10)

    Args:
        table: non-negative numbers of pixels, fewer than 2^63 in total, shape (images, 2, levels)
            with an even number of levels; int64, or float64 for expected numbers (see
            `from_probabilities`).
        columns: what else is known of each image, by name; arrays of shape (images, ...). The
            library uses "names"; "groups", such as the fields of view of crops, within which errors
            may be correlated; "quadrants", the `structure.moments` that S needs; "weighted_f",
            which needs the pixels themselves; "ignored", the number of pixels that are not
            counted, and "ignored_values", the sums of their `map_features.map_values`. What is
            unknown is left out.
        levels: the levels of floats, with the mean logits of their pixels; None for grey levels.

    Raises:
        TypeError: if the table is not a NumPy array.
        ValueError: if shapes, types or numbers of images disagree.
    """

    SUMS = ("table",)
    table: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    levels: FloatLevels | None = None

    def __post_init__(self) -> None:
        require_type("the table of counts", self.table, np.ndarray, "a NumPy array")
        shape, n = self.table.shape, len(self.table)
        well_shaped = len(shape) == 3 and shape[1] == 2 and shape[2] % 2 == 0
        if not well_shaped or self.table.dtype not in (np.int64, np.float64):
            raise ValueError(
                f"the table of counts is {self.table.dtype} of shape {shape}; expected int64 (or "
                "float64) of shape (images, 2, an even number of levels)."
            )
        for name, column in self.columns.items():
            fits, expected = column.shape[:1] == (n,), f"one entry for each of {n} images"
            require(f"the shape of the column {name}", column.shape, fits, expected)

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
        grey, labels, ignored = _labelled_pixels(prediction, mask, ignore_index, {2: "(H, W)"})
        if grey.dtype != np.uint8:
            raise ValueError(f"the map is {grey.dtype}; expected 8-bit grey levels (uint8).")
        if ignored is not None:
            from aslp_lib.metrics.grey_levels import grey_level_logits

            ignored = grey_level_logits(MAP_GREY_LEVELS)[ignored]
        return cls._from_pixels(grey, labels, MAP_GREY_LEVELS, ignored)

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

        Probabilities of 0 and 1 stand for finite logits, see `float_levels.finite_logits`.

        >>> counts = Counts.from_floats(np.array([[0.8, 0.2]]), np.uint8([[1, 1]]))
        >>> counts.logits[counts.pooled > 0].round(2)
        array([-1.39,  1.39])

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
        values, labels, ignored = _labelled_pixels(prediction, mask, ignore_index, shapes)
        if values.dtype not in (np.float16, np.float32, np.float64):
            raise ValueError(f"the map is {values.dtype}; expected float16, float32 or float64.")
        require_predictions("the map", values, logits=logits)
        if ignored is not None:
            ignored = ignored.astype(np.float64) if logits else finite_logits(ignored)
        z = values.astype(np.float64) if logits else finite_logits(values)
        p = expit(z) if logits else values.astype(np.float64)
        levels = level_of(nearest_grey(p, z), z)
        return cls._from_pixels(levels, labels.astype(bool), FLOAT_LEVELS, ignored, z)

    @classmethod
    def _from_pixels(
        cls,
        levels: np.ndarray,
        labels: np.ndarray,
        number: int,
        ignored: np.ndarray | None,
        logits: np.ndarray | None = None,
    ) -> Counts:
        """Count levels and labels of one image.

        Quadrants are counted too if the arrays are a whole map (H, W).

        Args:
            number: number of levels.
            ignored: logits of the pixels that are not counted; None without an `ignore_index`.
            logits: logits of the pixels; None for grey levels.
        """
        columns = {}
        if ignored is not None:
            columns["ignored"] = np.array([ignored.size])
            columns["ignored_values"] = map_values(ignored).sum(axis=1)[None]
        whole = labels.ndim == 2
        row, column = centroid(labels) if whole else (labels.size, labels.size)
        right = np.zeros(labels.shape[-1], np.uint8)
        right[column:] = 2
        groups = labels.astype(np.uint8, copy=False) | right
        groups[row:] |= 4  # lower
        quadrants = _joint_histogram(levels, groups, number).reshape(1, 4, 2, number)
        means = None
        if logits is not None:
            cells = (labels * np.int64(number) + levels).ravel()
            total: np.ndarray = np.bincount(cells, logits.ravel(), 2 * number)
            means = mean_logits(total.reshape(2, number), quadrants.sum(axis=(0, 1)))
        if whole:
            columns["quadrants"] = moments(quadrants if means is None else means.to_grey(quadrants))
        return cls(quadrants.sum(axis=1), columns, means)

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
    def from_logits(cls, logits: Tensor, labels: Tensor, ignore_index: int | None = None) -> Counts:
        """Count the pixels of a batch of logits, on its device.

        This is exact for every finite logit. Probabilities in float32 cannot distinguish logits
        above 17, and those in float16 none above 8.

        >>> import torch
        >>> counts = Counts.from_logits(torch.tensor([[-1.5, 40.0]]), torch.tensor([[0, 1]]))
        >>> counts.logits[counts.pooled > 0]
        array([-1.5, 40. ])

        Args:
            logits: logits of shape (N, ...) with N >= 0 images.
            labels, ignore_index: as in `from_probabilities`.

        Raises:
            TypeError: if logits or labels are not tensors.
            ValueError: if shapes differ, if a logit is not finite, or if a label is invalid.
        """
        z, labels, counted = _counted_pixels(logits, labels, ignore_index)
        z = z.double()
        require_predictions("the batch", z[counted], logits=True)
        levels = level_of(nearest_grey(z[counted].sigmoid(), z[counted]), z[counted])
        return cls._from_tensors(levels, labels, counted, len(logits), z)

    @classmethod
    def from_probabilities(
        cls,
        probabilities: Tensor,
        labels: Tensor,
        grey_levels: int | None = None,
        ignore_index: int | None = None,
    ) -> Counts:
        """Count the pixels of a batch of probabilities, on its device.

        Where the logits are known, `from_logits` is more exact.

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
            grey_levels: number of grey levels, a multiple of 4; None for the levels of floats.
            ignore_index: label of pixels that are not counted, whatever is predicted there. An
                image that has only such pixels is omitted.

        Raises:
            TypeError: if probabilities or labels are not tensors.
            ValueError: if shapes differ, or if values are NaN or outside [0, 1].
        """
        p, labels, counted = _counted_pixels(probabilities, labels, ignore_index)
        require_predictions("the batch", p[counted])
        z = finite_logits(p)
        if grey_levels is None:
            levels = level_of(nearest_grey(p[counted].double(), z[counted]), z[counted])
        else:
            allowed = grey_levels > 0 and grey_levels % 4 == 0
            require("grey_levels", grey_levels, allowed, "a positive multiple of 4")
            # Since grey_levels is a multiple of 4, 1/2 lies between two grey levels, and rounding
            # half to even rounds it up.
            levels = (p[counted].float() * (grey_levels - 1)).round().long()
        return cls._from_tensors(levels, labels, counted, len(probabilities), z, grey_levels)

    @classmethod
    def _from_tensors(
        cls,
        levels: Tensor,
        labels: Tensor,
        counted: slice | Tensor,
        images: int,
        logits: Tensor,
        grey_levels: int | None = None,
    ) -> Counts:
        """Count the levels of a batch.

        Args:
            levels, labels: levels and labels of the counted pixels.
            counted: indices of these pixels among those of the batch.
            images: number N of images.
            logits: logits of all pixels of the batch, float64.
            grey_levels: number of grey levels; None for the levels of floats.
        """
        import torch

        number = grey_levels or FLOAT_LEVELS
        size, pixels = images * number, len(logits) // max(images, 1)
        of_image = torch.arange(images, device=logits.device).repeat_interleave(pixels)
        cell = of_image[counted] * number + levels
        share = labels.double()  # in half precision, the two shares would not add up to 1
        if bool(((labels == 0) | (labels == 1)).all()):
            joint = torch.bincount(cell + size * labels.long(), minlength=2 * size).view(2, size)
        else:
            both = [torch.bincount(cell, w, minlength=size) for w in (1 - share, share)]
            joint = torch.stack(both)
        table = np.ascontiguousarray(joint.view(2, images, number).transpose(0, 1).cpu().numpy())
        means = None
        if grey_levels is None:
            z = logits[counted]
            totals = [torch.bincount(levels, w * z, minlength=number) for w in (1 - share, share)]
            means = mean_logits(torch.stack(totals).cpu().numpy(), table.sum(axis=0))
        counts = cls(table, {}, means)
        if isinstance(counted, slice):
            return counts
        ignored = torch.ones(len(logits), dtype=torch.bool, device=logits.device)
        ignored[counted] = False
        values, of_image = map_values(logits[ignored]).T, of_image[ignored]
        sums = values.new_zeros((images, 4)).index_add_(0, of_image, values).cpu().numpy()
        numbers = torch.bincount(of_image, minlength=images).cpu().numpy()
        kept = np.flatnonzero(table.any(axis=(1, 2)))
        return counts.with_columns(ignored=numbers, ignored_values=sums)[kept]

    @classmethod
    def join(cls, parts: Sequence[Counts]) -> Counts:
        """Concatenate the images of several sets, in order.

        >>> part = Counts(np.ones((3, 2, 256), np.int64))
        >>> len(Counts.join([part, part]))
        6

        The set has the columns that all parts have. Images of different parts are of one group if
        their groups are equal.

        Raises:
            ValueError: if there are no parts, if their levels differ, or if floats were
                recalibrated before they are joined.
        """
        joined = super().join(parts)
        if joined.levels is None or len(parts) == 1:
            return joined
        levels = [(part.levels, part.pooled) for part in parts if part.levels is not None]
        return replace(joined, levels=joined_levels(levels))

    @property
    def grey_levels(self) -> int:
        """Number of grey levels, see `grey`."""
        return int(self.table.shape[2]) if self.levels is None else GREY_LEVELS

    @cached_property
    def grey(self) -> Counts:
        """The counts at grey levels: these counts, or floats rounded to `GREY_LEVELS`."""
        if self.levels is None:
            return self
        return Counts(self.levels.to_grey(self.table), self.columns)

    @property
    def mean_logits(self) -> np.ndarray:
        """Mean logit of all pixels of each level, shape (levels,), or of the labels without any."""
        if self.levels is None:
            return self.logits[0]
        pixels = self.pooled + (self.pooled.sum(axis=0) == 0)
        means: np.ndarray = (pixels * self.logits).sum(axis=0) / pixels.sum(axis=0)
        return means

    @property
    def edges(self) -> np.ndarray:
        """Logits between the levels, shape (levels - 1,)."""
        z = self.mean_logits
        middle: np.ndarray = (z[:-1] + z[1:]) / 2
        if self.levels is None:
            return middle
        # Pixels of a level may lie on either side of the middle, unless logits were changed.
        return np.where((z[:-1] < EDGES) & (z[1:] > EDGES), EDGES, middle)

    def with_logits(self, logits: np.ndarray) -> Counts:
        """Return floats with other logits of their levels, without columns.

        Args:
            logits: logits of the background and the foreground pixels of each level, shape (2,
                levels), or (images, 2, levels). These are counted again, because the images of a
                set share the logits of their levels.
        """
        if logits.ndim == 2:
            return Counts(self.table, levels=FloatLevels(logits, recalibrated=True))
        return Counts.join([recounted(*image) for image in zip(self.table, logits, strict=True)])

    @property
    def level_probabilities(self) -> np.ndarray:
        """Mean probability of the pixels of each label and level, shape (2, levels)."""
        if self.levels is None:
            return np.stack([np.arange(self.grey_levels) / (self.grey_levels - 1)] * 2)
        return self.levels.probabilities

    @property
    def probabilities(self) -> np.ndarray:
        """Foreground probability of each level, shape (levels,)."""
        if self.levels is None:
            return self.level_probabilities[0]
        from scipy.special import expit

        return np.asarray(expit(self.mean_logits))

    @property
    def logits(self) -> np.ndarray:
        """Mean logit of the background and the foreground pixels of each level, shape (2, levels).

        Grey levels 0 and L - 1 stand for half a grey level (`grey_levels.grey_level_logits`).
        """
        if self.levels is not None:
            return self.levels.logits
        from aslp_lib.metrics.grey_levels import grey_level_logits

        return np.stack([grey_level_logits(self.grey_levels)] * 2)

    @property
    def pooled(self) -> np.ndarray:
        """Histogram over the pixels of all images, shape (2, levels)."""
        return self.as_one_image.table[0]

    @cached_property
    def image_means(self) -> dict[object, np.ndarray]:
        """Means over the images that scores share, such as the F curve, by what they are of."""
        return {}

    @property
    def ranked(self) -> np.ndarray:
        """`pooled`, in the order of the levels' logits; a recalibration can make logits equal."""
        return self.pooled if self.levels is None else self.levels.ranked(self.pooled)


def recounted(table: np.ndarray, logits: np.ndarray) -> Counts:
    """Count the pixels of an image at the levels of other logits.

    Args:
        table: pixels of the image by label and level, (2, levels).
        logits: their new logits, of the same shape.
    """
    from scipy.special import expit

    place = level_of(nearest_grey(expit(logits), logits), logits)
    place[1] += FLOAT_LEVELS
    sums: list[np.ndarray] = [
        np.bincount(place.ravel(), weights.ravel(), 2 * FLOAT_LEVELS)
        for weights in (table, table * logits)
    ]
    pixels, total = (values.reshape(2, FLOAT_LEVELS) for values in sums)
    return Counts(pixels.astype(table.dtype)[None], levels=mean_logits(total, pixels))


def _counted_pixels(
    predictions: Tensor, labels: Tensor, ignore_index: int | None
) -> tuple[Tensor, Tensor, slice | Tensor]:
    """Check a batch.

    Returns:
        The predictions of all pixels, the labels of the counted pixels, and their indices.
    """
    # Only here, since importing torch takes longer than counting 1,000 maps.
    from aslp_lib.aslp.inputs import check_pixels

    classes, _, labelled = check_pixels(predictions, labels, ignore_index, on_any_device=True)
    if classes > 1:
        raise ValueError(f"the batch has {classes} channels: {tuple(predictions.shape)}; {BINARY}")
    if predictions.device.type == "mps":  # which has no float64
        predictions, labels = predictions.cpu(), labels.cpu()
    counted: slice | Tensor = slice(None)
    if labelled is not None:
        counted = labelled.ravel().nonzero().squeeze(1).to(labels.device)  # faster than a mask
    return predictions.detach().ravel(), labels.ravel()[counted], counted


def _joint_histogram(levels: np.ndarray, groups: np.ndarray, number: int) -> np.ndarray:
    """Count the pixels of each of 8 groups and of each level.

    Args:
        levels: level of each pixel, below `number`.
        groups: group of each pixel, uint8.

    Returns:
        Numbers of pixels, shape (8 * number,).
    """
    levels, groups = levels.ravel(), groups.ravel()
    if levels.dtype != np.uint8:
        return np.bincount(groups * np.int64(number) + levels, minlength=8 * number)
    # Most pixels are like their neighbours, so eight equal ones in a row are counted at once.
    end = levels.size // 8 * 8
    eights = [pixels[:end].view(np.uint64) for pixels in (groups, levels)]
    differences = [words >> 8 for words in eights]
    for words, shifted in zip(eights, differences, strict=True):
        shifted ^= words
    equal = np.bitwise_or(*differences) << 8 == 0
    once, other = np.flatnonzero(equal), np.flatnonzero(~equal)

    def count(groups: np.ndarray, levels: np.ndarray) -> np.ndarray:
        cells = groups.astype(np.uint16) << 8
        return np.bincount(cells | levels, minlength=8 * number)

    mixed = count(*(words[other].view(np.uint8) for words in eights))
    rest = count(groups[end:], levels[end:])
    return 8 * count(groups[:end:8][once], levels[:end:8][once]) + mixed + rest


def _labelled_pixels(
    prediction: np.ndarray, mask: np.ndarray, ignore_index: int | None, shapes: dict[int, str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Check a map and its mask, and select the pixels that are counted.

    Args:
        shapes: the accepted shapes, by number of axes.

    Returns:
        Predictions and labels of these pixels, flat if pixels are ignored; and the predictions of
        the ignored pixels, or None without an `ignore_index`.
    """
    for name, array in (("the map", prediction), ("the mask", mask)):
        require_type(name, array, np.ndarray, "a NumPy array")
    same = prediction.shape == mask.shape and mask.ndim in shapes
    expected = f"that of its mask, {mask.shape}, as {' or '.join(shapes.values())}"
    require("the shape of the map", prediction.shape, same, expected)
    ignored = None
    if ignore_index is not None:
        labelled = mask != ignore_index
        ignored = prediction[~labelled]
        if ignored.size:
            prediction, mask = prediction[labelled], mask[labelled]
    kind = mask.dtype.kind
    if kind not in "biu" or mask.max(initial=1) > 1 or (kind == "i" and mask.min(initial=0) < 0):
        values = short_repr(np.unique(mask).tolist())
        raise ValueError(
            f"the mask is {mask.dtype} and holds {values}; expected the integers 0 and 1. "
            "Binarise a mask of 0 to 255 with mask >= 128."
        )
    return prediction, mask, ignored
