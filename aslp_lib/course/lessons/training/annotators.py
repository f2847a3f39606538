"""Labels of the synthetic images from another annotator in each epoch."""

import numpy as np

from aslp_lib.data.shapes import Shapes


def draw_labels(dataset: Shapes, rng: np.random.Generator) -> None:
    """Draw the label of every shape anew, in place, with the probability of its true posterior.

    All pixels of a shape have the same posterior, and get the same label.
    """
    for mask, posterior in zip(dataset.masks[:, 0].numpy(), dataset.posterior, strict=True):
        probabilities, shape = np.unique(posterior, return_inverse=True)
        labels = rng.random(len(probabilities)) < probabilities
        mask[...] = labels[shape.reshape(posterior.shape)]
