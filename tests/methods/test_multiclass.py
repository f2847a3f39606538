"""The contract of methods that take logits with a channel for each class."""

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.data.nuclei import nuclei3
from aslp_lib.methods import METHODS, Draws

MULTICLASS = [name for name, method in METHODS.items() if method.multiclass]


def soft_cross_entropy(logits, targets):
    return -(targets * logits.log_softmax(1)).sum(1)


def with_error(logits, one_hot, power):
    """The focal loss, whose weight is a power of the probability of all other classes."""
    q = (one_hot * logits.softmax(1)).sum(1)
    return (1 - q) ** power(q) * soft_cross_entropy(logits, one_hot)


def inverted(logits, one_hot):
    """Hard inversion of three classes has beta = 3/2; image 1 alone draws a switch below 0.3."""
    targets = one_hot.clone()
    targets[1] = 0.5 - 0.5 * one_hot[1]
    return soft_cross_entropy(logits, targets)


def corrected(logits, one_hot):
    """Cross entropy of q = d/3 + (1 - d) softmax(z), d = 0.3; the label of image 1 becomes 1/3."""
    targets = one_hot.clone()
    targets[1] = 1 / 3
    return -(targets * (0.1 + 0.7 * logits.softmax(1)).log()).sum(1)


CASES = [
    *((name, {}, soft_cross_entropy) for name in ("bce", "ema", "early_stopping")),
    *((name, {}, soft_cross_entropy) for name in MULTICLASS if name.startswith("aslp")),
    ("corruption_augmentation", {}, soft_cross_entropy),
    ("focal", {"gamma": 2.0}, lambda z, y: with_error(z, y, lambda q: 2.0)),
    ("flsd_53", {}, lambda z, y: with_error(z, y, lambda q: 3.0 + 2.0 * (q < 0.2))),
    ("brier", {}, lambda z, y: (z.softmax(1) - y).square().sum(1) / 2),
    ("label_smoothing", {"epsilon": 0.3}, lambda z, y: soft_cross_entropy(z, 0.7 * y + 0.1)),
    ("constant_alpha", {"alpha": 0.3}, inverted),
    ("constant_alpha", {"technique": "M", "alpha": 0.3, "forward_correction": True}, corrected),
]
"""(Method, its options, the loss of each pixel as a function of logits and one-hot labels.)"""


@pytest.mark.parametrize(("name", "options", "formula"), CASES)
def test_the_loss_of_a_pixel_is_the_formula_and_ignored_pixels_have_none(name, options, formula):
    assert {name for name, *_ in CASES} == {*MULTICLASS}
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 3, 4, 5, generator=generator, dtype=torch.float64)
    ids = torch.randint(0, 3, (2, 4, 5), generator=generator)
    method = METHODS[name](2, METHODS[name].Options(**options), 3)
    draws = Draws(torch.tensor([0.5, 0.2]), [0, 1], lambda image: image)
    pixels = formula(logits, F.one_hot(ids, 3).movedim(-1, 1).double())
    labels = ids[:, None].double()
    loss = method.loss(logits, labels, torch.arange(2), draws)
    torch.testing.assert_close(loss, pixels.sum())
    labels[:, :, 1:3] = torch.nan
    loss = method.loss(logits.requires_grad_(), labels, torch.arange(2), draws)
    torch.testing.assert_close(loss, pixels[:, [0, 3]].sum())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert not gradient[:, :, 1:3].any() and gradient[:, :, [0, 3]].any()


def test_corrupted_masks_hold_the_same_classes():
    items = [nuclei3(limit=20).train[i] for i in range(20)]
    images, labels = (torch.stack(parts) for parts in [*zip(*items, strict=True)][:2])
    labels[0, 0, 0] = torch.nan
    kind = METHODS["corruption_augmentation"]
    draws = Draws(torch.zeros(20), range(20), lambda image: image)
    method = kind(20, kind.Options(share=1.0), 3)
    _, changed = method.prepare(images, labels, torch.arange(20), draws)
    assert set(changed.nan_to_num(9).unique().tolist()) == {0, 1, 2, 9}
    assert not torch.equal(changed.nan_to_num(9), labels.nan_to_num(9))
