"""What holds of recalibrations, above all of a temperature, whatever the data."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import RECALIBRATIONS, Temperature

VALUES = st.floats(0.01, 100)
ON_COUNTS = [k for k, kind in RECALIBRATIONS.items() if kind.needs != "images"]


@st.composite
def counts(draw):
    """Draw the counts of 1 to 3 images with 4 to 64 grey levels and some pixels."""
    levels = 4 * draw(st.integers(1, 16))
    shape = (draw(st.integers(1, 3)), 2, levels)
    table = draw(arrays(np.int64, shape, elements=st.integers(0, 9)))
    assume(table.any())
    return Counts(table)


def logit_of(level, levels):
    p = min(max(level / (levels - 1), 0.5 / (levels - 1)), 1 - 0.5 / (levels - 1))
    return math.log(p / (1 - p))


@given(counts(), VALUES)
def test_counts_move_level_by_level(counts, value):
    """Each to the nearest of sigmoid(z / T), on its side of one half."""
    levels, half = counts.grey_levels, counts.grey_levels // 2
    oracle = np.zeros_like(counts.table)
    for v in range(levels):
        target = (levels - 1) / (1 + math.exp(-logit_of(v, levels) / value))
        assume(abs(target % 1 - 0.5) > 1e-9)  # no tie of rounding
        to = round(target)
        to = min(to, half - 1) if v < half else max(to, half)
        oracle[:, :, to] += counts.table[:, :, v]
    after = Temperature(value).apply_counts(counts)
    np.testing.assert_array_equal(after.table, oracle)
    assert calibration.accuracy(after) == calibration.accuracy(counts)


@st.composite
def hard_to_fit(draw):
    """Counts on which a fit can do harm: saturated and nearly correct, uniform, of one grey level,
    of one class, or labels that contradict the maps."""
    levels, images = draw(st.sampled_from([4, 256, 4096])), draw(st.integers(1, 2))
    table = np.zeros((images, 2, levels), np.int64)
    some = st.integers(0, 9)
    for image in table:
        match draw(st.sampled_from(["saturated", "uniform", "level", "class", "contradiction"])):
            case "saturated":
                image[[0, 1], [0, -1]] = draw(st.integers(1, 2000)), draw(st.integers(0, 2000))
                image[[1, 0], [0, -1]] = draw(some), draw(some)
            case "uniform":
                image[:, :: max(levels // 64, 1)] = draw(st.integers(1, 3))
            case "level":
                image[:, draw(st.integers(0, levels - 1))] = draw(st.integers(1, 9)), draw(some)
            case "class":
                at = draw(st.lists(st.integers(0, levels - 1), min_size=1, max_size=5))
                image[draw(st.integers(0, 1)), at] = draw(st.integers(1, 99))
            case "contradiction":
                image[1, : levels // 2 : max(levels // 64, 1)] = draw(st.integers(1, 9))
                image[0, levels // 2 :: max(levels // 64, 1)] = draw(st.integers(1, 9))
    return Counts(table)


def nll_of_pixels(apply, counts) -> float:
    """NLL of the images' pixels one by one, summed."""
    total = 0.0
    for image in counts.table:
        z = torch.from_numpy(np.repeat(grey_level_logits(counts.grey_levels), image.sum(axis=0)))
        y = np.repeat(np.tile([0, 1], counts.grey_levels), image.T.ravel())
        total += np.logaddexp(0, (1 - 2 * y) * apply(z[None]).numpy()[0]).sum()
    return total


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # that no temperature is the best
@pytest.mark.parametrize("name", ON_COUNTS)
@given(st.lists(hard_to_fit(), min_size=1, max_size=2))
def test_no_fit_raises_the_nll_of_its_own_data(name, sets):
    """Neither before nor after logits are rounded to grey levels. Images may differ in size."""
    kind = RECALIBRATIONS[name]
    if not kind.fits_corrupted:
        del sets[1:]
    assume(len({each.grey_levels for each in sets}) == 1)
    fit = kind().fit(sets[0], sets[1:])
    totals = np.zeros(3)
    for number, each in enumerate(sets):
        # An image-wise fit gives clean pixels ten times the weight of corrupted ones.
        weight = getattr(kind, "clean_weight", 1.0) if number == 0 else 1.0
        rounded = calibration.nll(fit.apply_counts(each)) * each.pixels
        before, changed = (nll_of_pixels(apply, each) for apply in (lambda z: z, fit))
        totals += weight * np.array([before, changed, rounded])
    before, changed, rounded = totals
    assert changed <= before * (1 + 1e-9)
    assert rounded <= before * (1 + 1e-9)
