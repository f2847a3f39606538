"""Pixels by predicted class."""

from aslp_lib.metrics.counts import Counts


def by_predicted_class(counts: Counts) -> tuple[Counts, Counts]:
    """Divide counts into the pixels predicted as background and those predicted as foreground.

    >>> import numpy as np
    >>> counts = Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]]))  # one image, 4 grey levels
    >>> [part.pixels for part in by_predicted_class(counts)]
    [4, 6]
    """
    foreground = counts.probabilities >= 0.5
    background, predicted = counts.table * ~foreground, counts.table * foreground
    return Counts(background, levels=counts.levels), Counts(predicted, levels=counts.levels)
