"""What a comparison of two methods over seeds can show."""

import math
from collections.abc import Sequence

import numpy as np

from aslp_lib.experiments.seed_statistics import SIGNIFICANCE


def power(differences: Sequence[float], seeds: int) -> np.ndarray:
    """Compute how often the t-test of paired differences resolves a difference, (differences,).

    The differences of single seeds are normal. If their mean is d standard deviations, Student's t
    has the noncentral t distribution with the noncentrality d sqrt(n) (Cohen 1988, Statistical
    Power Analysis for the Behavioral Sciences, chapter 2).

    >>> [round(p, 2) for p in power([0, 0.5], seeds=20).tolist()]
    [0.05, 0.56]

    Args:
        differences: true mean differences, in standard deviations over seeds.
        seeds: number n of seeds, at least 2.
    """
    from scipy.special import nctdtr, stdtrit

    freedom, shift = seeds - 1, math.sqrt(seeds) * np.asarray(differences, float)
    critical = stdtrit(freedom, 1 - SIGNIFICANCE / 2)
    # The lower tail is the upper tail of the opposite difference, which SciPy computes more safely.
    return 2 - nctdtr(freedom, shift, critical) - nctdtr(freedom, -shift, critical)
