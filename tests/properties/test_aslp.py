"""Properties of alphas, targets and the loss on any batch: symmetries, bounds, and slow reference
implementations."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp import theory
from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient
from aslp_lib.aslp.loss import sc_bce_with_logits

SHARES = st.floats(0, 1, width=32)
TECHNIQUES = st.one_of(
    st.sampled_from([P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION, P.DYNAMIC_MODERATION]),
    st.floats(0, 2, width=32).map(lambda beta: P.Technique("drawn", beta)),
)


@st.composite
def batches(draw):
    """(logits, labels, alpha) in float64."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 4)))
    z = draw(arrays(np.float64, shape, elements=st.floats(-1e4, 1e4, width=16)))
    y = draw(arrays(np.bool_, shape))
    alpha = draw(arrays(np.float64, shape[:1], elements=SHARES))
    return torch.from_numpy(z), torch.from_numpy(y).double(), torch.from_numpy(alpha)


def expected_loss(logits, labels, alpha, technique, **options):
    options = {"use_expected_targets": True, "reduction": "none", **options}
    return sc_bce_with_logits(logits, labels, alpha, technique, **options)


def bce(logits, targets):
    """BCE by its definition in a stable form, `log(1 + e^z) - t z`."""
    return torch.logaddexp(logits, torch.zeros_like(logits)) - targets * logits


@pytest.mark.claim("loss", "At alpha = 0, SC-BCE is BCE", "sc_bce: The loss")
@pytest.mark.claim(
    "loss",
    "Equal products alpha beta give equal expected losses",
    "label_perturbation: Equal means, unequal variances",
)
@given(batches(), TECHNIQUES)
def test_the_expected_loss_is_affine_in_its_target_and_alike_for_both_classes(batch, technique):
    """It is therefore the mean of the BCE with the label and the BCE with the perturbed label."""
    logits, labels, alpha = batch
    on, beta = alpha.view(-1, 1, 1), technique.beta
    perturbed = (1 - beta) * labels + beta / 2
    oracle = (1 - on) * bce(logits, labels) + on * bce(logits, perturbed)
    ours = expected_loss(logits.requires_grad_(), labels, alpha, technique)
    swapped = expected_loss(-logits, 1 - labels, alpha, technique)
    for other in (oracle, swapped):
        torch.testing.assert_close(ours, other, rtol=1e-9, atol=1e-9)
    (slope,) = torch.autograd.grad(ours.sum(), logits)
    targets = (1 - on) * labels + on * perturbed
    torch.testing.assert_close(slope, torch.sigmoid(logits) - targets)
    gradient = alpha_gradient(logits, labels, technique)
    torch.testing.assert_close(alpha_gradient(-logits, 1 - labels, technique), gradient)


@pytest.mark.claim(
    "loss",
    "The minimum of the expected loss is the binary entropy of alpha beta / 2",
    "sc_bce: How low can the loss get?",
    numbers="0.325 nats at alpha beta = 0.2",
)
@given(batches(), TECHNIQUES)
def test_no_logits_do_better_than_the_floor(batch, technique):
    logits, labels, alpha = batch
    loss = expected_loss(logits, labels, alpha, technique)
    floor = theory.loss_floor(alpha, technique).view(-1, 1, 1)
    assert (loss >= floor - 1e-9).all()
    confidence = theory.expected_confidence(alpha, technique).view(-1, 1, 1)
    best = torch.logit(torch.where(labels == 1, confidence, 1 - confidence), eps=1e-12)
    reached = expected_loss(best, labels, alpha, technique)
    torch.testing.assert_close(reached, floor.expand_as(reached), rtol=0, atol=1e-9)


@pytest.mark.claim(
    "loss",
    "The minimiser of the expected loss on an ambiguous pixel is (1 - alpha beta) pi + alpha "
    "beta / 2",
    "sc_bce: Where is the expected loss lowest?",
    numbers="0.66 where P(y=1) = 0.7, at alpha beta = 0.2",
)
@pytest.mark.claim(
    "labels",
    "Predicted classes are unchanged if alpha < 1/beta",
    "label_perturbation: How much perturbation does a label survive?",
    numbers="HI 0.5, SI 0.667, M 1, DM 1",
)
@given(SHARES, SHARES, SHARES, TECHNIQUES)
def test_the_minimiser_rises_with_the_posterior_and_keeps_its_decision(low, high, alpha, technique):
    low, high = sorted((low, high))
    alpha = min(alpha, technique.alpha_limit)
    first, second = (theory.minimiser(p, alpha, technique).item() for p in (low, high))
    assert 0 <= first <= second + 1e-6 <= 1 + 2e-6
    if alpha * technique.beta < 0.999 and abs(low - 0.5) > 1e-3:
        assert (first > 0.5) == (low > 0.5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@given(batch=batches(), technique=TECHNIQUES)
def test_sure_logits_in_every_precision(dtype, batch, technique):
    """Up to +-1e4, loss and gradients are finite and agree with float64 up to rounding."""
    logits, labels, alpha = batch
    logits, alpha = logits.to(dtype), alpha.to(dtype)
    eps = torch.finfo(dtype).eps
    ours, truth = logits.clone().requires_grad_(), logits.double().requires_grad_()
    loss = expected_loss(ours, labels, alpha, technique)
    oracle = expected_loss(truth, labels, alpha.double(), technique)
    assert loss.dtype == torch.float32 and loss.isfinite().all()
    assert ((loss.double() - oracle).abs() <= 8 * eps * (1 + truth.abs())).all()
    loss.sum().backward()
    oracle.sum().backward()
    assert ours.grad.isfinite().all()
    assert ((ours.grad.double() - truth.grad).abs() <= 8 * eps).all()
    assert expected_loss(ours, labels, alpha, technique, reduction="mean").isfinite()
    first, second = (alpha_gradient(z, labels, technique) for z in (logits, logits.double()))
    assert first.dtype == torch.float32
    off = (first - second).abs()  # of a mean of 12 numbers
    assert (off <= 16 * torch.finfo(torch.float32).eps * truth.abs().amax((1, 2))).all()


STEPS = st.lists(
    st.tuples(st.integers(0, 3), st.floats(width=32), st.booleans(), SHARES, SHARES), max_size=12
)


@pytest.mark.parametrize(
    ("rule", "dynamics"),
    [
        *((rule, "stable") for rule in ("aslp_mc", "aslp_me", "aslp_gap")),
        *((rule, "release") for rule in ("aslp_mc", "aslp_me")),
    ],
)
@given(
    technique=TECHNIQUES, eta=st.floats(0, 1), weight=st.floats(0, 1e4), gain=SHARES, steps=STEPS
)
def test_a_level_is_a_probability_that_keeps_decisions_whatever_comes(
    rule, dynamics, technique, eta, weight, gain, steps
):
    settings = {"alpha_step_size": eta, "constraint_weight": weight, "bound_gain": gain}
    alphas = AdaptiveAlpha(4, technique, rule, warm_up=1, dynamics=dynamics, **settings)
    for image, logit, label, accuracy, confidence in steps:
        before = alphas.alpha.clone()
        alphas.update(torch.tensor([image]), torch.full((1, 2), logit), torch.full((1, 2), label))
        alphas.observe(accuracy, confidence)
        assert ((alphas.alpha >= 0) & (alphas.alpha <= min(1, 1 / max(technique.beta, 1)))).all()
        others = torch.arange(4) != image
        assert torch.equal(alphas.alpha[others], before[others])
        if not math.isfinite(logit):
            assert torch.equal(alphas.alpha, before)


class Reference:
    """The rules in plain Python numbers, one image at a time; MC's step is solved by bisection."""

    def __init__(self, technique, rule, eta, weight, gain, warm_up):
        self.beta, self.rule = technique.beta, rule
        self.limit = min(1.0, 1 / self.beta) if self.beta else 1.0
        self.eta, self.weight, self.gain, self.warm_up = eta, weight, gain, warm_up
        self.seen, self.accuracy, self.best, self.bound = 0, 0.0, 0.0, 0.0
        self.alpha = [0.0] * 3

    def observe(self, accuracy, confidence):
        self.seen += 1
        self.accuracy, self.best = accuracy, max(self.best, accuracy)
        if self.seen >= self.warm_up:
            top = 2 * (1 - accuracy) / self.beta if self.beta else math.inf
            moved = self.bound + self.gain * (confidence - accuracy)
            self.bound = min(max(moved, 0.0), top, self.limit)

    def update(self, image, margins):
        if self.seen < self.warm_up or not margins:
            return
        free = self.alpha[image] + self.eta * self.beta * sum(margins) / len(margins)
        if self.rule == "aslp_mc":
            low, high = -1e3, 1e3  # the new alpha a solves a = free + eta * lambda * R(a)
            for _ in range(200):
                a = (low + high) / 2
                room = min(1 - self.beta * a / 2 - self.accuracy, 0.0)
                low, high = (a, high) if a < free + self.eta * self.weight * room else (low, a)
            new = low
        elif self.rule == "aslp_me":
            new = free + self.eta * self.weight * min(self.accuracy - self.best, 0.0)
        else:
            new = min(free, self.bound)
        self.alpha[image] = min(max(new, 0.0), self.limit)


PIXEL = st.tuples(st.floats(-8, 8, width=16), st.sampled_from([0, 1, 255]))
ROWS = st.lists(st.tuples(st.integers(0, 2), st.lists(PIXEL, min_size=2, max_size=2)), min_size=1)
HALVES = st.floats(0.5, 1, width=16)


@pytest.mark.claim(
    "alphas",
    "Alphas start at 0 and wait for 5 epochs",
    "adaptive_alpha: Which alphas rise first?",
)
@pytest.mark.claim(
    "alphas",
    "ME: R_i = min(A - A_landmark, 0), where this project takes the best accuracy so far as "
    "the landmark",
    "maximum_entropy: What stops alpha?",
)
@pytest.mark.claim(
    "alphas",
    "alpha_i <- clip(alpha_i + eta (grad_i + lambda R_i), 0, 1/beta)",
    "adaptive_alpha: What does ASLP look at instead?",
)
@pytest.mark.parametrize("rule", ["aslp_mc", "aslp_me", "aslp_gap"])
@given(
    technique=TECHNIQUES,
    eta=st.floats(0.001, 0.1),
    weight=st.floats(0, 100),
    gain=SHARES,
    warm_up=st.integers(0, 3),
    steps=st.lists(st.tuples(ROWS, HALVES, HALVES), max_size=8),
)
def test_levels_are_those_of_plain_numbers(rule, technique, eta, weight, gain, warm_up, steps):
    """An image may have several rows in a step, and pixels without a label."""
    settings = {"alpha_step_size": eta, "constraint_weight": weight, "bound_gain": gain}
    alphas = AdaptiveAlpha(3, technique, rule, warm_up=warm_up, **settings).double()
    reference = Reference(technique, rule, eta, weight, gain, warm_up)
    for rows, accuracy, confidence in steps:
        images, pixels = zip(*rows, strict=True)
        logits, labels = torch.tensor(pixels, dtype=torch.float64).unbind(-1)
        alphas.update(torch.tensor(images), logits, labels, ignore_index=255)
        for image in set(images):
            pixels = [pixel for i, row in rows if i == image for pixel in row]
            reference.update(image, [(y - 0.5) * z for z, y in pixels if y != 255])
        alphas.observe(accuracy, confidence)
        reference.observe(accuracy, confidence)
    np.testing.assert_allclose(alphas.alpha, reference.alpha, atol=1e-9)
