"""Exercises: ASLP in a training loop, and the growth of an alpha."""

from functools import partial

import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, expected_targets
from aslp_lib.course.exercises import Array, exercise, read_only


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
    """Return the epochs of the warm-up and of a growth by the step size times the gradient."""
    return 5 + 0.3 / (0.005 * MODERATION.beta / 2 * 4)


LOOP = exercise(
    "training/loop",
    grid=_CASES,
    right=_trained,
    tolerance=1e-4,
    expects="an array of perturbation levels, one per image",
    mistakes={
        "plain loss": partial(_trained, slip="loss"),
        "not observed": partial(_trained, slip="observe"),
        "position": partial(_trained, slip="place"),
        "perturbed labels": partial(_trained, slip="perturbed"),
        "once an epoch": partial(_trained, slip="epoch"),
    },
)

CLIMB = exercise(
    "training/climb",
    right=_epochs,
    tolerance=0.5,
    expects="a number of epochs, such as 12",
    mistakes={
        "no warm-up": 0.3 / (0.005 * 4 / 2),
        "margin": 5 + 0.3 / (0.005 * 4),
        "default step": 5 + 0.3 / (0.002 * 4 / 2),
        "each step": 5 + 30 / 16,
    },
)

EXERCISES = (LOOP, CLIMB)
