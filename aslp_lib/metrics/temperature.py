"""The temperature that minimises the NLL, and the NLL that remains.

Temperature scaling divides logits by one number, T (Guo et al., ICML 2017, section 4.2). A training
loop uses it to select an epoch, and `recalibration.Temperature` to recalibrate a network.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import pixels_to_fit

LOWEST, HIGHEST = 0.01, 100.0
"""Range of temperatures that is searched."""


def best_temperature(pixels: NDArray[np.float64], margins: NDArray[np.float64]) -> float:
    """Compute the temperature that minimises the NLL.

    Let `m = (2y - 1) z` be the margin of a pixel and `s = 1/T`. The NLL `mean log(1 + exp(-s m))`
    is convex in s, so that its derivative `-mean m / (1 + exp(s m))` increases with s; see
    `zero_of`.

    >>> margins = np.log([4.0, 4.0, 0.25])  # p = 0.8, correct twice and wrong once
    >>> round(best_temperature(np.ones(3), margins), 3)  # log 4 / T = log 2
    2.0

    Args:
        pixels: number of pixels of each margin, not all 0.
        margins: margins, of the same shape.
    """
    pixels, margins = pixels[pixels > 0], margins[pixels > 0]  # most grey levels are rare

    def slope(temperature: float) -> float:
        wrong = np.exp(-np.logaddexp(0, margins / temperature))
        return -float(pixels @ (margins * wrong))

    return zero_of(slope)


def zero_of(slope: Callable[[float], float]) -> float:
    """Find the temperature at which the derivative of the NLL by 1/T is 0.

    Brent's method finds it in [0.01, 100], with a relative precision of 1e-14. If there is none in
    this range, an end of the range is returned: 0.01 if all decisions are correct, since more
    confidence then always lowers the NLL (a set of one class can be such a case), and 100 if the
    logits do not predict the labels or contradict them.

    >>> round(zero_of(lambda temperature: 1 / temperature - 1 / 3), 3)
    3.0

    Args:
        slope: the derivative at a temperature, which decreases with it.
    """
    if slope(LOWEST) <= 0:
        return LOWEST
    if slope(HIGHEST) >= 0:
        return HIGHEST
    from scipy.optimize import brentq

    ends = math.log(LOWEST), math.log(HIGHEST)
    return math.exp(brentq(lambda log: slope(math.exp(log)), *ends, xtol=1e-14))


def pixel_margins(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the pooled pixels by label and level, and the margin of each.

    >>> pixels, margins = pixel_margins(Counts(np.array([[[4, 0, 1, 0], [0, 0, 3, 2]]])))
    >>> pixels[1], margins[1].round(2)  # foreground
    (array([0., 0., 3., 2.]), array([-1.61, -0.69,  0.69,  1.61]))

    Returns:
        Two arrays of shape (2, levels).

    Raises:
        ValueError: see `pixels_to_fit`.
    """
    pixels, (background, foreground) = pixels_to_fit(counts), counts.logits
    return pixels, np.stack([-background, foreground])


def scaled_nll(counts: Counts) -> float:
    """Compute the NLL, in nats per pixel, after temperature scaling with the best temperature.

    It scores what temperature scaling cannot repair. Early stopping by this score selects the epoch
    that is best once it is recalibrated, and not an epoch that merely has the right confidence.

    Source: Berta et al., "Rethinking Early Stopping: Refine, Then Calibrate", arXiv 2501.19195,
    2025, where the score is called TS-refinement.

    >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
    >>> print(f"{scaled_nll(counts):.4f}")  # at p = 2/3: -(2 log 2/3 + log 1/3) / 3
    0.6365

    Raises:
        ValueError: see `pixels_to_fit`.
    """
    pixels, margins = pixel_margins(counts)
    temperature = best_temperature(pixels, margins)
    return float((pixels * np.logaddexp(0, -margins / temperature)).sum() / pixels.sum())
