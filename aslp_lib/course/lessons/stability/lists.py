"""Lists of the images with the smallest alphas."""

import numpy as np


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
