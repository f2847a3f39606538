"""Explorer of label perturbation on a map, and of the plane of alpha and beta."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from aslp_lib.aslp.perturbation import TECHNIQUES, Technique, expected_targets, perturb
from aslp_lib.course.explorers.base import Explorer, choice, slider
from aslp_lib.course.figures.panels import POINT, SHARE, Panels
from aslp_lib.evaluation.figures.style import BLUE, GREEN, GREY, ORANGE

NAMES = {
    "HI": "HI, hard inversion",
    "SI": "SI, soft inversion",
    "M": "M, moderation",
    "DM": "DM, dynamic moderation",
}
OTHER = "other beta"


def perturbation(mask: np.ndarray) -> Explorer:
    """Make the explorer: technique, alpha and beta, shown on a label map and in their plane.

    Args:
        mask: (H, W) labels in {0, 1}.
    """
    labels = torch.from_numpy(np.asarray(mask)).float()
    controls = {
        "technique": choice("technique", NAMES | {OTHER: OTHER}, "HI"),
        "alpha": slider("alpha", 0.0, 1.0, 0.05, 0.2),
        "beta": slider("beta", 0.0, 2.0, 0.1, 2.0),
    }
    return Explorer(controls, partial(_picture, labels), _readout, _link, lines=4)


def _link(moved: str, technique: str, alpha: float, beta: float) -> dict[str, object]:
    """Return the beta of a technique that was chosen, or the technique of a beta that was set.

    The beta 1.0 belongs to M rather than to DM, which has noise in addition.
    """
    if moved == "technique" and technique != OTHER:
        return {"beta": TECHNIQUES[technique].beta}
    if moved == "beta" and _technique(technique, beta).name == OTHER:
        return {"technique": next((name for name in NAMES if TECHNIQUES[name].beta == beta), OTHER)}
    return {}


def _technique(technique: str, beta: float) -> Technique:
    """Return the named technique if it has this beta, and otherwise one without a name."""
    other = Technique(OTHER, beta)
    named = TECHNIQUES.get(technique, other)
    return named if named.beta == beta else other


def _picture(labels: Tensor, technique: str, alpha: float, beta: float) -> Figure:
    """Show a label map, its perturbed and its expected target, and the plane of alpha and beta."""
    panels, selected = Panels(9.6), _technique(technique, beta)
    perturbed = perturb(labels, selected, torch.Generator().manual_seed(0))
    for left, target, title in (
        (0.15, labels, f"switch off: {100 * (1 - alpha):.0f} %"),
        (2.05, perturbed, f"{selected.name}, on: {100 * alpha:.0f} %"),
        (3.95, expected_targets(labels[None], alpha, selected)[0], "expected"),
    ):
        panels.map(left, 1.8, target.numpy(), title)
    betas = ("perturbation strength beta", (0, 0.5, 1, 1.5, 2))
    alphas = ("perturbation level alpha", SHARE)
    plane = panels.plot((6.4, 0.5, 2.5, 2.55), alphas, betas, "plane of alpha and beta")
    x = np.linspace(0.005, 1, 200)
    plane.fill_between(x, np.minimum(1 / x, 2), 2, color=GREY, alpha=0.3, linewidth=0)
    plane.plot(x, 1 / x, color="black", linewidth=1.2, label="alpha*beta = 1")
    product = round(alpha * beta, 6)
    position = "beyond" if product > 1 else "on" if product == 1 else "under"
    if product > 0:
        plane.plot(x, product / x, "--", color=BLUE, linewidth=1.2, label="equal alpha*beta")
    plane.plot([1, 1], [0, 1], color=GREEN, linewidth=5, clip_on=False, label="label smoothing")
    plane.plot([0, 0.5], [2, 2], color=ORANGE, linewidth=5, clip_on=False, label="DisturbLabel")
    for name, height in {"HI": 2.0, "SI": 1.5, "M, DM": 1.0}.items():
        plane.axhline(height, color=GREY, linestyle=":", linewidth=0.8)
        plane.text(1.03, height, name, fontsize=9, va="center")
    plane.plot([alpha], [beta], "o", color=BLUE, **POINT)
    panels.figure.legend(  # below the maps, as it would hide curves of small alpha*beta
        *plane.get_legend_handles_labels(), fontsize=9, ncols=2, loc="lower center",
        bbox_to_anchor=(2.95 / panels.width, 0.1),
    )  # fmt: skip
    panels.figure.set_label(
        f"A label map, its version perturbed by {selected.name} (background {beta / 2:.2f}, "
        f"foreground {1 - beta / 2:.2f}) and its expected targets; and the plane of alpha and beta "
        f"with the point ({alpha:.2f}, {beta:.2f}) {position} the bound alpha*beta = 1."
    )
    return panels.figure


def _readout(technique: str, alpha: float, beta: float) -> str:
    selected = _technique(technique, beta)
    labels = torch.tensor([[0.0, 1.0]])
    off, on = perturb(labels, Technique(OTHER, beta))[0].tolist()
    low, high = expected_targets(labels, alpha, selected)[0].tolist()
    product = round(alpha * beta, 6)
    noise = f", plus pixel noise within ±{selected.noise:.2f}" if selected.noise else ""
    decision = (
        "keeps its side of 1/2" if product < 1 else "is 1/2" if product == 1 else "is inverted"
    )
    equivalents = (
        f" Label smoothing with epsilon = {product:.2f} and DisturbLabel with rate {product:.2f} "
        "have the same expected target."
        if 0 < product <= 1
        else ""
    )
    return (
        f"{selected.name}, beta = {beta:.1f}: with probability {alpha:.2f}, all targets of the map "
        f"are {off:.2f} on background and {on:.2f} on foreground{noise}. The expected targets are "
        f"{low:.2f} and {high:.2f}. alpha*beta = {product:.2f}: the expected target {decision}."
        f"{equivalents}"
    )
