import math

import pytest
import torch

from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.theory import loss_floor, minimiser

IGNORED = 255


def expected_loss(logits, labels, alpha, technique, **options):
    return sc_bce_with_logits(
        logits, labels, alpha, technique, use_expected_targets=True, **options
    )


@pytest.mark.claim(
    "loss",
    "The minimiser of the expected loss on a noiseless pixel is 1 - alpha beta / 2",
    "sc_bce: Where is the expected loss lowest?",
    numbers="f* = 0.900 at alpha beta = 0.2",
)
@pytest.mark.parametrize("posterior", [0.0, 0.3, 1.0])
def test_gradient_descent_finds_the_stated_minimiser_and_floor(posterior):
    alpha, technique = 0.2, P.SOFT_INVERSION
    z = torch.zeros((1, 1), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([z], max_iter=100, tolerance_grad=1e-12)

    def loss():
        on, off = (
            expected_loss(z, torch.full_like(z, label), alpha, technique) for label in (1, 0)
        )
        return posterior * on + (1 - posterior) * off

    def closure():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    optimizer.step(closure)
    stated = minimiser(torch.tensor([[posterior]]).double(), alpha, technique)
    torch.testing.assert_close(torch.sigmoid(z.detach()), stated, rtol=0, atol=1e-6)
    if posterior in (0.0, 1.0):
        assert loss().item() == pytest.approx(loss_floor(alpha, technique).item(), abs=1e-9)


@pytest.mark.claim(
    "release",
    "With the authors' default beta, perturbed labels lie outside the range from 0 to 1",
    "release: 2. The second difference",
    numbers="targets 2 and -1",
)
def test_the_release_s_targets_have_no_lower_bound():
    """At z = 10 the release's perturbed foreground (-1) has loss z + ln(1 + e^-z) + z = 20.00005,
    and its perturbed background (2), -10 + ln(1 + e^-z)."""
    logits, labels = torch.full((1, 1), 10.0), torch.zeros(1, 1)
    loss = sc_bce_with_logits(logits, labels, 1.0, P.RELEASE)
    assert loss.item() == pytest.approx(-10 + math.log1p(math.exp(-10)), abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("labelled", [1, 3, 2**20])
def test_few_labelled_pixels_have_the_gradient_of_their_mean(labelled, dtype):
    logits = torch.full((1, 1, 1024, 1024), 5.0, dtype=dtype, requires_grad=True)
    labels = torch.full_like(logits, IGNORED, dtype=torch.float32)
    labels.view(-1)[:labelled] = 0
    loss = sc_bce_with_logits(logits, labels, 0.0, P.MODERATION, ignore_index=IGNORED)
    assert loss.item() == pytest.approx(5 + math.log1p(math.exp(-5)), rel=1e-5)
    loss.backward()
    slope = torch.tensor(1 / (1 + math.exp(-5)) / labelled).to(dtype)
    assert logits.grad.view(-1)[:labelled].sub(slope).abs().max() <= 1e-2 * slope
    assert logits.grad.view(-1)[labelled:].eq(0).all()
