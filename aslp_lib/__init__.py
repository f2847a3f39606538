"""Adaptive label perturbation (ASLP, ICCV 2023) for calibrated dense classification."""

__version__ = "0.2.0.dev0"

from aslp_lib.methods.aslp.alphas import AdaptiveAlpha, alpha_gradient
from aslp_lib.methods.aslp.loss import SCBCELoss, sc_bce_with_logits
from aslp_lib.methods.aslp.perturbation import (
    DYNAMIC_MODERATION,
    HARD_INVERSION,
    MODERATION,
    RELEASE,
    SOFT_INVERSION,
    Technique,
    expected_targets,
    sampled_targets,
)
from aslp_lib.methods.aslp.sharing import share_alphas

__all__ = [
    "DYNAMIC_MODERATION",
    "HARD_INVERSION",
    "MODERATION",
    "RELEASE",
    "SOFT_INVERSION",
    "AdaptiveAlpha",
    "SCBCELoss",
    "Technique",
    "alpha_gradient",
    "expected_targets",
    "sampled_targets",
    "sc_bce_with_logits",
    "share_alphas",
]
