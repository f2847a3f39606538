"""Records and picture of the explorer that shows recorded training runs epoch by epoch."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aslp_lib.course.figures.panels import CONFIDENCE, GAP, Panels, mosaic
from aslp_lib.course.live import packed
from aslp_lib.course.recorded import SETTINGS, epochs, perturbations, read_arrays
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.data.shapes import SIZE
from aslp_lib.evaluation.figures.style import directions

RULE, EPOCH = "bce", 140
FRAMES = ("#009E73", "#CC79A7")
"""Colours of the two training images, as in `explorer.js`."""


def known(part: str) -> np.ndarray:
    """Return image, label and true posterior of the recorded images, (3, 2, H, W) in [0, 1]."""
    dataset = getattr(SETTINGS.load_data(), part)
    return np.stack([*perturbations.known(dataset, PICKS[part]).values()])


def pixels(maps: np.ndarray) -> dict[str, Any]:
    """Pack maps, (..., H, W), as (..., pixels)."""
    return packed(maps.reshape(*maps.shape[:-2], -1))


def state() -> dict[str, Any]:
    """Return the first state of the explorer."""
    arrays = read_arrays(epochs.FILE)
    records = {
        "epochs": list(EPOCHS),
        "size": SIZE,
        "greys": epochs.GREYS,
        "step": epochs.STEP,
        "picks": list(PICKS["train"]),
        "known": [pixels(np.rint(255 * known(part)).astype(np.uint8)) for part in PICKS],
        "maps": pixels(arrays["maps"]),
        **{name: packed(arrays[name]) for name in ("levels", "scores", "bins")},
    }
    return {"records": records, "values": {"rule": RULE, "epoch": EPOCH}}


def picture() -> Figure:
    """Draw the scores of BCE, its reliability diagram, and the maps of the training images."""
    panels, past = Panels(12.2, 3.4), EPOCHS[: EPOCHS.index(EPOCH) + 1]
    scores = [epochs.seen(RULE, epoch) for epoch in past]
    confidence, accuracy = [s.confidence for s in scores], [s.accuracy for s in scores]
    time, shares = ("epoch", range(0, EPOCHS[-1] + 1, 20)), ("confidence, accuracy", CONFIDENCE)
    curves = panels.plot((0.6, 0.5, 2.55, 2.5), time, shares, f"BCE, epoch {EPOCH}")
    above = [c > a for c, a in zip(confidence, accuracy, strict=True)]
    for where, colour in zip((above, [not over for over in above]), directions(), strict=True):
        curves.fill_between(
            past, confidence, accuracy, where=where, interpolate=True, color=colour, alpha=0.3,
            linewidth=0,
        )  # fmt: skip
    training = [epochs.seen(RULE, epoch, "train").accuracy for epoch in past]
    for values, line, width, label in (
        (training, ":", 1.2, "training accuracy"),
        (accuracy, "-", 1, "validation accuracy"),
        (confidence, "-", 2.5, "validation confidence"),
    ):
        curves.plot(past, values, line, color="black", linewidth=width, label=label)
    curves.legend(fontsize=9, loc="lower right")
    panels.diagram((3.85, 0.5, 1.8, 2.5), scores[-1].reliability, "reliability")
    networks = [epochs.seen(rule, EPOCH, "train").maps for rule in (RULE, "aslp_mc")]
    maps = np.concatenate([known("train"), networks])
    title = "image, label, true P(y=1) (π), f of BCE, f of MC"
    shown = panels.map(5.95, 6.0, mosaic(maps.swapaxes(0, 1)), title)
    for row, colour in enumerate(FRAMES):
        corner = (0.5, row * (SIZE + GAP) + 0.5)
        shown.add_patch(Rectangle(corner, SIZE - 2, SIZE - 2, fill=False, lw=3, ec=colour))
    shape = known("train")[2, 1] > 0.5
    notes = ", ".join(
        f"{name} {network[1][shape].mean():.2f}"
        for name, network in zip(("BCE", "MC"), networks, strict=True)
    )
    panels.figure.set_label(
        f"BCE at epoch {EPOCH} of {EPOCHS[-1]}: confidence and accuracy up to it, the "
        "reliability diagram, and two training images, framed in green and pink, beside "
        "label, true posterior, and the maps of BCE and MC. Confidence "
        f"{100 * confidence[-1]:.1f} %, accuracy {100 * accuracy[-1]:.1f} %, ECE "
        f"{100 * scores[-1].ece:.1f} %. P(y = 1) of the shape in the pink frame: {notes}."
    )
    return panels.figure
