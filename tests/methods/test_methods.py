"""The contract of every training method: each test runs over the registry, or over `CASES`, which
give each method's loss as a plain formula."""

import math
from dataclasses import fields, is_dataclass
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from scipy import ndimage
from torch import nn
from torch.distributions import Bernoulli, kl_divergence
from torch.nn import functional as F
from torchvision.ops import sigmoid_focal_loss

from aslp_lib.aslp import perturbation as P
from aslp_lib.methods import FAMILIES, METHODS, Draws, Hyperparameters
from aslp_lib.metrics.counts import Counts

IMAGES = 5
SWITCHES = torch.tensor([0.1, 0.9, 0.5, 0.24, 0.2], dtype=torch.float64)


def draws(rows=slice(None), seed=10) -> Draws:
    images = np.arange(IMAGES)[rows].tolist()
    return Draws(SWITCHES[rows], images, lambda image: seed + image)


def made(name, **options):
    """Create a method; its perturbation levels, if it has any, are 1/2."""
    method = METHODS[name](IMAGES, METHODS[name].Options(**options))
    method.begin(nn.Conv2d(1, 1, 1, bias=False))
    for values in method.per_image().values():
        values.fill_(0.5)
    return method


def batch(copies=1):
    """Logits and labels; image 2 has no foreground, and images 3 and 4 have soft labels."""
    generator = torch.Generator().manual_seed(1)
    scale = torch.tensor([1.0, 6.0, 3.0, 3.0, 3.0]).view(-1, 1, 1, 1)
    logits = scale * torch.randn(IMAGES, 1, 9, 8, generator=generator, dtype=torch.float64)
    labels = torch.rand(logits.shape, generator=generator, dtype=torch.float64)
    labels[:3] = (labels[:3] < 0.4).double()
    labels[2], labels[3, 0, 0, 0] = 0, 0.5
    shift = torch.arange(copies).repeat_interleave(IMAGES).view(-1, 1, 1, 1)
    return logits.repeat(copies, 1, 1, 1) + shift, labels.repeat(copies, 1, 1, 1)


def pictures():
    """Images (uint8) and binary masks with one rectangle each."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (IMAGES, 3, 12, 12), generator=generator, dtype=torch.uint8)
    masks = torch.zeros(IMAGES, 1, 12, 12)
    for i, mask in enumerate(masks):
        mask[:, i : 7 + i, 3 : 6 + i] = 1
    return images, masks


# --- Plain formulas, each pixel's loss ------------------------------------------------------------


def bce(logits, targets, **_):
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def both_classes(logits, labels):
    """Logits (c, c + z) and probabilities of two classes: a sigmoid is their softmax."""
    return torch.cat([0 * logits + 0.7, logits + 0.7], 1), torch.cat([1 - labels, labels], 1)


def smoothed(logits, labels, epsilon):
    return F.cross_entropy(*both_classes(logits, labels), label_smoothing=epsilon, reduction="sum")


def margin_penalty(logits, labels, margin, penalty):
    both, classes = both_classes(logits, labels)
    distance = both.max(dim=1, keepdim=True).values - both
    beyond = (distance - margin).clamp(min=0).sum()
    return F.cross_entropy(both, classes, reduction="sum") + penalty * beyond


def switched(logits, labels, beta, images, noisy=False):
    """BCE with the labels of these images perturbed, with independent noise per image."""
    targets = labels.clone()
    for i in images:
        generator = torch.Generator().manual_seed(10 + i)
        noise = P.pixel_noise(labels.shape[1:], P.DYNAMIC_MODERATION, generator) if noisy else 0
        targets[i] = (1 - beta) * labels[i] + beta / 2 + noise
    return bce(logits, targets)


def constantly(logits, labels, technique, alpha, beta):
    images = torch.lt(SWITCHES, alpha).nonzero().flatten().tolist()
    return switched(logits, labels, beta, images, noisy=technique == "DM")


def channelled(logits, labels, beta, alpha, **_):
    """Cross entropy of the perturbed prediction, with the labels of images 0, 3 and 4 perturbed."""
    q = alpha * beta / 2 + (1 - alpha * beta) * torch.sigmoid(logits)
    targets = labels.clone()
    targets[[0, 3, 4]] = (1 - beta) * labels[[0, 3, 4]] + beta / 2
    return -(targets * q.log() + (1 - targets) * (1 - q).log())


def disturbed(logits, labels, rate):
    targets = labels.clone()
    for i, image in enumerate(targets):
        u = torch.rand(image.shape, generator=torch.Generator().manual_seed(10 + i))
        image[u < rate] = 0
        image[u < rate / 2] = 1
    return bce(logits, targets)


def edge_smoothed(logits, labels, sigma):
    """SVLS by scipy's filter, whose "nearest" is replicate padding, on the maps of both classes.
    The paper's kernel is a normalised Gaussian whose centre is set to the sum of its neighbours."""
    row = np.exp(-np.array([1.0, 0.0, 1.0]) / (2 * sigma**2))
    kernel = np.outer(row, row) / row.sum() ** 2
    kernel[1, 1] = 1 - kernel[1, 1]
    both, classes = both_classes(logits, labels)
    maps = [
        [ndimage.correlate(y, kernel / kernel.sum(), mode="nearest") for y in pair]
        for pair in classes.numpy()
    ]
    return F.cross_entropy(both, torch.tensor(np.array(maps)), reduction="sum")


def focal(logits, labels, gamma):
    """torchvision's focal loss; a soft label has the weight of the likelier class."""
    hard = (labels > 0.5).double()
    weight = sigmoid_focal_loss(logits, hard, alpha=-1, gamma=gamma) / bce(logits, hard)
    return weight * bce(logits, labels)


def flsd_53(logits, labels):
    q = torch.sigmoid(torch.where(labels > 0.5, logits, -logits))
    return torch.where(q < 0.2, focal(logits, labels, 5), focal(logits, labels, 3))


def confidence_penalty(logits, labels, beta):
    apart = kl_divergence(Bernoulli(logits=logits), Bernoulli(0.5)) - math.log(2)
    return bce(logits, labels) + beta * apart


def with_error(logits, labels, weight, error, **options):
    """BCE plus the calibration error of each image, multiplied by its number of pixels."""
    f = torch.sigmoid(logits)
    pairs = zip(f.flatten(1), labels.flatten(1), strict=True)
    errors = [error(*pair, **options) for pair in pairs]
    return bce(logits, labels).sum() + weight * torch.stack(errors).sum() * logits[0].numel()


def hard_bins(f, y, bins):
    which = [(f > k / bins) & (f <= (k + 1) / bins) for k in range(bins)]
    return torch.stack([(f[k].mean() - y[k].mean()).abs() for k in which if k.any()]).mean()


def soft_bins(f, y, bins):
    """Soft bins with triangular weights around the centres, flat beyond the outer ones."""
    place = (f * bins - 0.5).clamp(0, bins - 1)
    weights = [(1 - (place - k).abs()).clamp(min=0) for k in range(bins)]
    gaps = [(w @ (f - y)).abs() / w.sum() for w in weights if w.sum() >= 1]
    return torch.stack(gaps).mean()


def mmce(f, y, width):
    """MMCE as a sum over all pairs of pixels, as in the paper."""
    r, decision = torch.stack([1 - f, f]).max(dim=0)
    off = torch.where(decision == 1, y, 1 - y) - r
    kernel = torch.exp(-(r[:, None] - r).abs() / width)
    return (off @ kernel @ off).sqrt() / len(r)


def mixtures(logits, labels, weight):
    pixel = bce(logits, labels)
    return pixel[:IMAGES].sum() + weight * pixel[IMAGES:].sum()


EXPECTED = {"use_expected_targets": True}
CORRECTED = {"forward_correction": True}
CASES = [
    *((name, {}, bce) for name in ("bce", "mixup", "ema", "early_stopping")),
    *(("corruption_augmentation", {"share": share}, bce) for share in (0.0, 0.5, 1.0)),
    ("aslp_mc", {}, lambda z, y: switched(z, y, 2, [0, 3, 4])),
    ("aslp_me", {"technique": "M"}, lambda z, y, **_: switched(z, y, 1, [0, 3, 4])),
    ("aslp_gap", {"technique": "DM"}, lambda z, y, **_: switched(z, y, 1, [0, 3, 4], True)),
    ("aslp_mc", {"technique": "SI", **EXPECTED}, lambda z, y, **_: smoothed(z, y, 0.75)),
    *(
        ("constant_alpha", {"technique": name, "alpha": 0.24}, partial(constantly, beta=beta))
        for name, beta in (("M", 1), ("SI", 1.5), ("DM", 1), ("HI", 2))
    ),
    ("constant_alpha", {"alpha": 0.3, **EXPECTED}, lambda z, y, **_: smoothed(z, y, 0.6)),
    ("aslp_mc", {"technique": "M", **CORRECTED}, partial(channelled, beta=1, alpha=0.5)),
    (
        "constant_alpha",
        {"technique": "SI", "alpha": 0.3, **CORRECTED},
        partial(channelled, beta=1.5),
    ),
    *(("disturb_label", {"rate": rate}, disturbed) for rate in (0.0, 0.6, 1)),
    *(("label_smoothing", {"epsilon": epsilon}, smoothed) for epsilon in (0.1, 1.0)),
    *(("mbls", {"margin": m, "penalty": p}, margin_penalty) for m, p in ((0.0, 0.1), (2.0, 0.5))),
    *(("svls", {"sigma": sigma}, edge_smoothed) for sigma in (0.5, 3.0)),
    *(("focal", {"gamma": gamma}, focal) for gamma in (0.5, 2.0, 3.5)),
    ("flsd_53", {}, flsd_53),
    ("brier", {}, lambda z, y: F.mse_loss(torch.sigmoid(z), y, reduction="none")),
    *(("confidence_penalty", {"beta": beta}, confidence_penalty) for beta in (0.0, 2.0)),
    *(
        (name, {"weight": 0.7, "bins": bins}, partial(with_error, error=error))
        for name, error in (("ml1_ace", hard_bins), ("ml1_ace_soft", soft_bins))
        for bins in (2, 20)
    ),
    *(("mmce", {"weight": 1.5, "width": h}, partial(with_error, error=mmce)) for h in (0.01, 0.4)),
    *(("regmixup", {"weight": weight}, mixtures) for weight in (0.0, 0.5)),
]
"""(Method, its options, its loss as a function of logits, labels and the options.)"""
every_case = pytest.mark.parametrize(
    ("name", "options", "formula"),
    CASES,
    ids=["-".join(map(str, (name, *options.values()))) for name, options, _ in CASES],
)
every_method = pytest.mark.parametrize("name", METHODS)


def test_every_method_has_a_formula_and_a_label_of_its_own():
    assert {name for name, *_ in CASES} == METHODS.keys()
    assert len({method.label for method in METHODS.values()}) == len(METHODS)
    options = [method.Options() for method in METHODS.values()]
    assert all(is_dataclass(each) and hash(each) for each in [*options, Hyperparameters()])


@every_case
def test_loss_and_gradient_are_those_of_the_formula(name, options, formula):
    logits, labels = batch(2 if name == "regmixup" else 1)
    logits.requires_grad_()
    ours = made(name, **options).loss(logits, labels, torch.arange(IMAGES), draws())
    expected = formula(logits, labels, **options).sum()
    torch.testing.assert_close(ours, expected)
    gradients = (torch.autograd.grad(loss, logits)[0] for loss in (ours, expected))
    torch.testing.assert_close(*gradients)


@every_case
def test_ignored_pixels_have_no_part(name, options, formula):
    """The loss of an image's calibration error is that of its other pixels alone; other losses are
    sums over pixels. SVLS is in test_rare_cases.py."""
    logits, labels = batch(2 if name == "regmixup" else 1)
    index, valid = torch.arange(IMAGES), torch.rand(logits.shape) < 0.7
    valid[1] = False  # an image without labels
    method = made(name, **options)

    def loss(z, y, rows=slice(None)):
        return method.loss(z, y, index[rows], draws(rows))

    partial = labels.masked_fill(~valid, math.nan)
    ours = loss(logits.requires_grad_(), partial)
    (gradient,) = torch.autograd.grad(ours, logits)
    assert (gradient[~valid] == 0).all() and gradient.isfinite().all()
    logits = logits.detach()
    other = torch.where(valid, logits, 5 - 3 * logits)
    torch.testing.assert_close(loss(other, partial), ours)
    if name in ("mmce", "ml1_ace", "ml1_ace_soft"):
        parts = [
            loss(*(part[i][valid[i]].view(1, 1, 1, -1) for part in (logits, labels)), rows=[i])
            for i in range(IMAGES)
            if valid[i].any()
        ]
        torch.testing.assert_close(ours, sum(parts))
    elif name != "svls":
        complement = loss(logits, labels.masked_fill(valid, math.nan))
        torch.testing.assert_close(ours + complement, loss(logits, labels))


@every_case
def test_a_batch_is_prepared_without_changing_it_and_its_loss_is_a_sum_over_images(
    name, options, formula
):
    method, index, originals = made(name, **options), torch.arange(IMAGES), pictures()
    images, masks = pictures()
    seen, labels = method.prepare(images, masks, index, draws())
    assert all(torch.equal(*pair) for pair in zip(originals, (images, masks), strict=True))
    assert (seen.dtype == torch.uint8 or seen.max() <= 1) and len(seen) == len(labels)
    copies = len(seen) // IMAGES
    logits = batch(copies)[0][..., :1, :].expand(-1, -1, 12, 8).repeat(1, 1, 1, 2)[..., :12]
    losses = []
    for rows in (slice(0, 1), slice(1, 4), slice(4, IMAGES)):
        z, y = (x.unflatten(0, (copies, -1))[:, rows].flatten(0, 1) for x in (logits, labels))
        losses.append(method.loss(z, y.double(), index[rows], draws(rows)))
    whole = method.loss(logits, labels.double(), index, draws())
    torch.testing.assert_close(sum(losses), whole)


@every_case
def test_sure_pixels_have_finite_gradients(name, options, formula):
    """Probabilities round to 0 or 1, correct or wrong, and all pixels are alike."""
    method = made(name, **options)
    for logit, label in product((-1e4, -200.0, 0.0, 200.0, 1e4), (0.0, 0.3, 1.0)):
        logits = torch.full((IMAGES, 1, 6, 6), logit, requires_grad=True)
        labels = torch.full((IMAGES, 1, 6, 6), label)
        loss = method.loss(logits, labels, torch.arange(IMAGES), draws())
        assert torch.isfinite(loss), (logit, label)
        assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all(), (logit, label)


@every_method
def test_its_state_survives_a_file(name):
    options = {"alpha_warm_up": 1} if METHODS[name].family == "aslp" else {}
    logits, index = batch()[0], torch.arange(IMAGES)
    counts = Counts.from_probabilities(torch.sigmoid(logits), (logits > 1).double(), 256)

    def go_on(method):
        network = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.constant_(network.weight, 2.0)
        method.after_step(index, logits, (logits > 1).double(), draws())
        method.after_update(network)
        method.after_validation(counts, network)
        method.finish(network)
        return network.weight

    first, second = made(name, **options), made(name, **options)
    go_on(first)
    second.load_state_dict(load(save(first.state_dict())))
    assert torch.equal(go_on(first), go_on(second))
    states = first.state_dict(), second.state_dict()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert first.log() == second.log()


def test_each_image_draws_its_own_numbers_wherever_it_lies():
    whole, one, other_seed = (
        batch_draws.of_each(lambda generator: torch.rand(3, generator=generator))
        for batch_draws in (draws(), draws(slice(2, 3)), draws(seed=11))
    )
    assert torch.equal(one[0], whole[2]) and torch.equal(other_seed[1], whole[2])
    assert len(whole.unique()) == 3 * IMAGES


# --- Options --------------------------------------------------------------------------------------

NOT_FINITE = [math.inf, math.nan]
NO_SHARE = [-0.1, 1.1, math.nan]
AT_LEAST_0 = "confidence_penalty.beta focal.gamma mbls.margin mbls.penalty ml1_ace.weight"
AT_LEAST_0 += " mmce.weight regmixup.weight"
SHARES = "corruption_augmentation.share disturb_label.rate label_smoothing.epsilon"
RANGES = [
    *((option, [-0.1, *NOT_FINITE], [0.0]) for option in AT_LEAST_0.split()),
    *((option, NO_SHARE, [0.0, 1.0]) for option in SHARES.split()),
    *((option, [0.0, *NOT_FINITE], [0.01]) for option in ("mixup.alpha", "regmixup.alpha")),
    ("ema.decay", [-0.1, 1.0, math.nan], [0.0]),
    ("ml1_ace.bins", [1], [2]),
    ("mmce.width", [0.009, *NOT_FINITE], [0.01]),
    ("svls.sigma", [0.09, *NOT_FINITE], [0.1]),
    ("constant_alpha.alpha", [-0.1, 0.51, math.nan], [0.0, 0.5]),
    ("constant_alpha.technique", ["release"], ["SI"]),
    ("aslp.technique", ["X"], ["release"]),
    ("aslp.alpha_warm_up", [-1], [0]),
]


def test_the_options_of_a_method_are_a_family():
    for method in METHODS.values():
        expected = method.Options if fields(method.Options) else None
        assert FAMILIES.get(method.family) is expected


@pytest.mark.parametrize(("option", "bad", "good"), RANGES)
def test_options_out_of_range_are_refused_by_name(option, bad, good):
    family, name = option.split(".")
    for value in bad:
        with pytest.raises(ValueError, match=f"^{name} is {value!r}[;,] "):
            FAMILIES[family](**{name: value})
    for value in good:
        assert getattr(FAMILIES[family](**{name: value}), name) == value
