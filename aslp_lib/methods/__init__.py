"""What can be trained: the paper's method, and what it is compared with.

Each is a `Method` in a file of its own, registered here by its name.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from aslp_lib.methods.aslp import BY_RULE
from aslp_lib.methods.base import Draws, Method
from aslp_lib.methods.bce import BCE
from aslp_lib.methods.brier import Brier
from aslp_lib.methods.confidence_penalty import ConfidencePenalty
from aslp_lib.methods.degraded_views import DegradedViews
from aslp_lib.methods.disturb_label import DisturbLabel
from aslp_lib.methods.fixed_level import FixedLevel
from aslp_lib.methods.focal import FLSD53, Focal
from aslp_lib.methods.kept_weights import EMA, EarlyStopping
from aslp_lib.methods.label_smoothing import LabelSmoothing
from aslp_lib.methods.mbls import MbLS
from aslp_lib.methods.mixup import Mixup, RegMixup
from aslp_lib.methods.ml1_ace import ML1ACE, SoftML1ACE
from aslp_lib.methods.mmce import MMCE
from aslp_lib.methods.svls import SVLS

REGISTERED: tuple[type[Method[Any]], ...] = (
    BCE,
    *BY_RULE,
    FixedLevel,
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
    DegradedViews,
    EMA,
    EarlyStopping,
)
METHODS = {method.name: method for method in REGISTERED}
METHOD_LABELS = {name: method.label for name, method in METHODS.items()}
FAMILIES: dict[str, type] = {
    method.family: method.Options for method in METHODS.values() if fields(method.Options)
}
"""Groups of hyperparameters by name."""

__all__ = ["FAMILIES", "METHODS", "METHOD_LABELS", "Draws", "Method"]
