import math

import pytest
import torch
from torch.distributions import Bernoulli, kl_divergence
from torch.nn import functional as F

from aslp_lib.methods import Draws
from aslp_lib.methods.confidence_penalty import (
    ConfidencePenalty,
    ConfidencePenaltyOptions,
    entropy,
)

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 6, 6, generator=generator, dtype=torch.float64)
    return logits.requires_grad_(), torch.rand(5, 1, 6, 6, generator=generator).double()


@pytest.mark.parametrize("beta", [0.0, 0.1, 2.0])
def test_it_and_its_gradient_are_torch_s_divergence_from_a_fair_coin(batch, beta):
    method = ConfidencePenalty(5, ConfidencePenaltyOptions(beta))
    found = method.loss(*batch, torch.arange(5), NONE)
    logits, labels = batch
    apart = kl_divergence(Bernoulli(logits=logits), Bernoulli(0.5)) - math.log(2)
    bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    expected = (bce + beta * apart).sum()
    torch.testing.assert_close(found, expected)
    ours, theirs = (torch.autograd.grad(each, logits)[0] for each in (found, expected))
    torch.testing.assert_close(ours, theirs)


def test_where_it_is_least():
    """A right pixel's loss `log(1 + e^-z) - beta H`: it rests where `1 - f = beta f (1 - f) z`, so
    at `f z = 1 / beta`; BCE alone rests nowhere."""
    z = torch.linspace(0, 20, 20_001).view(-1, 1, 1, 1)
    pixel = F.softplus(-z) - 0.2 * entropy(z)
    best = z[pixel.argmin()].item()
    assert best / (1 + math.exp(-best)) == pytest.approx(1 / 0.2, abs=0.02)


def test_entropy_by_hand_and_of_sure_logits():
    logits = torch.tensor([0.0, math.log(3), -math.log(3), 50.0, -50.0])
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    sure = 51 * math.exp(-50)
    expected = [math.log(2), quarter, quarter, sure, sure]
    assert entropy(logits).tolist() == pytest.approx(expected, rel=1e-5, abs=0)


@pytest.mark.parametrize("beta", [-0.1, math.inf, math.nan])
def test_a_beta_out_of_range_is_refused(beta):
    with pytest.raises(ValueError, match=f"beta is {beta}, but must be finite and not"):
        ConfidencePenaltyOptions(beta)
    assert ConfidencePenaltyOptions() == ConfidencePenaltyOptions(0.1)
