"""Pixels by predicted class."""

from aslp_lib.metrics.counts import Counts


def by_predicted_class(counts: Counts) -> tuple[Counts, Counts]:
    """Divide counts into the pixels predicted as background and those predicted as foreground.

    >>> import numpy as np
    >>> counts = Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]]))  # one image, 4 grey levels
    >>> [part.pixels for part in by_predicted_class(counts)]
    [4, 6]
    """
    predicted = counts.probabilities >= 0.5
    background, foreground = (
        Counts(counts.table * kept, levels=counts.levels) for kept in (~predicted, predicted)
    )
    return background, foreground
