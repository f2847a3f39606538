"""What changes a network's logits after training, mostly by numbers fitted on the validation set.

Each is a `Recalibration` in a file of its own, registered here by its name.
"""

from __future__ import annotations

from aslp_lib.recalibration.base import ImageRecalibration, Recalibration
from aslp_lib.recalibration.binning import Histogram, Isotonic
from aslp_lib.recalibration.calibration_data import CalibrationData
from aslp_lib.recalibration.density import Density
from aslp_lib.recalibration.flip import Flip
from aslp_lib.recalibration.image_wise import ImageWiseShrinkage, ImageWiseTemperature
from aslp_lib.recalibration.logistic import Logistic
from aslp_lib.recalibration.module import Recalibrated
from aslp_lib.recalibration.temperature import (
    ClassWiseTemperature,
    CorruptionTemperature,
    Temperature,
)

REGISTERED: tuple[type[Recalibration], ...] = (
    Temperature,
    CorruptionTemperature,
    ClassWiseTemperature,
    Logistic,
    Isotonic,
    Histogram,
    Density,
    ImageWiseShrinkage,
    ImageWiseTemperature,
    Flip,
)
RECALIBRATIONS = {kind.name: kind for kind in REGISTERED}

__all__ = [
    "RECALIBRATIONS",
    "REGISTERED",
    "CalibrationData",
    "ClassWiseTemperature",
    "CorruptionTemperature",
    "Density",
    "Flip",
    "Histogram",
    "ImageRecalibration",
    "ImageWiseShrinkage",
    "ImageWiseTemperature",
    "Isotonic",
    "Logistic",
    "Recalibrated",
    "Recalibration",
    "Temperature",
]
