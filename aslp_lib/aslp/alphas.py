"""The adaptive part of ASLP: a perturbation level alpha_i for each training image i.

The perturbation levels follow gradient ascent on the expected loss, while the weights of the
network follow gradient descent:

    alpha_i <- clip(alpha_i + eta * (grad_i + lambda * R_i), 0, 1/beta)

Here eta is the step size of alpha, grad_i the gradient of the loss of image i with respect to its
alpha (`alpha_gradient`), and R_i the constraint term of a rule (module `rules`), whose weight is
lambda. Source: Liu et al., ICCV 2023, method figure.
"""

import math
import warnings
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from aslp_lib.aslp import inputs
from aslp_lib.aslp.perturbation import RELEASE, Technique, check_technique
from aslp_lib.aslp.rules import RULES
from aslp_lib.checks import class_channels, require, require_name

Dynamics = Literal["stable", "release"]

RELEASE_LOGIT = math.log(1e7 - 1)
"""Logit of the probability 1 - 1e-7, at which the release clamps predictions."""

PASSES = 20
"""Number of passes over the training images within which a validation must be observed. If it were
later, a warm-up of 5 validations would last more than 100 epochs."""


def alpha_gradient(
    logits: Tensor,
    labels: Tensor,
    technique: Technique,
    ignore_index: int | None = None,
    index: Tensor | None = None,
) -> Tensor:
    """Compute the gradient of the expected loss of each image with respect to its alpha.

        grad_i = BCE(f, p(y, beta)) - BCE(f, y) = beta * mean[(y - 1/2) * z]

    The mean is over pixels, so grad_i is beta/2 times the mean signed logit margin. It is positive
    if the network is, on average over the image, correct and confident. For K classes, it is the
    logit of the label above the mean logit, `beta * mean[z_y - mean_k z_k]`.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> logits = torch.tensor([[4.0, -4.0], [-1.0, 2.0]])  # correct and confident; wrong
    >>> alpha_gradient(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), MODERATION)
    tensor([ 2.0000, -0.7500])

    Args:
        logits: (N, ...) outputs z of the network; (N, K, ...) for K classes.
        labels: labels y of the same shape, in {0, 1}, in between for soft labels, or
            `ignore_index`; for K classes, class ids (N, ...) or one-hot labels, as in
            `sc_bce_with_logits`. Other values raise an error on a CPU; on other devices, where the
            check would synchronise the device, they make the gradient NaN.
        technique: the perturbation technique, which sets beta.
        ignore_index: label of pixels that are excluded from the mean. The gradient of an image
            without other pixels is NaN.
        index: (N,) integers that say to which image a row belongs. Rows of one image, such as
            patches, then have the gradient of all their pixels together. By default, each row is an
            image.

    Returns:
        (N,) gradients in nats per pixel, in float64 for float64 logits and otherwise in float32.

    Raises:
        TypeError: logits or labels are not tensors, or the technique is not a `Technique`.
        ValueError: the shapes differ, a label is invalid (on a CPU), or the technique is for
            another number of classes.
    """
    check_technique(technique)
    classes, labels, labelled = inputs.check_pixels(logits, labels, ignore_index)
    check_technique(technique, max(classes, 2), channels=classes > 1)
    margin = _margin(logits, labels, classes)
    if labelled is None:
        labelled = torch.ones_like(margin, dtype=torch.bool)
    # Rows have the same number of pixels, so means over pixels take the place of sums.
    total = _image_means(torch.where(labelled, margin, 0.0))
    pixels = _image_means(labelled.to(margin.dtype))
    if index is not None:
        expected = f"{tuple(total.shape)}, one index for each image of logits"
        require("the shape of index", tuple(index.shape), index.shape == total.shape, expected)
        # The place of an image's first row in sorted order: the same for all rows of the image.
        place = torch.searchsorted(index.sort().values, index).to(total.device)
        total, pixels = (torch.zeros_like(x).index_add(0, place, x)[place] for x in (total, pixels))
    return technique.beta * (total / pixels)


def _margin(logits: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Compute the logit of the label above the mean logit, (N, ...); NaN where labels are invalid.

    The two logits of one channel are 0 and z, so the margin is `(y - 1/2) * z`.
    """
    precision = torch.promote_types(logits.dtype, torch.float32)
    valid = inputs.valid_labels(labels, classes)
    if classes == 1:
        margin = (labels - 0.5) * logits.to(precision)
    else:  # an id that is invalid must not be looked up
        known = labels if labels.is_floating_point() else labels.where(valid, 0)
        margin = inputs.at_labels(logits, known) - logits.mean(dim=1, dtype=precision)
    return torch.where(valid, margin, torch.nan)


def _image_means(values: Tensor) -> Tensor:
    """Average (N, ...) over all dimensions but the first."""
    return values.unsqueeze(-1).flatten(1).mean(dim=1)


def release_gradient(
    logits: Tensor,
    labels: Tensor,
    technique: Technique,
    ignore_index: int | None = None,
    index: Tensor | None = None,
) -> Tensor:
    """Compute the gradient with respect to alpha as the authors' code does.

    It differs from `alpha_gradient` in two ways. The code's beta is half that of the figure, and
    the code divides by it instead of multiplying. Probabilities are clamped to [1e-7, 1 - 1e-7], so
    logits beyond +-16.1 have no further effect. It is for one channel only.

    >>> from aslp_lib.aslp.perturbation import RELEASE
    >>> logits, labels = torch.tensor([[4.0, -4.0]]), torch.tensor([[1.0, 0.0]])
    >>> alpha_gradient(logits, labels, RELEASE), release_gradient(logits, labels, RELEASE)
    (tensor([8.]), tensor([2.]))

    Args:
        logits, labels, technique, ignore_index, index: as in `alpha_gradient`.

    Returns:
        (N,) gradients in nats per pixel.

    Raises:
        TypeError, ValueError: see `alpha_gradient`.
    """
    inputs.check_tensors(logits=logits)
    clamped = logits.clamp(-RELEASE_LOGIT, RELEASE_LOGIT)
    clamped = clamped + 0 * logits  # an infinite logit stays non-finite
    gradient = alpha_gradient(clamped, labels, technique, ignore_index, index)
    return gradient / max(technique.beta / 2, 1e-12) ** 2


class AdaptiveAlpha(nn.Module):
    """The perturbation levels of a training set, one alpha_i per image, with their update rule.

    In a training loop, `alphas[index]` gives the alphas of a batch to the loss, `update` moves them
    after each training step, and `observe` reports each validation to the rule. The update is a
    step of gradient ascent with a constraint:

        alpha_i <- clip(alpha_i + eta * (grad_i + lambda * R_i), 0, min(1, 1/beta))

    Here grad_i is `alpha_gradient`. The rule computes R_i from the validation accuracy A:

    - "aslp_mc" (MC): `R_i = min((1 - beta*alpha_i/2) - A, 0)`; for K classes, (K - 1)/K takes the
      place of 1/2.
    - "aslp_me" (ME): `R_i = min(A - A_lm, 0)`, where A_lm is the best accuracy so far.
    - "aslp_gap", an extension of this project, has no R_i. It bounds all alphas, and the bound
      follows the difference between the measured confidence C and A.

    The alphas start at 0 and do not change during the warm-up. There are two kinds of steps:

    - "stable" evaluates MC's R_i at the new alpha instead of the old one. This implicit (proximal)
      step has the same fixed point as the explicit step, and is stable for every `eta * lambda`.
    - "release" makes the explicit step of the authors' code, which is stable only if
      `eta * lambda * beta / 2 < 2`. With the code's own values this gain is 8 (beta = 4), and the
      alphas oscillate. It also uses `release_gradient`, and sets an alpha that reaches its limit to
      0.01 below the limit.

    All state is in buffers: it moves with `.to(device)`, and `state_dict()` saves it together with
    the technique. `load_state_dict` raises an error if the state belongs to another technique, rule
    or number of images. An update has no loop over images and does not synchronise the device.
    Source: Liu et al., ICCV 2023, method figure.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> alphas = AdaptiveAlpha(3, MODERATION, warm_up=1)
    >>> alphas.observe(accuracy=0.9)  # after each validation
    >>> logits, labels = torch.full((2, 8, 8), 5.0), torch.ones(2, 8, 8)
    >>> alphas.update(torch.tensor([0, 2]), logits, labels)  # after each training step
    >>> alphas.alpha  # images 0 and 2: eta * grad_i = 0.002 * beta/2 * 5
    tensor([0.0050, 0.0000, 0.0050])

    Args:
        images: number of images in the training set.
        technique: the perturbation technique, which sets beta and the limit of alpha.
        rule: "aslp_mc" (MC), "aslp_me" (ME) or "aslp_gap".
        alpha_step_size: eta, in alpha per nat. The default is the paper's; start with 0.005.
        constraint_weight: lambda, in nats per unit of R_i. The default is the paper's; start with
            200 (`docs/own_loop.md` explains both).
        bound_gain: change of the bound of the rule "aslp_gap" per unit of measured gap.
        warm_up: number of calls of `observe` before the alphas move; 5 epochs in the paper.
        dynamics: kind of step, "stable" or "release".
        classes: number of classes K. More than two need the technique `technique.for_classes(K)`
            and stable dynamics.

    Raises:
        TypeError: the technique is not a `Technique`.
        ValueError: an argument is out of its range, or the technique is for fewer classes; the
            message names it.
    """

    alpha: Tensor
    """(images,) perturbation levels."""
    observed: Tensor
    """Number of validations so far."""
    updated: Tensor
    """(images,) 1 for the images of this process's updates since the last `share_alphas`."""

    @torch.inference_mode(False)  # buffers made in inference mode could not be used for gradients
    def __init__(
        self,
        images: int,
        technique: Technique,
        rule: str = "aslp_mc",
        *,
        alpha_step_size: float = 0.002,
        constraint_weight: float = 2000.0,
        bound_gain: float = 0.15,
        warm_up: int = 5,
        dynamics: Dynamics = "stable",
        classes: int = 2,
    ) -> None:
        super().__init__()
        check_technique(technique, classes)
        require("images", images, images >= 1, "at least 1")
        require_name("rule", rule, RULES)
        require_name("dynamics", dynamics, get_args(Dynamics))
        if dynamics == "release":
            require("dynamics", dynamics, classes == 2, "'stable' for more than two classes")
            expected = "'aslp_mc' or 'aslp_me' with dynamics='release'. Use dynamics='stable'."
            require("rule", rule, RULES[rule].has_constraint, expected)
        else:
            expected = "dynamics='release', which the technique 'release' (beta = 4) needs"
            require("dynamics", dynamics, technique != RELEASE, expected)
        self.technique, self.dynamics, self.classes = technique, dynamics, classes
        self.alpha_step_size, self.constraint_weight = alpha_step_size, constraint_weight
        self.bound_gain, self.warm_up = bound_gain, warm_up
        for name in ("alpha_step_size", "constraint_weight", "bound_gain", "warm_up"):
            value = getattr(self, name)
            require(name, value, 0 <= value < math.inf, "a finite number of at least 0")
        self.rule = RULES[rule](technique, bound_gain, classes)
        self._passes, self._seen = 0, set[int]()
        self.register_buffer("alpha", torch.zeros(images))
        self.register_buffer("observed", torch.tensor(0))
        updated = torch.zeros(images, dtype=torch.long)
        self.register_buffer("updated", updated, persistent=False)

    def get_extra_state(self) -> Tensor:
        """Return beta and noise of the technique and, if there are more than two, the classes."""
        classes = [self.classes] if self.classes > 2 else []
        state = [self.technique.beta, self.technique.noise, *classes]
        return torch.tensor(state, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Raise ValueError if alphas that are loaded were learned with another technique."""
        ours, theirs = self.get_extra_state().tolist(), state.tolist()
        expected = f"{ours}. Load the alphas of the same technique and number of classes."
        names = "[beta, noise], with which the alphas were learned,"
        require(names, theirs, theirs == ours, expected)

    def __len__(self) -> int:
        return len(self.alpha)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Return the alphas of the images `index`, in the shape of `index`.

        Args:
            index: indices of images in the training set, of any shape and integer dtype. They are
                checked on a CPU only, because the check would synchronise another device.

        Raises:
            TypeError: the index is not a tensor.
            ValueError: the index is not of an integer dtype, or not that of an image (on a CPU).
        """
        inputs.check_images(index, len(self))
        return self.alpha[index.to(self.alpha.device, torch.long)]

    @torch.no_grad()
    def update(
        self, index: Tensor, logits: Tensor, labels: Tensor, *, ignore_index: int | None = None
    ) -> None:
        """Move the alphas of the images of one training step; an empty step is allowed.

        Each alpha moves once. If several rows belong to one image, such as patches, its gradient is
        the mean over the labelled pixels of all of them. An alpha keeps its value if its gradient
        is not finite. This happens if a logit is NaN or infinite, as in the first steps of mixed
        precision, or if every pixel is ignored. A RuntimeWarning says if the warm-up does not end,
        because `observe` was forgotten.

        Args:
            index: (N,) index in the training set of the image of each row. Indices are checked on a
                CPU only, because the check would synchronise another device.
            logits: (N, ...) outputs z of the network for these images or patches; (N, K, ...) for K
                classes.
            labels: unperturbed labels y of the same shape, in {0, 1}, in between for soft labels,
                or `ignore_index`; for K classes, class ids (N, ...) or one-hot labels. Other values
                raise an error on a CPU; on other devices, the alpha of such an image keeps its
                value.
            ignore_index: label of pixels that are excluded, as in the loss.

        Raises:
            TypeError: an argument is not a tensor.
            ValueError: the shapes do not agree; an index is not that of an image; a label is
                invalid; logits have another number of classes; or the alphas are in half precision.
        """
        valid = self.alpha.dtype in (torch.float32, torch.float64)
        expected = "torch.float32 or torch.float64. Call alphas.float(): half precision loses steps"
        require("the dtype of the perturbation levels", self.alpha.dtype, valid, expected)
        inputs.check_images(index, len(self))
        release = self.dynamics == "release"
        gradient_of = release_gradient if release else alpha_gradient
        gradient = gradient_of(logits, labels, self.technique, ignore_index, index)
        classes = max(class_channels(logits.shape, labels.shape), 2)
        expected = f"{self.classes}. Make AdaptiveAlpha with the classes of the logits."
        require("the number of classes of the logits", classes, classes == self.classes, expected)
        if self.warm_up and self._passes <= PASSES and inputs.values_are_read(index):
            self._count_passes(index)
        index = index.to(self.alpha.device, torch.long)
        old = self.alpha[index]
        gradient = gradient.to(old)
        new = self._release_step(old, gradient) if release else self._stable_step(old, gradient)
        # A tensor and no `if`: reading the counter would synchronise the device at every step.
        moves = (self.observed >= self.warm_up) & torch.isfinite(gradient) & ~torch.isnan(new)
        self.alpha[index] = torch.where(moves, new, old)
        self.updated[index] = 1

    def _count_passes(self, index: Tensor) -> None:
        """Warn once if no validation has been observed in more than `PASSES` passes.

        A pass ends when every image has occurred in an update, however many patches it has.
        """
        self._seen.update(index.tolist())
        if len(self._seen) < len(self):
            return
        self._passes, self._seen = self._passes + 1, set()
        if self._passes > PASSES and not self.observed:
            warnings.warn(
                f"no validation has been observed in {PASSES} passes over the training images; "
                "expected one every few epochs, because the rule needs the accuracy, and during a "
                f"warm-up of {self.warm_up} validations the loss is plain BCE. Call alphas.observe "
                "after each validation.",
                RuntimeWarning,
                stacklevel=4,  # this method, `update` and its decorator
            )

    @torch.no_grad()
    def observe(self, accuracy: float, confidence: float | None = None) -> None:
        """Report the results of one validation to the rule.

        Args:
            accuracy: A, the accuracy over the validation pixels, in [0, 1].
            confidence: C, the mean confidence over the validation pixels, in [0, 1]. Only the rule
                "aslp_gap" needs it.

        Raises:
            ValueError: a value is outside [0, 1], or the rule needs the missing confidence.
        """
        for name, value in (("accuracy", accuracy), ("confidence", confidence or 0.0)):
            require(name, value, 0.0 <= value <= 1.0, "a fraction in [0, 1]")
        self.rule.observe(accuracy, confidence, self.observed + 1 >= self.warm_up)
        self.observed += 1
        self._passes = PASSES + 1  # nothing is left to warn of

    def _stable_step(self, alpha: Tensor, gradient: Tensor) -> Tensor:
        proposed = alpha + self.alpha_step_size * gradient
        constraint_step = self.alpha_step_size * self.constraint_weight
        return self.rule.constrain(proposed, constraint_step).clamp(0.0, self.technique.alpha_limit)

    def _release_step(self, alpha: Tensor, gradient: Tensor) -> Tensor:
        direction = gradient + self.constraint_weight * self.rule.constraint(alpha)
        new, limit = alpha + self.alpha_step_size * direction, self.technique.alpha_limit
        return torch.where(new >= limit, limit - 0.01, new.clamp(min=0.0))
