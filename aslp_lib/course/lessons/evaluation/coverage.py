"""How often intervals of the ECE contain the ECE of the population."""

import numpy as np

from aslp_lib.metrics.bootstrap import middle
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import top_label


def coverage_study(
    population: Counts, images: int = 100, datasets: int = 100, resamples: int = 200
) -> tuple[float, dict[str, np.ndarray]]:
    """Compute 95 % intervals of the ECE of many data sets, resampling pixels or images.

    Resampling pixels treats the pixels of an image as if they were independent.

    Args:
        population: counts of many images; each data set is drawn from them with replacement.
        images: number of images in a data set.
        datasets: number of data sets.
        resamples: number of bootstrap resamples of each data set.

    Returns:
        The population's ECE, which the intervals should contain, and resampled unit -> (data sets,
        2) lower and upper ends.
    """
    outcomes = top_label(population)  # pixels by image, outcome and confidence
    bins = np.ceil(10 * outcomes.confidence - 1e-9)[:, None] == np.arange(6, 11)
    error = np.concatenate([(outcomes.confidence - right)[:, None] * bins for right in (0, 1)])
    table = outcomes.table.reshape(len(population), -1).astype(float)

    def ece(sets: np.ndarray) -> np.ndarray:
        return np.abs(sets @ error).sum(axis=1) / sets.sum(axis=1)

    ends = []
    for number in range(datasets):
        # Each data set has its own generator: shares that differ in the last bit may consume
        # another number of random bits, which then changes this data set only.
        rng = np.random.default_rng([0, number])
        sample = table[rng.integers(0, len(table), images)]
        times = rng.multinomial(images, np.full(images, 1 / images), resamples)
        pixels = sample.sum(axis=0)
        of_pixels = rng.multinomial(int(pixels.sum()), pixels / pixels.sum(), resamples)
        ends.append([middle(ece(sets)) for sets in (of_pixels, times @ sample)])
    of_units = dict(zip(("pixels", "images"), np.swapaxes(ends, 0, 1), strict=True))
    return ece(table.sum(axis=0, keepdims=True)).item(), of_units
