"""Exercises of notebook 03: the loss, its minimiser and the noise of its gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from aslp_lib.aslp.alphas import alpha_gradient
from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, SOFT_INVERSION, Technique
from aslp_lib.aslp.theory import expected_confidence, loss_floor, minimiser, target_variance
from aslp_lib.course.exercises.framework import Array, Exercise, Point, read_only, unchanged

NOTEBOOK = "03_sc_bce"

_BETAS = (0.0, 0.3, 1.0, 1.5, 2.0)
_GRID = tuple((p, a, b) for p in (0.0, 0.25, 0.8, 1.0) for a in (0.0, 0.1, 0.4) for b in _BETAS)


def _predictions(images: int, size: int, seed: int, spread: float) -> tuple[Array, ...]:
    """Make the logits of a network that is correct more often than not, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.random((images, size, size)) < 0.4
    return read_only(spread * (2 * labels - 1 + rng.normal(size=labels.shape)), labels)


_MAPS: tuple[Point, ...] = (
    (*_predictions(3, 4, 0, 2.0), 1.5),
    (*_predictions(1, 5, 1, 0.5), 1.0),
    (*_predictions(4, 3, 2, 40.0), 2.0),  # where 1 - sigmoid(z) is 0 in floating point
)


def _ascent(logits: Array, labels: Array, beta: float) -> Array:
    technique = Technique("exercise", beta)
    return alpha_gradient(torch.tensor(logits), torch.tensor(labels), technique).numpy()


def _image_mean(values: Array) -> Array:
    return values.mean((1, 2))


def _is_zero_at_logit_0(answer: Callable[..., Array]) -> bool:
    logits, labels, beta = _MAPS[0]
    return bool((abs(answer(0 * logits, labels, beta)) < 1e-6).all())


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
    mistakes={
        "That is P(y=1), the probability of foreground. Background is predicted: take max(f, 1 - "
        "f).": 0.2 * 1.5 / 2,
        "You subtracted alpha * beta. Subtract half of it: perturbation moves the label towards "
        "1/2, not 0.": 1 - 0.2 * 1.5,
        "That subtracts half as much: 0.75 is beta in the units of the release.": 1 - 0.2 * 1.5 / 4,
        "That is the confidence of the perturbed label in the other class. It is used with "
        "probability alpha only: take the mean target.": 1.5 / 2,
        "That is the confidence under plain BCE. Here the loss is lowest at the mean target.": 1.0,
    },
    hint="Write down both targets of the pixel with their probabilities, and take the mean. The "
    "confidence is max(f, 1 - f).",
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
        "That is the right entropy in bits. The loss uses the natural logarithm: multiply the "
        "result by log 2.": loss_floor(0.1, HARD_INVERSION) / math.log(2),
        "The sign is wrong: an entropy is never negative.": -loss_floor(0.1, HARD_INVERSION),
        "That is one of two terms: the other class adds to the entropy.": -0.1 * math.log(0.1),
        "That is the loss of the unperturbed draws. In a tenth of the draws, the target is the "
        "other class.": -math.log(0.9),
        "You took alpha * beta for the probability. It is alpha * beta / 2: with beta = 2 that is "
        "alpha.": loss_floor(0.2, HARD_INVERSION),
        "You took alpha / 2 for the probability, which is moderation's. Hard inversion has beta = "
        "2 in the figure's units (1 in the release's).": loss_floor(0.1, MODERATION),
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
    right=lambda p, a, b: minimiser(p, a, Technique("exercise", b)),
    tolerance=1e-4,
    mistakes={
        "You scaled the posterior but omitted what is mixed in: the term alpha*beta/2 is missing "
        "from it.": lambda p, a, b: (1 - a * b) * p,
        "What is mixed in is the uniform label 1/2, so add alpha*beta/2 instead of the whole "
        "alpha*beta.": lambda p, a, b: (1 - a * b) * p + a * b,
        "That holds where the label is certainly foreground. Does it still hold for a posterior of "
        "0?": lambda p, a, b: 1 - a * b / 2,
        "That is the confidence, max(f, 1 - f). The question asks for f itself, which is the "
        "probability P(y=1).": lambda p, a, b: 0.5 + (1 - a * b) * abs(p - 0.5),
        "That is twice the strength: the release's beta is half the figure's, and its formula has "
        "this form.": lambda p, a, b: (1 - 2 * a * b) * p + a * b,
        "That is the minimiser of plain BCE. Here the targets are perturbed.": lambda p, a, b: p,
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
        "That is the inverse ratio: hard inversion belongs in the numerator.": 1 / 2.25,
        "That is the ratio of the standard deviations. Square it.": 1.5,
        "The expected losses are equal, and so are the mean gradients. The variance is that of the "
        "switch, alpha(1 - alpha) * (beta/2)^2.": 1.0,
        "You compared beta^2 alone. The switch, alpha(1 - alpha), differs too.": (2 / 1) ** 2,
        "You compared the switches, alpha(1 - alpha), alone. Include the squared jump of the "
        "target, (beta/2)^2.": 0.1 * 0.9 / (0.2 * 0.8),
        "You omitted 1 - alpha: a switch has the variance alpha(1 - alpha).": 0.1 / 0.2 * 2**2,
    },
    hint="The gradient in a logit is f minus the target, so its variance is the target's: alpha(1 "
    "- alpha) * (beta/2)^2.",
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
    expects="one finite number per image (log(1 - f) of a very confident pixel is infinite in "
    "floating point; its logit is not)",
    mistakes={
        "That is the sum over the pixels. The question asks for nats per pixel: take the mean of "
        "each image.": lambda z, y, b: b * (z * (y - 0.5)).sum((1, 2)),
        "The sign is wrong: subtract the loss with plain labels from that with perturbed ones, not "
        "vice versa.": lambda z, y, b: -b * _image_mean((y - 0.5) * z),
        "That is twice the derivative: perturbing moves the target by beta * (1/2 - y), which is "
        "half of beta.": lambda z, y, b: 2 * b * _image_mean((y - 0.5) * z),
        "The factor beta is missing: a stronger perturbation increases the loss more, in "
        "proportion to beta.": lambda z, y, b: _image_mean((y - 0.5) * z),
        "That counts foreground alone, and twice. Background is perturbed too, in the other "
        "direction: y - 1/2.": lambda z, y, b: b * _image_mean(y * z),
        "That counts an incorrect pixel as correct. Where the network is wrong, a perturbed label "
        "decreases the loss.": lambda z, y, b: b / 2 * _image_mean(abs(z)),
        "You used probabilities instead of logits. The derivative of BCE in its target is -z, for "
        "the logit z.": lambda z, y, b: b * _image_mean((y - 0.5) / (1 + np.exp(-z))),
    },
    properties={
        "If all logits are 0, every target has the loss log 2. The derivative must be 0, but yours "
        "is not.": _is_zero_at_logit_0,
        "Your number for an image depends on the other images. Take the mean over its own pixels "
        "alone.": _is_independent_of_other_images,
        "The names of the classes are arbitrary: with inverted labels and negated logits, the "
        "result must be the same.": unchanged(_MAPS[0], lambda z, y, b: (-z, 1 - y, b)),
        "It must be proportional to beta: perturbing moves the target by beta * (1/2 - y), where y "
        "is 0 or 1.": unchanged(_MAPS[0], lambda z, y, b: (z, y, b / 4), lambda slopes: 4 * slopes),
    },
    hint="BCE is linear in its target with the slope -z, and perturbing moves the target from y to "
    "y + beta * (1/2 - y). Multiply, and take the mean of each image.",
    why="The slope -z times the way beta * (1/2 - y) is beta * (y - 1/2) * z: beta/2 times the "
    "signed logit margin. This is `alpha_gradient`, which needs neither a logarithm nor a backward "
    "pass.",
    solution="""
def answer(logits, labels, beta):
    return beta * ((labels - 0.5) * logits).mean((1, 2))
""",
)

EXERCISES = (CONFIDENCE, FLOOR, VARIANCE, ASCENT, MINIMISER)
