"""Resizing of a network's outputs to the size of an image."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def own_size(logit: Tensor, shape: tuple[int, int], *, resize_logits: bool) -> np.ndarray:
    """Compute the map of probabilities at an image's own size from the network's logits.

    Args:
        logit: (1, S, S) logits of one image.
        shape: (H, W) of the image.
        resize_logits: resize logits instead of probabilities.

    Returns:
        (H, W) probabilities, float32.

    >>> own_size(torch.zeros(1, 2, 2), (1, 3), resize_logits=False).tolist()
    [[0.5, 0.5, 0.5]]
    """
    if resize_logits:
        return torch.sigmoid(torch.from_numpy(to_size(logit, shape))).numpy()
    return to_size(torch.sigmoid(logit), shape)


def to_size(values: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """Resize (1, S, S) values bilinearly to (H, W), as a float32 array.

    >>> to_size(torch.tensor([[[0.0, 1.0], [0.0, 1.0]]]), (1, 4)).tolist()
    [[0.0, 0.25, 0.75, 1.0]]
    """
    resized = F.interpolate(values[None], size=shape, mode="bilinear", align_corners=False)
    return resized[0, 0].numpy()
