"""Exercises of notebook 05: ASLP in a training loop, the climb of alphas, a loose constraint."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, expected_targets
from aslp_lib.aslp.theory import minimiser
from aslp_lib.course.exercises.framework import Array, Exercise, read_only

NOTEBOOK = "05_training_aslp"

Slip = Literal["", "loss", "observe", "place", "perturbed", "epoch"]
"""Mistakes in the loop: the loss is still BCE, `observe` is missing, alphas are indexed by position
in the batch, `update` gets perturbed labels, or `update` runs once per epoch."""


def _trained(images: Array, masks: Array, accuracies: Array, *, slip: Slip = "") -> Array:
    """Return the alphas after the loop that the exercise asks for, optionally with a mistake."""
    x, y = torch.tensor(images), torch.tensor(masks)
    weight = torch.ones(1, dtype=x.dtype, requires_grad=True)
    alphas = AdaptiveAlpha(
        len(x), MODERATION, alpha_step_size=0.05, constraint_weight=200.0, warm_up=0
    )
    for accuracy in accuracies:
        for index in torch.arange(len(x)).split(2):
            logits = weight * x[index]
            batch_alphas = alphas[torch.arange(len(index)) if slip == "place" else index]
            loss = _loss(logits, y[index], batch_alphas, slip)
            (slope,) = torch.autograd.grad(loss, weight)
            weight = (weight - 0.5 * slope).detach().requires_grad_()
            if slip == "perturbed":
                targets = expected_targets(y[index], batch_alphas, MODERATION)
                alphas.update(index, logits, targets)
            elif slip == "place":
                alphas.update(torch.arange(len(index)), logits, y[index])
            elif slip != "epoch":
                alphas.update(index, logits, y[index])
        if slip == "epoch":
            alphas.update(torch.arange(len(x)), weight * x, y)
        if slip != "observe":
            alphas.observe(float(accuracy))
    return alphas.alpha.double().numpy()


def _loss(logits: Tensor, labels: Tensor, alpha: Tensor, slip: Slip) -> Tensor:
    if slip == "loss":
        return binary_cross_entropy_with_logits(logits, labels)
    return sc_bce_with_logits(logits, labels, alpha, MODERATION, use_expected_targets=True)


_CASES = (
    read_only(
        np.array([[3, -2, 1.5], [0.5, -0.4, 0.6], [-4, 2.5, 3], [1, 2, -0.5], [2, -3, 1]]),
        np.array([[1, 0, 1], [1, 0, 0], [0, 1, 1], [1, 1, 1], [1, 0, 1]]),
        [0.8, 0.85, 0.9],
    ),
    read_only(
        np.array([[1.2, -0.7], [-2.4, 3.1], [0.3, 0.2]]),
        np.array([[1, 0], [0, 1], [1, 1]]),
        [0.7, 0.95, 0.9, 0.92],
    ),
)
"""Images, masks and validation accuracies; the last batch holds one image."""


def _epochs(step: float = 0.005, warm_up: int = 5, margin: float = 4.0) -> float:
    """Count the epochs until an unconstrained alpha reaches 0.3, by the library's update."""
    alphas = AdaptiveAlpha(1, MODERATION, alpha_step_size=step, warm_up=warm_up)
    epochs = 0
    while alphas.alpha.item() < 0.3 - 1e-5:
        alphas.update(torch.tensor([0]), torch.full((1, 1), margin), torch.ones(1, 1))
        alphas.observe(0.0)  # the constraint stays inactive
        epochs += 1
    return float(epochs)


def _at_rest(weight: float, rounds: int = 12, share: float = 1.0) -> float:
    """Return the alpha to which MC converges, at accuracy 0.85, if the network fits its target.

    Args:
        rounds: number of times that the network responds, starting from the bound.
        share: share of the margin's gradient that counts.
    """
    alpha = 0.3
    for _ in range(rounds):
        alphas = AdaptiveAlpha(
            1, MODERATION, alpha_step_size=10.0, constraint_weight=weight, warm_up=0
        )
        alphas.observe(0.85)
        fitted = torch.logit(minimiser(1.0, alpha, MODERATION))
        for _ in range(4):
            alphas.update(torch.tensor([0]), share * fitted.reshape(1, 1), torch.ones(1, 1))
        alpha = alphas.alpha.item()
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
    expects="a function that returns an array of levels, one an image",
    mistakes={
        "Your levels move, but the network does not hear of them: the loss is still plain "
        "BCE.": partial(_trained, slip="loss"),
        "Your levels are never told the accuracy, so that nothing holds them: observe it once an "
        "epoch, after its last batch.": partial(_trained, slip="observe"),
        "You take a level by its place in the batch: all batches share two levels. An image's "
        "level goes by its number in the training set, which batch "
        "holds.": partial(_trained, slip="place"),
        "You update with the perturbed labels. The gradient compares the perturbed label with the "
        "plain one, so update takes plain labels.": partial(_trained, slip="perturbed"),
        "You update once an epoch, with what the network says at its end. Each image's level moves "
        "when the image was drawn, from the logits that its loss was taken "
        "of.": partial(_trained, slip="epoch"),
    },
    hint="Four lines: AdaptiveAlpha before the loop; sc_bce_with_logits with the levels of the "
    "batch; update with batch, logits and plain labels; observe after each epoch.",
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
        "The climb is right, but it begins after the warm-up.": lambda: _epochs(warm_up=0),
        "You took the margin for the gradient: with moderation the gradient is half of "
        "it.": lambda: _epochs(margin=8.0),
        "That is with the paper's step of 0.002, the class's default.": lambda: _epochs(step=0.002),
        "You let the level move at each of an epoch's 16 steps. It moves when its image is drawn, "
        "once an epoch.": lambda: 5 + (_epochs() - 5) / 16,
    },
    hint="An image is drawn once an epoch. Its level then moves by the step size times the "
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
    right=lambda: _at_rest(20.0),
    tolerance=0.006,
    expects="a level in [0, 1], such as 0.25",
    mistakes={
        "That is the bound 2 (1 - A) / beta. At rest the gradient holds the level beyond it, and a "
        "loose constraint far beyond.": 0.3,
        "You took the margin at the bound. The level rests beyond, where the network's margin is "
        "smaller: put your alpha in again until it stays.": lambda: _at_rest(20.0, rounds=1),
        "You took the margin for the gradient: with moderation the gradient is half of "
        "it.": lambda: _at_rest(20.0, share=2.0),
        "grad / lambda is the excess in confidence; a level must go 2/beta times as far.": lambda: (
            (_at_rest(20.0) + 0.3) / 2
        ),
    },
    hint="alpha = 2 * (0.15 + grad / 20) with grad = logit(1 - alpha/2) / 2. Start with 0.3 and "
    "put the result in again until it stays.",
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
