"""One channel or K: losses, gradients, closed forms and the ends of the rules, by brute force."""

from functools import partial

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.aslp import inputs, theory
from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient
from aslp_lib.aslp.loss import perturbed_logits, sc_bce_with_logits

VOID = 255
SHAPES = [(), (3, 4), (2, 3, 2)]
THREE = P.HARD_INVERSION.for_classes(3)
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def one_hot(ids, classes):
    """(N, K, *S) in float64."""
    return F.one_hot(ids, classes).movedim(-1, 1).double()


def batch(classes=3, shape=(3, 4), images=4, seed=0):
    """Logits, ids and alphas. Class 0 is in no image."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, classes, *shape, generator=generator, dtype=torch.float64)
    ids = torch.randint(1, classes, (images, *shape), generator=generator)
    return logits, ids, 0.5 * torch.rand(images, generator=generator, dtype=torch.float64)


def random_case(seed):
    """Logits with ties; labels without some classes, with ignored pixels and images.

    Two classes may have one channel. The logits of ignored pixels are not finite in `given`.
    """
    generator = torch.Generator().manual_seed(seed)

    def integer(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    classes, shape, images = integer(2, (2, 21)[integer(0, 1)]), SHAPES[seed % 3], integer(0, 4)
    one_channel = classes == 2 and integer(0, 1) == 1
    logits, _, alpha = batch(classes, shape, images, seed)
    if integer(0, 1):
        logits = logits.round()
    ids = torch.randint(integer(0, classes - 1), classes, (images, *shape), generator=generator)
    labels, target, given = ids, one_hot(ids, classes), logits
    if (shape or one_channel) and integer(0, 1):
        soft = torch.rand(logits.shape, generator=generator, dtype=torch.float64)
        target = labels = target if integer(0, 1) else soft / soft.sum(dim=1, keepdim=True)
    if one_channel:
        given, labels = logits[:, 1:] - logits[:, :1], target[:, 1:]
    ignored = torch.rand(ids.shape, generator=generator) < integer(0, 2) / 4
    ignored[:1] |= bool(integer(0, 1))
    given = given.masked_fill(ignored.unsqueeze(1), (torch.nan, torch.inf, 1e30)[integer(0, 2)])
    void = ignored.unsqueeze(1) if labels.dim() == logits.dim() else ignored
    labels = labels.masked_fill(void, VOID)
    technique = P.Technique("any", integer(0, 4) / 4 * classes / (classes - 1))
    return classes, logits, target, given, labels, ~ignored, alpha, technique


def image_means(values, labelled):
    """Means over the labelled pixels of each image, one by one; NaN where there is none."""
    pairs = zip(values, labelled, strict=True)
    return torch.stack([value[mask].mean() for value, mask in pairs])


@pytest.mark.claim(
    "alphas",
    "The gradient in alpha is beta mean[(y - 1/2) z]",
    "maximum_entropy: Does alpha climb an entropy?",
)
@pytest.mark.claim(
    "loss", "The loss is L = (1 - Z) BCE(f, y) + Z BCE(f, p(y, beta))", "sc_bce: The loss"
)
@pytest.mark.claim(
    "classes",
    "Label perturbation of K classes has 1/K in place of 1/2; K = 2 is that of one channel",
    "more_classes: What is a perturbed label of three classes?",
)
@pytest.mark.parametrize(
    "seeds", [range(110), pytest.param(range(110, 2000), marks=pytest.mark.slow)]
)
def test_2000_random_cases_are_those_of_explicit_soft_targets(seeds):
    for seed in seeds:
        classes, z, target, given, labels, labelled, alpha, technique = random_case(seed)
        draw = torch.Generator()
        uniform = torch.rand(len(z), generator=draw.manual_seed(seed)).double()
        for values in (z, given, alpha):
            values.requires_grad_()
        d = technique.beta * alpha.view(-1, *[1] * (z.dim() - 1))
        switched = technique.beta * (uniform < alpha).double().view_as(d)
        expected, sampled = ((1 - x) * target + x / classes for x in (d, switched))
        corrected = ((1 - d) * z.softmax(dim=1) + d / classes).log()
        close(P.expected_targets(target, alpha, technique, classes=classes), expected)
        arguments = target, alpha, technique
        close(P.sampled_targets(*arguments, uniform=uniform, classes=classes), sampled)
        gradient = alpha_gradient(given, labels, technique, VOID)
        options = [
            ({"use_expected_targets": True}, F.cross_entropy(z, expected, reduction="none")),
            ({"generator": draw.manual_seed(seed)}, F.cross_entropy(z, sampled, reduction="none")),
        ]
        if (d < 1).all():
            correction = {"use_expected_targets": True, "forward_correction": True}
            options.append((correction, -(expected * corrected).sum(dim=1)))
        reduction = ("none", "sum", "mean")[seed // 3 % 3]
        ignored = None if labelled.all() and seed % 2 else VOID
        for names, losses in options:
            names = {"reduction": reduction, "ignore_index": ignored, **names}
            ours = sc_bce_with_logits(given, labels, alpha, technique, **names)
            oracle = losses.masked_fill(~labelled, 0)
            if reduction != "none":
                oracle = oracle.sum() / (max(labelled.sum(), 1) if reduction == "mean" else 1)
            ours = ours.view_as(oracle)  # without one channel
            close(ours, oracle, msg=lambda message, seed=seed: f"case {seed}: {message}")
            (slope,) = torch.autograd.grad((ours * (1 + ours.detach())).sum(), given)
            doubled = (oracle * (1 + oracle.detach())).sum()
            (slopes,) = torch.autograd.grad(doubled, z, retain_graph=True)
            close(slope, slopes[:, -slope.shape[1] :])
            if len(z) and losses is options[0][1]:
                means = image_means(losses, labelled)
                (oracle,) = torch.autograd.grad(means.nansum(), alpha, retain_graph=True)
                close(gradient, oracle.where(means.isfinite(), torch.nan), equal_nan=True)


@pytest.mark.parametrize("dose", [0.0, 1e-300, 1e-12, 0.5, 1 - 1e-12, 1.0])
def test_the_corrected_probability_is_exact_at_every_dose(dose):
    """From nearly no perturbation, which decides where f is tiny, to nearly uniform labels."""
    generator = torch.Generator().manual_seed(0)
    f = torch.rand(2, 4, 5, generator=generator, dtype=torch.float64) ** 40
    f = f / f.sum(dim=1, keepdim=True)
    z = (f.log() + 7).requires_grad_()
    technique, alpha = P.Technique("one", 1.0), torch.full((2,), dose, dtype=torch.float64)
    log_q = perturbed_logits(z, alpha, technique, classes=4)
    close(log_q, (dose / 4 + (1 - dose) * f).log())
    (gradient,) = torch.autograd.grad(log_q[:, 1].sum(), z)
    ratio = (1 - dose) * f[:, 1] / (dose / 4 + (1 - dose) * f[:, 1])
    delta = F.one_hot(torch.tensor(1), 4).view(1, 4, 1)
    close(gradient, ratio.unsqueeze(1) * (delta - f))
    if dose == 0:
        assert torch.equal(log_q, F.log_softmax(z, dim=1))


@pytest.mark.claim(
    "loss",
    "The expected confidence of the target is 1 - alpha beta / 2",
    "sc_bce: Where is the expected loss lowest?",
    numbers="confidence 0.900 at alpha beta = 0.2",
)
@pytest.mark.parametrize("classes", [2, 3, 21])
@pytest.mark.parametrize("technique", [P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION])
def test_closed_forms(classes, technique):
    """Each compared with the expected target itself."""
    technique, alpha = technique.for_classes(classes), 0.3
    target = torch.eye(classes, dtype=torch.float64)[:1]
    mean = P.expected_targets(target, alpha, technique, classes=classes)
    close(mean.sum(), torch.tensor(1.0).double())
    close(theory.minimiser(target, alpha, technique, classes=classes), mean)
    entropy = torch.special.entr(mean).sum()
    close(theory.loss_floor(alpha, technique, classes=classes), entropy)
    confidence = theory.expected_confidence(alpha, technique, classes=classes)
    assert confidence.item() == pytest.approx(mean[0, 0].item())
    perturbed = P.perturb(target, technique, classes=classes)[0, 0]
    variance = alpha * (1 - alpha) * (perturbed - target[0, 0]) ** 2
    stated = theory.target_variance(alpha, technique, classes=classes)
    assert stated.item() == pytest.approx(variance.item())
    limit = P.HARD_INVERSION.for_classes(classes).alpha_limit
    assert limit == pytest.approx((classes - 1) / classes)


@pytest.mark.claim(
    "labels",
    "DisturbLabel has the expected label of HI with alpha equal to half its rate",
    "label_perturbation: How much perturbation does a label survive?",
)
def test_perturbed_labels_of_three_and_four_classes():
    """HI leaves nothing to the label, SI half of what M does; DisturbLabel by its definition."""
    inverted, half, uniform = (
        P.perturb(torch.eye(3)[:1], t.for_classes(3), classes=3)[0]
        for t in (P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION)
    )
    close(inverted, torch.tensor([0, 0.5, 0.5]))
    close(uniform, torch.full((3,), 1 / 3), atol=1e-6)
    close(half, (inverted + uniform) / 2, atol=1e-6)
    ours = P.expected_targets(torch.eye(4), *P.disturb_label(0.2, 4), classes=4)
    torch.testing.assert_close(ours, 0.8 * torch.eye(4) + 0.05)


@pytest.mark.parametrize("classes", [2, 3, 21])
def test_the_measured_gap_ends_at_the_bound_of_mc_and_me_at_the_limit(classes):
    for technique in (P.HARD_INVERSION.for_classes(classes), P.MODERATION):
        bound = classes * 0.1 / ((classes - 1) * technique.beta)
        options = {"classes": classes, "warm_up": 0, "bound_gain": 10}
        gap = AdaptiveAlpha(1, technique, "aslp_gap", **options)
        gap.observe(0.9, 1.0)
        assert gap.rule.bound.item() == pytest.approx(min(bound, technique.alpha_limit))
        entropy = AdaptiveAlpha(1, technique, "aslp_me", classes=classes)
        assert entropy.rule.ceiling(0.9) == technique.alpha_limit


def test_patches_have_the_gradient_of_their_image_whatever_their_labels_are():
    logits, ids, _ = batch(images=6)
    ids[0, :2], ids[3] = VOID, VOID
    hot = one_hot(ids.masked_fill(ids == VOID, 0), 3).masked_fill((ids == VOID)[:, None], VOID)
    index = torch.tensor([4, 2, 4, 4, 0, 2])
    for labels in (ids, hot):
        ours = alpha_gradient(logits, labels, THREE, VOID, index)
        for i in (0, 2, 4):  # the patches of an image beside one another
            image = (torch.cat([*x[index == i]], dim=-2)[None] for x in (logits, labels))
            oracle = alpha_gradient(*image, THREE, VOID)
            close(ours[index == i], oracle.expand((index == i).sum()))


def test_logits_and_labels_of_any_dtype():
    logits, ids, _ = batch()
    hot = one_hot(ids, 3)
    options = {"use_expected_targets": True}
    for call in (
        lambda z, y: sc_bce_with_logits(z, y, 0.3, THREE, **options),
        lambda z, y: alpha_gradient(z, y, THREE),
        lambda z, _: perturbed_logits(z, 0.3, THREE, classes=3),
    ):
        for dtype in (torch.uint8, torch.int16, torch.int32):
            close(call(logits, ids.to(dtype)), call(logits, ids))
        for dtype in (torch.bool, torch.uint8, torch.float32):
            close(call(logits, hot.to(dtype)), call(logits, ids))
        for dtype in (torch.float16, torch.bfloat16):
            ours = call(logits.to(dtype), hot.to(dtype))
            assert ours.dtype == torch.float32
            torch.testing.assert_close(ours, call(logits.to(dtype).float(), ids))


def test_invalid_ids_that_are_not_read_leave_the_alpha_of_their_image(monkeypatch):
    """On other devices, no value is read, because a check would synchronise them."""
    logits, ids, _ = batch()
    known = alpha_gradient(logits, ids, THREE)
    ids[0, 0, 0], ids[1, 0, 0] = 3, -1
    monkeypatch.setattr(inputs, "values_are_read", lambda values: False)
    ours = alpha_gradient(logits, ids, THREE)
    assert ours[:2].isnan().all()
    close(ours[2:], known[2:])
