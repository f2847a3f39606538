import math

import pytest
import torch
from batches import batch

from aslp_lib.aslp import perturbation as P
from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient, release_gradient
from aslp_lib.aslp.loss import sc_bce_with_logits

# --- Gradients ------------------------------------------------------------------------------------


@pytest.mark.claim(
    "release",
    "The authors' gradient in alpha is smaller than that of the paper's figure",
    "release: 1. A line that divides",
    numbers="0.25 of the gradient at its default",
)
@pytest.mark.parametrize("scale", [1, 8], ids=["small", "beyond 16.1"])
@pytest.mark.parametrize("soft", [False, True], ids=["binary", "soft"])
def test_the_release_s_gradient_is_that_of_clamped_probabilities_divided_by_its_beta(soft, scale):
    """`(BCE(f, 1 - y) - BCE(f, y)) / b` with f in [1e-7, 1 - 1e-7] and b = 2, half the figure's."""
    logits, labels = batch()
    logits = scale * logits
    assert (logits.abs() > 16.2).any() == (scale == 8)
    if soft:
        labels = 0.2 + 0.6 * labels
    f = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    plain, inverted = (-(t * f.log() + (1 - t) * (1 - f).log()) for t in (labels, 1 - labels))
    oracle = (inverted - plain).mean((1, 2, 3)) / 2
    torch.testing.assert_close(release_gradient(logits, labels, P.RELEASE), oracle)
    nothing = P.Technique("nothing", 0.0)
    for gradient in (release_gradient, alpha_gradient):
        assert (gradient(logits, labels, nothing) == 0).all()


def test_an_image_may_be_one_pixel_and_its_label_between_0_and_1():
    logits, labels = torch.tensor([3.0, -2.0, 4.0]), torch.tensor([1.0, 0.0, 0.75])
    ours = alpha_gradient(logits, labels, P.SOFT_INVERSION)
    torch.testing.assert_close(ours, 1.5 * torch.tensor([1.5, 1.0, 1.0]))
    for kind in (torch.bool, torch.uint8, torch.long):
        of_kind = alpha_gradient(logits[:2], labels[:2].to(kind), P.SOFT_INVERSION)
        assert torch.equal(of_kind, ours[:2])


# --- Alphas ---------------------------------------------------------------------------------------

ALL_RULES = [
    *((rule, "stable") for rule in ("aslp_mc", "aslp_me", "aslp_gap")),
    *((rule, "release") for rule in ("aslp_mc", "aslp_me")),
]


def feed(alphas, margin, times):
    """Run `times` epochs in which each pixel of image i has the signed logit margin `margin[i]`."""
    margin, images = torch.as_tensor(margin), len(margin)
    logits = margin.view(-1, 1, 1, 1).expand(-1, 1, 2, 2)
    labels = torch.ones_like(logits)
    if alphas.classes > 2:
        logits = torch.cat([logits, torch.zeros(images, alphas.classes - 1, 2, 2)], dim=1)
        labels = torch.zeros(images, 2, 2, dtype=torch.uint8)
    trace = []
    for _ in range(times):
        alphas.update(torch.arange(images), logits, labels)
        alphas.observe(accuracy=0.9)
        trace.append(alphas.alpha.clone())
    return torch.stack(trace)


def test_what_is_not_chosen_are_the_paper_s_numbers():
    alphas = AdaptiveAlpha(3, P.HARD_INVERSION)
    numbers = alphas.alpha_step_size, alphas.constraint_weight, alphas.warm_up
    assert (*numbers, alphas.rule.bound_gain) == (0.002, 2000.0, 5, 0.15)
    assert (alphas.rule.name, alphas.dynamics) == ("aslp_mc", "stable")


@pytest.mark.claim(
    "levels",
    "The stable step has the fixed point of the paper's step and, with fixed margins, "
    "converges at any gain",
    "stability: A step that looks where it lands",
)
@pytest.mark.claim(
    "alphas",
    "MC: R_i = min((1 - beta alpha_i / 2) - A, 0)",
    "adaptive_alpha: What does ASLP look at instead?",
)
@pytest.mark.parametrize("weight", [10.0, 1e6])
@pytest.mark.parametrize("classes", [2, 3, 21])
def test_calibration_rests_a_little_beyond_the_bound(classes, weight):
    """At the fixed point, grad + lambda * (1 - s*a - A) = 0 with s = beta * (K - 1)/K, so
    a = (1 - A + grad / lambda) / s. The stable step approaches it without overshoot at any weight.
    """
    for technique in (P.HARD_INVERSION, P.SOFT_INVERSION, P.MODERATION):
        technique, margins = technique.for_classes(classes), torch.tensor([2.0, 8.0])
        slope = technique.beta * (classes - 1) / classes
        numbers = {"alpha_step_size": 0.01, "constraint_weight": weight, "warm_up": 0}
        alphas = AdaptiveAlpha(2, technique, classes=classes, **numbers)
        trace = feed(alphas, margins, 400)
        oracle = (0.1 + slope * margins / weight) / slope
        limit = 1 / technique.beta
        torch.testing.assert_close(trace[-1], oracle.clamp(max=limit), rtol=1e-3, atol=0)
        assert (trace.diff(dim=0) >= -1e-6).all()
        assert alphas.rule.ceiling(0.9) == pytest.approx(0.1 / slope)


def after_one_step(alphas, old, margin):
    alphas.alpha.fill_(old)
    alphas.update(torch.tensor([0]), torch.full((1, 4), margin), torch.ones(1, 4))
    return alphas.alpha.item()


@pytest.mark.claim(
    "levels",
    "MC needs validation images, which alone bound its alphas",
    "adaptive_alpha: What does ASLP look at instead?",
)
@pytest.mark.parametrize(("rule", "rest"), [("aslp_mc", 0.3), ("aslp_me", 0.3), ("aslp_gap", 0)])
def test_before_any_validation_only_the_measured_gap_holds(rule, rest):
    alphas = AdaptiveAlpha(1, P.HARD_INVERSION, rule, alpha_step_size=0.1, warm_up=0)
    assert after_one_step(alphas, 0.0, 3.0) == pytest.approx(rest)
    alphas.observe(0.75, 0.8)
    assert alphas.rule.accuracy == 0.75


@pytest.mark.parametrize(("rule", "dynamics"), ALL_RULES)
def test_levels_made_in_inference_mode_are_trained_with_and_moved(rule, dynamics):
    with torch.inference_mode():
        alphas = AdaptiveAlpha(2, P.MODERATION, rule, warm_up=0, dynamics=dynamics)
        alphas.observe(0.8, 0.9)
    logits, labels = torch.full((2, 1), 3.0, requires_grad=True), torch.ones(2, 1)
    index = torch.arange(2)
    sc_bce_with_logits(logits, labels, alphas[index], P.MODERATION).backward()
    alphas.update(index, logits.detach(), labels)
    alphas.observe(0.8, 0.9)
    assert not any(buffer.is_inference() for buffer in alphas.buffers())
    assert logits.grad.any() and alphas.alpha.any() and alphas.observed == 2


def state_of(technique=P.HARD_INVERSION, rule="aslp_gap", images=3, classes=2):
    state = AdaptiveAlpha(images, technique, rule, classes=classes).state_dict()
    state["alpha"].fill_(0.1)
    return state


THREE = P.MODERATION.for_classes(3)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (state_of(P.MODERATION), ValueError, r"is \[1\.0.*; expected \[2\.0.* same technique"),
        (state_of(THREE, classes=3), ValueError, r"is \[1\.0.*, 3\.0\]; .* number of classes"),
        (state_of(images=4), RuntimeError, "size mismatch for alpha: .*4.*3"),
        (state_of(rule="aslp_me"), RuntimeError, "Missing key.*rule.bound"),
    ],
)
def test_a_state_of_other_alphas_is_refused(state, error, message):
    ours = AdaptiveAlpha(3, P.HARD_INVERSION, "aslp_gap")
    with pytest.raises(error, match=message):
        ours.load_state_dict(state)
    ours.load_state_dict(state_of())
    assert ours.alpha.eq(torch.tensor(0.1)).all()


def test_a_state_records_the_classes_and_the_binary_state_does_not():
    assert state_of(P.MODERATION)["_extra_state"].tolist() == [1, 0]
    assert state_of(THREE, classes=3)["_extra_state"].tolist() == [1, 0, 3]
    three = AdaptiveAlpha(3, THREE, "aslp_gap", classes=3)
    three.load_state_dict(state_of(THREE, classes=3))
    with pytest.raises(
        ValueError, match=r"\[beta, noise\].* is \[1.0, 0.0, 4.0\]; expected .* 3.0"
    ):
        three.load_state_dict(state_of(THREE, classes=4))


# --- Errors, and steps that move no alpha ---------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize(("rule", "dynamics"), ALL_RULES)
def test_a_level_keeps_its_value_where_its_image_says_nothing(rule, dynamics):
    """Logits may be NaN or infinite, as in the first steps of mixed precision."""
    alphas = AdaptiveAlpha(6, P.MODERATION, rule, warm_up=0, dynamics=dynamics)
    alphas.observe(0.9, 0.95)
    alphas.observe(0.8, 0.95)  # the entropy rule would lower an alpha without a gradient
    alphas.alpha.fill_(0.3)
    logits, labels = torch.full((6, 1, 2, 2), 4.0), torch.ones(6, 1, 2, 2)
    labels[0] = 255
    logits[1, 0, 0, 0] = math.nan
    logits[2, 0, 1, 1] = math.inf
    logits[3] = torch.finfo(torch.float32).max  # finite, but not in the sum; the release cuts it
    index = torch.tensor([0, 1, 2, 3, 4, 1])  # image 1 has another, finite patch
    alphas.update(index, logits, labels, ignore_index=255)
    for rows in (0, 4):  # a step without images, and one without pixels
        alphas.update(torch.arange(rows), torch.zeros(rows, 1, 0, 2), torch.zeros(rows, 1, 0, 2))
    kept = alphas.alpha == torch.tensor(0.3)
    assert kept.tolist() == [True, True, True, dynamics == "stable", False, True]
    assert alphas.alpha.isfinite().all()


def test_a_step_of_0_from_an_infinite_push_moves_nothing():
    """A weight beyond the range of float32 is infinite, and its product with 0 is NaN."""
    infinite = {"constraint_weight": 1e300, "alpha_step_size": 0.0, "warm_up": 0}
    alphas = AdaptiveAlpha(1, P.MODERATION, **infinite, dynamics="release")
    assert after_one_step(alphas, 0.0, 1.0) == 0.0


@pytest.mark.parametrize("kind", [torch.uint8, torch.int32, torch.int64])
def test_an_index_of_any_whole_numbers_is_no_mask(kind):
    alphas = AdaptiveAlpha(4, P.MODERATION, warm_up=0)
    index = torch.tensor([1, 0], dtype=kind)
    alphas.update(index, torch.ones(2, 1), torch.tensor([[0.0], [1.0]]))
    assert alphas.alpha.gt(0).tolist() == [True, False, False, False]
    alphas.alpha.copy_(torch.tensor([0.0, 0.1, 0.2, 0.3]))
    for index in (torch.tensor(3), torch.tensor([1, 0, 1, 1]), torch.tensor([[2, 1], [2, 0]])):
        torch.testing.assert_close(alphas[index.to(kind)], index / 10)


# --- Loops without validations --------------------------------------------------------------------


def train(alphas, passes, index=(0, 1, 2, 3)):
    """Each pass updates its images in two steps."""
    for _ in range(passes):
        for half in torch.tensor(index).chunk(2):
            alphas.update(half, torch.ones(len(half), 2), torch.ones(len(half), 2))


def test_updates_without_any_validation_are_warned_of_once():
    alphas = AdaptiveAlpha(4, P.MODERATION)
    train(alphas, 20)
    with pytest.warns(RuntimeWarning, match=r"20 passes .* Call alphas\.observe") as warned:
        train(alphas, 40)
    assert [warning.filename for warning in warned] == [__file__]


def test_other_loops_are_not_warned_of():
    """Warnings are errors here."""
    validated_late, earlier, resumed, with_replacement, in_patches, one_of_two_processes = (
        AdaptiveAlpha(4, P.MODERATION) for _ in range(6)
    )
    train(validated_late, 20)
    validated_late.observe(0.9)
    train(validated_late, 40)
    earlier.observe(0.9)
    resumed.load_state_dict(earlier.state_dict())
    train(resumed, 40)
    draw = torch.Generator().manual_seed(0)
    for _ in range(20):
        train(with_replacement, 1, torch.randint(4, (4,), generator=draw).tolist())
    train(in_patches, 20, sorted(16 * [0, 1, 2, 3]))
    train(one_of_two_processes, 40, [0, 1, 2])
    without_warm_up = AdaptiveAlpha(4, P.MODERATION, warm_up=0)
    train(without_warm_up, 40)
    assert without_warm_up.alpha.all()
