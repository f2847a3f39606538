"""Label perturbation: one family of label maps, `p(y, beta)`, drawn by one switch per image.

Source: Liu et al., ICCV 2023, method figure. Beta is the figure's: 2 inverts a label, 1 erases it,
0 leaves it alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Technique:
    """How a label map is perturbed when its switch is on.

    >>> Technique("half", beta=0.5).alpha_limit
    1.0
    >>> HARD_INVERSION.alpha_limit
    0.5

    Args:
        name: what the technique is called.
        beta: strength in [0, 2]; background becomes `beta/2`, foreground `1 - beta/2`.
        noise: half-width of per-pixel noise (standard normal, truncated to +-noise); perturbed
            labels must stay inside [0, 1].
        unbounded: admit a beta beyond 2. The targets then leave [0, 1] and binary cross entropy
            has no lower bound; only `RELEASE` needs it.
    """

    name: str
    beta: float
    noise: float = 0.0
    unbounded: bool = False

    def __post_init__(self) -> None:
        if not (0.0 <= self.beta <= 2.0 or (self.unbounded and self.beta > 2.0)):
            raise ValueError(
                f"beta is {self.beta}, but must lie in [0, 2]: 0 keeps the label, 1 erases it, "
                "2 inverts it"
            )
        room = min(self.beta, 2 - self.beta) / 2
        if not 0.0 <= self.noise <= max(room, 0.0):
            raise ValueError(
                f"noise is {self.noise}, but with beta = {self.beta} the perturbed labels stay "
                f"inside [0, 1] only for noise in [0, {max(room, 0.0):g}]"
            )

    @property
    def alpha_limit(self) -> float:
        """Largest alpha that is a probability and keeps the decision, `min(1, 1/beta)`."""
        return min(1.0, 1.0 / self.beta) if self.beta > 0 else 1.0

    @property
    def noise_variance(self) -> float:
        """Variance of the per-pixel noise: a standard normal truncated to +-noise."""
        if self.noise == 0:
            return 0.0
        half = torch.tensor(self.noise, dtype=torch.float64)
        density = torch.exp(-(half**2) / 2) / (2 * torch.pi) ** 0.5
        mass = torch.erf(half / 2**0.5)
        return float(1 - 2 * half * density / mass)


HARD_INVERSION = Technique("HI", beta=2.0)
"""HI, the label turned round."""
SOFT_INVERSION = Technique("SI", beta=1.5)
"""SI, turned round by half: to 0.25 on foreground and 0.75 on background."""
MODERATION = Technique("M", beta=1.0)
"""M, the label erased: 1/2 everywhere."""
DYNAMIC_MODERATION = Technique("DM", beta=1.0, noise=0.25)
"""DM, erased, with noise on each pixel."""
RELEASE = Technique("release", beta=4.0, unbounded=True)
"""What the authors' released code does at its default `--beta 2.0`: targets 2 and -1."""

TECHNIQUES = {
    t.name: t for t in (HARD_INVERSION, SOFT_INVERSION, MODERATION, DYNAMIC_MODERATION, RELEASE)
}


def label_smoothing(epsilon: float) -> tuple[float, Technique]:
    """Label smoothing (Szegedy et al., 2016) as `(alpha, technique)`: always on, beta = epsilon."""
    return 1.0, Technique("LS", beta=epsilon)


def disturb_label(rate: float) -> tuple[float, Technique]:
    """DisturbLabel (Xie et al., 2016) as `(alpha, technique)`.

    With probability `rate` the label becomes a uniformly random class; half of these draws change
    nothing, so the expected label is hard inversion's at `alpha = rate / 2`.
    """
    if not 0.0 <= rate <= 1.0:
        raise ValueError(f"rate is {rate}, but is a probability and must lie in [0, 1]")
    return rate / 2, HARD_INVERSION


def perturb(
    labels: Tensor,
    technique: Technique,
    generator: torch.Generator | None = None,
    *,
    noise: Tensor | None = None,
) -> Tensor:
    """Perturbed labels `p(y, beta) = (1 - beta) * y + beta / 2`, plus the technique's noise.

    >>> perturb(torch.tensor([0, 1]), SOFT_INVERSION)
    tensor([0.7500, 0.2500])

    Args:
        labels: `y` in {0, 1}, or between, as soft labels are; booleans and whole numbers become
            floating-point ones. Others are refused on a CPU; on other devices, where looking would
            wait for the device, they are your care.
        generator: source of the noise; its device may differ from the labels'.
        noise: the noise itself, as `pixel_noise` draws it, of the labels' shape.

    Raises:
        ValueError: other labels (on a CPU), or noise of another shape.
    """
    labels = _checked(labels)
    perturbed = (1 - technique.beta) * labels + technique.beta / 2
    if technique.noise:
        if noise is not None and noise.shape != labels.shape:
            raise ValueError(
                f"noise has shape {tuple(noise.shape)}, labels {tuple(labels.shape)}: they must "
                "agree"
            )
        if noise is None:
            device = generator.device if generator is not None else labels.device
            noise = pixel_noise(labels.shape, technique, generator, labels.dtype, device)
        perturbed = perturbed + noise.to(labels.device, non_blocking=True)
    return perturbed


def pixel_noise(
    shape: Sequence[int],
    technique: Technique,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """A draw of the technique's noise: a standard normal truncated to +-noise, for each pixel."""
    noise = torch.empty(tuple(shape), dtype=dtype, device=device)
    half = technique.noise
    return torch.nn.init.trunc_normal_(noise, a=-half, b=half, generator=generator)


def sampled_targets(
    labels: Tensor,
    alpha: Tensor | float,
    technique: Technique,
    generator: torch.Generator | None = None,
    *,
    uniform: Tensor | None = None,
    noise: Tensor | None = None,
) -> Tensor:
    """Targets of one training step: each image's map is perturbed with probability `alpha_i`.

    One switch `Z_i ~ Bernoulli(alpha_i)` per image, not per pixel.

    >>> labels = torch.tensor([[0.0, 1.0], [0.0, 1.0]])  # two images
    >>> sampled_targets(labels, 0.5, HARD_INVERSION, uniform=torch.tensor([0.9, 0.1]))
    tensor([[0., 1.],
            [1., 0.]])

    Args:
        labels: (N, ...), as `perturb`.
        alpha: (N,) or one number for all, in [0, 1].
        generator: source of the switches and the noise.
        uniform: (N,) draws in [0, 1) given instead: image i is perturbed if its is below alpha_i.
        noise: as `perturb`.

    Raises:
        ValueError: as `perturb`; alpha outside [0, 1] (on a CPU) or not one an image.
    """
    labels = _floating(labels)
    alpha = _per_image(alpha, labels)
    if uniform is None:
        device = generator.device if generator is not None else labels.device
        uniform = torch.rand(len(labels), generator=generator, device=device)
    switch = uniform.to(labels.device, non_blocking=True).view(alpha.shape) < alpha
    return torch.where(switch, perturb(labels, technique, generator, noise=noise), labels)


def expected_targets(labels: Tensor, alpha: Tensor | float, technique: Technique) -> Tensor:
    """Mean of `sampled_targets`: `(1 - alpha*beta) * y + alpha*beta/2`. Arguments as there.

    >>> expected_targets(torch.tensor([[0.0, 1.0]]), 0.25, HARD_INVERSION)
    tensor([[0.2500, 0.7500]])
    """
    labels = _checked(labels)
    strength = _per_image(alpha, labels) * technique.beta
    return (1 - strength) * labels + strength / 2


def check_labels(labels: Tensor, known: Tensor) -> None:
    """Refuse labels that are not `known`, where looking costs no wait for a device."""
    if labels.device.type == "cpu" and not bool(known.all()):
        others = labels[~known]
        raise ValueError(
            f"labels must lie in [0, 1], but {len(others)} of {labels.numel()} pixels have others, "
            f"the first {others[0]:g}: divide a mask of 0 and 255 by 255, and leave pixels without "
            "a label out of loss and update by ignore_index"
        )


def _checked(labels: Tensor) -> Tensor:
    check_labels(labels, (labels >= 0) & (labels <= 1))
    return _floating(labels)


def _floating(labels: Tensor) -> Tensor:
    """Whole numbers and booleans would cut alpha to such too: to 0, or to True."""
    return labels if labels.is_floating_point() else labels.to(torch.get_default_dtype())


def _per_image(alpha: Tensor | float, labels: Tensor) -> Tensor:
    """Alpha shaped to broadcast over each image's pixels, checked where that costs no sync."""
    alpha = torch.as_tensor(alpha, dtype=labels.dtype)
    if alpha.device.type == "cpu" and not bool(((alpha >= 0) & (alpha <= 1)).all()):
        raise ValueError(f"alpha must lie in [0, 1], but spans [{alpha.min():g}, {alpha.max():g}]")
    if alpha.dim() == 0:
        alpha = alpha.expand(labels.shape[:1])
    if alpha.shape != labels.shape[:1]:
        raise ValueError(
            f"alpha has shape {tuple(alpha.shape)}, but there are {len(labels)} images: give one "
            "number, or one for each image"
        )
    return alpha.to(labels.device).view(-1, *[1] * (labels.dim() - 1))
