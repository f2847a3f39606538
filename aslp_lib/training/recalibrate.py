"""Recalibration of a trained network: fitted on the validation set, saved beside the weights."""

from __future__ import annotations

from functools import partial

from torch import nn

from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits
from aslp_lib.recalibration import RECALIBRATIONS, Trained
from aslp_lib.runs import MethodFolder
from aslp_lib.training import distributed
from aslp_lib.training.validation import validate


def recalibrate(
    network: nn.Module, data: DataSplits, settings: Settings, folder: MethodFolder
) -> None:
    """Fit what `settings.recalibrate` names, and write each into the folder of the weights.

    All processes fit, the main one writes.
    """
    trained = Trained(network, data, partial(validate, network, settings=settings))
    for name in settings.recalibrate:
        fitted = RECALIBRATIONS[name]().fit_on_images(trained)
        if distributed.is_main():
            fitted.save(folder.recalibration(name))
