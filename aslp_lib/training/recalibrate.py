"""Post-hoc recalibration of a trained network, fitted on the validation set."""

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
    """Fit the recalibration methods of `settings.recalibrate` and save them beside the weights.

    They are fitted on float probabilities at the size of the network's input, whatever
    `settings.validate_at` is. All processes fit, and the main one writes.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from aslp_lib import networks
    >>> settings = Settings(device="cpu", limit=4, recalibrate=("histogram",))
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = MethodFolder(Path(path))
    ...     recalibrate(networks.build("tiny"), settings.load_data(), settings, folder)
    ...     [file.name for file in folder.path.iterdir()]
    ['histogram.json']
    """
    at_network = replace(settings, validate_at="network")
    trained = CalibrationData(network, data, partial(validate, network, settings=at_network))
    for name in settings.recalibrate:
        fitted = RECALIBRATIONS[name]().fit_on_images(trained)
        if launch.is_main():
            fitted.save(folder.recalibration(name))
