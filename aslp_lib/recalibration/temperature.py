"""Temperature scaling: of all pixels, by predicted class, and fitted on corrupted images too."""

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

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit
from aslp_lib.recalibration.base import Recalibration
from aslp_lib.recalibration.calibration_data import CalibrationData, Images

LOWEST, HIGHEST = 0.01, 100.0
"""The temperatures among which the best is sought."""
HALVINGS = 50
"""Of the range's logarithm: they leave 1e-14 of T."""


@dataclass(frozen=True)
class Temperature(Recalibration):
    """Divides every logit by one number T: `sigmoid(z / T)` (Guo et al., ICML 2017).

    T > 1 makes a network more modest, T < 1 surer; 1 changes nothing.

    >>> import torch
    >>> Temperature(2.0).apply(torch.tensor([-3.0, 1.0]))
    tensor([-1.5000,  0.5000])
    """

    name = "temperature_scaling"
    label = "temperature scaling"
    preserves_decisions = True

    value: float = 1.0
    """T."""

    def __post_init__(self) -> None:
        check_temperature(self.value)

    def minimise(self, counts: Counts) -> Self:
        """Find the temperature of least negative log-likelihood.

        The margins are those of the counts' grey levels, whose ends are clipped
        (`grey_level_logits`). For a network with logits far beyond the ends, T is a little smaller
        than if it were fitted to the logits themselves.

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        logits = grey_level_logits(counts.grey_levels)
        margins = np.concatenate([-logits, logits])
        return type(self)(best_temperature(pixels_to_fit(counts).ravel(), margins))

    def apply(self, logits: Tensor) -> Tensor:
        """`logits / T`."""
        return logits / self.value

    def describe(self) -> str:
        return f"T = {shown_temperature(self.value)}"


def best_temperature(
    pixels: NDArray[np.float64], margins: NDArray[np.float64], of: str = ""
) -> float:
    """The temperature of least negative log-likelihood.

    With a pixel's margin `m = (2y - 1) z` and `s = 1/T`, the NLL `mean log(1 + exp(-s m))` is
    convex in s: its slope `-mean m / (1 + exp(s m))` rises, and where it is 0 is found by halving
    [0.01, 100] on a logarithmic scale, to 1e-14 of T.

    If the slope is not 0 anywhere in the range, its end is taken with a warning: the lower end
    where every decision is right (so that ever surer is ever better; a set of one class can be so),
    the upper end where the logits say nothing of the labels, or the contrary.

    Args:
        pixels: how many of each margin; some.
        of: which pixels these are, for the warning.
    """

    def slope(temperature: float) -> float:
        wrong = np.exp(-np.logaddexp(0, margins / temperature))
        return -float(pixels @ (margins * wrong))

    if slope(LOWEST) <= 0:
        return _end(LOWEST, of, "every decision is right, or nearly: ever surer is better")
    if slope(HIGHEST) >= 0:
        return _end(HIGHEST, of, "the logits say nothing of the labels, or the contrary")
    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if slope(math.exp(middle)) > 0:  # s is too large, T too small
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _end(end: float, of: str, why: str) -> float:
    warnings.warn(
        f"no temperature{of} from {LOWEST:g} to {HIGHEST:g} fits best, {end:g} is taken: {why}",
        RuntimeWarning,
        stacklevel=5,  # what called fit
    )
    return end


def check_temperature(value: float) -> None:
    """Raise ValueError unless it is a positive number that single precision holds: beyond, a logit
    over T is 0, or 0 / 0."""
    single = torch.finfo(torch.float32)
    if not (isinstance(value, (int, float)) and single.tiny <= value <= single.max):
        raise ValueError(
            f"the temperature is {value!r}, but must be a positive number that single precision "
            "holds"
        )


def shown_temperature(value: float) -> str:
    """With three digits, and whether it is an end of the range."""
    end = ", an end of the range that is searched" if value in (LOWEST, HIGHEST) else ""
    return f"{value:.3f}{end}"


@dataclass(frozen=True)
class ClassWiseTemperature(Recalibration):
    """Divides positive logits by one temperature and negative ones by another: `temperature`
    (Guo et al., ICML 2017) on either side of the decision.

    Most pixels of a dense map are background, which so does not decide how sure of the object a
    network is.

    >>> import torch
    >>> ClassWiseTemperature(foreground=2.0, background=0.5).apply(torch.tensor([-3.0, 1.0]))
    tensor([-6.0000,  0.5000])
    """

    name = "class_wise_temperature"
    label = "class-wise temperature"
    preserves_decisions = True

    foreground: float = 1.0
    """T of positive logits."""
    background: float = 1.0
    """T of negative logits."""

    def __post_init__(self) -> None:
        check_temperature(self.foreground)
        check_temperature(self.background)

    def minimise(self, counts: Counts) -> Self:
        """Find each side's `best_temperature`.

        The NLL is a sum over both sides, convex in either's 1/T.

        Where nothing is predicted foreground (or background), the one side's temperature is taken
        for both, with a warning.

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        pixels, logits = pixels_to_fit(counts), grey_level_logits(counts.grey_levels)
        margins, half = np.stack([-logits, logits]), counts.grey_levels // 2
        found: dict[str, float] = {}
        for side, part in (("foreground", slice(half, None)), ("background", slice(half))):
            own = pixels[:, part].ravel()
            if own.any():
                of = f" of predicted {side}"
                found[side] = best_temperature(own, margins[:, part].ravel(), of)
        if len(found) == 1:
            ((side, value),) = found.items()
            warnings.warn(
                f"all is predicted {side}: its temperature, {value:.3f}, is taken for both sides",
                RuntimeWarning,
                stacklevel=3,  # what called fit
            )
            return type(self)(value, value)
        return type(self)(**found)

    def apply(self, logits: Tensor) -> Tensor:
        """`logits / T` of each one's side."""
        return torch.where(logits > 0, logits / self.foreground, logits / self.background)

    def describe(self) -> str:
        foreground, background = map(shown_temperature, (self.foreground, self.background))
        return f"T = {foreground} of predicted foreground, {background} of predicted background"


@dataclass(frozen=True)
class CorruptionTemperature(Temperature):
    """`Temperature`, fitted on the validation set and on it under each of `CORRUPTIONS`, every
    pixel alike: after the perturbed validation set of Tomani et al. (CVPR 2021).

    One number between what clean and what corrupted images ask for: modest under shift, and too
    modest without.
    """

    name = "corruption_temperature"
    label = "temperature scaling on corrupted images"
    fits_corrupted = True

    def fit_on_images(self, trained: CalibrationData) -> Self:
        return self.fit(trained.counts, trained.corrupted)

    def fit(self, counts: Counts, corrupted: Iterable[Counts | Images] = ()) -> Self:
        """Fit as `Temperature.fit`, on the pixels of clean images and of corrupted ones."""
        pixels = sum((each.pooled for each in corrupted), pixels_to_fit(counts))
        return super().fit(Counts(pixels[None]))
