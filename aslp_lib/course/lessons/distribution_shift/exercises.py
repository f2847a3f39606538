"""Exercises: causes of an improvement, methods that conditions allow, shrinkage."""

import scipy  # imports `special` at its first use, so that importing the exercises is fast

from aslp_lib.course.exercises import exercise


def _same_temperature(p: float, s: float) -> float:
    return float(scipy.special.logit(p) / scipy.special.logit((1 - s) * p + s / 2))


SHRINKAGE = exercise(
    "distribution_shift/shrinkage",
    right=_same_temperature,
    tolerance=0.005,
    expects="a positive number, such as 1.5",
    mistakes={
        "That is 1/T, by which the logits would be multiplied. A temperature divides the logits of "
        "the network.": lambda p, s: 1 / _same_temperature(p, s),
        "That holds only near p = 1/2. The more confident the pixel, the higher the temperature "
        "that changes it as much.": lambda p, s: 1 / (1 - s),
        "That is the ratio of the probabilities. A temperature divides logits, which are log(p / "
        "(1-p)).": lambda p, s: p / ((1 - s) * p + s / 2),
        "The term s/2 is missing: shrinkage moves p towards 1/2, and not towards 0.": lambda p, s: (
            scipy.special.logit(p) / scipy.special.logit((1 - s) * p)
        ),
    },
    grid=((0.7, 0.2), (0.9, 0.2), (0.99, 0.2), (0.999, 0.1), (0.1, 0.3), (0.6, 0.5)),
)

SHARE = exercise(
    "distribution_shift/share",
    right=lambda scaled, corrupted, adapted: (corrupted - adapted) / (scaled - adapted),
    tolerance=0.005,
    expects="a share, such as 0.25",
    mistakes={
        "That is the share that the T of corrupted images already achieves, because it has seen "
        "them.": lambda scaled, corrupted, adapted: (scaled - corrupted) / (scaled - adapted),
        "You divided by what the corrupted images contribute. Divide by the whole improvement, "
        "from the first NLL to the third.": lambda scaled, corrupted, adapted: (
            (corrupted - adapted) / (scaled - corrupted)
        ),
        "You divided by the first NLL. The question asks for a share of the "
        "improvement.": lambda scaled, corrupted, adapted: (corrupted - adapted) / scaled,
        "That is the whole improvement, which includes that of corrupted images in the "
        "fit.": lambda scaled, corrupted, adapted: (scaled - adapted) / scaled,
    },
    grid=((1.04, 0.75, 0.65), (0.49, 0.39, 0.35), (0.8, 0.7, 0.4), (0.7, 0.5, 0.6)),
)

DRONE = exercise(
    "distribution_shift/drone",
    right=lambda: 1 + 2 + 4 + 32,
    expects="a sum of the numbers, such as 24",
    mistakes={
        "No method satisfies all conditions too, and is the baseline of the others.": 2 + 4 + 32,
        "Isotonic regression may move a probability across 1/2, which changes a decision.": (
            1 + 2 + 4 + 8 + 32
        ),
        "Corruption augmentation trains the network again.": 1 + 2 + 4 + 16 + 32,
        "The corrupted copies are made of validation images, whose labels are there.": 1 + 2,
        "An image-wise temperature reads the predicted map. It needs no label of the drone's "
        "images.": 1 + 2 + 4,
        "That is one of the methods that are allowed. Nothing in the conditions makes it the best "
        "one.": 32,
    },
)

EXERCISES = (SHARE, DRONE, SHRINKAGE)
