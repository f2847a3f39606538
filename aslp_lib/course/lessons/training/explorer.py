"""Explorer that shows recorded training runs epoch by epoch."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import CONFIDENCE, LIGHT_BLUE, Panels, mosaic
from aslp_lib.course.live import Explorer, packed
from aslp_lib.course.recorded import SETTINGS, epochs, read_arrays
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.data.shapes import SIZE
from aslp_lib.evaluation.figures.style import BLUE, GREY

RULE, EPOCH = "calibration", 20


def known(part: str) -> np.ndarray:
    """Return image, label and true posterior of the recorded images, (3, 2, H, W) in [0, 1]."""
    dataset: Any = getattr(SETTINGS.load_data(), part)
    picks = list(PICKS[part])
    images = dataset.images[picks].double().mean(dim=1).numpy() / 255
    return np.stack([images, dataset.masks[picks, 0].numpy(), dataset.posterior[picks]])


def pixels(maps: np.ndarray) -> dict[str, Any]:
    """Pack maps, (..., H, W), as (..., pixels)."""
    return packed(maps.reshape(*maps.shape[:-2], -1))


class TrainingScrubber(Explorer):
    """Explorer whose controls are the rule and the epoch, which a button advances."""

    def __init__(self) -> None:
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
        super().__init__(records, {"rule": RULE, "epoch": EPOCH})

    def picture(self) -> Figure:
        """Draw scores up to the first epoch, the reliability diagram after it, and the maps."""
        panels, past = Panels(10.2, 3.4), EPOCHS[: EPOCHS.index(EPOCH) + 1]
        scores = [epochs.seen(RULE, epoch) for epoch in past]
        confidence, accuracy = [s.confidence for s in scores], [s.accuracy for s in scores]
        time, shares = ("epoch", range(0, EPOCHS[-1] + 1, 20)), ("share of the pixels", CONFIDENCE)
        curves = panels.plot((0.6, 0.5, 2.55, 2.5), time, shares, f"MC, epoch {EPOCH}")
        curves.fill_between(past, confidence, accuracy, color=LIGHT_BLUE)
        training = [epochs.seen(RULE, epoch, "train").accuracy for epoch in past]
        for values, colour, label in (
            (training, GREY, "training accuracy"),
            (accuracy, "black", "validation accuracy"),
            (confidence, BLUE, "validation confidence"),
        ):
            curves.plot(past, values, color=colour, label=label)
        curves.legend(fontsize=9, loc="lower right")
        panels.diagram((3.85, 0.5, 1.8, 2.5), scores[-1].reliability, "reliability")
        maps = np.concatenate([known("validation"), scores[-1].maps[None]])
        panels.map(6.0, 4.15, mosaic(maps.swapaxes(0, 1)), "image, label, posterior, network")
        alpha = epochs.levels(RULE)[EPOCHS.index(EPOCH)].mean()
        panels.figure.set_label(
            f"MC at epoch {EPOCH} of {EPOCHS[-1]}: confidence and accuracy up to it, the "
            "reliability diagram, and the network's maps of two validation images beside label "
            f"and true posterior. Confidence {100 * confidence[-1]:.1f} %, accuracy "
            f"{100 * accuracy[-1]:.1f} %, ECE {100 * scores[-1].ece:.1f} %, mean alpha {alpha:.3f}."
        )
        return panels.figure
