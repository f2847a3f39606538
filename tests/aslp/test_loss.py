import math

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.loss import SCBCELoss, sc_bce_with_logits
from aslp_lib.aslp.theory import loss_floor, minimiser


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


IGNORED = 255


@pytest.fixture
def partly(batch):
    """The batch with a quarter of its pixels ignored, image 2 wholly; and what is kept."""
    logits, labels = batch
    ignored = torch.rand(labels.shape, generator=torch.Generator().manual_seed(3)) < 0.25
    ignored[2] = True
    return logits, labels.masked_fill(ignored, IGNORED), ~ignored


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_ignored_pixels_neither_add_nor_count(partly, reduction):
    logits, labels, kept = partly
    ours = sc_bce_with_logits(
        logits, labels, 0.0, P.MODERATION, ignore_index=IGNORED, reduction=reduction
    )
    oracle = F.binary_cross_entropy_with_logits(logits[kept], labels[kept], reduction=reduction)
    torch.testing.assert_close(ours, oracle, rtol=1e-12, atol=0)


def test_the_switches_of_the_kept_pixels_are_those_without_ignored_ones(batch, partly):
    logits, labels = batch
    _, holed, kept = partly
    whole, part = (
        sc_bce_with_logits(
            logits,
            values,
            0.5,
            P.DYNAMIC_MODERATION,
            reduction="none",
            ignore_index=index,
            generator=torch.Generator().manual_seed(5),
        )
        for values, index in ((labels, None), (holed, IGNORED))
    )
    assert torch.equal(part, torch.where(kept, whole, 0.0))


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1e30])
def test_no_gradient_flows_from_ignored_pixels_whatever_their_logits(partly, broken):
    logits, labels, kept = partly
    logits = logits.masked_fill(~kept, broken).requires_grad_()
    alpha = torch.full((len(logits),), 0.2, dtype=torch.float64)
    sc_bce_with_logits(
        logits, labels, alpha, P.SOFT_INVERSION, use_expected_targets=True, ignore_index=IGNORED
    ).backward()
    targets = P.expected_targets(labels.masked_fill(~kept, 0), alpha, P.SOFT_INVERSION)
    oracle = torch.where(kept, (torch.sigmoid(logits) - targets) / kept.sum(), 0.0)
    assert logits.grad[~kept].eq(0).all()
    torch.testing.assert_close(logits.grad, oracle.detach())


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_with_every_pixel_ignored_the_loss_is_0(batch, reduction):
    logits, labels = batch
    logits = logits.clone().requires_grad_()
    loss = sc_bce_with_logits(
        logits,
        torch.full_like(labels, -1),
        0.3,
        P.HARD_INVERSION,
        ignore_index=-1,
        reduction=reduction,
    )
    assert loss.eq(0).all()
    loss.sum().backward()
    assert logits.grad.eq(0).all()


@pytest.mark.parametrize("kind", [torch.uint8, torch.int64, torch.float32, torch.float16])
def test_labels_of_any_kind_may_be_ignored(partly, kind):
    logits, labels, _ = partly
    options = {"use_expected_targets": True, "ignore_index": IGNORED}
    ours = sc_bce_with_logits(logits, labels.to(kind), 0.2, P.MODERATION, **options)
    assert ours == sc_bce_with_logits(logits, labels, 0.2, P.MODERATION, **options)


def test_a_mean_in_half_precision_does_not_overflow():
    logits = torch.full((1, 1, 300, 300), 5.0, dtype=torch.float16)
    labels = torch.zeros_like(logits)
    labels[..., :100] = IGNORED
    loss = sc_bce_with_logits(logits, labels, 0.0, P.MODERATION, ignore_index=IGNORED)
    assert loss.item() == pytest.approx(5 + math.log1p(math.exp(-5)), rel=2e-3)


@pytest.mark.parametrize("ignored", [None, 255])
def test_without_ignored_pixels_the_loss_is_the_same_bit_for_bit(batch, ignored):
    logits, labels = batch
    generator = torch.Generator().manual_seed(7)
    ours = sc_bce_with_logits(
        logits, labels, 0.4, P.DYNAMIC_MODERATION, ignore_index=ignored, generator=generator
    )
    generator.manual_seed(7)
    targets = P.sampled_targets(labels, 0.4, P.DYNAMIC_MODERATION, generator)
    assert torch.equal(ours, F.binary_cross_entropy_with_logits(logits, targets))


@pytest.mark.parametrize("ignored", [None, 255])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.fault("a loss is asked for of no images, or only of ignored pixels", "0, not NaN")
def test_of_an_empty_batch_the_loss_is_0(ignored, reduction):
    empty = torch.zeros(0, 1, 4, 4, requires_grad=True)
    loss = sc_bce_with_logits(
        empty, torch.zeros(0, 1, 4, 4), 0.3, P.MODERATION, ignore_index=ignored, reduction=reduction
    )
    assert loss.sum() == 0
    loss.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("label", "ignored"), [(2049, 2048), (1.001, None)])
def test_labels_are_looked_at_before_half_precision_rounds_them(dtype, label, ignored):
    logits = torch.ones(1, 2, dtype=dtype)
    with pytest.raises(ValueError, match=f"2 of 2 pixels have others, the first {label}"):
        sc_bce_with_logits(
            logits, torch.full((1, 2), float(label)), 0.0, P.MODERATION, ignore_index=ignored
        )


@pytest.mark.parametrize(
    ("value", "index"), [(255, None), (-1, None), (0.5, None), (2, 255), (math.nan, None)]
)
def test_other_labels_are_refused_on_a_cpu(batch, value, index):
    logits, labels = batch
    labels = labels.clone()
    labels[0, 0, 0, 0], labels[0, 0, 0, 1] = value, 7
    with pytest.raises(ValueError, match=f"2 of 150 pixels have others, the first {value:g}"):
        sc_bce_with_logits(logits, labels, 0.1, P.MODERATION, ignore_index=index)


def test_what_would_broadcast_is_refused(batch):
    logits, labels = batch
    for short in (labels[:1], labels[:, :, :1], labels[0]):
        with pytest.raises(ValueError, match="must agree"):
            sc_bce_with_logits(logits, short, 0.1, P.MODERATION)
    for alpha in (torch.zeros(1), torch.zeros(6, 1), torch.zeros(6, 1, 1, 1)):
        with pytest.raises(ValueError, match="6 images"):
            sc_bce_with_logits(logits, labels, alpha, P.MODERATION)


def test_the_module_is_the_function(partly):
    logits, labels, _ = partly
    alpha = torch.linspace(0, 1, 6, dtype=torch.float64)
    for options in (
        {"ignore_index": IGNORED},
        {"ignore_index": IGNORED, "reduction": "none"},
        {"ignore_index": IGNORED, "use_expected_targets": True, "reduction": "sum"},
    ):
        loss = SCBCELoss(P.DYNAMIC_MODERATION, **options)
        ours = loss(logits, labels, alpha, torch.Generator().manual_seed(2))
        draw = torch.Generator().manual_seed(2)
        assert torch.equal(
            ours,
            sc_bce_with_logits(
                logits, labels, alpha, P.DYNAMIC_MODERATION, generator=draw, **options
            ),
        )
    assert repr(SCBCELoss(P.MODERATION)) == "SCBCELoss(M, reduction=mean, ignore=None)"


def test_labels_on_another_device_are_not_looked_at():
    """Looking would wait for the device; meta tensors have nothing to look at."""
    values = torch.zeros(2, 1, 3, 3, device="meta")
    for index in (None, IGNORED):
        loss = sc_bce_with_logits(values, values, 0.2, P.MODERATION, ignore_index=index)
        assert loss.shape == ()
