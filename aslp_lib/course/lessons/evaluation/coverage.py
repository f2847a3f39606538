"""How often intervals of a score contain the score of the population."""

from collections.abc import Callable

import numpy as np

from aslp_lib.metrics.bootstrap import Resamples, middle
from aslp_lib.metrics.calibration import ImageBins, image_bins
from aslp_lib.metrics.counts import Counts


def ece_of_each(sums: ImageBins) -> np.ndarray:
    """Compute the ECE of each image from its sums over bins, (images,)."""
    return np.abs(sums.confidence - sums.positive).sum(axis=1) / sums.pixels.sum(axis=1)


def coverage_study(
    population: Counts,
    score: Callable[[ImageBins], np.ndarray] = ece_of_each,
    images: int = 100,
    datasets: int = 100,
    resamples: int = 200,
    seed: int = 0,
) -> tuple[float, dict[str, np.ndarray]]:
    """Compute 95 % intervals of many data sets, resampling images and resampling pixels.

    Resampling pixels treats the pixels of an image as if they were independent.

    Args:
        population: counts of many images; each data set is drawn from them with replacement.
        score: function from sums over bins, (sets, bins), to a score of each set, (sets,). Sums are
            resampled much faster than counts of grey levels.
        images: number of images in a data set.
        datasets: number of data sets.
        resamples: number of bootstrap resamples of each data set.

    Returns:
        The population's score, which the intervals should contain, and resampled unit -> (data
        sets, 2) lower and upper ends.
    """
    grey = population.grey
    ends: dict[str, list] = {"pixels": [], "images": []}
    for number in range(datasets):
        # Each data set has its own generator: shares that differ in the last bit may consume
        # another number of random bits, which then changes this data set only.
        rng = np.random.default_rng([seed, number])
        sample = grey[rng.integers(0, len(population), images)]
        draws = Resamples(sample, resamples, seed=number).draws
        of_images = ImageBins(*(draws @ sums for sums in image_bins(sample)))
        ends["images"].append(middle(score(of_images)))
        # A pixel of f and label y has the same place in the bins as one of 1 - f and 1 - y.
        half = sample.grey_levels // 2
        cells = sample.pooled[:, half:] + sample.pooled[::-1, half - 1 :: -1]
        shares = cells.ravel() / sample.pixels
        histograms = np.zeros((resamples, 2, sample.grey_levels), dtype=np.int64)
        drawn = rng.multinomial(int(sample.pixels), shares, size=resamples)
        histograms[:, :, half:] = drawn.reshape(-1, 2, half)
        of_pixels = image_bins(Counts(histograms))
        ends["pixels"].append(middle(score(of_pixels)))
    truth = score(image_bins(population.as_one_image())).item()
    return truth, {kind: np.array(pairs) for kind, pairs in ends.items()}
