"""SC-BCE with the forward correction: its minimum, its gradients, and extreme logits and doses."""

from decimal import Decimal, localcontext
from itertools import product

import pytest
import torch
from batches import batch

from aslp_lib import perturbed_logits
from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits

TECHNIQUES = [P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION, P.DYNAMIC_MODERATION]
DOSES = [0.0, 1e-30, 1e-6, 0.1, 0.5, 0.9, 1 - 2**-20]
every_technique = pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda t: t.name)
every_dose = pytest.mark.parametrize("dose", DOSES)
ONE = P.Technique("beta = 1", 1.0)


def corrected(logits, labels, alpha, technique, **options):
    options = {"reduction": "none", **options}
    return sc_bce_with_logits(logits, labels, alpha, technique, forward_correction=True, **options)


def expected_loss(z, posterior, alpha, technique):
    """The expectation over labels with this posterior and over the switch, for each logit."""
    options = {"use_expected_targets": True}
    on, off = (corrected(z, torch.full_like(z, y), alpha, technique, **options) for y in (1, 0))
    return posterior * on + (1 - posterior) * off


@pytest.mark.claim(
    "loss",
    "With the forward correction, the minimiser of the expected loss is the posterior itself",
)
@every_technique
@pytest.mark.parametrize("dose", [0.0, 0.1, 0.5, 0.99])
def test_the_expected_loss_is_smallest_at_the_true_posterior(dose, technique):
    alpha = dose / technique.beta
    posterior = torch.linspace(0.01, 0.99, 99, dtype=torch.float64)
    z = torch.logit(posterior).requires_grad_()
    (gradient,) = torch.autograd.grad(expected_loss(z, posterior, alpha, technique).sum(), z)
    assert gradient.abs().max() < 1e-12
    grid = torch.linspace(-6, 6, 1201, dtype=torch.float64)
    losses = expected_loss(grid.view(-1, 1).expand(-1, 99), posterior, alpha, technique)
    assert (grid[losses.argmin(dim=0)] - z.detach()).abs().max() <= 0.0051


def exact(z: float, d: float, target: float) -> tuple[float, float]:
    """Loss and gradient by their definition, with 400 digits."""
    with localcontext() as context:
        context.prec = 400
        dose, t = Decimal(d), Decimal(target)
        background, foreground = (1 / (1 + (sign * Decimal(z)).exp()) for sign in (1, -1))
        q, other = (dose / 2 + (1 - dose) * f for f in (foreground, background))
        loss = -(t * q.ln() + (1 - t) * other.ln())
        slope = (1 - dose) * foreground * background
        return float(loss), float((q - t) / (q * other) * slope)


@every_dose
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_gradient_have_the_exact_values(dtype, dose):
    """A dose of 1e-30 matters from a logit of 69 on."""
    places = [-300.0, -80.0, -69.0, -20.0, -3.0, -1e-3, 0.0, 0.5, 7.0, 14.5, 40.0, 90.0]
    alpha = torch.tensor(dose, dtype=dtype)
    for label in (0.0, 1.0):
        z = torch.tensor([places], dtype=dtype, requires_grad=True)
        labels = torch.full_like(z, label)
        loss = corrected(z, labels, alpha, ONE, uniform=torch.ones(1))
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        values = [exact(x, alpha.item(), label) for x in z[0].tolist()]
        oracles = torch.tensor(values, dtype=torch.float64).T.to(dtype)
        tolerance = 8 * torch.finfo(dtype).eps
        torch.testing.assert_close(loss[0].detach(), oracles[0], rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(gradient[0], oracles[1], rtol=tolerance, atol=tolerance)


def test_second_derivatives_are_those_of_finite_differences():
    logits, labels = batch(3)
    alpha = torch.tensor([0.0, 0.2, 0.45], dtype=torch.float64)

    def loss(z):
        return corrected(z, labels, alpha, P.HARD_INVERSION, use_expected_targets=True)

    assert torch.autograd.gradgradcheck(loss, logits.requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_extreme_logits_have_finite_losses_and_gradients(dtype):
    largest = torch.finfo(dtype).max
    values = [sign * x for sign in (1, -1) for x in (0.0, 1e-7, 20.0, 700.0, 6e4, largest)]
    for dose, label, expected in product([*DOSES, 1.0], (0, 1), (True, False)):
        alpha = torch.tensor([dose], dtype=torch.float32)
        z = torch.tensor([values], dtype=dtype, requires_grad=True)
        labels = torch.full_like(z, label)
        options = {"use_expected_targets": expected, "uniform": torch.zeros(1)}
        loss = corrected(z, labels, alpha, ONE, **options)
        (gradient,) = torch.autograd.grad(loss.sum(), z)
        assert loss.isfinite().all() and gradient.isfinite().all(), (dose, label)
        assert loss.dtype == torch.promote_types(dtype, torch.float32)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_a_dose_it_is_the_plain_loss_bit_for_bit(dtype):
    logits, labels = batch(dtype=dtype)
    logits[0, 0, 0, :5] = torch.tensor([0.0, -0.0, 1e30, -1e30, 1e-30], dtype=dtype)
    logits.requires_grad_()
    for alpha, technique in ((0.0, P.SOFT_INVERSION), (0.4, P.Technique("nothing", 0.0))):
        arguments = logits, labels, alpha, technique
        losses = sc_bce_with_logits(*arguments), corrected(*arguments, reduction="mean")
        assert torch.equal(*losses)
        assert torch.equal(*(torch.autograd.grad(loss, logits)[0] for loss in losses))


def test_an_image_at_the_limit_of_alpha_has_no_gradient():
    """Its q is 1/2 everywhere. In single precision, 1/beta times beta may exceed 1."""
    logits, labels = batch(2)
    for beta in torch.linspace(1, 2, 60).tolist():
        technique = P.Technique("any", beta)
        alpha = torch.tensor([0.0, technique.alpha_limit])
        for dtype in (torch.float32, torch.float64):
            z = logits.to(dtype).requires_grad_()
            loss = corrected(z, labels, alpha, technique)
            (gradient,) = torch.autograd.grad(loss.sum(), z)
            assert gradient[0].ne(0).all() and gradient[1].abs().max() <= 1e-6
            if beta in (1.0, 2.0):
                assert gradient[1].eq(0).all()
                assert loss[1].sub(torch.tensor(2.0).log()).abs().max() < 1e-6


@pytest.mark.parametrize("broken", [torch.inf, -torch.inf, torch.nan])
def test_logits_that_are_not_finite_stay_visible(broken):
    assert perturbed_logits(torch.full((1, 2), broken), 0.2, P.HARD_INVERSION).isnan().all()
    assert perturbed_logits(torch.tensor([[1.0, broken, 0.0]]), 0.1, ONE, classes=3).isnan().all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch
@pytest.mark.parametrize("forward_correction", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_torch_compile_finds_one_graph(classes, forward_correction):
    logits, labels = batch()
    if classes == 3:
        logits, labels = logits.expand(-1, 3, -1, -1) * torch.arange(3).view(3, 1, 1), labels[:, 0]
        labels = labels.long()
    labels[0] = 255
    technique = P.HARD_INVERSION.for_classes(classes)
    alphas, index = AdaptiveAlpha(4, technique, classes=classes), torch.arange(4)
    alphas.alpha.copy_(torch.tensor([0.0, 0.1, 0.2, 0.3]))
    options = {"uniform": torch.tensor([0.5, 0.05, 0.7, 0.2]), "ignore_index": 255}
    options["forward_correction"] = forward_correction

    def loss(z):
        return sc_bce_with_logits(z, labels, alphas[index], technique, **options)

    results = []
    for function in (loss, torch.compile(loss, backend="eager", fullgraph=True)):
        z = logits.clone().requires_grad_()
        value = function(z)
        results.append((value, *torch.autograd.grad(value, z)))
    torch.testing.assert_close(*results)
