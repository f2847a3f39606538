"""Adaptive Stochastic Label Perturbation (ASLP, ICCV 2023) for calibrated dense classification.

Four lines add ASLP to a training loop::

    alphas = AdaptiveAlpha(len(train_set), HARD_INVERSION, rule="aslp_mc")
    loss = sc_bce_with_logits(logits, labels, alphas[index], HARD_INVERSION, generator=switches)
    alphas.update(index, logits.detach(), labels)  # after each step
    alphas.observe(accuracy=accuracy)  # after each validation

`docs/own_loop.md` has the whole loop and explains the settings of `AdaptiveAlpha`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.2.0.dev0"

if TYPE_CHECKING:
    from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient
    from aslp_lib.aslp.loss import perturbed_logits, sc_bce_with_logits
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
    from aslp_lib.metrics.accumulator import ece

__all__ = [
    "DYNAMIC_MODERATION",
    "HARD_INVERSION",
    "MODERATION",
    "RELEASE",
    "SOFT_INVERSION",
    "AdaptiveAlpha",
    "Technique",
    "alpha_gradient",
    "ece",
    "expected_targets",
    "perturbed_logits",
    "sampled_targets",
    "sc_bce_with_logits",
    "share_alphas",
]


def __getattr__(name: str) -> object:
    # Public names are imported at their first use, because they import torch, which takes a second
    # or more, and the command line must be able to handle Ctrl-C from the start.
    if name in __all__:
        places = "aslp.alphas", "aslp.loss", "aslp.perturbation", "aslp.sharing"
        for place in (*places, "metrics.accumulator"):
            names = vars(import_module(f"aslp_lib.{place}"))
            if name in names:
                return names[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
