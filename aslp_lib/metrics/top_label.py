"""The reliability table: pixels of each image by outcome and confidence.

Every calibration score, its interval and its diagram is computed from this table. Counts derive it
(`top_label`), with one of these definitions of confidence and outcome:

- "prediction" (default): the confidence of a pixel is that of its predicted class, for two classes
  `max(p, 1 - p)`, and its outcome is 1 if that class is the label. The mean outcome is the
  accuracy.
- "foreground": the confidence is `p = P(y = 1)`, and the outcome is the label. The mean outcome is
  the frequency of foreground.
- k, a number, for counts of K classes: the confidence is the probability of class k, and the
  outcome is 1 if class k is the label. The mean outcome is the frequency of class k.
- "classes": every pixel counts K times, once for each class. The table has a row for each class of
  each image. Only sums over bins are of use, `calibration.image_bins`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from aslp_lib.checks import require
from aslp_lib.metrics.classes import AnyCounts, ClassCounts

Of = Literal["prediction", "foreground", "classes"] | int
"""Definition of confidence and outcome."""


@dataclass(frozen=True)
class TopLabel:
    """Pixels of each image by outcome and confidence.

    >>> table = TopLabel(np.array([[[1, 0], [3, 6]]]), grey_levels=4)  # one image
    >>> table.confidence, table.pixels, table.positive
    (array([0.66666667, 1.        ]), array([4, 6]), array([3, 6]))

    Args:
        table: numbers of pixels, shape (images, 2, K): outcome 0 and 1, by ascending confidence.
        grey_levels: number L of grey levels. The K confidences are the highest multiples of
            1 / (L - 1) in [0, 1].
    """

    table: np.ndarray
    grey_levels: int

    @property
    def numerators(self) -> np.ndarray:
        """Confidences times L - 1, as integers, shape (K,)."""
        return np.arange(self.grey_levels - self.table.shape[2], self.grey_levels)

    @property
    def confidence(self) -> np.ndarray:
        """Confidences in ascending order, shape (K,)."""
        return self.numerators / (self.grey_levels - 1)

    @property
    def pixels(self) -> np.ndarray:
        """Pixels of all images by confidence, shape (K,).

        Raises:
            ValueError: if there are none.
        """
        pixels: np.ndarray = self.table.sum(axis=(0, 1))
        require("the number of pixels", 0, bool(pixels.any()), "1 or more. Count a map first.")
        return pixels

    @property
    def positive(self) -> np.ndarray:
        """Pixels of all images with outcome 1 by confidence, shape (K,)."""
        return self.table[:, 1].sum(axis=0)


def top_label(counts: AnyCounts, of: Of = "prediction") -> TopLabel:
    """Derive the reliability table of predictions, at grey levels.

    Scores of pooled pixels need only that of all images as one, `counts.as_one_image`.

    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]]))  # 4 grey levels
    >>> top_label(counts, "foreground").positive
    array([0, 0, 3, 2])
    >>> top_label(counts).positive  # at confidences 2/3 and 1
    array([3, 6])

    Raises:
        ValueError: if `of` is unknown.
    """
    if isinstance(counts, ClassCounts):
        if of == "prediction":
            return TopLabel(counts.top, counts.grey_levels)
        table = counts.table if of == "classes" else counts.table_of(of)
        return TopLabel(table.reshape(-1, *table.shape[-2:]), counts.grey_levels)
    counts = counts.grey
    if of == "foreground":
        return TopLabel(counts.table, counts.grey_levels)
    require("of", of, of == "prediction", "'prediction' or 'foreground'")
    half = counts.grey_levels // 2
    background, foreground = counts.table[:, 0], counts.table[:, 1]
    right = foreground[:, half:] + background[:, :half][:, ::-1]
    wrong = background[:, half:] + foreground[:, :half][:, ::-1]
    return TopLabel(np.stack([wrong, right], axis=1), counts.grey_levels)
