"""ASLP as a training method: its options, and the hooks that move the alphas."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from aslp_lib import AdaptiveAlpha, Technique
from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.rules import RULES
from aslp_lib.course import recorded
from aslp_lib.methods import METHODS, Draws
from aslp_lib.methods.aslp import ASLPOptions
from aslp_lib.methods.constant_alpha import ConstantAlphaOptions
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

IMAGES = 4
DRAWS = Draws(torch.zeros(IMAGES), range(IMAGES), seed=int)


def batch():
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(IMAGES, 1, 6, 6, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(logits.shape, generator=generator) < 0.5).double()


def test_every_rule_is_a_method():
    methods = [method for method in METHODS.values() if method.family == "aslp"]
    assert [method.rule for method in methods] == [*RULES.values()]


def test_a_strength_of_one_s_own_keeps_the_noise():
    assert ASLPOptions(technique="DM").perturbation == P.DYNAMIC_MODERATION
    ours = ASLPOptions(technique="DM", beta=0.5).perturbation
    assert ours == Technique("DM, beta = 0.5", 0.5, noise=0.25)


@pytest.mark.fault
def test_the_forward_correction_is_refused_where_it_has_no_meaning():
    with pytest.raises(ValueError, match=r"^dynamics is 'release'; expected 'stable' with forward"):
        ASLPOptions(technique="release", dynamics="release", forward_correction=True)
    with pytest.raises(ValueError, match=r"^rule is 'aslp_gap'; .*with forward_correction"):
        METHODS["aslp_gap"](1, ASLPOptions(forward_correction=True))
    ConstantAlphaOptions(alpha=0.49, forward_correction=True)
    with pytest.raises(ValueError, match=r"^alpha \* beta is 1.0; expected less than 1"):
        ConstantAlphaOptions(alpha=0.5, forward_correction=True)


@pytest.mark.parametrize("channels", [1, 2])
def test_corrected_steps_move_the_levels_by_the_perturbed_logits(channels):
    logits, labels = batch()
    options = ASLPOptions(technique="HI", alpha_warm_up=0, forward_correction=True)
    method = METHODS["aslp_mc"](IMAGES, options, channels)
    start = torch.tensor([0.0, 0.1, 0.2, 0.5], dtype=torch.float64)
    method.alphas.alpha.copy_(start)
    method.alphas.observe(0.5)  # the constraint is not active
    outputs = logits if channels == 1 else torch.cat([0 * logits + 0.7, logits + 0.7], dim=1)
    method.after_step(torch.arange(IMAGES), outputs, labels, DRAWS)
    alpha = start.view(-1, 1, 1, 1)
    q = alpha + (1 - 2 * alpha) * torch.sigmoid(logits)
    gradient = 2 * ((labels - 0.5) * torch.logit(q)).mean((1, 2, 3))
    expected = (start + 0.005 * gradient).clamp(0, 0.5).float()
    torch.testing.assert_close(method.alphas.alpha, expected)


@pytest.mark.parametrize("ignoring", [False, True])
@pytest.mark.parametrize(
    ("rule", "dynamics"), [*((rule, "stable") for rule in RULES), ("aslp_me", "release")]
)
def test_steps_and_validations_move_the_levels_by_the_options(rule, dynamics, ignoring):
    logits, _ = batch()
    numbers = {"alpha_step_size": 0.01, "constraint_weight": 7.0, "bound_gain": 0.9}
    numbers["dynamics"] = dynamics
    method = METHODS[rule](IMAGES, ASLPOptions(technique="SI", alpha_warm_up=2, **numbers))
    reference = AdaptiveAlpha(IMAGES, P.SOFT_INVERSION, rule, warm_up=2, **numbers)
    method.alphas.alpha.fill_(0.2)
    reference.alpha.fill_(0.2)
    for threshold in (0, 3, 0, 3):  # each rule limits a step, and the measured gap is positive
        labels = (logits >= threshold).double()
        counts = Counts.from_probabilities(torch.sigmoid(logits), labels)
        right = ((logits >= 0) == (labels == 1)).double().mean().item()
        if ignoring:  # labels without a value are marked by NaN
            labels[..., 0] = torch.nan
        method.after_step(torch.arange(IMAGES), logits, labels, DRAWS)
        reference.update(torch.arange(IMAGES), logits, labels.nan_to_num(7), ignore_index=7)
        method.after_validation(counts, nn.Identity())
        reference.observe(right, calibration.confidence(counts))
        assert torch.equal(method.alphas.alpha, reference.alpha)
    assert (reference.alpha != 0.2).any()
    assert method.per_image()["alpha"] is method.alphas.alpha
    low, high = np.quantile(reference.alpha, [0.1, 0.9])
    assert {name: value.item() for name, value in method.log().items()} == pytest.approx(
        {"alpha_mean": reference.alpha.mean().item(), "alpha_p10": low, "alpha_p90": high}
    )


def log_of(means, accuracy=0.9):
    return [{"alpha_mean": mean, "accuracy": accuracy} for mean in means]


FIVE_OF_TEN = [0.0] * 5 + [0.01, 0.02, 0.03, 0.04, 0.05]
GROWN = "rose .* from 0.03 to 0.05 in the last 2 of 10 epochs, and their"
SLOWER = [*FIVE_OF_TEN[:8], 0.048, 0.05]  # by 0.02, more than a tenth
CONVERGED = [*FIVE_OF_TEN[:7], 0.046, 0.048, 0.05]  # by 0.004, less than a tenth


@pytest.mark.parametrize(
    ("rule", "technique", "log", "note"),
    [
        # bounds of MC at an accuracy of 0.9 and beta = 2, 1: 0.1, 0.2; limit of ME: 1/2
        ("aslp_mc", "HI", log_of(FIVE_OF_TEN), f"{GROWN} bound is 0.1. .*alpha-step-size or"),
        ("aslp_mc", "M", log_of(SLOWER), f"{GROWN} bound is 0.2."),
        ("aslp_gap", "HI", log_of(FIVE_OF_TEN), f"{GROWN} bound is 0.1. .*--aslp.bound-gain"),
        ("aslp_me", "HI", log_of(FIVE_OF_TEN), f"{GROWN} limit is 0.5. .*alpha-step-size"),
        ("aslp_mc", "HI", log_of(FIVE_OF_TEN, accuracy=0.96), None),  # above the bound, 0.04
        ("aslp_mc", "HI", log_of(CONVERGED), None),
        ("aslp_mc", "HI", log_of(FIVE_OF_TEN[::-1]), None),
        ("aslp_me", "HI", log_of([0.0] * 10), None),  # pushed down by falling accuracies
        ("aslp_mc", "HI", log_of([0.0] * 5), "warm-up of 5 epochs did not end within the 5"),
        ("aslp_mc", "HI", log_of(FIVE_OF_TEN[:6]), "from 0 to 0.01 in the last 1 of 6 epochs"),
    ],
)
def test_alphas_that_still_rise_at_the_end_are_noted(rule, technique, log, note):
    notes = METHODS[rule](1, ASLPOptions(technique=technique)).notes(log)
    assert len(notes) == (note is not None)
    assert not notes or re.search(note, notes[0])


@pytest.mark.parametrize(("rule", "data"), [
    ("aslp_mc", "shapes"), ("aslp_gap", "shapes"), ("aslp_mc", "nuclei")
])  # fmt: skip
def test_the_shipped_runs_have_no_note_but_would_have_stopped_early(rule, data):
    settings, log = recorded.settings_of(data), recorded.load_log(rule, data)
    method = settings.method(rule, images=1)
    assert method.notes(log) == []
    first = next(epoch for epoch, row in enumerate(log) if row["alpha_mean"] > 0)
    assert "still rose" in method.notes(log[: first + 3])[0]
