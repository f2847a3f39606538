import math

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.methods.aslp import perturbation as P
from aslp_lib.methods.aslp.loss import sc_bce_with_logits
from aslp_lib.methods.aslp.theory import loss_floor, minimiser


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(6, 1, 5, 5, generator=generator, dtype=torch.float64)
    labels = (torch.rand(6, 1, 5, 5, generator=generator) > 0.6).double()
    return logits, labels


def test_alpha_zero_is_binary_cross_entropy(batch):
    logits, labels = batch
    ours = sc_bce_with_logits(logits, labels, 0.0, P.HARD_INVERSION)
    torch.testing.assert_close(ours, F.binary_cross_entropy_with_logits(logits, labels))


def test_the_definition_term_by_term(batch):
    logits, labels = batch
    f, p = torch.sigmoid(logits), P.perturb(labels, P.SOFT_INVERSION)
    plain = -(labels * f.log() + (1 - labels) * (1 - f).log())
    perturbed = -(p * f.log() + (1 - p) * (1 - f).log())
    alpha = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    z = alpha.view(-1, 1, 1, 1)
    oracle = (1 - z) * plain + z * perturbed
    ours = sc_bce_with_logits(logits, labels, alpha, P.SOFT_INVERSION, reduction="none")
    torch.testing.assert_close(ours, oracle)


@pytest.mark.parametrize("technique", [P.HARD_INVERSION, P.DYNAMIC_MODERATION], ids=["HI", "DM"])
def test_the_expected_loss_is_the_mean_of_the_sampled_one(batch, technique):
    logits, labels = batch
    generator = torch.Generator().manual_seed(1)
    draws = torch.stack(
        [
            sc_bce_with_logits(logits, labels, 0.3, technique, generator=generator)
            for _ in range(4000)
        ]
    )
    expected = sc_bce_with_logits(logits, labels, 0.3, technique, use_expected_targets=True)
    error = draws.std() / math.sqrt(len(draws))
    assert abs(draws.mean() - expected) < 5 * error


def test_equal_alpha_beta_means_equal_expected_loss(batch):
    logits, labels = batch
    losses = [
        sc_bce_with_logits(logits, labels, 0.2 / t.beta, t, use_expected_targets=True)
        for t in (P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION)
    ]
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(losses[0], losses[2])


@pytest.mark.parametrize("posterior", [0.0, 0.3, 1.0])
def test_gradient_descent_finds_the_stated_minimiser_and_floor(posterior):
    alpha, technique = 0.2, P.SOFT_INVERSION
    z = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([z], max_iter=100, tolerance_grad=1e-12)

    def loss():
        ones, zeros = torch.ones(1, 1).double(), torch.zeros(1, 1).double()
        logits = z.view(1, 1)
        on = sc_bce_with_logits(logits, ones, alpha, technique, use_expected_targets=True)
        off = sc_bce_with_logits(logits, zeros, alpha, technique, use_expected_targets=True)
        return posterior * on + (1 - posterior) * off

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    stated = minimiser(torch.tensor(posterior).double(), alpha, technique)
    torch.testing.assert_close(torch.sigmoid(z.detach()), stated, rtol=0, atol=1e-6)
    if posterior in (0.0, 1.0):
        assert loss().item() == pytest.approx(loss_floor(alpha, technique).item(), abs=1e-9)


def test_loss_floor_by_hand():
    # HI at alpha = 0.1: target 0.1, entropy -0.1 ln 0.1 - 0.9 ln 0.9
    by_hand = -0.1 * math.log(0.1) - 0.9 * math.log(0.9)
    assert loss_floor(0.1, P.HARD_INVERSION).item() == pytest.approx(by_hand)
    assert loss_floor(0.0, P.HARD_INVERSION).item() == 0.0


def test_the_release_s_targets_have_no_lower_bound():
    """At z = 10 the release's perturbed foreground (-1) has loss z + ln(1 + e^-z) + z = 20.00005,
    and its perturbed background (2), -10 + ln(1 + e^-z)."""
    logits, labels = torch.full((1, 1), 10.0), torch.zeros(1, 1)
    loss = sc_bce_with_logits(logits, labels, 1.0, P.RELEASE)
    assert loss.item() == pytest.approx(-10 + math.log1p(math.exp(-10)), abs=1e-4)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_reductions(batch, reduction):
    logits, labels = batch
    whole = sc_bce_with_logits(
        logits, labels, 0.2, P.MODERATION, use_expected_targets=True, reduction="none"
    )
    ours = sc_bce_with_logits(
        logits, labels, 0.2, P.MODERATION, use_expected_targets=True, reduction=reduction
    )
    oracle = {"mean": whole.mean(), "sum": whole.sum(), "none": whole}[reduction]
    torch.testing.assert_close(ours, oracle)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="must agree"):
        sc_bce_with_logits(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4), 0.1, P.MODERATION)
