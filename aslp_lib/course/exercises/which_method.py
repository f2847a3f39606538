"""Exercises of notebook 07: temperature scaling, early stopping, and which method to use when."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logit

from aslp_lib.course.exercises.framework import Array, Exercise, read_only
from aslp_lib.recalibration.temperature import best_temperature

NOTEBOOK = "07_which_method_when"


def _network(temperature: float, offset: float = 0, level: float = 0) -> tuple[Array, ...]:
    """Make logits, and the numbers of foreground and background pixels with each logit.

    The counts are those of a network that is calibrated after adding `offset` to the logits and
    dividing by `temperature`, if each label is replaced by a fair coin flip with probability
    `level`.
    """
    z = np.linspace(-8, 8, 33)
    pixels = np.rint(10_000 * np.exp(-0.5 * ((np.abs(z) - 5) / 2) ** 2))
    share = (1 - level) / (1 + np.exp(-(z + offset) / temperature)) + level / 2
    foreground = np.rint(pixels * share)
    return read_only(z, foreground, pixels - foreground)


_NETWORKS = (_network(2.54), _network(0.86), _network(1, offset=-1, level=0.2))
"""Networks that are overconfident, underconfident, and overconfident with too much predicted
foreground. A grid with step 0.1 misses the first two temperatures by more than the tolerance."""


def _fitted(logits: Array, foreground: Array, background: Array) -> float:
    margins = np.concatenate([logits, -logits])
    return best_temperature(np.concatenate([foreground, background]), margins)


def _minimise(loss: Callable[[float], float]) -> float:
    """Find the temperature that minimises a loss."""
    return float(minimize_scalar(loss, bounds=(0.1, 10), method="bounded").x)


def _equal_weights(logits: Array, foreground: Array, background: Array) -> float:
    share = foreground / (foreground + background)
    return _fitted(logits, share, 1 - share)


def _lowest_brier(logits: Array, foreground: Array, background: Array) -> float:
    def loss(t: float) -> float:
        p = 1 / (1 + np.exp(-logits / t))
        return float(foreground @ (1 - p) ** 2 + background @ p**2)

    return _minimise(loss)


def _equal_means(logits: Array, foreground: Array, background: Array) -> float:
    """Find the temperature at which mean confidence equals accuracy."""
    correct = np.where(logits > 0, foreground, background).sum()

    def loss(t: float) -> float:
        confidence = 1 / (1 + np.exp(-np.abs(logits) / t))
        return float((confidence @ (foreground + background) - correct) ** 2)

    return _minimise(loss)


def _same_temperature(p: float, s: float) -> float:
    return float(logit(p) / logit((1 - s) * p + s / 2))


def _cost_at_first_rise(nll: Array, accuracy: Array) -> float:
    return float(accuracy[-1] - accuracy[np.flatnonzero(np.diff(nll) > 0)[0]])


_LOGS = (
    read_only([0.50, 0.40, 0.42, 0.30, 0.33, 0.41], [0.80, 0.84, 0.83, 0.87, 0.88, 0.86]),
    read_only([0.60, 0.35, 0.36, 0.31, 0.29, 0.45], [0.75, 0.85, 0.84, 0.88, 0.87, 0.89]),
)

_METHODS = """\
1. nothing
2. a temperature
3. isotonic regression
4. label smoothing
5. early stopping
6. a level for each test image"""


TEMPERATURE = Exercise(
    name="07/temperature",
    title="a temperature by your own hands",
    question="""
Of a validation set you know that `foreground[k]` pixels of foreground and `background[k]` of
background have the logit `logits[k]`. **Write the temperature of least negative log-likelihood, to
within 0.01.** A grid, halving, SciPy: any solver will do. It is compared with the library's on
three networks that you do not see.
""",
    right=_fitted,
    tolerance=0.01,
    expects="a positive number, such as 2.5",
    mistakes={
        "That is 1/T, by which the logits would be multiplied. A temperature divides the logits of "
        "the network.": lambda *counts: 1 / _fitted(*counts),
        "At that temperature, mean confidence equals accuracy. The likelihood depends on the "
        "confidence of each pixel, not on its mean alone.": _equal_means,
        "That gives every logit the same weight. Weight each by its pixels.": _equal_weights,
        "That minimises the Brier score. The likelihood takes logarithms.": _lowest_brier,
        "That uses foreground alone. Each background pixel adds log(1 + exp(z / T)) to the "
        "negative log-likelihood.": lambda z, f, b: _fitted(z, f, 0 * b),
    },
    hint="Add log(1 + exp(-z/T)) for each foreground pixel, log(1 + exp(z/T)) for each background.",
    why="The likelihood is convex in 1/T, so that every honest solver finds the same number.",
    solution="""
import numpy as np
from scipy.optimize import minimize_scalar


def answer(logits, foreground, background):
    def nll(t):
        z = logits / t
        return foreground @ np.logaddexp(0, -z) + background @ np.logaddexp(0, z)

    return minimize_scalar(nll, bounds=(0.1, 10), method="bounded").x
""",
    grid=_NETWORKS,
)

STOPPING = Exercise(
    name="07/stopping",
    title="what early stopping costs",
    question="""
A training's log holds the validation NLL and the accuracy after each epoch, `nll` and `accuracy`.
**Write the accuracy that early stopping costs**: that of the last epoch, less that of the epoch
whose weights are kept. Below 0 it gains.
""",
    right=lambda nll, accuracy: accuracy[-1] - accuracy[np.argmin(nll)],
    expects="a difference of two shares, such as 0.01",
    mistakes={
        "The sign is wrong: the cost is positive if the last epoch is more accurate than the one "
        "that is kept.": lambda nll, accuracy: accuracy[np.argmin(nll)] - accuracy[-1],
        "That compares with the most accurate epoch. Without early stopping, you would keep the "
        "last.": lambda nll, accuracy: accuracy.max() - accuracy[np.argmin(nll)],
        "That keeps the epoch with the highest accuracy. Early stopping keeps the epoch with the "
        "lowest NLL.": lambda nll, accuracy: accuracy[-1] - accuracy.max(),
        "That stops where the NLL first increases. Training continues, and the lowest NLL of all "
        "epochs counts.": _cost_at_first_rise,
        "That is the difference in NLL between the two epochs. The question is about the "
        "difference in accuracy.": lambda nll, accuracy: nll[-1] - nll.min(),
    },
    hint="Find the epoch with the lowest NLL, and look up its accuracy.",
    why="It may have either sign: where a network memorises, its best epoch is more accurate too.",
    solution="""
def answer(nll, accuracy):
    return accuracy[-1] - accuracy[nll.argmin()]
""",
    grid=_LOGS,
)

SMOOTHED = Exercise(
    name="07/smoothed",
    title="a level is no temperature",
    question="""
Smoothing of strength `s` moves a pixel's best answer from `p` to `(1 - s) p + s/2`. **Write the
temperature that moves this pixel as far.** Then try a sure pixel and an unsure one.
""",
    right=_same_temperature,
    tolerance=0.005,
    expects="a positive number, such as 1.5",
    mistakes={
        "That is 1/T, by which the logits would be multiplied. A temperature divides the logits of "
        "the network.": lambda p, s: 1 / _same_temperature(p, s),
        "That holds only near p = 1/2. The more confident the pixel, the higher the temperature "
        "that moves it as far.": lambda p, s: 1 / (1 - s),
        "That is the ratio of the probabilities. A temperature divides logits, which are log(p / "
        "(1-p)).": lambda p, s: p / ((1 - s) * p + s / 2),
        "The term s/2 is missing: smoothing moves p towards the uniform label, which is 1/2, and "
        "not towards 0.": lambda p, s: logit(p) / logit((1 - s) * p),
    },
    hint="The temperature is the ratio of two logits, before and after smoothing.",
    why="It grows with p: a level holds all confidence under 1 - s/2, a temperature bounds none.",
    solution="""
import math


def answer(p, s):
    after = (1 - s) * p + s / 2
    return math.log(p / (1 - p)) / math.log(after / (1 - after))
""",
    grid=((0.7, 0.2), (0.9, 0.2), (0.99, 0.2), (0.999, 0.1), (0.1, 0.3), (0.6, 0.5)),
)

_RETRAINING = "That needs retraining, which is ruled out."

SAME_CAMERA = Exercise(
    name="07/same_camera",
    title="the same camera",
    question=f"""
A trained network finds cracks in photographs of concrete. Its maps are cut at 1/2, and the area of
the cracks is billed: no decision may change, and nobody will train it again. Its probabilities, ten
points too sure, go to an engineer. The camera and the light never change, and there are 100
labelled images that the network has not seen. **Which cure?** Answer with its number.

{_METHODS}
""",
    right=lambda: 2,
    expects="the number of a cure, 1 to 6",
    mistakes={
        "The network is overconfident, which a hundred labelled images can correct.": 1,
        "That calibrates at least as well, but it changes decisions, and with them the bills.": 3,
        f"{_RETRAINING} And its strength would have to be chosen on the same 100 images.": 4,
        f"{_RETRAINING} And an earlier epoch would make other decisions.": 5,
        "That keeps decisions, but it is fitted on corrupted copies to cope with distribution "
        "shift. Nothing shifts here, so a simpler method is enough.": 6,
    },
    hint="Choose one of the six numbers.",
    why="One number, fitted where validation resembles the test; no decision moves.",
    solution="answer = 2",
)

DRONE = Exercise(
    name="07/drone",
    title="the network on a drone",
    question=f"""
The same network shall now fly: it sees concrete from other distances, blurred, at dusk, and always
with a crack somewhere in the picture. Not one image from up there is labelled, and again nothing is
trained and no decision moves. **Which cure?** Answer with its number.

{_METHODS}
""",
    right=lambda: 6,
    expects="the number of a cure, 1 to 6",
    mistakes={
        "The network is overconfident on the ground, and more so at dusk, where it is less "
        "accurate.": 1,
        "That helps, but it is fitted on sharp images and is the same number for sharp and for "
        "blurred images.": 2,
        "That changes decisions, and it is fitted on images unlike those of the drone.": 3,
        f"{_RETRAINING} And its strength is the same for all images.": 4,
        f"{_RETRAINING} And its best epoch is that of sharp images.": 5,
    },
    hint="Choose one of the six numbers.",
    why="Fitted on corrupted copies, it asks each image how hard it looks. Over empty concrete it "
    "would be too modest: 'nothing here' looks to it like 'too near to see'.",
    solution="answer = 6",
)

EXERCISES = (TEMPERATURE, STOPPING, SMOOTHED, SAME_CAMERA, DRONE)
