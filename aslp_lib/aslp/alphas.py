"""The adaptive part of ASLP: a perturbation level alpha_i for each training image.

The perturbation levels follow gradient ascent while the network follows gradient descent:

    alpha_i <- clip(alpha_i + eta * (grad_i + lambda * R_i), 0, 1/beta)

Source: Liu et al., ICCV 2023, method figure. What R is, is the rule's: see `rules`.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from aslp_lib.aslp.perturbation import RELEASE, Technique, check_labels
from aslp_lib.aslp.rules import RULES

Dynamics = Literal["stable", "release"]

RELEASE_LOGIT = math.log(1e7 - 1)
"""Of the probability 1 - 1e-7."""


def alpha_gradient(
    logits: Tensor, labels: Tensor, technique: Technique, ignore_index: int | None = None
) -> Tensor:
    """Gradient of each image's expected loss in alpha, (N,), in nats per pixel; float64 for float64
    logits, otherwise float32.

    `BCE(f, p(y, beta)) - BCE(f, y) = beta * mean[(y - 1/2) * z]`: beta/2 times the mean signed
    logit margin. It is positive where the network is right and sure.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> logits = torch.tensor([[4.0, -4.0], [-1.0, 2.0]])  # right and sure; wrong
    >>> alpha_gradient(logits, torch.tensor([[1.0, 0.0], [1.0, 0.0]]), MODERATION)
    tensor([ 2.0000, -0.7500])

    Args:
        logits: (N, ...) raw network outputs z.
        labels: the same shape, in {0, 1} or between, or `ignore_index`. Others are refused on a
            CPU; on other devices, where looking would wait for the device, they make NaN of it.
        ignore_index: label of pixels that are left out of the mean, which is NaN for an image that
            has no others.

    Raises:
        ValueError: shapes that differ, or other labels (on a CPU).
    """
    return technique.beta * _mean_margin(logits, labels, ignore_index)


def release_gradient(
    logits: Tensor, labels: Tensor, technique: Technique, ignore_index: int | None = None
) -> Tensor:
    """`alpha_gradient` as the authors' code computes it, (N,), in nats per pixel.

    Its beta is half the figure's, and it divides by it where it should multiply. It takes the
    cross entropies of probabilities that are cut to [1e-7, 1 - 1e-7], so that no logit counts
    beyond +-16.1.

    Args:
        logits, labels, ignore_index: as `alpha_gradient`.
    """
    cut = logits.clamp(-RELEASE_LOGIT, RELEASE_LOGIT) + 0 * logits  # infinity stays non-finite
    gradient = technique.beta * _mean_margin(cut, labels, ignore_index)
    return gradient / max(technique.beta / 2, 1e-12) ** 2


def _mean_margin(logits: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    """(N,) means of `(y - 1/2) * z`, as `alpha_gradient` takes them."""
    if logits.shape != labels.shape:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}, labels {tuple(labels.shape)}: "
            "they must agree"
        )
    dtype = torch.promote_types(logits.dtype, torch.float32)
    labels = labels.to(dtype)
    margin = (labels - 0.5) * logits.to(dtype)
    known = (labels >= 0) & (labels <= 1)
    if ignore_index is None:
        check_labels(labels, known)
        return _per_image(torch.where(known, margin, torch.nan))
    kept = labels != ignore_index
    check_labels(labels, known | ~kept)
    margin = torch.where(kept, torch.where(known, margin, torch.nan), 0.0)
    return _per_image(margin) / _per_image(kept.to(dtype))


def _per_image(values: Tensor) -> Tensor:
    """(N,) means of (N, ...)."""
    return values.unsqueeze(-1).flatten(1).mean(dim=1)


class AdaptiveAlpha(nn.Module):
    """The perturbation levels of a training set, one per image, and the rule that moves them.

    Dynamics: "stable" takes MC's constraint implicitly (at the new alpha instead of the old), a
    proximal step with the same rest point, stable at every `eta * lambda`. "release" takes it
    explicitly, which is stable only while `eta * lambda * beta / 2 < 2`; its own numbers give 8
    (beta = 4), and alphas saw-tooth. It also takes the gradient as the authors' code does
    (`release_gradient`), and throws an alpha that reaches its limit back by 0.01.

    State is held in buffers: it moves with `.to(device)`, is saved by `state_dict()` together with
    the technique, and an update needs neither a loop over images nor a device synchronisation.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> alphas = AdaptiveAlpha(3, MODERATION, warm_up=1)
    >>> alphas.observe(accuracy=0.9)  # of the validation set, after each epoch
    >>> sure = torch.full((2, 8, 8), 5.0)
    >>> alphas.update(torch.tensor([0, 2]), sure, torch.ones(2, 8, 8))  # after each step
    >>> alphas.alpha
    tensor([0.0050, 0.0000, 0.0050])

    Args:
        images: how many images the training set has.
        technique: how labels are perturbed; fixes beta and the limit of alpha, `min(1, 1/beta)`.
        rule: a name of `rules.RULES`: "calibration" (MC), "entropy" (ME) or "measured_gap".
        alpha_step_size: eta, alpha per nat.
        constraint_weight: lambda, nats per unit of R.
        bound_gain: how far the rule "measured_gap" moves its bound per unit of measured gap.
        warm_up: updates do nothing until `observe` was called this often (the paper: 5 epochs).
        dynamics: see above.

    Raises:
        ValueError: a value out of its range; the message names it.
    """

    alpha: Tensor
    observed: Tensor

    def __init__(
        self,
        images: int,
        technique: Technique,
        rule: str = "calibration",
        *,
        alpha_step_size: float = 0.002,
        constraint_weight: float = 2000.0,
        bound_gain: float = 0.15,
        warm_up: int = 5,
        dynamics: Dynamics = "stable",
    ) -> None:
        super().__init__()
        _check_choice("rule", rule, tuple(RULES))
        _check_choice("dynamics", dynamics, get_args(Dynamics))
        positive = {
            "alpha_step_size": alpha_step_size,
            "constraint_weight": constraint_weight,
            "bound_gain": bound_gain,
        }
        for name, value in positive.items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}, but must be finite and not negative")
        if images < 1 or warm_up < 0:
            raise ValueError(
                f"images is {images} and warm_up {warm_up}: at least 1 and 0 are needed"
            )
        if technique == RELEASE and dynamics != "release":
            raise ValueError("the technique 'release' (beta = 4) needs dynamics='release'")
        self.technique, self.dynamics = technique, dynamics
        self.alpha_step_size, self.constraint_weight = alpha_step_size, constraint_weight
        self.warm_up = warm_up
        self.rule = RULES[rule](technique, bound_gain)
        if dynamics == "release":
            self.rule.constraint(torch.zeros(1))  # its step takes only the paper's rules
        self.register_buffer("alpha", torch.zeros(images))
        self.register_buffer("observed", torch.tensor(0))
        module: Any = self  # torch does not type this method
        module.register_load_state_dict_pre_hook(_check_technique)

    def get_extra_state(self) -> Tensor:
        """Beta and noise of the technique, which `state_dict()` saves and loading compares."""
        return torch.tensor([self.technique.beta, self.technique.noise], dtype=torch.float64)

    def __len__(self) -> int:
        return len(self.alpha)

    def __getitem__(self, index: Tensor) -> Tensor:
        """Levels of the images `index`, same shape."""
        return self.alpha[index]

    def extra_repr(self) -> str:
        return f"{len(self)} images, {self.technique.name}, {self.dynamics}"

    @torch.no_grad()
    def update(
        self, index: Tensor, logits: Tensor, labels: Tensor, *, ignore_index: int | None = None
    ) -> None:
        """Move the levels of the images of one step, of which there may be none.

        A level keeps its value where its gradient is not finite: logits that are NaN or infinite,
        as mixed precision's first steps may give, or an image without a pixel that counts.

        Args:
            index: (N,) which images, each at most once. Looked at on a CPU; on other devices,
                where looking would wait for the device, it is your care.
            logits: (N, ...) what the network said of them.
            labels: the same shape, their unperturbed labels, in {0, 1} or between. Others are
                refused on a CPU; on other devices their images keep their levels.
            ignore_index: label of pixels that are left out, as in the loss.

        Raises:
            ValueError: shapes that do not agree; an image that is named twice or does not exist;
                other labels; levels in half precision.
        """
        if self.alpha.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"the perturbation levels have dtype {self.alpha.dtype}; expected torch.float32 or "
                "torch.float64. Convert them with alphas.float(): half precision loses small steps."
            )
        self._check_index(index, len(logits))
        index = index.to(self.alpha.device, torch.long)
        old = self.alpha[index]
        take, move = (
            (release_gradient, self._release)
            if self.dynamics == "release"
            else (alpha_gradient, self._stable)
        )
        gradient = take(logits, labels, self.technique, ignore_index).to(old)
        new = move(old, gradient)
        # No `if`: reading the counter on the host would synchronise the device at every step.
        moves = (self.observed >= self.warm_up) & torch.isfinite(gradient) & ~torch.isnan(new)
        self.alpha[index] = torch.where(moves, new, old)

    def _check_index(self, index: Tensor, images: int) -> None:
        if index.shape != (images,):
            raise ValueError(
                f"index has shape {tuple(index.shape)}, but there are logits of {images} images: "
                "give one number an image"
            )
        check_images(index, len(self))
        if index.device.type == "cpu" and len(set(named := index.tolist())) < images:
            raise ValueError(f"index names an image twice in one step: {named}")

    @torch.no_grad()
    def observe(self, accuracy: float, confidence: float | None = None) -> None:
        """Report one validation: pixel accuracy and mean confidence, in [0, 1]; the rule
        "measured_gap" needs both."""
        for name, value in {"accuracy": accuracy, "confidence": confidence}.items():
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} is {value}, but must be a share in [0, 1]")
        self.rule.observe(accuracy, confidence, self.observed + 1 >= self.warm_up)
        self.observed += 1

    def _stable(self, alpha: Tensor, gradient: Tensor) -> Tensor:
        free = alpha + self.alpha_step_size * gradient
        pull = self.alpha_step_size * self.constraint_weight
        return self.rule.constrain(free, pull).clamp(0.0, self.technique.alpha_limit)

    def _release(self, alpha: Tensor, gradient: Tensor) -> Tensor:
        push = gradient + self.constraint_weight * self.rule.constraint(alpha)
        new, limit = alpha + self.alpha_step_size * push, self.technique.alpha_limit
        return torch.where(new >= limit, limit - 0.01, new.clamp(min=0.0))


def _check_technique(alphas: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Refuse levels of another technique before any is loaded. States of earlier versions do not
    say whose they are, and pass."""
    own = alphas.get_extra_state()
    saved = state.pop(f"{prefix}_extra_state", own)
    if saved.tolist() != own.tolist():
        raise ValueError(
            "the perturbation levels were learned with another technique: beta and noise are "
            f"{saved.tolist()}; expected {own.tolist()}. Load them into an AdaptiveAlpha of their "
            "own technique."
        )


def check_images(index: Tensor, images: int) -> None:
    """Refuse numbers that are no image's; which ones they are is looked at on a CPU alone."""
    if index.dtype == torch.bool or index.is_floating_point() or index.is_complex():
        raise ValueError(f"images are named by {index.dtype}, but must be by whole numbers")
    if index.device.type == "cpu":
        for i in index.tolist():
            if not 0 <= i < images:
                raise ValueError(f"index names image {i}, but there are {images}, from 0 on")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, but must be one of {', '.join(choices)}")
