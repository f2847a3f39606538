"""A temperature for predicted foreground and another for predicted background."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.base import Recalibration, level_logits, pixels_to_fit
from aslp_lib.recalibration.temperature import (
    best_temperature,
    check_temperature,
    shown_temperature,
)


@dataclass(frozen=True)
class TwoTemperatures(Recalibration):
    """Divides positive logits by one temperature and negative ones by another: `temperature`
    (Guo et al., ICML 2017) on either side of the decision.

    Most pixels of a dense map are background, which so does not decide how sure of the object a
    network is.

    >>> import torch
    >>> TwoTemperatures(foreground=2.0, background=0.5).apply(torch.tensor([-3.0, 1.0]))
    tensor([-6.0000,  0.5000])
    """

    name = "two_temperatures"
    label = "two temperatures"
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
        pixels, logits = pixels_to_fit(counts), level_logits(counts.grey_levels)
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
