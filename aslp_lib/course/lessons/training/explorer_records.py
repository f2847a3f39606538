"""Records and picture of the explorer that shows recorded training runs epoch by epoch."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aslp_lib.course.figures.panels import GAP, Panels, mosaic
from aslp_lib.course.live import packed
from aslp_lib.course.recorded import SETTINGS, epochs, perturbations, read_arrays
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.data.shapes import SIZE
from aslp_lib.evaluation.figures.style import OF_METHODS, directions

RULE, EPOCH = "bce", 140
FRAMES = ("#7A6A53", "#CC79A7")
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
    """Draw confidence and accuracy of BCE, and the maps of the training images."""
    panels = Panels(11.4, 3.4)
    scores = [epochs.seen(RULE, epoch) for epoch in EPOCHS]
    confidence, accuracy = 100 * np.array([(s.confidence, s.accuracy) for s in scores]).T
    time, shares = ("epoch", range(0, EPOCHS[-1] + 1, 20)), ("%", range(50, 101, 10))
    curves = panels.plot(
        (0.6, 0.5, 3.6, 2.5), time, shares, f"BCE, validation images, epoch {EPOCH}"
    )
    above = confidence > accuracy
    for where, colour in zip((above, ~above), directions(), strict=True):
        curves.fill_between(EPOCHS, confidence, accuracy, where, color=colour, alpha=0.3, lw=0)
    curves.plot(EPOCHS, accuracy, color="black", linewidth=1)
    curves.plot(EPOCHS, confidence, color=OF_METHODS["BCE"], linewidth=2.5)
    for name, curve in (("confidence", confidence), ("accuracy", accuracy)):
        curves.text(EPOCHS[-1] - 2, curve[-1] - 1, name, ha="right", va="top")
    networks = [epochs.seen(rule, EPOCH, "train").maps for rule in (RULE, "aslp_mc")]
    maps = np.concatenate([known("train"), networks])
    shown = panels.map(4.6, 6.6, mosaic(maps.swapaxes(0, 1)), "")
    for row, colour in enumerate(FRAMES):
        corner = (0.5, row * (SIZE + GAP) + 0.5)
        shown.add_patch(Rectangle(corner, SIZE - 2, SIZE - 2, fill=False, lw=3, ec=colour))
    for column, head in enumerate(("image", "label", "posterior π", "f of BCE", "f of MC")):
        shown.text(column * (SIZE + GAP) + SIZE / 2, -3, head, ha="center")
    shape = known("train")[2, 1] > 0.5
    bce, mc = (network[1][shape].mean() for network in networks)
    panels.figure.set_label(
        f"BCE over {EPOCH} epochs: at the end, confidence {confidence[-1]:.1f} % and accuracy "
        f"{accuracy[-1]:.1f} %. Two training images, framed in brown and pink, beside label, true "
        "posterior, and the maps of BCE and MC. P(y = 1) of the shape in the pink frame: "
        f"BCE {bce:.2f}, MC {mc:.2f}."
    )
    return panels.figure
