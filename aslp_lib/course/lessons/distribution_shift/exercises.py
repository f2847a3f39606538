"""Exercises: shrinkage and temperatures, and a method under distribution shift."""

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

DRONE = Exercise(
    name="distribution_shift/drone",
    title="the network on a drone",
    question="""
A trained network segments cracks in photographs of concrete. It will be used on a drone: some of
its images are as clear as the validation images, others are blurred, dark, or taken from closer,
and each shows a crack. None of them is labelled, the network will not be trained again, and no
decision may change. **Which method do you choose?** Answer with its number.

1. no method
2. temperature scaling on validation images
3. temperature scaling on corrupted validation images
4. isotonic regression on validation images
5. corruption augmentation
6. image-wise temperature
""",
    right=lambda: 6,
    expects="the number of a method, 1 to 6",
    mistakes={
        "The network is overconfident on images like its own, and more so on dark ones.": 1,
        "That helps, but T is fitted on clear images and is the same for clear and blurred "
        "ones.": 2,
        "That helps on blurred images and leaves the network underconfident on clear ones, "
        "because T is the same for both.": 3,
        "That changes decisions, and it is fitted on images unlike those of the drone.": 4,
        "That needs retraining, which is ruled out.": 5,
    },
    hint="Choose one of the six numbers.",
    why="Its temperature depends on the predicted map, and each image shows an object. On concrete "
    "without a crack it would be underconfident.",
    solution="answer = 6",
)

EXERCISES = (SHRINKAGE, DRONE)
