"""What is fitted on the validation set after training, and changes a network's logits.

Each is a `Recalibration` in a file of its own, registered here by its name.
"""

from __future__ import annotations

from aslp_lib.recalibration.base import Recalibration, Trained
from aslp_lib.recalibration.histogram import Histogram
from aslp_lib.recalibration.isotonic import Isotonic
from aslp_lib.recalibration.logistic import Logistic
from aslp_lib.recalibration.temperature import Temperature
from aslp_lib.recalibration.two_temperatures import TwoTemperatures

RECALIBRATIONS: dict[str, type[Recalibration]] = {
    kind.name: kind for kind in (Temperature, TwoTemperatures, Logistic, Isotonic, Histogram)
}

__all__ = [
    "RECALIBRATIONS",
    "Histogram",
    "Isotonic",
    "Logistic",
    "Recalibration",
    "Temperature",
    "Trained",
    "TwoTemperatures",
]
