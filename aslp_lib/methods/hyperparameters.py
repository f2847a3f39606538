"""The hyperparameters of all training methods, grouped by family."""

from __future__ import annotations

from dataclasses import dataclass, field

from aslp_lib.methods.aslp import ASLPOptions
from aslp_lib.methods.confidence_penalty import ConfidencePenaltyOptions
from aslp_lib.methods.constant_alpha import ConstantAlphaOptions
from aslp_lib.methods.corruption_augmentation import CorruptionAugmentationOptions
from aslp_lib.methods.disturb_label import DisturbLabelOptions
from aslp_lib.methods.focal import FocalOptions
from aslp_lib.methods.kept_weights import EMAOptions
from aslp_lib.methods.label_smoothing import LabelSmoothingOptions
from aslp_lib.methods.mbls import MbLSOptions
from aslp_lib.methods.mixup import MixupOptions, RegMixupOptions
from aslp_lib.methods.ml1_ace import ML1ACEOptions
from aslp_lib.methods.mmce import MMCEOptions
from aslp_lib.methods.svls import SVLSOptions


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


FAMILIES: dict[str, type] = {
    name: type(options) for name, options in vars(Hyperparameters()).items()
}
"""Type of the options of each family, by the name of the family."""
