"""Explorer of label perturbation on a map, and of the plane of alpha and beta."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from aslp_lib.aslp.perturbation import (
    DYNAMIC_MODERATION,
    HARD_INVERSION,
    MODERATION,
    SOFT_INVERSION,
    Technique,
    expected_targets,
    perturb,
)
from aslp_lib.course import figures
from aslp_lib.course.explorers.base import Explorer, choice, slider

NAMED = {
    "HI": ("HI, hard inversion", HARD_INVERSION),
    "SI": ("SI, soft inversion", SOFT_INVERSION),
    "M": ("M, moderation", MODERATION),
    "DM": ("DM, dynamic moderation", DYNAMIC_MODERATION),
}
OWN = "own strength"


def perturbation(mask: np.ndarray) -> Explorer:
    """Make the explorer: technique, alpha and beta, shown on a label map and in their plane.

    Args:
        mask: (H, W) labels in {0, 1}.
    """
    labels = torch.from_numpy(np.asarray(mask)).float()
    names = {name: title for name, (title, _) in NAMED.items()} | {OWN: "own strength beta"}
    controls = {
        "technique": choice("technique", names, "HI"),
        "alpha": slider("level alpha", 0.0, 1.0, 0.05, 0.2),
        "beta": slider("strength beta", 0.0, 2.0, 0.1, HARD_INVERSION.beta),
    }
    return Explorer(controls, partial(_picture, labels), _readout, _link, lines=4)


def _link(moved: str, technique: str, alpha: float, beta: float) -> dict[str, object]:
    """Return the beta of a technique that was chosen, or the technique of a beta that was set.

    The beta 1.0 belongs to M rather than to DM, which has noise in addition. A beta without a named
    technique is the user's own.
    """
    is_named = technique != OWN
    if moved == "alpha" or (is_named and abs(NAMED[technique][1].beta - beta) < 1e-9):
        return {}
    if moved == "technique":
        return {"beta": NAMED[technique][1].beta} if is_named else {}
    matching_names = (name for name, (_, kind) in NAMED.items() if abs(kind.beta - beta) < 1e-9)
    return {"technique": next(matching_names, OWN)}


def _technique(technique: str, beta: float) -> Technique:
    """Return the named technique if it has this beta, and otherwise one of the user's own."""
    named = NAMED[technique][1] if technique != OWN else None
    return named if named and abs(named.beta - beta) < 1e-9 else Technique(OWN, beta)


def _picture(labels: Tensor, technique: str, alpha: float, beta: float) -> Figure:
    selected = _technique(technique, beta)
    return figures.perturbation_plane(
        labels.numpy(),
        perturb(labels, selected, torch.Generator().manual_seed(0)).numpy(),
        expected_targets(labels[None], alpha, selected)[0].numpy(),
        alpha,
        beta,
        selected.name,
        {"HI": HARD_INVERSION.beta, "SI": SOFT_INVERSION.beta, "M, DM": MODERATION.beta},
    )


def _readout(technique: str, alpha: float, beta: float) -> str:
    selected = _technique(technique, beta)
    labels = torch.tensor([[0.0, 1.0]])
    off, on = perturb(labels, Technique(OWN, beta))[0].tolist()
    low, high = expected_targets(labels, alpha, selected)[0].tolist()
    product = round(alpha * beta, 6)
    noise = f", each pixel with noise up to {selected.noise:.2f}" if selected.noise else ""
    decision = "survives" if product < 1 else "is erased" if product == 1 else "is inverted"
    equivalents = (
        f" The same expected label as label smoothing with epsilon = {product:.2f} and as "
        f"DisturbLabel at rate {product:.2f}."
        if 0 < product <= 1
        else ""
    )
    return (
        f"{selected.name}, beta = {beta:.1f}: with probability {alpha:.2f} the whole map becomes "
        f"{off:.2f} on background and {on:.2f} on foreground{noise}. On average it is {low:.2f} "
        f"and {high:.2f}. alpha*beta = {product:.2f}: the decision {decision}.{equivalents}"
    )
