"""Training methods: ASLP and the methods that it is compared with, with their hyperparameters.

Each is a subclass of `Method`, and `METHODS` holds them by name.

>>> METHODS["aslp_mc"].label
'ASLP (MC)'
"""

from dataclasses import dataclass, field
from typing import Any

from aslp_lib.methods.aslp import ASLPOptions, MaximumEntropy, MeasuredGapControl, ModelCalibration
from aslp_lib.methods.bce import BCE
from aslp_lib.methods.brier import Brier
from aslp_lib.methods.confidence_penalty import ConfidencePenalty, ConfidencePenaltyOptions
from aslp_lib.methods.constant_alpha import ConstantAlpha, ConstantAlphaOptions
from aslp_lib.methods.corruption_augmentation import (
    CorruptionAugmentation,
    CorruptionAugmentationOptions,
)
from aslp_lib.methods.disturb_label import DisturbLabel, DisturbLabelOptions
from aslp_lib.methods.focal import FLSD53, Focal, FocalOptions
from aslp_lib.methods.kept_weights import EMA, EarlyStopping, EMAOptions
from aslp_lib.methods.label_smoothing import LabelSmoothing, LabelSmoothingOptions
from aslp_lib.methods.mbls import MbLS, MbLSOptions
from aslp_lib.methods.method import Draws, Method
from aslp_lib.methods.mixup import Mixup, MixupOptions, RegMixup, RegMixupOptions
from aslp_lib.methods.ml1_ace import ML1ACE, ML1ACEOptions, SoftML1ACE
from aslp_lib.methods.mmce import MMCE, MMCEOptions
from aslp_lib.methods.svls import SVLS, SVLSOptions

REGISTERED: tuple[type[Method[Any]], ...] = (
    BCE,
    ModelCalibration,
    MaximumEntropy,
    MeasuredGapControl,
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


@dataclass(frozen=True)
class Hyperparameters:
    """The hyperparameters of all training methods.

    A field holds the options of one family, which is one method or several that share their
    options, such as ASLP's rules. A new method with options adds a field here.

    >>> Hyperparameters(focal=FocalOptions(gamma=3.0)).focal.gamma
    3.0
    """

    aslp: ASLPOptions = field(default_factory=ASLPOptions)
    constant_alpha: ConstantAlphaOptions = field(default_factory=ConstantAlphaOptions)
    disturb_label: DisturbLabelOptions = field(default_factory=DisturbLabelOptions)
    label_smoothing: LabelSmoothingOptions = field(default_factory=LabelSmoothingOptions)
    mbls: MbLSOptions = field(default_factory=MbLSOptions)
    svls: SVLSOptions = field(default_factory=SVLSOptions)
    focal: FocalOptions = field(default_factory=FocalOptions)
    confidence_penalty: ConfidencePenaltyOptions = field(default_factory=ConfidencePenaltyOptions)
    ml1_ace: ML1ACEOptions = field(default_factory=ML1ACEOptions)
    mmce: MMCEOptions = field(default_factory=MMCEOptions)
    mixup: MixupOptions = field(default_factory=MixupOptions)
    regmixup: RegMixupOptions = field(default_factory=RegMixupOptions)
    corruption_augmentation: CorruptionAugmentationOptions = field(
        default_factory=CorruptionAugmentationOptions
    )
    ema: EMAOptions = field(default_factory=EMAOptions)


FAMILIES: dict[str, type] = {k: type(v) for k, v in vars(Hyperparameters()).items()}
"""Type of the options of each family, by the name of the family."""

__all__ = ["FAMILIES", "METHODS", "METHOD_LABELS", "Draws", "Hyperparameters", "Method"]
