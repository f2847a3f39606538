"""Label perturbation: perturbed labels `p(y, beta)`, selected by one Bernoulli switch per image.

    p(y, beta) = (1 - beta) * y + beta / 2

The perturbation strength beta is in the units of the paper's method figure: beta = 2 inverts a
label, beta = 1 replaces it by 1/2, and beta = 0 leaves it unchanged. Source: Liu et al., ICCV 2023,
method figure.

For K classes, y is a one-hot vector, and 1/K takes the place of 1/2 (an extension of this project):

    p(y, beta) = (1 - beta) * y + beta / K

Then beta = K / (K - 1) is the inversion: the class of the label gets 0, and the others share the
rest equally. `Technique.for_classes` converts a technique.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aslp_lib.aslp.inputs import alpha_of_pixels, check_labels, check_tensors, values_are_read
from aslp_lib.checks import require, require_type


@dataclass(frozen=True)
class Technique:
    """A perturbation technique: a perturbation strength beta and, optionally, pixel noise.

    Its perturbed label is `p(y, beta) = (1 - beta) * y + beta / 2`, plus the noise.

    >>> Technique("half", beta=0.5).alpha_limit
    1.0
    >>> HARD_INVERSION.alpha_limit
    0.5

    Args:
        name: short name for tables and messages.
        beta: perturbation strength in [0, 2]. Perturbed background has the label `beta/2`,
            perturbed foreground `1 - beta/2`.
        noise: half-width of the pixel noise, a standard normal distribution truncated to
            [-noise, noise]. Perturbed labels must stay in [0, 1].
        unbounded: accept beta > 2. Targets then leave [0, 1], and binary cross entropy has no lower
            bound; only `RELEASE` needs this.

    Raises:
        ValueError: beta or noise is out of its range.
    """

    name: str
    beta: float
    noise: float = 0.0
    unbounded: bool = False

    def __post_init__(self) -> None:
        valid = 0.0 <= self.beta <= (math.inf if self.unbounded else 2.0)
        expected = "a number in [0, 2]: 0 keeps the label, 1 replaces it by 1/2, 2 inverts it"
        require("beta", self.beta, valid, expected)
        largest = max(min(self.beta, 2 - self.beta) / 2, 0.0)
        kept = f"with beta = {self.beta}, which keeps perturbed labels inside [0, 1]"
        expected = f"a number in [0, {largest:g}] {kept}"
        require("noise", self.noise, 0.0 <= self.noise <= largest, expected)

    @property
    def alpha_limit(self) -> float:
        """Largest alpha that is a probability and leaves decisions unchanged: `min(1, 1/beta)`."""
        return 1 / max(self.beta, 1.0)

    def for_classes(self, classes: int) -> "Technique":
        """Return the technique for K classes, which does to one-hot labels what this does to two.

        Its beta is the same up to 1, where a label becomes uniform, and `1 + (beta - 1) / (K - 1)`
        beyond. HI then inverts labels, `beta = K / (K - 1)`, and SI lies halfway between M and HI.
        For two classes, the technique is returned as it is.

        >>> HARD_INVERSION.for_classes(3).beta, SOFT_INVERSION.for_classes(3).beta
        (1.5, 1.25)

        Raises:
            ValueError: there are fewer than two classes; or more, and the technique has noise or is
                unbounded.
        """
        require("classes", classes, classes >= 2, "at least 2")
        if classes == 2:
            return self
        # Up to beta = 1, the first is smaller, and beyond, the second.
        strength = min(self.beta, 1 + (self.beta - 1) / (classes - 1))
        technique = replace(self, beta=strength)
        check_technique(technique, classes)
        return technique

    @property
    def noise_variance(self) -> float:
        """Variance of the pixel noise, a standard normal truncated to [-noise, noise]."""
        if self.noise == 0:
            return 0.0
        density = math.exp(-(self.noise**2) / 2) / math.sqrt(2 * math.pi)
        mass = math.erf(self.noise / math.sqrt(2))
        return 1 - 2 * self.noise * density / mass


HARD_INVERSION = Technique("HI", beta=2.0)
"""HI inverts the label: background becomes 1, foreground 0."""
SOFT_INVERSION = Technique("SI", beta=1.5)
"""SI inverts the label in part: background becomes 0.75, foreground 0.25."""
MODERATION = Technique("M", beta=1.0)
"""M replaces the label of every pixel by 1/2."""
DYNAMIC_MODERATION = Technique("DM", beta=1.0, noise=0.25)
"""DM replaces the label of every pixel by 1/2 plus noise in [-0.25, 0.25]."""
RELEASE = Technique("release", beta=4.0, unbounded=True)
"""The perturbation in the authors' code at its default `--beta 2.0`, with targets 2 and -1."""

TECHNIQUES = {
    t.name: t for t in (HARD_INVERSION, SOFT_INVERSION, MODERATION, DYNAMIC_MODERATION, RELEASE)
}
"""Techniques by name."""


def disturb_label(rate: float, classes: int = 2) -> tuple[float, Technique]:
    """Return a pair `(alpha, technique)` with the expected label of DisturbLabel.

    DisturbLabel (Xie et al., CVPR 2016) replaces a label with probability `rate` by a uniformly
    random class. One of K replacements does not change the label, so its expected label is that of
    hard inversion at `alpha = rate * (K - 1) / K`; for two classes, `rate / 2`.

    >>> alpha, technique = disturb_label(0.2)
    >>> alpha, technique.name
    (0.1, 'HI')

    Raises:
        ValueError: rate is outside [0, 1].
    """
    require("rate", rate, 0.0 <= rate <= 1.0, "a probability in [0, 1]")
    return rate * (classes - 1) / classes, HARD_INVERSION.for_classes(classes)


def perturb(
    labels: Tensor,
    technique: Technique,
    generator: torch.Generator | None = None,
    *,
    noise: Tensor | None = None,
    classes: int = 2,
) -> Tensor:
    """Compute the perturbed labels `p(y, beta) = (1 - beta) * y + beta / 2`, plus pixel noise.

    For K classes, 1/K takes the place of 1/2.

    >>> perturb(torch.tensor([0, 1]), SOFT_INVERSION)
    tensor([0.7500, 0.2500])
    >>> perturb(torch.tensor([[0, 1, 0]]), HARD_INVERSION.for_classes(3), classes=3)
    tensor([[0.5000, 0.0000, 0.5000]])

    Args:
        labels: y of any shape, in {0, 1}, or in between for soft labels. Booleans and integers are
            converted to floating point. Other values raise an error on a CPU; on other devices they
            are not checked, because the check would synchronise the device. For K > 2 classes,
            one-hot or soft labels (N, K, ...), which sum to 1 over the channels.
        technique: the perturbation technique, which sets beta and the noise.
        generator: random generator of the noise. Its device may differ from that of the labels.
        noise: noise of the shape of the labels, as `pixel_noise` draws it, to use instead of a new
            draw.
        classes: number of classes K.

    Raises:
        TypeError: the labels are not a tensor, or the technique is not a `Technique`.
        ValueError: a label is outside [0, 1] (on a CPU), or the noise has another shape; or, for
            K > 2 classes, the labels are not one-hot, or the technique is for two (see
            `Technique.for_classes`).
    """
    labels = _checked(labels, technique, classes)
    perturbed = (1 - technique.beta) * labels + technique.beta / classes
    if technique.noise:
        if noise is None:
            device = generator.device if generator is not None else labels.device
            noise = pixel_noise(labels.shape, technique, generator, labels.dtype, device)
        same, expected = noise.shape == labels.shape, f"that of labels, {tuple(labels.shape)}"
        require("the shape of noise", tuple(noise.shape), same, expected)
        perturbed = perturbed + noise.to(labels.device, non_blocking=True)
    return perturbed


def pixel_noise(
    shape: Sequence[int],
    technique: Technique,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw noise for each pixel: a standard normal distribution truncated to +-technique.noise.

    >>> noise = pixel_noise((2, 1, 8, 8), DYNAMIC_MODERATION)
    >>> noise.shape, bool((noise.abs() <= 0.25).all())
    (torch.Size([2, 1, 8, 8]), True)

    Raises:
        TypeError: the technique is not a `Technique`.
    """
    check_technique(technique)
    noise = torch.empty(tuple(shape), dtype=dtype, device=device)
    half_width = technique.noise
    return torch.nn.init.trunc_normal_(noise, a=-half_width, b=half_width, generator=generator)


def sampled_targets(
    labels: Tensor,
    alpha: Tensor | float,
    technique: Technique,
    generator: torch.Generator | None = None,
    *,
    uniform: Tensor | None = None,
    noise: Tensor | None = None,
    classes: int = 2,
) -> Tensor:
    """Sample the targets of one training step.

    Each image has one Bernoulli switch `Z_i ~ Bernoulli(alpha_i)` for all of its pixels. Its target
    is the perturbed label map `p(y_i, beta)` if Z_i = 1, and its label map `y_i` if Z_i = 0.

    >>> labels = torch.tensor([[0.0, 1.0], [0.0, 1.0]])  # two images of two pixels
    >>> sampled_targets(labels, 0.5, HARD_INVERSION, uniform=torch.tensor([0.9, 0.1]))
    tensor([[0., 1.],
            [1., 0.]])

    Args:
        labels: (N, ...) labels, as in `perturb`.
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
        technique: the perturbation technique.
        generator: random generator of the switches and the noise. Nothing is drawn if alpha is 0
            for all images, so that a run with alpha = 0 leaves the generator as plain BCE does.
            The values of a tensor alpha are read on a CPU only, because reading them would
            synchronise another device: there, switches are drawn for any alpha. The same holds in a
            graph of `torch.compile`.
        uniform: (N,) numbers in [0, 1) to use instead of a new draw: Z_i = 1 if number i is below
            alpha_i.
        noise: noise of the shape of the labels, as in `perturb`.
        classes: number of classes K, as in `perturb`.

    Raises:
        TypeError: as in `perturb`, or alpha is neither a tensor nor a number.
        ValueError: alpha is outside [0, 1] (on a CPU) or does not have one value per image; or as
            in `perturb`.
    """
    labels = _checked(labels, technique, classes)
    switch = switches(labels, alpha, generator, uniform)
    if switch is None:
        return labels.clone()
    perturbed = perturb(labels, technique, generator, noise=noise, classes=classes)
    return torch.where(switch, perturbed, labels)


def switches(
    pixels: Tensor,
    alpha: Tensor | float,
    generator: torch.Generator | None = None,
    uniform: Tensor | None = None,
) -> Tensor | None:
    """Sample the switch Z_i of each image, (N, 1, ...) booleans; None if alpha is 0 for all images.

    >>> switches(torch.zeros(2, 1), 0.5, uniform=torch.tensor([0.9, 0.1])).flatten()
    tensor([False,  True])

    Args:
        pixels: (N, ...) logits or labels in floating point.
        alpha, generator, uniform: as in `sampled_targets`.
    """
    alpha = alpha_of_pixels(alpha, pixels)
    if values_are_read(alpha) and not bool(alpha.any()):
        return None
    if uniform is None:
        device = generator.device if generator is not None else pixels.device
        uniform = torch.rand(len(pixels), generator=generator, device=device)
    uniform = uniform.to(pixels.device, non_blocking=True)
    return uniform.view(alpha.shape) < alpha.to(pixels.device)


def expected_targets(
    labels: Tensor, alpha: Tensor | float, technique: Technique, *, classes: int = 2
) -> Tensor:
    """Compute the expectation of `sampled_targets`: `(1 - alpha*beta) * y + alpha*beta/2`.

    For K classes, 1/K takes the place of 1/2.

    >>> expected_targets(torch.tensor([[0.0, 1.0]]), 0.25, HARD_INVERSION)
    tensor([[0.2500, 0.7500]])

    Args:
        labels: (N, ...) labels, as in `perturb`.
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
        technique: the perturbation technique.
        classes: number of classes K, as in `perturb`.

    Raises:
        ValueError: see `sampled_targets`.
    """
    labels = _checked(labels, technique, classes)
    alpha_beta = dose(alpha, technique, labels)
    return (1 - alpha_beta) * labels + alpha_beta / classes


def dose(alpha: Tensor | float, technique: Technique, pixels: Tensor) -> Tensor:
    """Return the dose alpha * beta of each image, (N, 1, ...), in the precision of its pixels.

    >>> dose(torch.tensor([0.0, 0.2]), HARD_INVERSION, torch.zeros(2, 1, 8, 8)).flatten()
    tensor([0.0000, 0.4000])

    Args:
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
        technique: the perturbation technique.
        pixels: (N, ...) logits or labels in floating point.

    Raises:
        ValueError: see `sampled_targets`.
    """
    return alpha_of_pixels(alpha, pixels).to(pixels.device) * technique.beta


def check_technique(technique: Technique, classes: int = 2, *, channels: bool = False) -> None:
    """Raise an error unless a technique fits the number of classes.

    Args:
        technique: the technique, which may be a name by mistake.
        classes: number of classes K.
        channels: True if two classes have two channels; more classes always have K.

    Raises:
        TypeError: it is not a `Technique`.
        ValueError: there are fewer than two classes, or labels of K channels would not stay in
            [0, 1], because beta is above K / (K - 1) or because of noise.
    """
    expected = 'a Technique, such as HARD_INVERSION or TECHNIQUES["HI"]'
    require_type("technique", technique, Technique, expected)
    require("classes", classes, classes >= 2, "at least 2")
    if classes == 2 and not channels:
        return
    plain = not technique.noise and not technique.unbounded
    expected = f"'HI', 'SI' or 'M' for {classes} channels: noise and the release are for one"
    require("the technique", technique.name, plain, expected)
    largest = classes / (classes - 1)
    if technique.beta > largest + 1e-9:  # A compiled graph with any K cannot make the message.
        remedy = f"Use technique.for_classes({classes})."
        expected = f"at most {largest:g} for {classes} classes. {remedy}"
        require("beta", technique.beta, False, expected)


def _checked(labels: Tensor, technique: Technique, classes: int) -> Tensor:
    """Return valid labels in floating point, of two classes in one channel or of K > 2 in K."""
    check_technique(technique, classes)
    check_tensors(labels=labels)
    channels = classes if classes > 2 else 1
    one_hot = channels == 1 or labels.shape[1:2] == (classes,)
    advice = f"Use torch.nn.functional.one_hot(labels, {classes}).movedim(-1, 1) for class ids."
    expected = f"one-hot labels, (N, {classes}, ...). {advice}"
    require("the shape of labels", tuple(labels.shape), one_hot, expected)
    # Alpha takes the dtype of the labels, and as an integer it would be cut to 0.
    labels = labels if labels.is_floating_point() else labels.to(torch.get_default_dtype())
    if values_are_read(labels):
        check_labels(labels, channels)
    return labels
