"""Training methods: ASLP and the methods that it is compared with.

Each is a subclass of `Method`, and `METHODS` holds them by name.

>>> METHODS["calibration"].label
'ASLP (MC)'
"""

from __future__ import annotations

from typing import Any

from aslp_lib.methods.aslp import ASLP_METHODS
from aslp_lib.methods.base import Draws, Method
from aslp_lib.methods.bce import BCE
from aslp_lib.methods.brier import Brier
from aslp_lib.methods.confidence_penalty import ConfidencePenalty
from aslp_lib.methods.constant_alpha import ConstantAlpha
from aslp_lib.methods.corruption_augmentation import CorruptionAugmentation
from aslp_lib.methods.disturb_label import DisturbLabel
from aslp_lib.methods.focal import FLSD53, Focal
from aslp_lib.methods.hyperparameters import FAMILIES, Hyperparameters
from aslp_lib.methods.kept_weights import EMA, EarlyStopping
from aslp_lib.methods.label_smoothing import LabelSmoothing
from aslp_lib.methods.mbls import MbLS
from aslp_lib.methods.mixup import Mixup, RegMixup
from aslp_lib.methods.ml1_ace import ML1ACE, SoftML1ACE
from aslp_lib.methods.mmce import MMCE
from aslp_lib.methods.svls import SVLS

REGISTERED: tuple[type[Method[Any]], ...] = (
    BCE,
    *ASLP_METHODS,
    ConstantAlpha,
    DisturbLabel,
    LabelSmoothing,
    MbLS,
    SVLS,
    Focal,
    FLSD53,
    Brier,
    ConfidencePenalty,
    ML1ACE,
    SoftML1ACE,
    MMCE,
    Mixup,
    RegMixup,
    CorruptionAugmentation,
    EMA,
    EarlyStopping,
)
"""All training methods, in the order of tables."""
METHODS = {method.name: method for method in REGISTERED}
"""Training methods by name."""
METHOD_LABELS = {name: method.label for name, method in METHODS.items()}
"""Labels of the training methods for tables and figures, by name."""

__all__ = ["FAMILIES", "METHODS", "METHOD_LABELS", "Draws", "Hyperparameters", "Method"]
