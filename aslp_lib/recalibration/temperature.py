"""Temperature scaling, with one temperature or one per predicted class."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aslp_lib.checks import require
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit
from aslp_lib.recalibration.base import Recalibration, as_floats
from aslp_lib.recalibration.calibration_data import CalibrationData, Images

LOWEST, HIGHEST = 0.01, 100.0
"""Range of temperatures that is searched."""
HALVINGS = 50
"""Number of bisections of the range on a logarithmic scale, for a relative precision of 1e-14."""


@dataclass(frozen=True)
class Temperature(Recalibration):
    """Temperature scaling: `p' = sigmoid(z / T)`.

    T > 1 lowers the confidence, T < 1 raises it, and T = 1 changes nothing.

    Source: Guo et al., ICML 2017, section 4.2.

    >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
    >>> fitted = Temperature().fit(counts)  # at p = 0.8, two of three pixels are foreground
    >>> fitted.describe()
    'T = 2.000'
    >>> fitted.apply(torch.tensor([0.8, 0.2]).logit()).sigmoid()
    tensor([0.6667, 0.3333])
    """

    name = "temperature_scaling"
    label = "temperature scaling"
    preserves_decisions = True

    value: float = 1.0
    """Temperature T."""

    def __post_init__(self) -> None:
        check_temperature(self.value)

    def minimise(self, counts: Counts) -> Self:
        """Find the temperature that minimises the NLL (`best_temperature`).

        The logits are those of the grey levels, which are clipped at both ends
        (`grey_level_logits`). If a network has many logits beyond these ends, T is slightly smaller
        than in a fit to exact logits.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        pixels, logits = pixels_to_fit(counts), grey_level_logits(counts.grey_levels)
        margins = np.concatenate([-logits, logits])
        return type(self)(best_temperature(pixels.ravel(), margins))

    def apply(self, logits: Tensor) -> Tensor:
        """Compute `z / T`."""
        return as_floats(logits) / self.value

    def describe(self) -> str:
        """Return T, and whether it is an end of the range that was searched."""
        return f"T = {shown_temperature(self.value)}"


def best_temperature(
    pixels: NDArray[np.float64], margins: NDArray[np.float64], of: str = ""
) -> float:
    """Compute the temperature that minimises the NLL.

    Let `m = (2y - 1) z` be the margin of a pixel and `s = 1/T`. The NLL `mean log(1 + exp(-s m))`
    is convex in s, so that its derivative `-mean m / (1 + exp(s m))` increases with s. The zero of
    the derivative is found by bisection of [0.01, 100] on a logarithmic scale, with a relative
    precision of 1e-14.

    If the derivative has no zero in this range, an end of the range is returned, with a warning:
    0.01 if all decisions are correct, since more confidence then always lowers the NLL (a set of
    one class can be such a case), and 100 if the logits do not predict the labels or contradict
    them.

    >>> margins = np.log([4.0, 4.0, 0.25])  # p = 0.8, correct twice and wrong once
    >>> round(best_temperature(np.ones(3), margins), 3)  # log 4 / T = log 2
    2.0

    Args:
        pixels: number of pixels of each margin, not all 0.
        margins: margins, of the same shape.
        of: phrase that names these pixels in the warning, such as " of predicted foreground".
    """

    def slope(temperature: float) -> float:
        wrong = np.exp(-np.logaddexp(0, margins / temperature))
        return -float(pixels @ (margins * wrong))

    if slope(LOWEST) <= 0:
        return _end(LOWEST, of, "all or nearly all decisions are correct")
    if slope(HIGHEST) >= 0:
        return _end(HIGHEST, of, "the logits do not predict the labels, or contradict them")
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if slope(math.exp(middle)) > 0:  # s is too large, T too small
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _end(end: float, of: str, reason: str) -> float:
    warnings.warn(
        f"no temperature{of} from {LOWEST:g} to {HIGHEST:g} minimises the NLL, because {reason}; "
        f"{end:g} is used. Check the validation set.",
        RuntimeWarning,
        stacklevel=5,  # the caller of fit
    )
    return end


def check_temperature(value: float) -> None:
    """Check a temperature.

    >>> check_temperature(2.5)

    Raises:
        ValueError: if it is not a positive normal number in float32, in which logits are divided.
    """
    single = torch.finfo(torch.float32)
    valid = isinstance(value, (int, float)) and single.tiny <= value <= single.max
    require("the temperature", value, valid, "a positive number in the range of float32")


def shown_temperature(value: float) -> str:
    """Format a temperature with three decimals, and state if it is an end of the search range.

    >>> shown_temperature(100.0)
    '100.000, an end of the range that is searched'
    """
    end = ", an end of the range that is searched" if value in (LOWEST, HIGHEST) else ""
    return f"{value:.3f}{end}"


@dataclass(frozen=True)
class ClassWiseTemperature(Recalibration):
    """Temperature scaling by predicted class: `z' = z / T_1` if z > 0, and `z / T_0` otherwise.

    Most pixels of a dense map are background, and dominate the fit of a single temperature. With
    two temperatures, they do not affect the confidence of predicted foreground.

    Source: after Guo et al., ICML 2017, applied to each side of the decision.

    >>> ClassWiseTemperature(foreground=2.0, background=0.5).apply(torch.tensor([-3.0, 1.0]))
    tensor([-6.0000,  0.5000])

    At p = 0.8, two of three pixels are foreground; at p = 1/3, one of five:

    >>> grey_levels, labels = [204] * 3 + [85] * 5, [1, 1, 0, 1, 0, 0, 0, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> ClassWiseTemperature().fit(counts).describe()  # log 4 / 2 = log 2, -log 2 / 0.5 = -log 4
    'T = 2.000 of predicted foreground, 0.500 of predicted background'
    """

    name = "class_wise_temperature"
    label = "class-wise temperature"
    preserves_decisions = True

    foreground: float = 1.0
    """Temperature T_1 of positive logits."""
    background: float = 1.0
    """Temperature T_0 of negative logits."""

    def __post_init__(self) -> None:
        check_temperature(self.foreground)
        check_temperature(self.background)

    def minimise(self, counts: Counts) -> Self:
        """Find the `best_temperature` of each predicted class.

        The NLL is a sum over both classes, so that the two fits are independent. If all pixels are
        predicted as one class, its temperature is used for both, with a warning.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        pixels, logits = pixels_to_fit(counts), grey_level_logits(counts.grey_levels)
        margins, half = np.stack([-logits, logits]), counts.grey_levels // 2
        temperatures: dict[str, float] = {}
        for side, part in (("foreground", slice(half, None)), ("background", slice(half))):
            side_pixels = pixels[:, part].ravel()
            if side_pixels.any():
                of = f" of predicted {side}"
                temperatures[side] = best_temperature(side_pixels, margins[:, part].ravel(), of)
        if len(temperatures) == 1:
            ((side, value),) = temperatures.items()
            warnings.warn(
                f"all pixels are predicted {side}; its temperature, {value:.3f}, is used for both "
                "classes. Check the validation set.",
                RuntimeWarning,
                stacklevel=3,  # the caller of fit
            )
            return type(self)(value, value)
        return type(self)(**temperatures)

    def apply(self, logits: Tensor) -> Tensor:
        """Compute `z / T_1` for positive and `z / T_0` for other logits."""
        logits = as_floats(logits)
        return torch.where(logits > 0, logits / self.foreground, logits / self.background)

    def describe(self) -> str:
        """Return both temperatures."""
        foreground, background = map(shown_temperature, (self.foreground, self.background))
        return f"T = {foreground} of predicted foreground, {background} of predicted background"


@dataclass(frozen=True)
class CorruptionTemperature(Temperature):
    """Temperature scaling, `p' = sigmoid(z / T)`, fitted on clean and corrupted images.

    The corrupted images are the validation set under each of `CORRUPTIONS`. All pixels have the
    same weight. T is a compromise: it reduces overconfidence under distribution shift, but leaves
    the network underconfident on clean images.

    Source: after the perturbed validation set of Tomani et al., CVPR 2021.

    >>> clean = Counts.from_map(np.uint8([[204] * 4]), np.uint8([[1, 1, 1, 0]]))
    >>> corrupted = Counts.from_map(np.uint8([[204] * 2]), np.uint8([[1, 0]]))
    >>> fitted = CorruptionTemperature().fit(clean, [corrupted])
    >>> fitted.describe()  # at p = 0.8, four of six pixels are foreground
    'T = 2.000'
    >>> fitted.apply(torch.tensor([0.8]).logit()).sigmoid()
    tensor([0.6667])
    """

    name = "corruption_temperature"
    label = "temperature scaling on corrupted images"
    fits_corrupted = True

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Fit T on the validation set, clean and under each of `CORRUPTIONS`."""
        return self.fit(trained.counts, trained.corrupted)

    def fit(self, counts: Counts, corrupted: Iterable[Counts | Images] = ()) -> Self:
        """Fit T as `Temperature.fit` does, on the pixels of clean and corrupted images.

        Args:
            counts: counts of clean images.
            corrupted: counts of corrupted images, one entry for each corruption.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        pixels = sum((images.pooled for images in corrupted), pixels_to_fit(counts))
        return super().fit(Counts(pixels[None]))
