"""What counts of two and of K classes share: columns of what is known of each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike


class ImageColumns:
    """Base of counts: sums over the pixels of images, and columns of what else is known of each.

    A subclass is a frozen dataclass with a field `columns`, see `Counts`. It implements the first
    three methods.
    """

    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def pixels(self) -> float:
        """Number of pixels of the set; a float for expected numbers."""
        raise NotImplementedError

    def as_one_image(self) -> Self:
        """Return the pixels of all images as those of one image, without columns."""
        raise NotImplementedError

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the images of several sets, in order."""
        raise NotImplementedError

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
        columns = {
            name: column.sum(axis=0, keepdims=True)
            for name, column in self.columns.items()
            if name.startswith("ignored")
        }
        return replace(self.as_one_image(), columns=columns)  # type: ignore[type-var]

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

    @staticmethod
    def common_columns(parts: Sequence[ImageColumns]) -> dict[str, np.ndarray]:
        """Concatenate the columns that all parts have."""
        common = [name for name in parts[0].columns if all(name in p.columns for p in parts)]
        return {name: np.concatenate([part.columns[name] for part in parts]) for name in common}

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
