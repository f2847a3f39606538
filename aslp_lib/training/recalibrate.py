"""Recalibration of a trained network: fitted on the validation set, saved beside the weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits
from aslp_lib.recalibration import RECALIBRATIONS, CalibrationData
from aslp_lib.runs import MethodFolder
from aslp_lib.training import launch
from aslp_lib.training.validation import validate


def recalibrate(
    network: nn.Module, data: DataSplits, settings: Settings, folder: MethodFolder
) -> None:
    """Fit what `settings.recalibrate` names, and write each into the folder of the weights.

    They are fitted on float probabilities at the network's size, whatever the rules were shown. All
    processes fit, the main one writes.
    """
    at_network = replace(settings, validate_at="network")
    trained = CalibrationData(network, data, partial(validate, network, settings=at_network))
    for name in settings.recalibrate:
        fitted = RECALIBRATIONS[name]().fit_on_images(trained)
        if launch.is_main():
            fitted.save(folder.recalibration(name))
