"""The temperature of clean and degraded images, against that of all their pixels in one set."""

import pytest

from aslp_lib.data.degradations import DEGRADATIONS
from aslp_lib.data.degraded import Degraded
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import DegradedTemperature, Temperature


@pytest.mark.slow
def test_it_is_the_temperature_of_all_of_them_together(bce):
    validation = bce.data.validation
    degraded = [bce.validate(Degraded(validation, name)) for name in DEGRADATIONS]
    together = Temperature().fit(Counts.join([bce.counts, *degraded]))
    fitted = DegradedTemperature().fit_on_images(bce)
    assert fitted.value == pytest.approx(together.value, rel=1e-9)
    clean = Temperature().fit(bce.counts)
    assert fitted.value > 1.05 * clean.value
    for counts in degraded[1], degraded[2]:  # noise, of which BCE is far too sure
        assert calibration.oe(fitted.apply_counts(counts)) < calibration.oe(
            clean.apply_counts(counts)
        )


@pytest.mark.slow
def test_degraded_images_are_measured_once(bce):
    assert bce.degraded is bce.degraded
    assert len(bce.degraded) == len(DEGRADATIONS)
    assert all(len(each.tables) == len(bce.data.validation) for each in bce.degraded)
