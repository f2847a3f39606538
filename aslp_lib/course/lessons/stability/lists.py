"""Lists of the images with the smallest alphas or margins."""

import numpy as np
from torch import nn

from aslp_lib.course import recorded
from aslp_lib.data.shapes import Shapes


def margins_of(network: nn.Module, images: Shapes) -> np.ndarray:
    """Compute the mean signed margin of each image's labels, in nats."""
    z = recorded.logits(network, images)[:, 0].numpy()
    return np.where(images.masks[:, 0].numpy() == 1, z, -z).mean((1, 2))


def mean_of_smallest(values: np.ndarray, keys: np.ndarray, size: int) -> float:
    """Average the values of the images with the smallest keys; equal keys share their places.

    >>> mean_of_smallest(np.array([8.0, 4.0, 2.0]), np.array([0.1, 0.2, 0.2]), size=2)
    5.5

    Args:
        values: value of each image.
        keys: number of each image, by which the list is made.
        size: number of images in the list.
    """
    last = np.sort(keys)[size - 1]
    first, tied = keys < last, keys == last
    places = size - first.sum()
    return float((values[first].sum() + places * values[tied].mean()) / size)
