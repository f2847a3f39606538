"""SC-BCE, the self-calibrating binary cross entropy (Liu et al., ICCV 2023, method figure), and its
extension by this project to the cross entropy of K classes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.aslp.inputs import at_labels, check_pixels, check_tensors, values_are_read
from aslp_lib.aslp.perturbation import (
    Technique,
    check_technique,
    dose,
    expected_targets,
    sampled_targets,
    switches,
)
from aslp_lib.checks import class_channels, require, require_name


def sc_bce_with_logits(
    logits: Tensor,
    labels: Tensor,
    alpha: Tensor | float,
    technique: Technique,
    *,
    use_expected_targets: bool = False,
    forward_correction: bool = False,
    reduction: str = "mean",
    ignore_index: int | None = None,
    generator: torch.Generator | None = None,
    uniform: Tensor | None = None,
    noise: Tensor | None = None,
) -> Tensor:
    """Compute SC-BCE, the self-calibrating binary cross entropy, in nats.

        L = (1 - Z) * BCE(f, y) + Z * BCE(f, p(y, beta))

    Here `f = sigmoid(z)` are the predicted probabilities, and `Z ~ Bernoulli(alpha)` is the switch
    of an image. BCE is affine in its target, so L equals the BCE with the target that Z selects,
    and its expectation over Z equals the BCE with the expected target
    `(1 - alpha*beta) * y + alpha*beta/2`. Source: Liu et al., ICCV 2023, method figure.

    For K classes in K channels, cross entropy with `f = softmax(z)` takes the place of BCE, and 1/K
    that of 1/2. With `d = beta * Z`, or `alpha * beta` for the expected target, the loss is

        L = (1 - d) * CE(f, y) + d * mean_k CE(f, k)

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> logits, labels = torch.tensor([[3.0, -3.0]]), torch.tensor([[1.0, 0.0]])
    >>> bce = sc_bce_with_logits(logits, labels, 0.0, MODERATION)
    >>> sc_bce = sc_bce_with_logits(logits, labels, 0.2, MODERATION, use_expected_targets=True)
    >>> print(f"{bce:.2f}, {sc_bce:.2f}")  # they differ by alpha * beta/2 * 3 = 0.3
    0.05, 0.35
    >>> three_classes = torch.tensor([[3.0, 0.0, 0.0]])
    >>> ce = sc_bce_with_logits(three_classes, torch.tensor([0]), 0.0, MODERATION)
    >>> print(f"{ce:.2f}")  # -ln(e^3 / (e^3 + 2))
    0.09

    Args:
        logits: (N, ...) outputs z of the network; (N, K, ...) for K classes. If one is NaN or
            infinite, the mean is NaN, as with torch's own loss.
        labels: labels y of the same shape, in {0, 1}, in between for soft labels, or
            `ignore_index`. For K classes, class ids (N, ...) of an integer dtype, or one-hot or
            soft labels of the shape of the logits (see `checks.class_channels`), all of whose
            channels are `ignore_index` at ignored pixels. Other values raise an error on a CPU; on
            other devices they are not checked, because the check would synchronise the device.
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
        technique: the perturbation technique, which sets beta; `technique.for_classes(K)` for K
            classes.
        use_expected_targets: use the expected target instead of sampling Z. The expected loss is
            the same, and the variance of the switch is absent.
        forward_correction: let `q = alpha*beta/2 + (1 - alpha*beta) * f` take the place of f. The
            expected loss then has its minimum where f is the true posterior, and nothing has to be
            undone after training; see `perturbed_logits`.
        reduction: "mean", "sum", or "none", which returns the loss of each pixel, in the shape of
            the logits, or (N, ...) for K classes.
        ignore_index: label of pixels that are excluded from the sum and the mean, such as 255 or
            -1. Their logits may have any value. If no pixel remains, the loss is 0, not NaN.
        generator: random generator of the switches and the noise. Nothing is drawn if alpha is 0
            for all images (on a CPU; see `sampled_targets`).
        uniform, noise: random numbers to use instead of new draws; see `sampled_targets`.

    Returns:
        The loss in nats, in float64 for float64 logits and otherwise in float32: half precision
        would overflow in the sum, or in the gradient if few pixels have a label.

    Raises:
        TypeError: logits or labels are not tensors, or the technique is not a `Technique`.
        ValueError: the shapes differ, alpha is outside [0, 1] (on a CPU), a label is invalid (on a
            CPU), the technique is for another number of classes, or `perturbed_logits` refuses the
            dose of a forward correction.
    """
    classes, labels, labelled = check_pixels(logits, labels, ignore_index)
    check_technique(technique, max(classes, 2), channels=classes > 1)
    require_name("reduction", reduction, ("mean", "sum", "none"))
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if labelled is not None:
        logits, labels = _filled(logits, ~labelled), _filled(labels, ~labelled)
    if classes == 1:
        if use_expected_targets:
            targets = expected_targets(labels, alpha, technique)
        else:
            drawn: dict[str, Any] = {"uniform": uniform, "noise": noise}
            targets = sampled_targets(labels, alpha, technique, generator, **drawn)
        if forward_correction:
            logits = perturbed_logits(logits, alpha, technique)
        loss = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    else:
        pixels = logits.select(1, 0)  # (N, ...), without the channels
        if use_expected_targets:
            d = dose(alpha, technique, pixels)
        else:
            switch = switches(pixels, alpha, generator, uniform)
            d = technique.beta * (pixels.new_zeros(()) if switch is None else switch.to(pixels))
        if forward_correction:
            log_f = perturbed_logits(logits, alpha, technique, classes=classes)
        else:
            log_f = F.log_softmax(logits, dim=1)
        loss = (d - 1) * at_labels(log_f, labels) - d * log_f.mean(dim=1)
    if labelled is not None:
        loss = loss.masked_fill(~labelled, 0)
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    counted = max(loss.numel(), 1) if labelled is None else labelled.sum().clamp(min=1)
    return loss.sum() / counted


def _filled(values: Tensor, ignored: Tensor) -> Tensor:
    """Set the values (N, ...) or (N, K, ...) of ignored pixels to 0."""
    return values.masked_fill(ignored if values.dim() == ignored.dim() else ignored.unsqueeze(1), 0)


def perturbed_logits(
    logits: Tensor, alpha: Tensor | float, technique: Technique, *, classes: int | None = None
) -> Tensor:
    """Compute the logit of the label that a prediction expects after the perturbation.

        logit(q),   q = d/2 + (1 - d) * sigmoid(z),   d = alpha * beta

    For K classes, it is the logarithm, whose softmax is q:

        log(q),   q = d/K + (1 - d) * softmax(z)

    If a network predicts the true posterior, q is the probability that the perturbed label is 1.
    With `forward_correction`, SC-BCE is therefore the cross entropy of q. ASLP's gradient with
    respect to alpha belongs to the probability in the loss, so `AdaptiveAlpha.update` then takes
    these logits, too. No gradient flows to alpha through q. Source: forward correction with a known
    noise rate, Patrini et al., CVPR 2017.

    >>> from aslp_lib.aslp.perturbation import HARD_INVERSION
    >>> z = torch.logit(torch.tensor([[0.5, 0.9, 1 - 1e-6]]))
    >>> torch.sigmoid(perturbed_logits(z, 0.1, HARD_INVERSION))  # 0.1 + 0.8 f
    tensor([[0.5000, 0.8200, 0.9000]])

    Args:
        logits: (N, ...) outputs z of the network, or (N, K, ...) for K classes; of infinite ones,
            the result is NaN.
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1]. A number
            needs alpha * beta < 1. An image of a tensor may have alpha * beta = 1, the limit of
            ASLP. Its q is 1/2 (1/K for K classes), and its gradient 0.
        technique: the perturbation technique, whose labels stay in [0, 1].
        classes: number of channels K of logits with a softmax; None for two classes in one channel.

    Returns:
        Logits of the same shape, in float64 for float64 logits and otherwise in float32.

    Raises:
        TypeError: the logits are not a tensor, or the technique is not a `Technique`.
        ValueError: beta is above 2, or K / (K - 1); alpha * beta is too large; alpha is outside
            [0, 1] or does not have one value per image; or logits have another number of channels.
            Values of tensors are checked on a CPU.
    """
    several = classes is not None
    check_technique(technique, 2 if classes is None else classes, channels=several)
    check_tensors(logits=logits)
    shape = logits.shape
    channels = shape[1:2].numel() if several else class_channels(shape, shape)
    expected = f"{channels}, the number of channels of the logits"
    require("classes", classes, channels == (classes or 1), expected)
    expected = "at most 2 for the forward correction, so that perturbed labels stay in [0, 1]"
    require("beta", technique.beta, technique.beta <= 2, expected)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    d = dose(alpha, technique, logits).detach()
    if not isinstance(alpha, Tensor):
        check_constant_dose(alpha, technique)
    elif values_are_read(d) and d.numel():
        largest = d.max().item()
        expected = "at most 1 for the forward correction: beyond 1, q falls as the prediction rises"
        require("the largest alpha * beta", largest, largest <= 1 + 1e-6, expected)  # float32
    d = d.clamp(max=1)
    if classes is not None:
        # A logit of -inf is NaN in q, as one of inf is, because training should show it.
        visible = 0 * logits.detach().amin(dim=1, keepdim=True)
        log_of_rest = F.log_softmax(logits, dim=1) + (torch.log1p(-d) + visible)
        return torch.logaddexp(log_of_rest, torch.log(d / classes))
    c = torch.log(d) - torch.log1p(1 - d)  # log(d / (2 - d)), accurate for d near 0 and near 1
    mix: Callable[[Tensor, Tensor], Tensor] = _LogitOfMixture.apply
    return mix(logits, c)


def check_constant_dose(alpha: float, technique: Technique) -> None:
    """Raise ValueError unless a constant alpha can be corrected: `alpha * beta < 1`."""
    expected = (
        "less than 1 for the forward correction: at 1, q is the same for every prediction, and "
        "beyond 1, q falls as the prediction rises. Use a smaller alpha."
    )
    require("alpha * beta", alpha * technique.beta, alpha * technique.beta < 1, expected)


class _LogitOfMixture(torch.autograd.Function):
    """`logit(d/2 + (1 - d) * sigmoid(z))` of logits z, with an accurate gradient.

    With `c = log(d / (2 - d)) <= 0`, it is `log(e^c + e^z) - log(1 + e^(c + z))`, whose derivative
    is `sigmoid(z - c) - sigmoid(z + c)`. As differences of large or of equal numbers, both would
    lose their digits.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(z: Tensor, c: Tensor) -> Tensor:
        low, high = (torch.log1p(torch.exp(-x.abs())) for x in (z - c, z + c))
        return z.clamp(c, -c) + low - high + 0 * z  # an infinite logit becomes NaN

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        z, c = ctx.saved_tensors
        slope = -torch.expm1(2 * c) * torch.sigmoid(z - c) * torch.sigmoid(-z - c)
        return gradient * slope, None
