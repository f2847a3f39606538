"""Adaptive Stochastic Label Perturbation (ASLP, ICCV 2023) for calibrated dense classification."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient
    from aslp_lib.aslp.loss import SCBCELoss, sc_bce_with_logits
    from aslp_lib.aslp.perturbation import (
        DYNAMIC_MODERATION,
        HARD_INVERSION,
        MODERATION,
        RELEASE,
        SOFT_INVERSION,
        Technique,
        expected_targets,
        sampled_targets,
    )
    from aslp_lib.aslp.sharing import share_alphas

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


def __getattr__(name: str) -> object:
    # The names above, when one is first asked for: they bring torch, which takes a second and more,
    # and the command line must understand Ctrl-C meanwhile.
    if name in __all__:
        for room in ("alphas", "loss", "perturbation", "sharing"):
            held = vars(import_module(f"aslp_lib.aslp.{room}"))
            if name in held:
                return held[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
