"""What counts of two and of K classes share: columns of what is known of each image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from aslp_lib.checks import require


class ImageColumns:
    """Base of counts: sums over the pixels of images, and columns of what else is known of each.

    A subclass is a frozen dataclass with a field for each name in `SUMS` and a field `columns`, see
    `Counts`. The first axis of every array is that of the images. The first sum counts each pixel
    once.
    """

    SUMS: ClassVar[tuple[str, ...]]
    """Names of the sums over pixels."""
    table: np.ndarray
    columns: Mapping[str, np.ndarray]

    @property
    def sums(self) -> tuple[np.ndarray, ...]:
        """The sums over the pixels of each image, in the order of `SUMS`."""
        return tuple(getattr(self, name) for name in self.SUMS)

    def __len__(self) -> int:
        return len(self.sums[0])

    @property
    def pixels(self) -> float:
        """Number of pixels of the set; a float for expected numbers."""
        return self.sums[0].sum().item()

    def __getitem__(self, images: slice | np.ndarray) -> Self:
        """Return the set of the images that a slice, a mask or an index array selects."""
        columns = {name: column[images] for name, column in self.columns.items()}
        return self._changed(lambda sums: sums[images], columns)

    def _changed(
        self, change: Callable[[np.ndarray], np.ndarray], columns: Mapping[str, np.ndarray]
    ) -> Self:
        """Return a set whose sums are those of this one after a change, with other columns."""
        sums: Any = {name: change(getattr(self, name)) for name in self.SUMS}
        return replace(self, **sums, columns=columns)  # type: ignore[type-var]

    @cached_property
    def as_one_image(self) -> Self:
        """The pixels of all images as those of one image, without columns."""
        if len(self) == 1 and not self.columns:
            return self
        return self._changed(lambda sums: sums.sum(axis=0, keepdims=True), {})

    def resampled(self, draws: np.ndarray) -> list[Self]:
        """Return resampled sets, each pooled into one image.

        Args:
            draws: multiplicity of each image in each of R resamples, (R, N), float64.
        """

        def drawn(sums: np.ndarray) -> np.ndarray:
            # Exact in float64 for whole numbers, because the results are below 2^53.
            flat = sums.reshape(len(self), -1).astype(np.float64)
            return (draws @ flat).astype(sums.dtype).reshape(len(draws), *sums.shape[1:])

        resamples = self._changed(drawn, {})
        return [resamples[r : r + 1] for r in range(len(draws))]

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the images of several sets, in order.

        The set has the columns that all parts have. Images of different parts are of one group if
        their groups are equal.

        Raises:
            ValueError: if there are no parts, or if their levels or classes differ.
        """
        require("the number of images", 0, bool(parts), "1 or more. Count a map or a batch first.")
        if len(parts) == 1:
            return parts[0]
        shapes = sorted({part.table.shape[1:] for part in parts})
        expected = "one shape. Count all parts in the same way."
        require("the shape of an image's table", shapes, len(shapes) == 1, expected)
        names = [name for name in parts[0].columns if all(name in p.columns for p in parts)]
        columns = {name: np.concatenate([p.columns[name] for p in parts]) for name in names}
        sums: Any = {k: np.concatenate([getattr(p, k) for p in parts]) for k in cls.SUMS}
        return replace(parts[0], **sums, columns=columns)  # type: ignore[type-var]

    def with_columns(self, **columns: ArrayLike | None) -> Self:
        """Return the same counts with other columns; None removes a column.

        >>> from aslp_lib.metrics.counts import Counts
        >>> counts = Counts(np.ones((2, 2, 256), np.int64)).with_columns(groups=[7, 7])
        >>> counts.independent, counts.with_columns(groups=None).independent
        (1, 2)
        """
        known = {**self.columns, **columns}
        kept = {name: np.asarray(values) for name, values in known.items() if values is not None}
        return replace(self, columns=kept)  # type: ignore[type-var]

    def merged(self) -> Self:
        """Return the counts of the parts of one image, such as the slabs of a volume, as one.

        >>> from aslp_lib.metrics.counts import Counts
        >>> part = Counts(np.ones((1, 2, 256), np.int64))
        >>> whole = Counts.join([part, part]).merged()
        >>> len(whole), whole.pixels
        (1, 1024)
        """
        if len(self) == 1:
            return self
        names = [name for name in self.columns if name.startswith("ignored")]
        totals = {name: self.columns[name].sum(axis=0, keepdims=True) for name in names}
        return self.as_one_image.with_columns(**totals)

    @classmethod
    def of_images(cls, images: Sequence[Self], **columns: ArrayLike | None) -> Self:
        """Join the counts of single images, and leave out those without a counted pixel.

        >>> from aslp_lib.metrics.counts import Counts
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
