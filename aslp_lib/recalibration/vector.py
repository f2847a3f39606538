"""Vector scaling: a slope and an offset for each class."""

import warnings
from typing import Self

import torch
from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.recalibration.classes import ClassRecalibration, LabelledPixels
from aslp_lib.recalibration.recalibration import Parameter
from aslp_lib.recalibration.temperature import best_class_temperature

PASSES = 200
"""Largest number of passes over the batches."""
TOLERANCE = 1e-10
"""Decrease of the NLL, in nats per pixel, below which a Newton step is the last one."""
RIDGE = 1e-11
"""Smallest damping of a Newton step. Offsets that are all changed alike do not change the NLL."""


class VectorScaling(ClassRecalibration):
    """Vector scaling: `z'_k = a_k z_k + b_k` for the logit of each class k.

    The slopes a_k are inverse temperatures of the classes, and the offsets b_k correct their
    predicted shares. Decisions change. Since a number that is added to all offsets has no effect,
    they add up to 0.

    Source: Guo et al., ICML 2017, section 4.2.

    >>> scaling = VectorScaling(slopes=(0.5, 1.0, 1.0), offsets=(1.0, -1.0, 0.0))
    >>> scaling(torch.tensor([[4.0, 1.0, 0.0]]))  # logits of one pixel
    tensor([[3., 0., 0.]])
    """

    name, label = "vector_scaling", "vector scaling"

    slopes: Tensor
    """Slopes a, one for each class; empty for the identity."""
    offsets: Tensor
    """Offsets b, one for each class."""

    def __init__(self, slopes: Parameter = (), offsets: Parameter = ()) -> None:
        super().__init__(slopes=slopes, offsets=offsets)
        numbers = [*self.slopes.shape], [*self.offsets.shape]
        expected = "one slope and one offset for each class"
        require("the shapes of slopes and offsets", numbers, numbers[0] == numbers[1], expected)
        self.channels = len(self.slopes)

    def minimise_classes(self, pixels: LabelledPixels) -> Self:
        """Minimise the NLL, which is convex, with Newton's method from temperature scaling.

        Steps that do not lower the NLL are damped (Levenberg and Marquardt). The fit ends when a
        step lowers it by less than 1e-10 nats per pixel. The parameters therefore remain finite
        also if the classes are separable or a class has no pixels, so that the NLL approaches a
        limit without reaching it.

        Warns:
            RuntimeWarning: if no pixel has the label of a class, whose probability becomes nearly
                0 everywhere.
        """
        slope = 1 / best_class_temperature(pixels)
        ones = torch.ones(pixels.classes, dtype=torch.float64)
        best = torch.cat([slope * ones, 0 * ones])
        step, decrease, lowest, damping = 0 * best, 0.0, torch.inf, RIDGE
        for _ in range(PASSES):
            sums = _sums(pixels, best - step)
            if sums[0] <= lowest - 1e-4 * decrease:
                best, (lowest, gradient, hessian, labels) = best - step, sums
                damping = max(RIDGE, damping / 100)
            else:
                damping = max(1e-3, damping * 100)
            step = _damped_newton_step(gradient, hessian, damping)
            decrease = float(gradient @ step)
            if decrease <= TOLERANCE * labels.sum():
                best = best - step
                break
        if absent := (labels == 0).nonzero().flatten().tolist():
            warnings.warn(
                f"no pixel is labelled {', '.join(map(str, absent))}; vector scaling makes the "
                "probabilities of such classes nearly 0. Fit on images with all classes.",
                RuntimeWarning,
                stacklevel=3,  # the caller of fit_classes
            )
        slopes, offsets = best.chunk(2)
        return type(self)(slopes, offsets - offsets.mean())

    def transform(self, logits: Tensor) -> Tensor:
        """Compute `a_k z_k + b_k`; with a slope of 0, also of infinite logits."""
        largest, axes = torch.finfo(logits.dtype).max, (-1, *[1] * (logits.dim() - 2))
        slopes, offsets = (each.to(logits).view(axes) for each in (self.slopes, self.offsets))
        return slopes * logits.clamp(-largest, largest) + offsets

    def summary(self) -> str:
        """Return the ranges of slopes and offsets."""
        a, b = self.slopes, self.offsets
        return f"slopes {a.min():.3f} to {a.max():.3f}, offsets {b.min():+.3f} to {b.max():+.3f}"


def _damped_newton_step(gradient: Tensor, hessian: Tensor, damping: float) -> Tensor:
    """Solve for the step, with a multiple of the identity added to the scaled Hessian.

    The damping shortens steps that have failed, and a small one makes the Hessian regular.
    """
    # Classes differ in size by orders of magnitude, so that all are scaled to curvature 1, but for
    # those whose curvature nearly vanishes.
    scale = hessian.diagonal().clamp(min=0).sqrt().view(2, -1)
    scale = scale.maximum(1e-3 * scale.amax(1, keepdim=True)).flatten().clamp(min=1e-6)
    matrix = hessian / scale / scale[:, None] + damping * torch.eye(len(scale))
    return torch.linalg.solve(matrix, gradient / scale) / scale


def _sums(pixels: LabelledPixels, at: Tensor) -> tuple[float, Tensor, Tensor, Tensor]:
    """Compute the summed NLL, its gradient and Hessian, and the pixels of each class.

    The derivatives of `log sum exp(u) - u_y` by u are `p - [k = y]` and `diag(p) - p p^T`, and
    those of u by a and b are z and 1. With `M = [p z, p]`, the Hessian is a matrix with the
    diagonals of `p z^2`, `p z` and p in its blocks, minus `M M^T`.
    """
    size = len(at)
    nll, gradient = torch.zeros(()).double(), torch.zeros_like(at)
    hessian, labels = torch.zeros(size, size).double(), torch.zeros(size // 2).long()
    for z, y in pixels:
        slopes, offsets = at.to(z).view(2, -1, 1)
        log_p = (slopes * z + offsets).log_softmax(0)
        p, right = log_p.exp(), y[None]
        nll -= log_p.gather(0, right).sum().cpu()
        wrong = p.scatter_add(0, right, -torch.ones_like(p[:1]))
        gradient += torch.cat([(wrong * z).sum(1), wrong.sum(1)]).cpu()
        matrix = torch.cat([weighted := p * z, p])
        aa, ab, bb = (each.sum(1).diag() for each in (weighted * z, weighted, p))
        diagonals = torch.cat([torch.cat([aa, ab], 1), torch.cat([ab, bb], 1)])
        hessian += (diagonals - matrix @ matrix.T).cpu()
        labels += y.bincount(minlength=len(z)).cpu()
    return nll.item(), gradient, hessian, labels
