"""Explorer that shows recorded training runs epoch by epoch."""

from typing import Any

import numpy as np

from aslp_lib.course.live import Explorer, packed
from aslp_lib.course.recorded import SETTINGS, epochs, perturbations, read_arrays
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.data.image_set import DataSplits
from aslp_lib.data.shapes import SIZE


def known(data: DataSplits, part: str) -> np.ndarray:
    """Return image, label and posterior of the recorded images, (3, 2, H, W) 8-bit levels."""
    maps = perturbations.known(getattr(data, part), PICKS[part])
    return np.rint(255 * np.stack([*maps.values()])).astype(np.uint8)


def pixels(maps: np.ndarray) -> dict[str, Any]:
    """Pack maps, (..., H, W), as (..., pixels)."""
    return packed(maps.reshape(*maps.shape[:-2], -1))


class TrainingScrubber(Explorer):
    """Explorer whose controls are the rule and the epoch, which a button advances."""

    def __init__(self) -> None:
        arrays, data = read_arrays(epochs.FILE), SETTINGS.load_data()
        records = {
            "epochs": list(EPOCHS),
            "size": SIZE,
            "greys": epochs.GREYS,
            "step": epochs.STEP,
            "picks": list(PICKS["train"]),
            "known": [pixels(known(data, part)) for part in PICKS],
            "maps": pixels(arrays["maps"]),
            **{name: packed(arrays[name]) for name in ("levels", "scores", "bins")},
        }
        super().__init__(records, {"rule": "aslp_mc", "epoch": EPOCHS[-1]})
