"""Maps that are not rounded to grey levels, because stretching would magnify the rounding."""

import numpy as np
from torch import nn

from aslp_lib.course import recorded
from aslp_lib.data.image_set import ImageSet


def probabilities(network: nn.Module, dataset: ImageSet) -> np.ndarray:
    """Predict the foreground probabilities of all images of an embedded set, (N, H, W)."""
    f: np.ndarray = recorded.logits(network, dataset)[:, 0].sigmoid().numpy()
    return f
