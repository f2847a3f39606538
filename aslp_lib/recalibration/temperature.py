"""Temperature scaling, with one temperature or one per predicted class."""

import warnings
from typing import ClassVar, Self

import torch
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.temperature import (
    HIGHEST,
    LOWEST,
    best_temperature,
    pixel_margins,
    zero_of,
)
from aslp_lib.recalibration.classes import ClassRecalibration, LabelledPixels
from aslp_lib.recalibration.recalibration import (
    TEMPERATURES,
    CorruptedSets,
    Parameter,
    Recalibration,
)


class Temperature(ClassRecalibration):
    """Temperature scaling: `p' = sigmoid(z / T)`, or `p' = softmax(z / T)` with K channels.

    T > 1 lowers the confidence, T < 1 raises it, and T = 1 changes nothing.

    Source: Guo et al., ICML 2017, section 4.2.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
    >>> fitted = Temperature().fit(counts)  # at p = 0.8, two of three pixels are foreground
    >>> fitted.describe()
    'T = 2.000'
    >>> fitted(torch.tensor([0.8, 0.2]).logit()).sigmoid()
    tensor([0.6667, 0.3333])
    """

    name, label = "temperature_scaling", "temperature scaling"
    preserves_decisions = True
    ranges: ClassVar = {"value": TEMPERATURES}
    channels = None

    value: Tensor
    """Temperature T, a number."""

    def __init__(self, value: Parameter = 1.0) -> None:
        super().__init__(value=value)

    def minimise_classes(self, pixels: LabelledPixels) -> Self:
        """Find the temperature that minimises the NLL of K classes (`best_class_temperature`)."""
        return type(self)(warned(best_class_temperature(pixels)))

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Find the temperature that minimises the NLL (`best_temperature`).

        The logits of 8-bit maps are those of the grey levels, which are clipped at both ends
        (`grey_level_logits`). If a network has many logits beyond these ends, T is smaller than in
        a fit to its logits.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        return type(self)(warned(best_temperature(*pixel_margins(clean))))

    def transform(self, logits: Tensor) -> Tensor:
        """Compute `z / T`."""
        return logits / self.value.to(logits)

    def summary(self) -> str:
        """Return T, and whether it is an end of the range that was searched."""
        return f"T = {shown_temperature(self.value.item())}"


def warned(value: float, of: str = "") -> float:
    """Return a temperature, with a warning if it is an end of the range that is searched.

    Args:
        value: the temperature.
        of: phrase that names its pixels in the warning, such as " of predicted foreground".
    """
    reasons = {
        LOWEST: "all or nearly all decisions are correct",
        HIGHEST: "the logits do not predict the labels, or contradict them",
    }
    if value in reasons:
        warnings.warn(
            f"no temperature{of} from {LOWEST:g} to {HIGHEST:g} minimises the NLL, because "
            f"{reasons[value]}; {value:g} is used. Check the validation set.",
            RuntimeWarning,
            stacklevel=4,  # the caller of fit or fit_classes
        )
    return value


def best_class_temperature(pixels: LabelledPixels) -> float:
    """Compute the temperature that minimises the NLL of K classes, see `zero_of`.

    Let `m_k = z_k - z_y` be the margins of a pixel with label y, and `s = 1/T`. The NLL
    `mean log sum_k exp(s m_k)` is convex in s, and its derivative is `mean sum_k p_k m_k`. Two
    channels give the `best_temperature` of the logits `z_1 - z_0`.

    >>> logits = torch.tensor([[4.0, 1.0]] * 3).log()  # p = 0.8, correct twice and wrong once
    >>> pixels = LabelledPixels([(logits, torch.tensor([0, 0, 1]))])
    >>> round(best_class_temperature(pixels), 3)  # log 4 / T = log 2
    2.0
    """

    def slope(temperature: float) -> float:
        total = 0.0
        for z, y in pixels:
            margins = z - z.gather(0, y[None])
            total += ((margins / temperature).softmax(0) * margins).sum().item()
        return total

    return zero_of(slope)


def shown_temperature(value: float) -> str:
    """Format a temperature with three decimals, and state if it is an end of the search range.

    >>> shown_temperature(100.0)
    '100.000, an end of the range that is searched'
    """
    end = ", an end of the range that is searched" if value in (LOWEST, HIGHEST) else ""
    return f"{value:.3f}{end}"


class ClassWiseTemperature(Recalibration):
    """Temperature scaling by predicted class: `z' = z / T_1` if z > 0, and `z / T_0` otherwise.

    Most pixels of a dense map are background, and dominate the fit of a single temperature. With
    two temperatures, they do not affect the confidence of predicted foreground.

    Source: after Guo et al., ICML 2017, applied to each side of the decision.

    >>> ClassWiseTemperature(foreground=2.0, background=0.5)(torch.tensor([-3.0, 1.0]))
    tensor([-6.0000,  0.5000])

    At p = 0.8, two of three pixels are foreground; at p = 1/3, one of five:

    >>> import numpy as np
    >>> grey_levels, labels = [204] * 3 + [85] * 5, [1, 1, 0, 1, 0, 0, 0, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> ClassWiseTemperature().fit(counts).describe()  # log 4 / 2 = log 2, -log 2 / 0.5 = -log 4
    'T = 2.000 of predicted foreground, 0.500 of predicted background'
    """

    name, label = "class_wise_temperature", "class-wise temperature"
    preserves_decisions = True
    ranges: ClassVar = {"foreground": TEMPERATURES, "background": TEMPERATURES}

    foreground: Tensor
    """Temperature T_1 of positive logits."""
    background: Tensor
    """Temperature T_0 of negative logits."""

    def __init__(self, foreground: Parameter = 1.0, background: Parameter = 1.0) -> None:
        super().__init__(foreground=foreground, background=background)

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Find the `best_temperature` of each predicted class.

        The NLL is a sum over both classes, so that the two fits are independent. If all pixels are
        predicted as one class, its temperature is used for both, with a warning.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        pixels, margins = pixel_margins(clean)
        half = pixels.shape[1] // 2
        sides = {"foreground": slice(half, None), "background": slice(half)}
        temperatures = {}
        for side, part in sides.items():
            if pixels[:, part].any():
                of = f" of predicted {side}"
                temperatures[side] = warned(best_temperature(pixels[:, part], margins[:, part]), of)
        if len(temperatures) == 1:
            ((side, value),) = temperatures.items()
            warnings.warn(
                f"all pixels are predicted {side}; its temperature, {value:.3f}, is used for both "
                "classes. Check the validation set.",
                RuntimeWarning,
                stacklevel=3,  # the caller of fit
            )
            temperatures = dict.fromkeys(sides, value)
        return type(self)(**temperatures)

    def transform(self, logits: Tensor) -> Tensor:
        """Compute `z / T_1` for positive and `z / T_0` for other logits."""
        foreground, background = self.foreground.to(logits), self.background.to(logits)
        return torch.where(logits > 0, logits / foreground, logits / background)

    def summary(self) -> str:
        """Return both temperatures."""
        numbers = self.foreground.item(), self.background.item()
        foreground, background = map(shown_temperature, numbers)
        return f"T = {foreground} of predicted foreground, {background} of predicted background"


class CorruptionTemperature(Temperature):
    """Temperature scaling, `p' = sigmoid(z / T)`, fitted on clean and corrupted images.

    The corrupted images are the validation set under each of `CORRUPTIONS`. All pixels have the
    same weight. T is a compromise: it reduces overconfidence under distribution shift, but leaves
    the network underconfident on clean images.

    Source: after the perturbed validation set of Tomani et al., CVPR 2021.

    >>> import numpy as np
    >>> clean = Counts.from_map(np.uint8([[204] * 4]), np.uint8([[1, 1, 1, 0]]))
    >>> corrupted = Counts.from_map(np.uint8([[204] * 2]), np.uint8([[1, 0]]))
    >>> fitted = CorruptionTemperature().fit(clean, [corrupted])
    >>> fitted.describe()  # at p = 0.8, four of six pixels are foreground
    'T = 2.000'
    >>> fitted(torch.tensor([0.8]).logit()).sigmoid()
    tensor([0.6667])
    """

    name, label = "corruption_temperature", "temperature scaling on corrupted images"
    fits_corrupted = True
