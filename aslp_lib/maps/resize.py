"""Resizing of a network's outputs to the size of an image."""

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def own_size(logit: Tensor, shape: tuple[int, int], *, resize_logits: bool) -> np.ndarray:
    """Compute the map of probabilities at an image's own size, by bilinear resizing of the logits
    or of their probabilities.

    Args:
        logit: (1, S, S) logits of one image; (K, S, S) for K classes.
        shape: (H, W) of the image.
        resize_logits: resize logits instead of probabilities.

    Returns:
        (H, W) probabilities, float32; (K, H, W) for K classes.

    >>> p = torch.tensor([[[0.2, 0.6], [0.2, 0.6]]])
    >>> print(own_size(p.logit(), (1, 4), resize_logits=False).round(2))
    [[0.2 0.3 0.5 0.6]]
    """
    several = len(logit) > 1
    probabilities = partial(torch.softmax, dim=-3) if several else torch.sigmoid
    values = logit if resize_logits else probabilities(logit)
    resized = F.interpolate(values[None], size=shape, mode="bilinear", align_corners=False)
    maps = (probabilities(resized) if resize_logits else resized)[0]
    return (maps if several else maps[0]).numpy()
