"""Labels of the synthetic images: from another annotator in each epoch, and one that is wrong."""

from typing import Any

import numpy as np

from aslp_lib.course.recorded import SETTINGS
from aslp_lib.course.recorded.epochs import PICKS, seen
from aslp_lib.data.shapes import Shapes


def draw_labels(dataset: Shapes, rng: np.random.Generator) -> None:
    """Draw the label of every shape anew, in place, with the probability of its true posterior.

    All pixels of a shape have the same posterior, and get the same label.
    """
    for mask, posterior in zip(dataset.masks[:, 0].numpy(), dataset.posterior, strict=True):
        probabilities, shape = np.unique(posterior, return_inverse=True)
        labels = rng.random(len(probabilities)) < probabilities
        mask[...] = labels[shape.reshape(posterior.shape)]


def of_wrong_label(method: str, epoch: int) -> float:
    """Return a recorded network's mean P(y = 1) of a shape whose label is wrong.

    The true posterior of the shape is 0.96, and its label is background.
    """
    image = PICKS["train"][1]
    dataset: Any = SETTINGS.load_data().train
    shape = dataset.posterior[image] > 0.9
    return float(seen(method, epoch, "train").maps[1][shape].mean())
