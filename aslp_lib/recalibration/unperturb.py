"""The inverse of what training on perturbed labels does to probabilities.

A network that is trained with the dose `d = alpha*beta` approaches `f = (1 - d) pi + d/2` for a
pixel with posterior pi (`aslp.theory.minimiser`). This is affine in pi, so `(f - d/2) / (1 - d)`
recovers it. A temperature acts on the logit and cannot. With K classes, d/K takes the place of d/2.
"""

import math
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.temperature import HIGHEST, LOWEST, best_temperature, pixel_margins
from aslp_lib.recalibration.classes import ClassRecalibration
from aslp_lib.recalibration.recalibration import (
    DOSES,
    TEMPERATURES,
    CorruptedSets,
    Parameter,
    Recalibration,
    at_least_float32,
    log_sigmoid,
    logit_of_excess,
)
from aslp_lib.recalibration.temperature import shown_temperature

LARGEST_DOSE = 0.9
"""Largest dose that is fitted."""
LARGEST_CLIP = 1e-4
"""Largest distance e from 0 and 1 at which probabilities are clipped; it is d/4 for small doses."""


def clip_of(dose: float) -> float:
    """Return the distance e from 0 and 1 at which undone probabilities are clipped.

    Predictions below d/2 or above 1 - d/2, which no posterior explains, become e and 1 - e.

    >>> clip_of(0.2), clip_of(0.0002)
    (0.0001, 5e-05)
    """
    return min(LARGEST_CLIP, dose / 4)


def undone_logits(logits: Tensor, dose: Tensor | float) -> Tensor:
    """Undo a perturbation: the logits of `p = (f - d/2) / (1 - d)` with `f = sigmoid(z)`.

    p is clipped to [e, 1 - e] with e = min(1e-4, d/4). The sign of each logit remains.

    >>> undone_logits(torch.tensor([0.74, 0.5, 0.1]).logit(), dose=0.2).sigmoid()
    tensor([8.0000e-01, 5.0000e-01, 1.0000e-04])

    Args:
        logits: logits of any shape.
        dose: d = alpha*beta, in [0, 1).

    Returns:
        Logits of the same shape, in single precision or better.
    """
    z = at_least_float32(logits)
    d = dose if isinstance(dose, Tensor) else torch.tensor(dose, dtype=torch.float64)
    clip = (d / 4).clamp(max=LARGEST_CLIP)
    numbers = d / 2, 1 - d, clip * (1 - d), (1 - clip) * (1 - d)
    half, kept, least, most = (number.to(z) for number in numbers)
    least = least.clamp(min=torch.finfo(z.dtype).tiny)  # the logarithm of 0 is infinite
    positive, negative = (log_sigmoid(side).exp() - half for side in (z, -z))
    odds = positive.clamp(least, most).log() - negative.clamp(least, most).log()
    undone = logit_of_excess(torch.tanh(z / 2) / kept, odds)  # 2 p - 1 = (2 f - 1) / (1 - d)
    return torch.where((d == 0).to(z.device), z, undone)  # torch.export could not branch


def undone_classes(logits: Tensor, dose: Tensor | float) -> Tensor:
    """Undo a perturbation of K classes: `log p` with `p = (f - d/K) / (1 - d)`, `f = softmax(z)`.

    Entries below e = min(1e-4, d/(2K)) become e, and the others are divided by a number so that all
    add up to 1. The largest entry remains the largest.

    >>> undone_classes(torch.tensor([[0.62, 0.34, 0.04]]).log(), dose=0.3).exp()
    tensor([[6.8414e-01, 3.1576e-01, 1.0000e-04]])

    Args:
        logits: logits (N, K, ...).
        dose: d = alpha*beta, in [0, 1). With 0, the logits themselves are returned.

    Returns:
        Log-probabilities of the same shape, in single precision or better.
    """
    z, k = at_least_float32(logits), logits.shape[1]
    d = dose if isinstance(dose, Tensor) else torch.tensor(dose, dtype=torch.float64)
    unchanged = d == 0
    d = torch.where(unchanged, 0.5, d)  # without infinite gradients
    # In logarithms, because both f and d may underflow: f - d/K = f (1 - exp(-x)).
    share, kept = d.log() - math.log(k), torch.log1p(-d)
    clip = (share - math.log(2)).clamp(max=math.log(LARGEST_CLIP))
    least = torch.log1p((clip + kept - share).exp())  # x where p = e
    share, kept, clip, least = (number.to(z) for number in (share, kept, clip, least))
    largest = torch.finfo(z.dtype).max
    log_f = z.clamp(-largest, largest).log_softmax(1)
    x = log_f - share
    clipped = x <= least
    log_p = log_f + (-torch.expm1(-x.clamp(min=least))).log() - kept
    total = log_p.masked_fill(clipped, -torch.inf).logsumexp(1, keepdim=True)
    left = torch.log1p(-clipped.sum(1, keepdim=True) * clip.exp())
    undone = torch.where(clipped, clip, log_p - total + left)
    return torch.where(unchanged.to(z.device), z, undone)


class Unperturb(ClassRecalibration):
    """Undone perturbation: `p' = (p - d/2) / (1 - d)` with the known dose `d = alpha*beta`.

    Nothing is fitted. The dose of constant alpha, label smoothing and DisturbLabel follows from the
    settings. ASLP has another dose for each training image, and that of a new image is not known;
    the mean takes its place. p' is clipped to [e, 1 - e] with e = min(1e-4, d/4).

    With K classes, `p' = (p - d/K) / (1 - d)` of every class, entries below e = min(1e-4, d/(2K))
    become e, and the others are rescaled to add up to 1 (`undone_classes`).

    Source: backward correction of label noise with a known rate, Natarajan et al., NIPS 2013, and
    Patrini et al., CVPR 2017.

    >>> Unperturb(0.2)(torch.tensor([0.74, 0.26]).logit()).sigmoid()  # (0.74 - 0.1) / 0.8
    tensor([0.8000, 0.2000])
    >>> logits = torch.tensor([[0.74, 0.16, 0.1]]).log()
    >>> Unperturb(0.2, classes=3)(logits).softmax(1)  # (0.74 - 0.2 / 3) / 0.8
    tensor([[0.8417, 0.1167, 0.0417]])

    Args:
        dose, deviation: see the attributes.
        classes: number K of channels; 1 for two classes with one logit.
    """

    name, label = "unperturb", "undone"
    preserves_decisions = True
    needs_dose = True
    ranges: ClassVar = {"dose": DOSES}

    dose: Tensor
    """Dose d, the mean over the training images."""
    deviation: Tensor
    """Standard deviation of the doses of the training images."""

    def __init__(self, dose: Parameter = 0.0, deviation: Parameter = 0.0, classes: int = 1) -> None:
        super().__init__(dose=dose, deviation=deviation)
        require("classes", classes, classes >= 1, "the number of channels, 1 or more")
        self.channels = classes

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Return the method itself, since nothing is fitted."""
        return self

    def transform(self, logits: Tensor) -> Tensor:
        """Compute the logits of `(p - d/2) / (1 - d)`, or of `(p - d/K) / (1 - d)`."""
        undone = undone_logits if self.channels == 1 else undone_classes
        return undone(logits, self.dose)

    def remark(self, counts: AnyCounts) -> str:
        """Return the share of pixels that are clipped, of two classes."""
        return clipped_share(counts, self.dose.item()) if isinstance(counts, Counts) else ""

    def summary(self) -> str:
        """Return the dose, and that it is a mean where doses differ."""
        dose = f"d = {self.dose:.3f}, not fitted"
        if self.deviation == 0:
            return dose
        spread = f"whose standard deviation is {self.deviation:.3f}"
        return f"{dose}: the mean of the training images, {spread}"


class UnperturbTemperature(Recalibration):
    """Undone perturbation and temperature scaling: `p' = (p - d/2) / (1 - d)`, then `z' / T`.

    Both the dose d, in [0, 0.9], and T are fitted. With d = 0 it is temperature scaling. It is the
    fair recalibration where networks with and without perturbed labels are compared.

    Source: extension of this project.

    >>> UnperturbTemperature(0.2, 1.0)(torch.tensor([0.74, 0.26]).logit()).sigmoid()
    tensor([0.8000, 0.2000])
    """

    name, label = "unperturb_temperature", "undone, temperature scaling"
    preserves_decisions = True
    ranges: ClassVar = {"dose": DOSES, "value": TEMPERATURES}

    dose: Tensor
    """Dose d, a number."""
    value: Tensor
    """Temperature T, a number."""

    def __init__(self, dose: Parameter = 0.0, value: Parameter = 1.0) -> None:
        super().__init__(dose=dose, value=value)

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Find the dose and the temperature that minimise the NLL (`best_dose`).

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        dose, temperature, _ = best_dose(*pixel_margins(clean))
        return type(self)(dose, temperature)

    def transform(self, logits: Tensor) -> Tensor:
        """Compute the logits of `(p - d/2) / (1 - d)`, divided by T."""
        return undone_logits(logits, self.dose) / self.value.to(logits)

    def remark(self, counts: AnyCounts) -> str:
        """Return the share of pixels that are clipped."""
        return clipped_share(counts, self.dose.item()) if isinstance(counts, Counts) else ""

    def summary(self) -> str:
        """Return d and T."""
        return f"d = {self.dose:.3f}, T = {shown_temperature(self.value.item())}"


def clipped_share(counts: Counts, dose: float) -> str:
    """Describe how many pixels have predictions that no posterior explains, and are clipped.

    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 51]]), np.uint8([[1, 1, 0, 0]]))
    >>> clipped_share(counts, dose=0.2)  # 1 is above 1 - d/2 = 0.9
    ', 25.0 % of the pixels clipped'
    """
    limit = (1 - dose) * (1 - 2 * clip_of(dose)) if dose else np.inf
    clipped = counts.pooled[np.abs(np.tanh(counts.logits / 2)) > limit].sum()
    return f", {100 * clipped / counts.pixels:.1f} % of the pixels clipped"


def best_dose(
    pixels: NDArray[np.float64], margins: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Compute the dose d and the temperature T that minimise the NLL together, and this NLL.

    At d = 0, T is `best_temperature`. For d in (0, 0.9], L-BFGS starts at five doses, because the
    NLL is not convex in d; the smallest of the minima is returned.

    >>> margins = np.log([9.0, 9.0, 9.0, 9.0, 1 / 9])  # f = 0.9 or 0.1, one of five wrong
    >>> dose, temperature, nll = best_dose(np.ones(5), margins)
    >>> dose, round(temperature, 3)  # log 9 / T = log 4: one value of |z| needs no dose
    (0.0, 1.585)

    Args:
        pixels: number of pixels of each margin, not all 0.
        margins: margins `(2y - 1) z`, of the same shape.
    """
    from scipy.optimize import minimize

    filled = pixels > 0
    share, margin = pixels[filled] / pixels.sum(), margins[filled]
    half = np.tanh(margin / 2)

    def undone(dose: float) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return `2 p' - 1` of each margin, and where it is not clipped."""
        limit = 1 - 2 * clip_of(dose)
        excess = half / (1 - dose)
        return excess.clip(-limit, limit), np.abs(excess) < limit

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        dose, inverse = parameters[0], np.exp(-parameters[1])
        excess, inside = undone(dose)
        scaled = inverse * (np.log1p(excess) - np.log1p(-excess))
        slope = -share * np.exp(-np.logaddexp(0, scaled))  # d NLL / d scaled
        by_excess = 2 * inverse / (1 - excess**2)
        by_dose = np.where(inside, excess / (1 - dose), 0.0)
        if dose < 4 * LARGEST_CLIP:
            by_dose = np.where(inside, by_dose, -np.sign(excess) / 2)
        gradient = [slope @ (by_excess * by_dose), -slope @ scaled]
        return float(share @ np.logaddexp(0, -scaled)), np.array(gradient)

    temperature = best_temperature(share, margin)
    best = 0.0, temperature, float(share @ np.logaddexp(0, -margin / temperature))
    bounds = [(1e-6, LARGEST_DOSE), tuple(np.log([LOWEST, HIGHEST]))]
    for start in (0.001, 0.01, 0.1, 0.4, 0.8):
        excess, _ = undone(start)
        first = np.array([start, np.log(best_temperature(share, 2 * np.arctanh(excess)))])
        options = {"ftol": 1e-13, "gtol": 1e-8}
        result = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        if result.fun < best[2] - 1e-6:
            best = float(result.x[0]), float(np.exp(result.x[1])), float(result.fun)
    return best
