"""What changes a network's logits after training, mostly by numbers fitted on the validation set.

Each is a `Recalibration` in a file of its own, registered here by its name.
"""

from __future__ import annotations

from aslp_lib.recalibration.base import ImageRecalibration, Recalibration
from aslp_lib.recalibration.binning import Histogram, Isotonic
from aslp_lib.recalibration.calibration_data import Trained
from aslp_lib.recalibration.density import Density
from aslp_lib.recalibration.flip import Flip
from aslp_lib.recalibration.logistic import Logistic
from aslp_lib.recalibration.module import Recalibrated
from aslp_lib.recalibration.per_image import PerImageLevel, PerImageTemperature
from aslp_lib.recalibration.temperature import DegradedTemperature, Temperature, TwoTemperatures

REGISTERED: tuple[type[Recalibration], ...] = (
    Temperature,
    DegradedTemperature,
    TwoTemperatures,
    Logistic,
    Isotonic,
    Histogram,
    Density,
    PerImageLevel,
    PerImageTemperature,
    Flip,
)
RECALIBRATIONS = {kind.name: kind for kind in REGISTERED}

__all__ = [
    "RECALIBRATIONS",
    "REGISTERED",
    "DegradedTemperature",
    "Density",
    "Flip",
    "Histogram",
    "ImageRecalibration",
    "Isotonic",
    "Logistic",
    "PerImageLevel",
    "PerImageTemperature",
    "Recalibrated",
    "Recalibration",
    "Temperature",
    "Trained",
    "TwoTemperatures",
]
