"""Exercises of notebook 05: ASLP in a training loop, the climb of alphas, a loose constraint."""

from __future__ import annotations

from functools import partial

import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, expected_targets
from aslp_lib.aslp.theory import minimiser
from aslp_lib.course.exercises.framework import Array, Exercise, read_only
from aslp_lib.course.exercises.stability import resting_alpha

NOTEBOOK = "05_training_aslp"


def _trained(images: Array, masks: Array, accuracies: Array, slip: str = "") -> Array:
    """Return the alphas after the loop that the exercise asks for, optionally with a mistake.

    Args:
        slip: the loss is still BCE ("loss"), `observe` is missing ("observe"), alphas are indexed
            by position in the batch ("place"), `update` gets perturbed labels ("perturbed"), or
            `update` runs once per epoch ("epoch").
    """
    x, y = torch.tensor(images), torch.tensor(masks)
    weight = torch.ones(1, dtype=x.dtype, requires_grad=True)
    alphas = AdaptiveAlpha(
        len(x), MODERATION, alpha_step_size=0.05, constraint_weight=200.0, warm_up=0
    )
    for accuracy in accuracies:
        for index in torch.arange(len(x)).split(2):
            logits, labels = weight * x[index], y[index]
            place = torch.arange(len(index)) if slip == "place" else index
            alpha = torch.zeros(len(index)) if slip == "loss" else alphas[place]
            loss = sc_bce_with_logits(logits, labels, alpha, MODERATION, use_expected_targets=True)
            (slope,) = torch.autograd.grad(loss, weight)
            weight = (weight - 0.5 * slope).detach().requires_grad_()
            if slip == "perturbed":
                labels = expected_targets(labels, alpha, MODERATION)
            if slip != "epoch":
                alphas.update(place, logits, labels)
        if slip == "epoch":
            alphas.update(torch.arange(len(x)), weight * x, y)
        if slip != "observe":
            alphas.observe(float(accuracy))
    return alphas.alpha.double().numpy()


_CASES = (
    read_only(
        [[3, -2, 1.5], [0.5, -0.4, 0.6], [-4, 2.5, 3], [1, 2, -0.5], [2.0, -3, 1]],
        [[1, 0, 1], [1, 0, 0], [0, 1, 1], [1, 1, 1], [1, 0, 1]],
        [0.8, 0.85, 0.9],
    ),
    read_only(
        [[1.2, -0.7], [-2.4, 3.1], [0.3, 0.2]], [[1, 0], [0, 1], [1, 1]], [0.7, 0.95, 0.9, 0.92]
    ),
)
"""Images, masks and validation accuracies; the last batch holds one image."""


def _epochs() -> float:
    """Count the epochs until an unconstrained alpha reaches 0.3, by the library's update."""
    alphas = AdaptiveAlpha(1, MODERATION, alpha_step_size=0.005)
    epochs = 0.0
    while alphas.alpha.item() < 0.3 - 1e-5:
        alphas.update(torch.tensor([0]), torch.full((1, 1), 4.0), torch.ones(1, 1))
        alphas.observe(0.0)  # the constraint stays inactive
        epochs += 1
    return epochs


def _at_rest(rounds: int = 12, share: float = 1.0) -> float:
    """Return the alpha to which MC converges if the network fits its target.

    Args:
        rounds: number of times that the network responds, starting from the bound.
        share: share of the margin's gradient that counts.
    """
    alpha = 0.3
    for _ in range(rounds):
        margin = torch.logit(minimiser(1.0, alpha, MODERATION)).item()
        alpha = resting_alpha(share * margin, 20.0)
    return alpha


LOOP = Exercise(
    name="05/loop",
    title="write the loop's four lines",
    question="""
A plain loop: a network of one weight, trained by BCE on batches of two images.

```python
import torch
from torch.nn.functional import binary_cross_entropy_with_logits


def answer(images, masks, accuracies):
    x, y = torch.tensor(images), torch.tensor(masks)
    weight = torch.ones(1, dtype=x.dtype, requires_grad=True)
    for share_right in accuracies:                     # an epoch each
        for batch in torch.arange(len(x)).split(2):    # which images
            z = weight * x[batch]
            bce = binary_cross_entropy_with_logits(z, y[batch])
            (slope,) = torch.autograd.grad(bce, weight)
            weight = (weight - 0.5 * slope).detach().requires_grad_()
        # here the network is validated: its accuracy is share_right
    return ...
```

**Make it ASLP's and return the levels after the last epoch:** moderation, MC with a step size of
0.05 and a constraint weight of 200, no warm-up, and the expected targets, so that nothing is drawn.
It is checked on images and accuracies that you do not see.
""",
    grid=_CASES,
    right=_trained,
    tolerance=1e-4,
    expects="an array of perturbation levels, one per image",
    mistakes={
        "Your alphas change, but the network does not see them, because the loss is still the "
        "plain BCE.": partial(_trained, slip="loss"),
        "Your alphas are never told the accuracy, so no constraint is active. Observe it once per "
        "epoch, after the last batch.": partial(_trained, slip="observe"),
        "You index the alphas by the position in the batch, so all batches share two. Index them "
        "by batch, which holds the numbers of the images.": partial(_trained, slip="place"),
        "You update with the perturbed labels. The gradient compares them with the plain labels, "
        "which update takes.": partial(_trained, slip="perturbed"),
        "You update once per epoch, with the logits at its end. Update after each batch, with the "
        "logits of its loss.": partial(_trained, slip="epoch"),
    },
    hint="You need four lines: AdaptiveAlpha before the loop; sc_bce_with_logits with the alphas "
    "of the batch; update with batch, logits and plain labels; observe after each epoch.",
    why="The levels go by the images' numbers, act in the loss, move after each batch and hear of "
    "each validation.",
    solution="""
import torch

from aslp_lib import MODERATION, AdaptiveAlpha, sc_bce_with_logits


def answer(images, masks, accuracies):
    x, y = torch.tensor(images), torch.tensor(masks)
    weight = torch.ones(1, dtype=x.dtype, requires_grad=True)
    levels = AdaptiveAlpha(
        len(x), MODERATION, alpha_step_size=0.05, constraint_weight=200, warm_up=0
    )
    for share_right in accuracies:
        for batch in torch.arange(len(x)).split(2):
            z = weight * x[batch]
            sc_bce = sc_bce_with_logits(
                z, y[batch], levels[batch], MODERATION, use_expected_targets=True
            )
            (slope,) = torch.autograd.grad(sc_bce, weight)
            weight = (weight - 0.5 * slope).detach().requires_grad_()
            levels.update(batch, z, y[batch])
        levels.observe(share_right)
    return levels.alpha
""",
)

CLIMB = Exercise(
    name="05/climb",
    title="how long is the climb?",
    question="""
Moderation, a step size of 0.005, a warm-up of 5 epochs, batches of 10 of 160 images. An image's
mean signed margin is 4 nats whenever it is drawn, and nothing holds its level back yet. **After how
many epochs has the level reached 0.3?**
""",
    right=_epochs,
    tolerance=0.5,
    expects="a number of epochs, such as 12",
    mistakes={
        "That omits the warm-up, during which alpha does not change.": 0.3 / (0.005 * 4 / 2),
        "You used the margin as the gradient, which is half of it.": 5 + 0.3 / (0.005 * 4),
        "That is for a step size of 0.002, the default of the class.": 5 + 0.3 / (0.002 * 4 / 2),
        "You let alpha change at each of the 16 steps. It changes once per epoch.": 5 + 30 / 16,
    },
    hint="An image is drawn once per epoch. Its alpha then changes by the step size times the "
    "gradient, which is beta/2 times the margin.",
    why="Each epoch adds 0.005 * 4/2 = 0.01, which takes 30 epochs, after a warm-up of 5.",
    solution="""
moves = 0.3 / (0.005 * 1.0 / 2 * 4)
answer = 5 + moves
""",
)

LAMBDA = Exercise(
    name="05/lambda",
    title="a loose constraint",
    question="""
MC with moderation (beta = 1), an accuracy of 0.85, and a constraint weight of 20 instead of 200.
The network fits its targets: the margin of each image is logit(1 - alpha/2). **At which alpha do
the levels rest?** Two decimals.
""",
    right=_at_rest,
    tolerance=0.006,
    mistakes={
        "That is the bound 2 (1 - A) / beta. The gradient holds alpha above it, and far above if "
        "the constraint weight is small.": 0.3,
        "You used the margin at the bound. At a higher alpha the margin is smaller: insert your "
        "result again until it converges.": lambda: _at_rest(rounds=1),
        "You used the margin as the gradient. With moderation, the gradient is half of the margin, "
        "as beta is 1.": lambda: _at_rest(share=2.0),
        "That takes the excess in confidence, grad / lambda, as the excess in alpha, which is "
        "2/beta times as large.": lambda: (_at_rest() + 0.3) / 2,
    },
    hint="alpha = 2 * (0.15 + grad / 20) with grad = logit(1 - alpha/2) / 2. Start with 0.3 and "
    "insert the result until it converges.",
    why="0.3, 0.387, 0.371, 0.374: there alpha = 2 * (0.15 + grad / 20), far beyond the bound.",
    solution="""
import math

answer = 0.3
for _ in range(20):
    margin = math.log((1 - answer / 2) / (answer / 2))
    answer = 2 * (0.15 + margin / 2 / 20)
""",
)

EXERCISES = (LOOP, CLIMB, LAMBDA)
