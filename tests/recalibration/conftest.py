"""The shipped BCE network, which is ten points overconfident, as a trained one."""

from dataclasses import replace
from functools import partial

import pytest

from aslp_lib.course import recorded
from aslp_lib.training.recalibrate import CalibrationData
from aslp_lib.training.validation import validate


def trained(limit: int | None) -> CalibrationData:
    settings = replace(recorded.SETTINGS, limit=limit)
    network, data = recorded.load("bce"), settings.load_data()
    return CalibrationData(network, data, partial(validate, network, settings=settings))


@pytest.fixture(scope="session")
def bce():
    return trained(None)


@pytest.fixture(scope="session")
def small():
    """With 12 images a set."""
    return trained(12)
