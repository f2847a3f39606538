import math

import pytest
import torch

from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp import theory


@pytest.mark.claim(
    "labels",
    "Perturbed labels are p(y, beta) = (1 - beta) y + beta/2",
    "label_perturbation: How much perturbation does a label survive?",
    numbers="HI 1 / 0, SI 0.75 / 0.25, M 0.5 / 0.5",
)
@pytest.mark.parametrize(
    ("technique", "background", "foreground"),
    [
        (P.HARD_INVERSION, 1.0, 0.0),
        (P.SOFT_INVERSION, 0.75, 0.25),
        (P.MODERATION, 0.5, 0.5),
        (P.RELEASE, 2.0, -1.0),
    ],
)
def test_perturbed_labels_of_the_paper(technique, background, foreground):
    perturbed = P.perturb(torch.tensor([0.0, 1.0]), technique)
    assert perturbed.tolist() == [background, foreground]


@pytest.mark.claim(
    "labels",
    "DM adds truncated noise to each pixel",
    numbers="within ±0.25, standard deviation 0.144",
)
def test_dynamic_moderation_stays_within_a_quarter_and_varies_by_pixel():
    perturbed = P.perturb(torch.ones(2, 1, 40, 40), P.DYNAMIC_MODERATION)
    assert perturbed.min() >= 0.25
    assert perturbed.max() <= 0.75
    assert perturbed.unique().numel() > 1000
    x = torch.linspace(-0.25, 0.25, 20001, dtype=torch.float64)
    density = torch.exp(-(x**2) / 2)
    variance = torch.trapezoid(x**2 * density, x) / torch.trapezoid(density, x)
    assert math.isclose(P.DYNAMIC_MODERATION.noise_variance, variance, rel_tol=1e-7)


TECHNIQUES = [P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION, P.DYNAMIC_MODERATION]


@pytest.mark.claim(
    "loss",
    "The mean of SC-BCE over Z is BCE with the expected label",
    "sc_bce: The mean over the switch",
)
@pytest.mark.claim(
    "loss",
    "The variance of the gradient in the logit is alpha (1 - alpha) (beta (y - 1/2))^2",
    "sc_bce: Equal means, unequal gradients",
    numbers="M: 0.040 at alpha beta = 0.2",
)
@pytest.mark.claim(
    "labels",
    "The expected label is (1 - alpha beta) y + alpha beta / 2",
    "label_perturbation: How much perturbation does a label survive?",
)
@pytest.mark.parametrize("technique", [*TECHNIQUES, P.Technique("any", 0.7)], ids=lambda t: t.name)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_sampled_targets_have_the_stated_mean_and_variance(technique, label):
    n, alpha = 200_000, 0.3
    generator = torch.Generator().manual_seed(0)
    labels = torch.full((n, 1), label, dtype=torch.float64)
    targets = P.sampled_targets(labels, alpha, technique, generator)
    mean = P.expected_targets(labels[:1], alpha, technique).item()
    variance = theory.target_variance(alpha, technique).item()
    # Standard errors: of a mean sqrt(var/n); of a variance at most sqrt(kurtosis) * var / sqrt(n).
    assert targets.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(variance / n))
    assert targets.var().item() == pytest.approx(variance, rel=5 * 2 / math.sqrt(n))


@pytest.mark.claim(
    "labels",
    "The switch Z ~ Bernoulli(alpha_i) is sampled for each image, not for each pixel",
    "label_perturbation: One switch decides for a whole image",
)
def test_one_switch_per_image():
    labels = (torch.rand(500, 1, 8, 8) > 0.5).float()

    def flipped(alpha, seed):
        generator = torch.Generator().manual_seed(seed)
        targets = P.sampled_targets(labels, alpha, P.HARD_INVERSION, generator)
        return (targets != labels).flatten(1)

    half = flipped(0.5, 1)
    assert ((half.sum(1) == 0) | (half.sum(1) == 64)).all()
    assert 200 < half.all(1).sum() < 300
    assert torch.equal(half, flipped(0.5, 1)) and not torch.equal(half, flipped(0.5, 2))
    assert not flipped(0.0, 1).any() and flipped(1.0, 1).all()
    alternating = flipped(torch.arange(500) % 2, 1)
    assert not alternating[::2].any() and alternating[1::2].all()


@pytest.mark.claim(
    "labels",
    "Label smoothing is the case alpha = 1, beta = epsilon",
    "label_perturbation: How much perturbation does a label survive?",
)
def test_label_smoothing_is_a_point_of_the_plane():
    # Szegedy et al.: (1 - eps) * y + eps / classes
    targets = P.sampled_targets(torch.tensor([[0.0, 1.0]]), 1.0, P.Technique("LS", beta=0.1))
    torch.testing.assert_close(targets, torch.tensor([[0.05, 0.95]]))


@pytest.mark.claim(
    "labels",
    "The four techniques HI, SI, M and DM have fixed perturbation strengths beta",
    "label_perturbation: How much perturbation does a label survive?",
    numbers="HI 2, SI 1.5, M 1, DM 1",
)
def test_the_techniques_by_name():
    assert {
        "HI": P.Technique("HI", 2.0),
        "SI": P.Technique("SI", 1.5),
        "M": P.Technique("M", 1.0),
        "DM": P.Technique("DM", 1.0, noise=0.25),
        "release": P.Technique("release", 4.0, unbounded=True),
    } == P.TECHNIQUES


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_noise_has_the_labels_precision(dtype):
    draw = torch.Generator()
    noise = P.pixel_noise((3, 4), P.DYNAMIC_MODERATION, draw.manual_seed(0), dtype)
    assert noise.dtype == dtype and noise.shape == (3, 4)
    labels = torch.zeros(3, 4, dtype=dtype)
    perturbed = P.perturb(labels, P.DYNAMIC_MODERATION, draw.manual_seed(0))
    assert torch.equal(perturbed, 0.5 + noise)
    assert torch.equal(perturbed, P.perturb(labels, P.DYNAMIC_MODERATION, noise=noise))
    assert P.sampled_targets(perturbed, 0.5, P.DYNAMIC_MODERATION, draw).dtype == dtype


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64])
@pytest.mark.fault
def test_labels_of_any_kind(kind):
    """Alpha is not rounded to the type of the labels."""
    whole, alpha = torch.tensor([[0, 1]] * 200, dtype=kind), torch.linspace(0, 1, 200)

    def targets(labels):
        draw = torch.Generator().manual_seed(1)
        yield P.expected_targets(labels, alpha, P.SOFT_INVERSION)
        yield P.sampled_targets(labels, alpha, P.DYNAMIC_MODERATION, draw)
        yield P.perturb(labels, P.DYNAMIC_MODERATION, draw)

    for ours, oracle in zip(targets(whole), targets(whole.float()), strict=True):
        assert torch.equal(ours, oracle)


@pytest.mark.parametrize("technique", [P.HARD_INVERSION, P.DYNAMIC_MODERATION], ids=["HI", "DM"])
@pytest.mark.parametrize("alpha", [0, 0.0, torch.zeros(3)], ids=["0", "0.0", "tensor"])
def test_nothing_is_drawn_where_no_switch_can_fire(technique, alpha):
    """Otherwise BCE as SC-BCE with alpha 0 would see the images in another order than BCE."""
    labels, generator = torch.ones(3, 1, 2, 2), torch.Generator()
    before = generator.get_state(), torch.get_rng_state()
    for draw in (generator, None):
        targets = P.sampled_targets(labels, alpha, technique, draw)
        assert torch.equal(targets, labels) and targets.data_ptr() != labels.data_ptr()
    assert torch.equal(generator.get_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])
    P.sampled_targets(labels, torch.tensor([0.0, 0.1, 0.0]), technique, generator)
    assert not torch.equal(generator.get_state(), before[0])
