"""Explorer of label perturbation on a map, and of the plane of alpha and beta."""

import numpy as np

from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.course import recorded
from aslp_lib.course.live import Explorer, packed


class Plane(Explorer):
    """Explorer whose controls are technique, alpha and beta, shown on a label map.

    Args:
        mask: (H, H) labels in {0, 1}; by default those of a test crop of nuclei.
    """

    def __init__(self, mask: np.ndarray | None = None) -> None:
        labels = mask
        if labels is None:
            labels = recorded.settings_of("nuclei").load_data().tests["test"].mask(3)
        pixels = np.asarray(labels, np.uint8)
        records = {"size": len(pixels), "labels": packed(pixels.ravel())}
        start = {"technique": "HI", "alpha": 0.2, "beta": HARD_INVERSION.beta}
        super().__init__(records, start, is_photographed=mask is None)
