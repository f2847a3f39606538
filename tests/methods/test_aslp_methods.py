"""ASLP as a method: what its options set, and SC-BCE by the draws that training gives."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from torch import nn

from aslp_lib import AdaptiveAlpha, Technique, sc_bce_with_logits
from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.rules import RULES
from aslp_lib.methods import FAMILIES, METHODS, Draws
from aslp_lib.methods.aslp import BY_RULE, ASLPOptions
from aslp_lib.metrics.counts import Counts

IMAGES = 4


def draws():
    """A switch that is on for the images 0 and 2 at a level of 0.5."""
    return Draws(torch.tensor([0.1, 0.9, 0.4, 0.5]), range(IMAGES), lambda image: 10 + image)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(IMAGES, 1, 6, 6, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(logits.shape, generator=generator) < 0.5).double()


def made(rule="calibration", **options):
    method = METHODS[rule](IMAGES, ASLPOptions(**options))
    method.alphas.alpha.fill_(0.5)
    return method


def test_families_are_those_that_have_something_to_choose():
    assert FAMILIES["aslp"] is ASLPOptions
    assert {"label_smoothing", "focal", "fixed_level"} < FAMILIES.keys()
    assert "bce" not in FAMILIES
    assert all(
        method.Options is FAMILIES[method.family]
        for method in METHODS.values()
        if fields(method.Options)
    )


def test_what_is_not_chosen():
    assert ASLPOptions() == ASLPOptions(
        technique="M",
        beta=None,
        alpha_step_size=0.005,
        constraint_weight=200.0,
        bound_gain=0.15,
        alpha_warm_up=5,
        dynamics="stable",
        use_expected_targets=False,
    )
    levels = AdaptiveAlpha(1, P.HARD_INVERSION)  # the paper's numbers
    found = levels.alpha_step_size, levels.constraint_weight, levels.rule.bound_gain, levels.warm_up
    assert found == (0.002, 2000.0, 0.15, 5)
    assert (levels.rule.name, levels.dynamics) == ("calibration", "stable")


@pytest.mark.parametrize("rule", RULES)
def test_options_reach_the_levels(rule):
    method = made(
        rule,
        technique="SI",
        alpha_step_size=0.3,
        constraint_weight=7.0,
        bound_gain=0.9,
        alpha_warm_up=2,
    )
    alphas = method.alphas
    assert len(alphas) == IMAGES
    assert (alphas.alpha_step_size, alphas.constraint_weight) == (0.3, 7.0)
    assert (alphas.rule.name, alphas.rule.bound_gain, alphas.warm_up) == (rule, 0.9, 2)
    assert alphas.technique == method.technique == P.SOFT_INVERSION
    assert (method.name, method.label, method.family) == (rule, RULES[rule].label, "aslp")
    released = METHODS["entropy"](1, ASLPOptions(technique="release", dynamics="release"))
    assert released.alphas.dynamics == "release"


def test_every_rule_is_a_method_with_its_words():
    assert [method.name for method in BY_RULE] == list(RULES)
    for method in BY_RULE:
        assert method.__doc__ == method.rule.__doc__
        assert method.__name__ == f"ASLP{method.rule.__name__}"


def test_a_strength_of_one_s_own_keeps_the_noise():
    assert ASLPOptions(technique="DM").perturbation == P.DYNAMIC_MODERATION
    ours = ASLPOptions(technique="DM", beta=0.5).perturbation
    assert ours == Technique("DM, beta = 0.5", 0.5, noise=0.25)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"technique": "X"}, "technique is 'X', but must be one of HI, SI, M, DM, release"),
        ({"alpha_warm_up": -1}, "alpha_warm_up is -1, but must be 0 or more"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        ASLPOptions(**options)
    assert ASLPOptions(alpha_warm_up=0).alpha_warm_up == 0


@pytest.mark.parametrize("technique", ["HI", "M"])
def test_its_loss_is_sc_bce_with_each_image_s_switch(batch, technique):
    logits, labels = batch
    method = made(technique=technique)
    loss = method.loss(logits, labels, torch.arange(IMAGES), draws())
    switched = torch.tensor([1.0, 0.0, 1.0, 0.0])  # a draw of exactly the level leaves it off
    oracle = sc_bce_with_logits(logits, labels, switched, method.technique, reduction="sum")
    torch.testing.assert_close(loss, oracle)


def test_its_expected_loss_is_sc_bce_s(batch):
    logits, labels = batch
    method = made(technique="SI", use_expected_targets=True)
    loss = method.loss(logits, labels, torch.arange(IMAGES), draws())
    options = {"use_expected_targets": True, "reduction": "sum"}
    oracle = sc_bce_with_logits(logits, labels, 0.5, P.SOFT_INVERSION, **options)
    torch.testing.assert_close(loss, oracle)


def test_each_image_s_noise_is_its_own(batch):
    logits, labels = batch
    loss = made(technique="DM").loss(logits, labels, torch.arange(IMAGES), draws())
    targets = labels.clone()
    for i in (0, 2):
        own = torch.Generator().manual_seed(10 + i)
        targets[i] = 0.5 + P.pixel_noise(labels.shape[1:], P.DYNAMIC_MODERATION, own)
    oracle = torch.nn.functional.softplus(logits) - targets * logits
    torch.testing.assert_close(loss, oracle.sum())


def test_steps_and_validations_move_the_levels(batch):
    logits, labels = batch
    method = made("entropy", alpha_warm_up=1, technique="HI")
    twin = AdaptiveAlpha(
        IMAGES,
        P.HARD_INVERSION,
        "entropy",
        alpha_step_size=0.005,
        constraint_weight=200.0,
        warm_up=1,
    )
    twin.alpha.fill_(0.5)
    counts = Counts.from_probabilities(torch.sigmoid(logits), labels)
    right = ((logits >= 0) == (labels == 1)).double().mean().item()
    for _ in range(3):
        method.after_step(torch.arange(IMAGES), logits, labels)
        twin.update(torch.arange(IMAGES), logits, labels)
        method.after_validation(counts, nn.Identity())
        twin.observe(right)
    assert torch.equal(method.alphas.alpha, twin.alpha)
    assert method.per_image()["alpha"] is method.alphas.alpha
    logged = {name: value.item() for name, value in method.log().items()}
    low, high = np.quantile(twin.alpha, [0.1, 0.9])
    assert logged == pytest.approx(
        {"alpha_mean": twin.alpha.mean().item(), "alpha_p10": low, "alpha_p90": high}
    )
