"""Exercises of notebook 08: ASLP in a training loop, unlabelled pixels, and more classes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, Technique
from aslp_lib.course.exercises.framework import Array, Exercise, Point, read_only
from aslp_lib.course.models.classes import class_targets
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

NOTEBOOK = "08_your_own_data"

_VALIDATIONS = (
    read_only([0.95, 0.9, 0.8, 0.3, 0.1, 0.2, 0.05, 0.6], [1, 0, 1, 0, 0, 255, 255, 255]),
    read_only([0.9, 0.9, 0.7, 0.2, 0.4, 0.1], [1, 1, 0, 0, 1, 255]),
    read_only([0.6, 0.6, 0.6, 0.4, 0.99, 0.98], [1, 1, 1, 0, 255, 255]),
)
"""Two overconfident networks, and an underconfident one."""


def _gap(p: Array, y: Array) -> float:
    labelled = Counts.from_probabilities(
        torch.tensor(p)[None], torch.tensor(y)[None], ignore_index=255
    )
    return calibration.gap(labelled)


def _confidence(p: Array) -> float:
    return float(np.maximum(p, 1 - p).mean())


def _accuracy(p: Array, foreground: NDArray[np.bool_]) -> float:
    return float(((p >= 0.5) == foreground).mean())


def _foreground_mean(p: Array, y: Array) -> float:
    return float(p[y != 255].mean()) - _accuracy(p[y != 255], y[y != 255] == 1)


def _mean_alpha(
    logits: Array,
    labels: Array,
    accuracy: float,
    epochs: int,
    *,
    technique: Technique = HARD_INVERSION,
    warm_up: int = 5,
    observe_first: bool = False,
    margins_of: str = "logits",
) -> float:
    """Return the mean alpha after the loop; the keyword arguments select a mistake.

    Args:
        observe_first: observe the validation before the epoch's update.
        margins_of: update with "logits" or with "probabilities".
    """
    z, y = torch.tensor(logits), torch.tensor(labels)
    outputs = z.sigmoid() if margins_of == "probabilities" else z
    alphas = AdaptiveAlpha(
        len(z), technique, alpha_step_size=0.01, constraint_weight=20, warm_up=warm_up
    )
    for _ in range(epochs):
        if observe_first:
            alphas.observe(accuracy)
        alphas.update(torch.arange(len(z)), outputs, y, ignore_index=255)
        if not observe_first:
            alphas.observe(accuracy)
    return alphas.alpha.mean().item()


def _unlabelled_as_background(logits: Array, labels: Array, accuracy: float, epochs: int) -> float:
    return _mean_alpha(logits, np.where(labels == 255, 0, labels), accuracy, epochs)


_TWO_IMAGES = read_only(
    np.array([[3, 2, -4, 5], [1, -1, -2, -3]]), np.array([[1, 1, 0, 255], [1, 1, 0, 0]])
)
_LOOPS: tuple[Point, ...] = (
    (*_TWO_IMAGES, 0.9, 8),
    (*_TWO_IMAGES, 0.9, 60),
    (*read_only(np.array([[2, -6, -4, -1]]), np.array([[1, 0, 255, 255]])), 0.8, 40),
)
"""Loops whose alphas are on the way to the bound, and loops that have converged."""


def _confidence_of_label(alpha: float, beta: float, classes: float) -> float:
    label = torch.eye(int(classes), dtype=torch.float64)[0]
    return class_targets(label, alpha, beta)[0].item()


_CANDIDATES = (
    read_only([0.41, 0.36, 0.38], [0.40, 0.39, 0.35]),
    read_only([0.52, 0.47, 0.50, 0.44], [0.46, 0.43, 0.49, 0.48]),
)


def _reported(validation: Array, test: Array) -> float:
    return float(test[np.argmin(validation)])


TOLD = Exercise(
    name="08/told",
    title="what the levels are told",
    question="""
The rule `measured_gap` needs the mean confidence and the accuracy of the validation pixels. A
network says `p` of them, and their labels are `y`: 0, 1, or 255 where there is none. **Write the
mean confidence less the accuracy.** Both are arrays of one axis.
""",
    right=_gap,
    tolerance=0.001,
    expects="a difference of two shares, such as 0.05",
    mistakes={
        "The sign is turned: a network that is too sure has a gap above 0.": lambda p, y: (
            -_gap(p, y)
        ),
        "That counts the pixels without a label as background. Leave them out of both "
        "means.": lambda p, y: _confidence(p) - _accuracy(p, y == 1),
        "The accuracy is of the labelled pixels, but the confidence is of all. Both must be of the "
        "same ones.": lambda p, y: _confidence(p) - _accuracy(p[y != 255], y[y != 255] == 1),
        "That takes 255 for foreground. It says that there is no label.": lambda p, y: (
            _confidence(p) - _accuracy(p, y > 0)
        ),
        "That is the mean of P(y=1). A pixel that is 0.1 foreground is predicted background, with "
        "confidence 0.9.": _foreground_mean,
    },
    hint="Drop the pixels with y = 255; then take the mean of max(p, 1 - p), and of "
    "(p >= 1/2) == y.",
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
    expects="a level in [0, 0.5], such as 0.1",
    mistakes={
        "Without a warm-up the levels move from the first epoch on. By default they wait for five "
        "validations: at first a network knows nothing.": lambda *loop: _mean_alpha(
            *loop, warm_up=0
        ),
        "The levels never moved. They wait for five validations: are `update` and `observe` both "
        "called once an epoch?": lambda *loop: 0.0,
        "There `observe` came before the epoch's update: one update too many. A validation ends an "
        "epoch.": lambda *loop: _mean_alpha(*loop, observe_first=True),
        "That updates from probabilities. The gradient in alpha is a mean of signed "
        "logits.": lambda *loop: _mean_alpha(*loop, margins_of="probabilities"),
        "That takes the pixels without a label for background. Pass "
        "ignore_index=255.": _unlabelled_as_background,
        "That is moderation, beta = 1. Hard inversion has beta = 2.": lambda *loop: _mean_alpha(
            *loop, technique=MODERATION
        ),
    },
    hint="AdaptiveAlpha(...) once; in each epoch alphas.update(index, logits, labels, "
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
    right=_reported,
    tolerance=0.001,
    expects="one of the test NLLs, such as 0.4",
    mistakes={
        "That lets the test set choose. What was chosen by it is no longer tested by "
        "it.": lambda validation, test: test.min(),
        "That is the NLL on the images that chose: it is the least of several, and "
        "optimistic.": lambda validation, test: validation.min(),
        "That is the mean over all settings, most of which were not "
        "chosen.": lambda validation, test: test.mean(),
        "That is the setting of the largest NLL. Less is better.": lambda validation, test: test[
            np.argmax(validation)
        ],
    },
    hint="Validation chooses the setting, the test images say how good it is.",
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
    expects="a function that returns a probability, such as 0.9",
    mistakes={
        "So it is with two classes. With K the label's class gets back only 1/K of what is "
        "taken.": lambda alpha, beta, classes: 1 - alpha * beta / 2,
        "That is what is left of the label itself. Its class also gets its share of what is spread "
        "over all of them.": lambda alpha, beta, classes: 1 - alpha * beta,
        "What the other classes get is missing from it: there are K - 1 of them, each with "
        "alpha*beta/K.": lambda alpha, beta, classes: 1 - alpha * beta / classes,
        "That is the probability of each of the other classes.": lambda alpha, beta, classes: (
            alpha * beta / classes
        ),
        "So the label is while the switch is on. It is on with probability "
        "alpha.": lambda alpha, beta, classes: 1 - beta + beta / classes,
    },
    hint="The mean target is (1 - alpha*beta) e + alpha*beta/K: look at the label's own entry.",
    why="Each of the K - 1 other classes has alpha*beta/K. For K = 2 it is 1 - alpha*beta/2, as "
    "before.",
    solution="""
def answer(alpha, beta, classes):
    return 1 - alpha * beta * (classes - 1) / classes
""",
    grid=((0.1, 1.0, 2), (0.1, 1.0, 3), (0.2, 1.25, 5), (0.3, 0.5, 10), (0.4, 1.1, 4)),
)

EXERCISES = (TOLD, LOOP, REPORT, CLASSES)
