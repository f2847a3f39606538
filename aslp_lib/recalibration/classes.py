"""Fits on logits with K channels, whose pixels are read in several passes and never kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aslp_lib.checks import require, require_predictions
from aslp_lib.metrics.classes import checked_batch
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.recalibration import CorruptedSets, Recalibration

Batches = Iterable[Sequence[Tensor]] | Callable[[], Iterable[Sequence[Tensor]]]
"""Pairs of logits (N, K, ...) and class ids (N, ...), which can be read several times; or a
function that returns them."""
PIECE = 2**13
"""Number of pixels that are converted to float64 at a time; their sums are computed in caches."""


class LabelledPixels:
    """Labelled pixels of batches, in pieces that are checked and converted to float64.

    Each iteration is a pass over all batches.

    >>> batch = torch.zeros(2, 3, 4, 4), torch.full((2, 4, 4), 255)  # three classes
    >>> batch[1][0] = 1
    >>> [(z.shape, y.shape) for z, y in LabelledPixels([batch], ignore_index=255)]
    [(torch.Size([3, 16]), torch.Size([16]))]

    Args:
        batches: see `ClassRecalibration.fit_classes`.
        ignore_index: label of pixels that are left out.

    Raises:
        TypeError: if the batches can be read only once.
    """

    classes = 0
    """Number K of classes; 0 before the first pass."""

    def __init__(self, batches: Batches, ignore_index: int | None = None) -> None:
        readable = isinstance(batches, Iterable) or callable(batches)
        if isinstance(batches, Iterator) or not readable:
            raise TypeError(
                f"the type of batches is {type(batches).__name__}; expected a list of pairs "
                "(logits, labels), a DataLoader or the like, because a fit reads them several "
                "times. Use list(batches)."
            )
        self.batches, self.ignore_index = batches, ignore_index

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits (K, pixels) in float64 and class ids (pixels,)."""
        pixels = 0
        batches = self.batches if isinstance(self.batches, Iterable) else self.batches()
        for batch in batches:
            if not isinstance(batch, (tuple, list)) or len(batch) != 2:
                raise TypeError(
                    f"a batch is a {type(batch).__name__} of length {len(batch)}; expected a pair "
                    "(logits, labels). Put a single pair into a list."
                )
            logits, labels = batch
            logits, labels = checked_batch(logits, labels, self.ignore_index)
            classes, expected = logits.shape[1], f"{self.classes}, as in the batches before"
            require("the number of channels", classes, self.classes in (0, classes), expected)
            self.classes = classes
            together = max(1, PIECE // max(1, labels.shape[1]))
            parts = (torch.split(values, together) for values in (logits, labels))
            for images, ids in zip(*parts, strict=True):
                columns = torch.split(images.transpose(0, 1).flatten(1), PIECE, dim=1)
                rows = torch.split(ids.flatten().to(logits.device), PIECE)
                for z, y in map(self._labelled, columns, rows):
                    if len(y):
                        yield z, y
                    pixels += len(y)
        expected = "1 or more in every pass over the batches. Check the validation set."
        require("the number of labelled pixels", pixels, pixels > 0, expected)

    def _labelled(self, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Leave out ignored pixels, and convert the others."""
        labelled = slice(None) if self.ignore_index is None else y != self.ignore_index
        z, y = z[:, labelled].double(), y[labelled]
        require_predictions("the batch", z, logits=True)
        return z, y


class ClassRecalibration(Recalibration):
    """A recalibration of logits (N, K, ...) of K classes.

    A subclass implements `minimise_classes`, `channels`, and what `Recalibration` requires.
    """

    def fit_classes(self, batches: Batches, ignore_index: int | None = None) -> Self:
        """Fit the parameters on the pixels of a validation set.

        The batches are read several times, and a piece of them at a time is converted to float64,
        so that the memory does not grow with the number of images. They must be the same in every
        pass: store the logits if the network or the augmentation is random.

        >>> from aslp_lib.recalibration import Temperature
        >>> logits = torch.tensor([[4.0, 1.0, 1.0]] * 3).log()  # p = 2/3, 1/6 and 1/6
        >>> print(Temperature().fit_classes([(logits, torch.tensor([0, 0, 1]))]).describe())
        T = 1.000

        Args:
            batches: pairs of logits (N, K, ...) and class ids (N, ...) of an integer dtype in
                [0, K), as a list, a DataLoader, or another iterable that starts anew each time. A
                function that returns an iterable is called for each pass.
            ignore_index: label of pixels that are left out.

        Returns:
            The fitted method; or the identity, if that has the smaller NLL on these pixels. The
            method itself, if it has nothing to fit.

        Raises:
            TypeError: if batches can be read only once, or are not pairs of tensors.
            ValueError: if shapes, dtypes, class ids or numbers of channels are wrong, if logits are
                not finite, or if no pixel is labelled.
        """
        pixels = LabelledPixels(batches, ignore_index)
        with torch.no_grad():
            fitted = self.minimise_classes(pixels)
            if fitted is self or fitted.lowers_class_nll(pixels):
                return fitted
        return self.identity()

    def minimise_classes(self, pixels: LabelledPixels) -> Self:
        """Fit the parameters by the method's criterion; by default, nothing is fitted."""
        return self

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Refuse counts, which are those of two classes, unless a method accepts them."""
        raise TypeError(
            f"{type(self).__name__} cannot be fitted to Counts, which have two classes; expected "
            "pairs of logits (N, K, ...) and labels. Use fit_classes(batches)."
        )

    def lowers_class_nll(self, pixels: LabelledPixels) -> bool:
        """Return whether the method does not raise the NLL of the pixels that it was fitted on."""
        increase = 0.0
        for z, y in pixels:
            for sign, logits in ((1, self(z[None])), (-1, z[None])):
                increase += sign * cross_entropy(logits, y[None], reduction="sum").item()
        return increase <= 0
