"""Exercises of notebook 08: ASLP in a training loop, unlabelled pixels, and more classes."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, Technique
from aslp_lib.course.exercises.confidence import counts_of
from aslp_lib.course.exercises.framework import Array, Exercise, Point, read_only
from aslp_lib.course.models.classes import class_targets
from aslp_lib.metrics import calibration

NOTEBOOK = "08_your_own_data"

_VALIDATIONS = (
    read_only([0.95, 0.9, 0.8, 0.3, 0.1, 0.2, 0.05, 0.6], [1, 0, 1, 0, 0, 255, 255, 255]),
    read_only([0.9, 0.9, 0.7, 0.2, 0.4, 0.1], [1, 1, 0, 0, 1, 255]),
    read_only([0.6, 0.6, 0.6, 0.4, 0.99, 0.98], [1, 1, 1, 0, 255, 255]),
)
"""Two overconfident networks, and an underconfident one."""


def _gap(p: Array, y: Array) -> float:
    return calibration.gap(counts_of(p[y != 255], y[y != 255]))


def _difference(p: Array, foreground: NDArray[np.bool_]) -> float:
    return float(np.maximum(p, 1 - p).mean() - ((p >= 0.5) == foreground).mean())


def _confidence_of_all(p: Array, y: Array) -> float:
    return float(np.maximum(p, 1 - p).mean() - ((p >= 0.5) == y)[y != 255].mean())


def _foreground_mean(p: Array, y: Array) -> float:
    return float(p[y != 255].mean() - ((p >= 0.5) == y)[y != 255].mean())


def _mean_alpha(
    logits: Array,
    labels: Array,
    accuracy: float,
    epochs: int,
    technique: Technique = HARD_INVERSION,
    warm_up: int = 5,
) -> float:
    """Return the mean alpha after the loop.

    As the accuracy is constant, `warm_up=4` has the effect of calling `observe` before `update`.
    """
    z, y = torch.tensor(logits), torch.tensor(labels)
    alphas = AdaptiveAlpha(
        len(z), technique, alpha_step_size=0.01, constraint_weight=20, warm_up=warm_up
    )
    for _ in range(epochs):
        alphas.update(torch.arange(len(z)), z, y, ignore_index=255)
        alphas.observe(accuracy)
    return alphas.alpha.mean().item()


_TWO_IMAGES = read_only([[3, 2, -4, 5], [1, -1, -2, -3]], [[1, 1, 0, 255], [1, 1, 0, 0]])
_LOOPS: tuple[Point, ...] = (
    (*_TWO_IMAGES, 0.9, 8),
    (*_TWO_IMAGES, 0.9, 60),
    (*read_only([[2, -6, -4, -1]], [[1, 0, 255, 255]]), 0.8, 40),
)
"""Loops whose alphas are on the way to the bound, and loops that have converged."""


def _confidence_of_label(alpha: float, beta: float, classes: float) -> float:
    label = torch.eye(int(classes), dtype=torch.float64)[0]
    return class_targets(label, alpha, beta)[0].item()


_CANDIDATES = (
    read_only([0.41, 0.36, 0.38], [0.40, 0.39, 0.35]),
    read_only([0.52, 0.47, 0.50, 0.44], [0.46, 0.43, 0.49, 0.48]),
)


TOLD = Exercise(
    name="08/told",
    title="what the levels are told",
    question="""
The rule `measured_gap` needs the mean confidence and the accuracy of the validation pixels. A
network says `p` of them, and their labels are `y`: 0, 1, or 255 where there is none. **Write the
mean confidence less the accuracy.** Both are arrays of one axis.
""",
    right=_gap,
    expects="a difference of two shares, such as 0.05",
    mistakes={
        "The sign is wrong: an overconfident network has a positive gap.": lambda p, y: -_gap(p, y),
        "That counts unlabelled pixels as background. Leave the pixels with y = 255 out of both of "
        "the means.": lambda p, y: _difference(p, y == 1),
        "The accuracy is that of the labelled pixels, but the confidence is that of all pixels. "
        "Use the labelled ones for both.": _confidence_of_all,
        "That counts 255 as foreground. It means that a pixel has no label, so leave it out of "
        "both means.": lambda p, y: _difference(p, y > 0),
        "That is the mean of P(y=1). A pixel with P(y=1) = 0.1 is predicted background, with "
        "confidence 0.9.": _foreground_mean,
    },
    hint="Drop the pixels with y = 255. Then average max(p, 1 - p), and (p >= 1/2) == y.",
    why="Pixels without a label are in neither mean. Outside a field of view they are the easiest, "
    "and would flatter both.",
    solution="""
import numpy as np


def answer(p, y):
    given, wanted = p[y != 255], y[y != 255] == 1
    return np.maximum(given, 1 - given).mean() - ((given >= 0.5) == wanted).mean()
""",
    grid=_VALIDATIONS,
)

LOOP = Exercise(
    name="08/loop",
    title="the lines of the loop",
    question="""
A loop without a network: in each of `epochs` epochs one batch holds all images, `logits` and
`labels` are always the same arrays (images x pixels, 255 where there is no label), and at the end
of each epoch the validation accuracy is `accuracy`. **Write the lines that move the levels, and
return their mean at the end.** Hard inversion, rule MC, `alpha_step_size=0.01`,
`constraint_weight=20`, all else as it is by default. `torch.tensor(logits)` makes a tensor of an
array.
""",
    right=_mean_alpha,
    tolerance=0.0005,
    mistakes={
        "Without a warm-up the alphas change from the first epoch on. By default, they wait for "
        "five validations.": partial(_mean_alpha, warm_up=0),
        "The alphas never changed. They change after five validations: are both `update` and "
        "`observe` called once per epoch?": lambda *loop: 0.0,
        "You called `observe` before the update of the epoch, which is one update too many. A "
        "validation ends an epoch.": partial(_mean_alpha, warm_up=4),
        "You updated with probabilities. The gradient in alpha is a mean of signed logits: pass "
        "the logits.": lambda z, *rest: _mean_alpha(expit(z), *rest),
        "That treats the pixels without a label as background. Pass ignore_index=255 to the method "
        "`update`.": lambda z, y, *rest: _mean_alpha(z, np.where(y == 255, 0, y), *rest),
        "That is the result for moderation, which has beta = 1. The exercise asks for hard "
        "inversion, beta = 2.": partial(_mean_alpha, technique=MODERATION),
    },
    hint="Make AdaptiveAlpha(...) once. In each epoch call alphas.update(index, logits, labels, "
    "ignore_index=255), then alphas.observe(accuracy=...).",
    why="With a network between them, these are the lines that ASLP adds to a loop, and the loss.",
    solution="""
import torch

from aslp_lib import HARD_INVERSION, AdaptiveAlpha


def answer(logits, labels, accuracy, epochs):
    said_of, marks = torch.tensor(logits), torch.tensor(labels)
    held = AdaptiveAlpha(len(marks), HARD_INVERSION, alpha_step_size=0.01, constraint_weight=20)
    for _ in range(epochs):
        held.update(torch.arange(len(marks)), said_of, marks, ignore_index=255)
        held.observe(accuracy=accuracy)
    return held.alpha.mean()
""",
    grid=_LOOPS,
)

REPORT = Exercise(
    name="08/report",
    title="which number to report",
    question="""
Several settings were trained. Setting k has the NLL `validation[k]` on the validation images and
`test[k]` on the test images, which you happen to know. **Write the test NLL that you may report as
that of the method, its setting being chosen.**
""",
    right=lambda validation, test: test[np.argmin(validation)],
    expects="one of the test NLLs, such as 0.4",
    mistakes={
        "That selects the setting on the test set, which then no longer tests it. Select on "
        "validation images.": lambda validation, test: test.min(),
        "That is the NLL on the images used for selection. As the lowest of several, it is "
        "optimistic.": lambda validation, test: validation.min(),
        "That is the mean over all settings, most of which were not selected. Report the selected "
        "one.": lambda validation, test: test.mean(),
        "That selects the setting with the highest NLL. Select the one with the lowest: a lower "
        "NLL is better.": lambda validation, test: test[np.argmax(validation)],
    },
    hint="Select the setting by its validation NLL, and report its test NLL.",
    why="It may be worse than the best on the test set: that is the price of an honest number.",
    solution="""
def answer(validation, test):
    return test[validation.argmin()]
""",
    grid=_CANDIDATES,
)

CLASSES = Exercise(
    name="08/classes",
    title="how sure with K classes",
    question="""
With K classes a perturbed label is `(1 - beta) e + beta/K`, e the label's one-hot vector. A
network is trained at the level alpha, until it has the minimiser of the mean loss. **How sure is it
of a pixel whose label leaves no doubt?** Write it as a function.
""",
    right=_confidence_of_label,
    tolerance=0.002,
    mistakes={
        "That holds for two classes. With K classes, the label's class keeps 1/K of what is taken "
        "from it.": lambda a, b, k: 1 - a * b / 2,
        "That is the weight of the label itself. Its class also gets 1/K of what is spread over "
        "all classes.": lambda a, b, k: 1 - a * b,
        "Subtract the probability of every other class: there are K - 1 of them, each with "
        "alpha*beta/K.": lambda a, b, k: 1 - a * b / k,
        "That is the probability of each of the other classes. What remains for the class of the "
        "label?": lambda a, b, k: a * b / k,
        "That is the perturbed label. It is used with probability alpha only: average it with the "
        "label itself.": lambda a, b, k: 1 - b + b / k,
    },
    hint="The mean target is (1 - alpha*beta) e + alpha*beta/K. Which entry belongs to the label?",
    why="Each of the K - 1 other classes has alpha*beta/K. For K = 2 it is 1 - alpha*beta/2, as "
    "before.",
    solution="""
def answer(alpha, beta, classes):
    return 1 - alpha * beta * (classes - 1) / classes
""",
    grid=((0.1, 1.0, 2), (0.1, 1.0, 3), (0.2, 1.25, 5), (0.3, 0.5, 10), (0.4, 1.1, 4)),
)

EXERCISES = (TOLD, LOOP, REPORT, CLASSES)
