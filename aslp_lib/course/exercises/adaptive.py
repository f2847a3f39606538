"""Exercises of notebook 04: adaptive alphas, their gradient, their rules and their step."""

from __future__ import annotations

import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient
from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, SOFT_INVERSION, Technique
from aslp_lib.aslp.rules import MeasuredGap
from aslp_lib.aslp.theory import expected_confidence
from aslp_lib.course.exercises.framework import Exercise
from aslp_lib.course.exercises.proximal import PROXIMAL

NOTEBOOK = "04_adaptive_alpha"

_LOGITS = torch.tensor([[4.0, 2.0, -3.0, 1.0]])
_LABELS = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
_ACCURACIES = (0.7, 0.85, 0.95, 1.0)
_GRID = tuple((accuracy, beta) for accuracy in _ACCURACIES for beta in (0.3, 1.0, 1.5, 2.0))


def _gradient(beta: float, logits: torch.Tensor = _LOGITS) -> float:
    return alpha_gradient(logits, _LABELS, Technique("exercise", beta)).item()


def _resting_alpha() -> float:
    """Return the alpha to which the library's update converges."""
    alphas = AdaptiveAlpha(1, MODERATION, alpha_step_size=1.0, constraint_weight=200.0, warm_up=0)
    alphas.observe(0.85)
    for _ in range(20):
        alphas.update(torch.tensor([0]), torch.full((1, 1), 1.6), torch.ones(1, 1))
    return alphas.alpha.item()


def _largest_weight() -> float:
    """Compute the largest stable lambda from an explicit step of two alphas that differ by 0.1."""
    alphas = AdaptiveAlpha(
        2,
        SOFT_INVERSION,
        alpha_step_size=0.002,
        constraint_weight=100.0,
        warm_up=0,
        dynamics="release",
    )
    alphas.observe(0.9)
    alphas.alpha.copy_(torch.tensor([0.3, 0.4]))
    alphas.update(torch.tensor([0, 1]), torch.zeros(2, 1), torch.ones(2, 1))
    low, high = alphas.alpha.double().tolist()
    return 2 * 100.0 / (1 - (high - low) / 0.1)


def _bound_after(confidence: float, accuracy: float) -> float:
    rule = MeasuredGap(MODERATION, bound_gain=0.15)
    rule.bound.fill_(0.05)
    rule.observe(accuracy, confidence, warm_up_over=torch.tensor(True))
    return rule.bound.item()


def _meeting_point(accuracy: float, beta: float) -> float:
    """Return the alpha at which the expected confidence of the target equals the accuracy.

    The expected confidence falls linearly with alpha.
    """
    technique = Technique("exercise", beta)
    return float((1 - accuracy) / (1 - expected_confidence(1.0, technique)))


def _limit(beta: float) -> float:
    return Technique("exercise", beta).alpha_limit


GRADIENT = Exercise(
    name="04/gradient",
    title="one image's gradient",
    question="""
An image of four pixels with labels 1, 1, 0, 0 and logits 4, 2, -3, 1, and soft inversion
(beta = 1.5). **What is the gradient of its expected loss in alpha, in nats per pixel?**
""",
    right=lambda: _gradient(1.5),
    tolerance=0.01,
    expects="a number of nats per pixel, such as 0.8",
    mistakes={
        "That is the sum over the pixels. The loss is a mean over pixels, so its gradient is: an "
        "image's size must not count.": 4 * _gradient(1.5),
        "The sign is turned. The image is mostly right, so perturbing its labels makes its loss "
        "larger: BCE with the perturbed labels less BCE with the plain ones.": -_gradient(1.5),
        "The size is doubled: the signed margin is weighted by beta/2, because y - 1/2 is half of "
        "the sign.": 2 * _gradient(1.5),
        "You divided by beta/2 where it multiplies. The authors' code does the same.": (
            _gradient(1.5) / (1.5 / 2) ** 2
        ),
        "You took every margin for positive. The last pixel is wrong: its label is 0 and its logit "
        "1, so its margin is -1.": _gradient(1.5, _LOGITS.abs() * (2 * _LABELS - 1)),
        "You averaged the logits. On background a negative logit is right: its sign turns.": (
            1.5 / 2 * _LOGITS.mean().item()
        ),
    },
    hint="Turn the sign of the logits on background, take their mean over the pixels, and weight "
    "it by beta/2.",
    why="The signed margins are 4, 2, 3 and -1, their mean is 2, and the gradient is beta/2 times "
    "that.",
    solution="""
margins = [4, 2, 3, -1]  # the logit where the label is 1, minus the logit where it is 0
answer = 1.5 / 2 * sum(margins) / len(margins)
""",
)

BOUND = Exercise(
    name="04/bound",
    title="where MC begins to give way",
    question="""
MC lets a level climb until the target's expected confidence has come down to the accuracy. **At
which alpha is that?** Write the function. Mind that alpha is a probability and must keep the
decision.
""",
    grid=_GRID,
    right=lambda a, b: min(_meeting_point(a, b), _limit(b)),
    tolerance=1e-4,
    expects="a function that returns a level in [0, 1]",
    mistakes={
        "The formula is right, but with a small beta it leaves the admitted range: alpha stays "
        "under min(1, 1/beta).": lambda a, b: _meeting_point(a, b),
        "That is half of it: alpha*beta/2, not alpha*beta, is what confidence loses. (In the "
        "release's units, whose beta is half the figure's, your formula would be "
        "right.)": lambda a, b: _meeting_point(a, b) / 2,
        "That is moderation's. The stronger the technique, the less alpha is needed: beta is "
        "missing.": lambda a, b: 2 * (1 - a),
        "You put the accuracy where the share of errors belongs: a network that is always right, A "
        "= 1, needs no perturbation.": lambda a, b: 2 * a / b,
        "That is the limit which keeps the decision. MC gives way long before, when 1 - "
        "alpha*beta/2 has come down to the accuracy.": lambda a, b: _limit(b),
    },
    hint="Solve 1 - alpha*beta/2 = A for alpha.",
    why="1 - alpha*beta/2 = A gives alpha = 2 (1 - A) / beta, as long as that is at most "
    "min(1, 1/beta).",
    solution="""
def answer(accuracy, beta):
    return min(2 * (1 - accuracy) / beta, 1, 1 / beta)
""",
)

GAP = Exercise(
    name="04/gap",
    title="one move of the measured-gap rule",
    question="""
Four validation pixels with predicted P(y=1) of 0.9, 0.2, 0.4 and 0.7, and labels 1, 0, 1, 0. The
bound stands at 0.05, its gain is k = 0.15, the technique moderation. **Where does it stand after
this validation?**
""",
    right=lambda: _bound_after(0.75, 0.5),
    tolerance=0.001,
    expects="a level in [0, 1], such as 0.06",
    mistakes={
        "You took P(y=1) for confidence. A pixel at 0.2 is predicted background, with confidence "
        "0.8.": lambda: _bound_after(0.55, 0.5),
        "The sign is turned: over-confidence (C above A) raises the bound, so that labels are "
        "perturbed more.": lambda: _bound_after(0.25, 0.5),
        "The gap is right, but the bound goes only a share k of it at a time.": 0.05 + 0.75 - 0.5,
        "That is the move. The bound starts from 0.05.": 0.15 * (0.75 - 0.5),
        "The third pixel's label is 1, but 0.4 predicts 0, and the fourth is wrong too: two of "
        "four are right.": lambda: _bound_after(0.75, 0.75),
    },
    hint="Mean confidence max(p, 1 - p), less the share of pixels that are right, times k, added "
    "to the bound.",
    why="Confidence is (0.9 + 0.8 + 0.6 + 0.7) / 4 = 0.75, accuracy 2/4: the gap of 0.25 moves "
    "the bound by 0.15 times that, far under its ceiling 2 (1 - A) / beta.",
    solution="""
foreground, truth = [0.9, 0.2, 0.4, 0.7], [1, 0, 1, 0]
sure = sum(max(p, 1 - p) for p in foreground) / 4
right = sum((p >= 0.5) == (y == 1) for p, y in zip(foreground, truth, strict=True)) / 4
answer = 0.05 + 0.15 * (sure - right)
""",
)

STEP = Exercise(
    name="04/step",
    title="the largest lambda",
    question="""
The explicit step, soft inversion (beta = 1.5), eta = 0.002. **Beyond which lambda do the levels no
longer settle?**
""",
    right=_largest_weight,
    tolerance=1.0,
    expects="a number of nats per unit of R, such as 500",
    mistakes={
        "That is where the gain is 1: until there a level does not even overshoot. It settles, "
        "swinging, up to 2.": lambda: _largest_weight() / 2,
        "You left beta/2 out of the gain: confidence falls by beta/2 per unit of alpha, and that "
        "is what lambda answers to.": 2 / 0.002,
        "You left eta out of the gain: lambda acts through a step of that size.": 2 / (1.5 / 2),
        "That is the ratio upside down: a smaller eta admits a larger lambda.": 0.002 * 1.5 / 2 / 2,
    },
    hint="A level that is e beyond the bound is next at (1 - eta*lambda*beta/2) * e beyond it. "
    "When does that shrink?",
    why="The excess is multiplied by 1 - eta*lambda*beta/2 in each step, and shrinks while the "
    "gain is under 2: lambda < 4 / (eta*beta).",
    solution="answer = 2 / (0.002 * 1.5 / 2)  # eta * lambda * beta / 2 = 2",
)

REST = Exercise(
    name="04/rest",
    title="where a level rests",
    question="""
MC with moderation (beta = 1), lambda = 200, accuracy 0.85. An image's mean signed margin is 1.6
nats and stays there. **At which alpha does its level rest?** Three decimals.
""",
    right=_resting_alpha,
    tolerance=0.001,
    expects="a level in [0, 1], such as 0.250",
    mistakes={
        "That is the bound. A soft constraint is held open by the gradient: the level rests a "
        "little beyond.": _meeting_point(0.85, 1.0),
        "The level rests beyond the bound, not before it: before it nothing pushes back.": lambda: (
            2 * _meeting_point(0.85, 1.0) - _resting_alpha()
        ),
        "You took the mean margin for the gradient: the gradient is beta/2 times it.": lambda: (
            2 * _resting_alpha() - _meeting_point(0.85, 1.0)
        ),
        "grad / lambda is the excess in *confidence*; a level must go 2/beta times as "
        "far.": lambda: (_resting_alpha() + _meeting_point(0.85, 1.0)) / 2,
        "That is hard inversion's, beta = 2 in the figure's units. Here beta is 1.": (
            _meeting_point(0.85, HARD_INVERSION.beta) + 1.6 / 200
        ),
    },
    hint="At rest 0 = grad + lambda * (1 - beta*alpha/2 - A), with grad = beta/2 times the margin.",
    why="alpha = 2/beta * (1 - A + grad/lambda): the bound of 0.300 and 2 * 0.8 / 200 beyond it.",
    solution="""
push = 1.0 / 2 * 1.6  # the gradient: beta/2 times the margin
answer = 2 / 1.0 * (1 - 0.85 + push / 200)
""",
)

EXERCISES = (GRADIENT, BOUND, GAP, STEP, PROXIMAL, REST)
