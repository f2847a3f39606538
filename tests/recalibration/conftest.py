"""The shipped BCE network, which is ten points overconfident, as a trained one."""

from dataclasses import dataclass, replace
from functools import cached_property

import pytest
import torch
from torch import nn

from aslp_lib.config import Settings
from aslp_lib.course import recorded
from aslp_lib.data.image_set import DataSplits
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration
from aslp_lib.training.recalibrate import fitted


@dataclass(frozen=True)
class Trained:
    network: nn.Module
    data: DataSplits
    settings: Settings

    @cached_property
    def fitted(self) -> dict[str, Recalibration]:
        """Every recalibration, by name."""
        arguments = self.network, self.data, self.settings, RECALIBRATIONS, torch.tensor(0.0)
        return dict(fitted(*arguments))


def trained(limit: int | None) -> Trained:
    settings = replace(recorded.SETTINGS, limit=limit)
    return Trained(recorded.load("bce"), settings.load_data(), settings)


@pytest.fixture(scope="session")
def bce():
    return trained(None)


@pytest.fixture(scope="session")
def small():
    """With 12 images a set."""
    return trained(12)
