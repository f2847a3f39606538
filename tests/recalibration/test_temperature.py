"""Temperature scaling: one temperature, one on either side of the decision, and one that is fitted
on corrupted images too; against scipy's minimum of the NLL.

tests/metrics/test_float_levels.py has the exact temperature of logits in floating point.
"""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import ClassWiseTemperature, CorruptionTemperature, Temperature


def astuple(fitted):
    return tuple(fitted.state_dict().values())


def drawn_counts(posterior, most=400):
    """Pixels at each of the grey levels, with labels drawn from a posterior."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, most, len(posterior))
    foreground = rng.binomial(pixels, posterior)
    return Counts(np.stack([pixels - foreground, foreground])[None])


def at_levels(background, foreground):
    """Counts of an image with so many pixels of either label at grey levels of 4096."""
    table = np.zeros((1, 2, 4096), np.int64)
    for label, pixels in enumerate((background, foreground)):
        table[0, label, list(pixels)] = list(pixels.values())
    return Counts(table)


@pytest.mark.parametrize(
    ("kind", "truth"),
    [
        (Temperature, (0.3,)),
        (Temperature, (1.8,)),
        (ClassWiseTemperature, (1.8, 0.6)),
        (ClassWiseTemperature, (0.5, 2.0)),
    ],
)
def test_it_is_scipy_s_and_what_labels_were_drawn_with(kind, truth):
    z = grey_level_logits(256)
    posterior = expit(z / np.where(z > 0, truth[0], truth[-1]))
    counts = drawn_counts(posterior)

    def nll(logs):
        temperatures = np.exp(logs)
        scaled = z / np.where(z > 0, temperatures[0], temperatures[-1])
        return (counts.pooled * np.logaddexp(0, [scaled, -scaled])).sum() / counts.pixels

    start, options = np.zeros(len(truth)), {"xatol": 1e-8, "fatol": 1e-14}
    expected = np.exp(minimize(nll, start, method="Nelder-Mead", options=options).x)
    fitted = astuple(kind().fit(counts))
    assert fitted == pytest.approx(expected, rel=1e-6)
    assert fitted == pytest.approx(truth, rel=0.1)
    of_posterior = kind().fit(Counts(np.stack([1 - posterior, posterior])[None]))
    assert astuple(of_posterior) == pytest.approx(truth, rel=1e-9)


RIGHT, CONTRARY = "decisions are correct; 0.01 is used", "do not predict .*; 100 is used"


@pytest.mark.parametrize(
    ("kind", "counts", "ends", "why"),
    [
        (Temperature, ({100: 5}, {4000: 5}), (0.01,), RIGHT),
        (Temperature, ({100: 5}, {4095: 5}), (0.01,), RIGHT),
        (Temperature, ({0: 5}, {4095: 5}), (0.01,), RIGHT),  # the slope is e^-901, 0 in float64
        (Temperature, ({4000: 5}, {100: 5}), (100.0,), CONTRARY),
        (Temperature, ({2048: 1}, {2047: 1}), (100.0,), CONTRARY),  # with a slope of 5e-4
        (Temperature, ({100: 5}, {}), (0.01,), RIGHT),
        (
            *(ClassWiseTemperature, ({100: 5, 4000: 5}, {}), (100.0, 0.01)),
            "of predicted (foreground|background) from .*; (100|0.01) is used",
        ),
    ],
)
def test_without_a_best_temperature_an_end_is_taken_and_said(kind, counts, ends, why):
    with pytest.warns(RuntimeWarning, match=why) as warned:
        fitted = kind().fit(at_levels(*counts))
    assert astuple(fitted) == ends
    assert fitted.describe().count("an end of the range") == len(warned) == len(ends)
    assert {warning.filename for warning in warned} == {__file__}  # what called fit


@pytest.mark.parametrize(("side", "level"), [("foreground", 4000), ("background", 95)])
def test_a_side_without_pixels_takes_the_other_s(side, level):
    counts = at_levels({level: 1 if level == 4000 else 3}, {level: 3 if level == 4000 else 1})
    with pytest.warns(
        RuntimeWarning, match=f"all pixels are predicted {side}; its temperature, "
    ) as warned:
        fitted = ClassWiseTemperature().fit(counts)
    value = math.log(4000 / 95) / math.log(3)
    assert astuple(fitted) == pytest.approx((value, value), rel=1e-12)
    assert "end" not in fitted.describe() and warned[0].filename == __file__


def test_the_temperature_of_clean_and_corrupted_images_is_that_of_all_together():
    z = grey_level_logits(256)
    sets = [drawn_counts(expit(s * z), n) for s, n in ((0.2, 50), (0.4, 100), (0.6, 150))]
    fitted = CorruptionTemperature().fit(sets[0], sets[1:])
    assert fitted.value == Temperature().fit(Counts.join(sets)).value
    clean_alone = Temperature().fit(sets[0], sets[1:])  # others leave out what is corrupted
    assert clean_alone.value == Temperature().fit(sets[0]).value
    finer = Counts(np.ones((1, 2, 4096), np.int64))
    with pytest.raises(ValueError, match=r"\[\(2, 256\), \(2, 4096\)\]; expected one shape"):
        CorruptionTemperature().fit(sets[0], [finer])
