"""Temperature scaling: one temperature, one on either side of the decision, and one that is fitted
on corrupted images too; against scipy's minimum of the NLL of the logits themselves."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn.functional import binary_cross_entropy_with_logits

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import ClassWiseTemperature, CorruptionTemperature, Temperature


def astuple(fitted):
    return tuple(fitted.state_dict().values())


def counted(logits, labels):
    return Counts.from_probabilities(torch.sigmoid(logits), labels)


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
    generator = torch.Generator().manual_seed(0)
    right = 1.3 * torch.randn(4, 1, 64, 64, generator=generator, dtype=torch.float64) - 0.5
    labels = torch.bernoulli(torch.sigmoid(right), generator=generator)
    logits = right * torch.where(right > 0, truth[0], truth[-1])

    def nll(logs):
        temperatures = np.exp(logs)
        scaled = logits / torch.where(logits > 0, temperatures[0], temperatures[-1])
        return binary_cross_entropy_with_logits(scaled, labels).item()

    start = np.zeros(len(truth))
    expected = np.exp(minimize(nll, start, method="Nelder-Mead", options={"xatol": 1e-6}).x)
    fitted = astuple(kind().fit(counted(logits, labels)))
    assert fitted == pytest.approx(expected, rel=3e-3)  # grey levels round the logits
    assert fitted == pytest.approx(truth, rel=0.1)
    of_posterior = kind().fit(counted(logits, torch.sigmoid(right)))
    assert astuple(of_posterior) == pytest.approx(truth, rel=3e-3)


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
    rng, sets = np.random.default_rng(0), []
    for images, slope in ((1, 0.2), (2, 0.4), (3, 0.6)):
        n = rng.integers(0, 50, (images, 256))
        foreground = rng.binomial(n, 1 / (1 + np.exp(-slope * grey_level_logits(256))))
        sets.append(Counts(np.stack([n - foreground, foreground], axis=1)))
    fitted = CorruptionTemperature().fit(sets[0], sets[1:])
    assert fitted.value == Temperature().fit(Counts.join(sets)).value
    finer = Counts(np.ones((1, 2, 4096), np.int64))
    with pytest.raises(ValueError, match=r"\[\(2, 256\), \(2, 4096\)\]; expected one shape"):
        CorruptionTemperature().fit(sets[0], [finer])
