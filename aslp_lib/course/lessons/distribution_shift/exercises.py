"""Exercises: causes of an improvement, methods that conditions allow, shrinkage."""

import scipy  # imports `special` at its first use, so that importing the exercises is fast

from aslp_lib.course.exercises import Exercise


def _same_temperature(p: float, s: float) -> float:
    return float(scipy.special.logit(p) / scipy.special.logit((1 - s) * p + s / 2))


SHRINKAGE = Exercise(
    name="distribution_shift/shrinkage",
    title="shrinkage is not a temperature",
    question="""
Shrinkage with the expected perturbation `s` changes a pixel's probability from `p` to
`(1 - s) p + s/2`. **Write a function that returns the temperature that gives this pixel the
same probability.** Then compare a confident pixel with one that is not.
""",
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
    hint="The temperature is the ratio of two logits, before and after the shrinkage.",
    why="It grows with the confidence: shrinkage limits every confidence to 1 - s/2, and a "
    "temperature limits none.",
    solution="""
import math


def answer(p, s):
    after = (1 - s) * p + s / 2
    return math.log(p / (1 - p)) / math.log(after / (1 - after))
""",
    alternative="""
from scipy.special import logit


def answer(p, s):
    return logit(p) / logit((1 - s) * p + s / 2)
""",
    grid=((0.7, 0.2), (0.9, 0.2), (0.99, 0.2), (0.999, 0.1), (0.1, 0.3), (0.6, 0.5)),
)

SHARE = Exercise(
    name="distribution_shift/share",
    title="how much of it is adaptation?",
    question="""
A network has three NLLs: `scaled` with the T of the validation images, `corrupted` with the T of
corrupted images, and `adapted` with the image-wise temperature. **Write a function that returns the
share of the improvement from `scaled` to `adapted` that the T of corrupted images does not reach.**
Then apply it to zoomed SOD.
""",
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
    hint="The second and the third have seen the same images. Divide the step between them by the "
    "whole step from the first to the third.",
    why="On zoomed SOD it is about a quarter, which a second temperature and the adaptation to "
    "each image share. A single temperature that has seen the same corrupted images, zooms among "
    "them, reaches the rest.",
    solution="""
def answer(scaled, corrupted, adapted):
    return (corrupted - adapted) / (scaled - adapted)
""",
    grid=((1.04, 0.75, 0.65), (0.49, 0.39, 0.35), (0.8, 0.7, 0.4), (0.7, 0.5, 0.6)),
)

DRONE = Exercise(
    name="distribution_shift/drone",
    title="the network on a drone",
    question="""
A trained network segments cracks in photographs of concrete. It will be used on a drone, whose
images may be blurred, dark, or taken from closer. None of them is labelled, the network will not be
trained again, and no decision may change. Which of these methods do the conditions allow? **Add up
their numbers.**

- 1: no method
- 2: temperature scaling on validation images
- 4: temperature scaling on corrupted validation images
- 8: isotonic regression on validation images
- 16: corruption augmentation
- 32: image-wise temperature
""",
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
    hint="Check each method against the three conditions: no labels of the drone's images, no "
    "training, no changed decision.",
    why="Which of the four is best, the conditions cannot say: it depends on whether there are "
    "images without a crack, and on how far all of them are from the validation images. So label a "
    "few and compare.",
    solution="answer = 1 + 2 + 4 + 32",
)

EXERCISES = (SHARE, DRONE, SHRINKAGE)
