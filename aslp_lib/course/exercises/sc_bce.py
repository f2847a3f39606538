"""Exercises of notebook 03: the loss, its minimiser and the noise of its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from aslp_lib.aslp.alphas import alpha_gradient
from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, SOFT_INVERSION, Technique
from aslp_lib.aslp.theory import expected_confidence, loss_floor, minimiser, target_variance
from aslp_lib.course.exercises.framework import Array, Exercise, read_only, unchanged

NOTEBOOK = "03_sc_bce"

_BETAS = (0.0, 0.3, 1.0, 1.5, 2.0)
_GRID = tuple((p, a, b) for p in (0.0, 0.25, 0.8, 1.0) for a in (0.0, 0.1, 0.4) for b in _BETAS)


def _technique(beta: float) -> Technique:
    return Technique("exercise", beta)


def _predictions(images: int, size: int, seed: int, spread: float) -> tuple[Array, Array]:
    """Make the logits of a network that is correct more often than not, and labels."""
    rng = np.random.default_rng(seed)
    foreground = (rng.random((images, size, size)) < 0.4).astype(np.float64)
    outputs = spread * (2 * foreground - 1 + rng.normal(size=foreground.shape))
    logits, labels = read_only(outputs, foreground)
    return logits, labels


_MAPS = (
    (*_predictions(3, 4, 0, 2.0), 1.5),
    (*_predictions(1, 5, 1, 0.5), 1.0),
    (*_predictions(4, 3, 2, 40.0), 2.0),  # where 1 - sigmoid(z) is 0 in floating point
)


def _ascent(logits: Array, labels: Array, beta: float) -> Array:
    return alpha_gradient(torch.tensor(logits), torch.tensor(labels), _technique(beta)).numpy()


def _image_mean(values: Array) -> Array:
    return values.mean((1, 2))


def _is_zero_at_logit_0(answer: Callable[..., Array]) -> bool:
    (logits,) = read_only(np.zeros_like(_MAPS[0][1]))
    return bool((abs(answer(logits, _MAPS[0][1], 2.0)) < 1e-6).all())


def _is_independent_of_other_images(answer: Callable[..., Array]) -> bool:
    logits, labels, beta = _MAPS[0]
    return np.allclose(answer(logits[:1], labels[:1], beta), answer(logits, labels, beta)[:1])


CONFIDENCE = Exercise(
    name="03/confidence",
    title="how sure will it be?",
    question="""
Soft inversion (beta = 1.5) at alpha = 0.2, and a pixel whose label is always *background*. A model
is trained on it to the end. **How confident is it in its prediction?** Give a share in [0, 1].
""",
    right=lambda: expected_confidence(0.2, SOFT_INVERSION),
    tolerance=0.004,
    expects="a share in [0, 1], such as 0.95",
    mistakes={
        "That is P(y=1), the probability of foreground. Confidence is that of the predicted class, "
        "max(f, 1 - f), and background is predicted here.": minimiser(0.0, 0.2, SOFT_INVERSION),
        "You took alpha * beta off. Half of it goes: perturbation moves the label towards the "
        "uniform label 1/2, not towards 0.": 1 - 0.2 * SOFT_INVERSION.beta,
        "That is half of the step it should be: beta is counted in the release's units, where the "
        "figure's 1.5 is called 0.75.": 1 - 0.2 * SOFT_INVERSION.beta / 4,
        "That is how sure the perturbed label is, of the other class. The switch is on only in a "
        "share alpha of the draws: take the mean target.": SOFT_INVERSION.beta / 2,
        "That is what plain BCE ends at. Here the targets are perturbed in a fifth of the draws, "
        "and the loss is least at their mean.": 1.0,
    },
    hint="Write down the two targets the pixel gets and how often each, take their mean, and "
    "remember that confidence is max(f, 1 - f).",
    why="The mean target is alpha*beta/2 on background, so the predicted class, background, has "
    "confidence 1 - alpha*beta/2.",
    solution="""
foreground = 0.2 * 1.5 / 2  # alpha * beta / 2, mean target of a background pixel
answer = max(foreground, 1 - foreground)
""",
)

FLOOR = Exercise(
    name="03/floor",
    title="the least loss",
    question="""
Hard inversion at alpha = 0.1 on pixels without any noise of their own. Training drives the expected
loss down, but not to 0. **Where does it stop, in nats per pixel?** (`math.log` is the natural
logarithm.)
""",
    right=lambda: loss_floor(0.1, HARD_INVERSION),
    tolerance=0.004,
    expects="a number of nats, not negative, such as 0.25",
    mistakes={
        "That is the right entropy in bits. The loss uses the natural logarithm: times log "
        "2.": loss_floor(0.1, HARD_INVERSION) / math.log(2),
        "The right size with the wrong sign: entropy carries a minus in front of its sum, and is "
        "never negative.": -loss_floor(0.1, HARD_INVERSION),
        "That is one term of two: the probability q of the other class and the 1 - q of this one "
        "both add to the entropy.": -0.1 * math.log(0.1),
        "That is the loss of the draws whose switch is off. In a tenth of the draws the target is "
        "the other class, and costs far more.": -math.log(0.9),
        "You took alpha * beta for the probability. It is alpha * beta / 2: with beta = 2 that is "
        "alpha.": loss_floor(0.2, HARD_INVERSION),
        "You took alpha / 2 for the probability, which is moderation's. Hard inversion has beta = "
        "2 in the figure's units (the release calls it 1).": loss_floor(0.1, MODERATION),
    },
    hint="With q = alpha*beta/2, put f = q into BCE(f, q) = -q log f - (1 - q) log(1 - f).",
    why="At the minimiser f equals the mean target, and BCE(q, q) is the entropy of a coin that "
    "shows the other class with probability q = alpha*beta/2.",
    solution="""
import math

q = 0.1 * 2.0 / 2
answer = -q * math.log(q) - (1 - q) * math.log(1 - q)
""",
)

MINIMISER = Exercise(
    name="03/minimiser",
    title="a pixel that annotators disagree about",
    question="""
A pixel is foreground with true probability `posterior`. **Which probability f minimises the
expected SC-BCE?** Write the function; it is compared with the library on a grid.
""",
    grid=_GRID,
    right=lambda p, a, b: minimiser(p, a, _technique(b)),
    tolerance=1e-4,
    expects="a function that returns a probability in [0, 1]",
    mistakes={
        "You scaled the posterior and forgot what it is mixed with: alpha*beta/2 is "
        "missing.": lambda p, a, b: (1 - a * b) * p,
        "What is mixed in is the uniform label 1/2, so alpha*beta/2 is added, not "
        "alpha*beta.": lambda p, a, b: (1 - a * b) * p + a * b,
        "That is the answer where the label is surely foreground. Put posterior = 0 in: does it "
        "still hold?": lambda p, a, b: 1 - a * b / 2,
        "That is the confidence, max(f, 1 - f). Asked is f itself, P(y=1).": lambda p, a, b: max(
            minimiser(p, a, _technique(b)), 1 - minimiser(p, a, _technique(b))
        ),
        "That is twice the strength: the release's beta is half the figure's, and its formula has "
        "this form.": lambda p, a, b: (1 - 2 * a * b) * p + a * b,
        "That is plain BCE's minimiser. The targets are perturbed here.": lambda p, a, b: p,
    },
    hint="BCE is affine in its target, so f is the mean target: average (1 - alpha*beta) * y + "
    "alpha*beta/2 over y.",
    why="BCE is least where f equals the mean target, and the mean of (1 - alpha*beta) * y + "
    "alpha*beta/2 over y puts the posterior in the place of y.",
    solution="""
def answer(posterior, alpha, beta):
    return (1 - alpha * beta) * posterior + alpha * beta / 2
""",
)

VARIANCE = Exercise(
    name="03/variance",
    title="equal mean, unequal noise",
    question="""
Hard inversion at alpha = 0.1 and moderation at alpha = 0.2 have the same expected loss. **How many
times as large is hard inversion's variance of the gradient in a logit?**
""",
    right=lambda: target_variance(0.1, HARD_INVERSION) / target_variance(0.2, MODERATION),
    tolerance=0.02,
    expects="a ratio, a positive number",
    mistakes={
        "That is the ratio upside down: hard inversion's goes on top.": (
            target_variance(0.2, MODERATION) / target_variance(0.1, HARD_INVERSION)
        ),
        "That is the ratio of the standard deviations. Square it.": math.sqrt(
            target_variance(0.1, HARD_INVERSION) / target_variance(0.2, MODERATION)
        ),
        "The expected losses are equal, so the mean gradients are. The switch makes draws scatter "
        "around the mean, by alpha(1 - alpha) * (beta/2)^2.": 1.0,
        "You compared beta^2 alone. The switch itself also counts: alpha(1 - alpha) differs "
        "between 0.1 and 0.2.": (HARD_INVERSION.beta / MODERATION.beta) ** 2,
        "You compared the switches, alpha(1 - alpha), alone. Each jump of the target is beta/2 "
        "high, squared in the variance.": 0.1 * 0.9 / (0.2 * 0.8),
        "You left out the factor 1 - alpha: a switch has variance alpha(1 - alpha), not alpha.": (
            0.1 / 0.2 * (HARD_INVERSION.beta / MODERATION.beta) ** 2
        ),
    },
    hint="The gradient in a logit is f minus the target, so its variance is the target's: "
    "alpha(1 - alpha) * (beta/2)^2.",
    why="The target jumps by beta/2 with probability alpha, so its variance is alpha(1 - alpha) * "
    "(beta/2)^2. Rare large jumps are noisier than frequent small ones with the same mean.",
    solution="""
hard = 0.1 * (1 - 0.1) * (2.0 / 2) ** 2
moderate = 0.2 * (1 - 0.2) * (1.0 / 2) ** 2
answer = hard / moderate
""",
)

ASCENT = Exercise(
    name="03/ascent",
    title="what perturbed labels cost more",
    question="""
`logits` and `labels` of N images are arrays of shape (N, H, W). **Write the derivative of each
image's expected loss in alpha, in nats per pixel, shape (N,):** how much more its perturbed labels
cost than its plain ones, on average over its pixels. The arrays are numpy's, and some logits are
beyond 40. It is compared with the library on maps that you do not see.
""",
    grid=_MAPS,
    right=_ascent,
    tolerance=1e-4,
    expects="a function that returns one finite number an image (log(1 - f) of a very sure pixel "
    "is infinite in floating point; its logit is not)",
    mistakes={
        "That is the sum over the pixels. Nats per pixel are asked for: take the "
        "mean.": lambda z, y, b: b * (z * (y - 0.5)).sum((1, 2)),
        "The sign is turned: it is the perturbed label's loss minus the plain one's, and positive "
        "where the network is right.": lambda z, y, b: -b * _image_mean((y - 0.5) * z),
        "Twice too much: perturbing moves the target by beta * (1/2 - y), half of "
        "beta.": lambda z, y, b: 2 * b * _image_mean((y - 0.5) * z),
        "Beta is missing: the stronger the perturbation, the more it costs.": lambda z, y, b: (
            _image_mean((y - 0.5) * z)
        ),
        "That counts foreground alone, and twice. Background is perturbed as well, the other way: "
        "y - 1/2.": lambda z, y, b: b * _image_mean(y * z),
        "That counts a wrong pixel as if it were right. Where the network is wrong, a perturbed "
        "label costs less than the plain one.": lambda z, y, b: b / 2 * _image_mean(abs(z)),
        "You took probabilities for logits: BCE's slope in its target is -z.": lambda z, y, b: (
            b * _image_mean((y - 0.5) / (1 + np.exp(-z)))
        ),
    },
    properties={
        "Where all logits are 0 every target costs log 2, so the derivative must be "
        "0.": _is_zero_at_logit_0,
        "An image's number depends on the other images. Take the mean over its own "
        "pixels.": _is_independent_of_other_images,
        "Classes are named by chance: with all labels and all logits turned round the numbers must "
        "be the same.": unchanged(_MAPS[0], lambda z, y, b: (-z, 1 - y, b)),
        "It must be proportional to beta: perturbing moves the target by beta * (1/2 - "
        "y).": unchanged(_MAPS[0], lambda z, y, b: (z, y, b / 4), lambda slopes: 4 * slopes),
    },
    hint="BCE is a straight line in its target with the slope -z, and perturbing moves the target "
    "from y to y + beta * (1/2 - y). Multiply, and take each image's mean.",
    why="The slope -z times the way beta * (1/2 - y) is beta * (y - 1/2) * z: beta/2 times the "
    "signed logit margin. This is `alpha_gradient`, which needs neither a logarithm nor a backward "
    "pass.",
    solution="""
def answer(logits, labels, beta):
    return beta * ((labels - 0.5) * logits).mean((1, 2))
""",
)

EXERCISES = (CONFIDENCE, FLOOR, VARIANCE, ASCENT, MINIMISER)
