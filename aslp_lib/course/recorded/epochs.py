"""Record scores, alphas and maps of training runs every two epochs, for the training scrubber.

`python -m aslp_lib.course.recorded.epochs` (or `make weights`) creates the file again with the
preset "demo". The training runs use plain BCE and the three rules; except for ME, they are the runs
that produced the shipped weights.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from scipy.special import expit

from aslp_lib.config import Settings
from aslp_lib.course.recorded import (
    SETTINGS,
    logits,
    position,
    read_arrays,
    write_arrays,
    write_how,
)
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.metrics import calibration, scores
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

METHODS: tuple[str, ...] = ("bce", "aslp_mc", "aslp_me", "aslp_gap")
EPOCHS = range(2, SETTINGS.epochs + 1, 2)
PICKS: Mapping[str, tuple[int, ...]] = {"train": (28, 154), "validation": (7, 27)}
"""Indices of the images whose maps are recorded, by set."""
GREYS = 32
"""Number of grey levels of a recorded map."""
STEP = 1e-4
"""Quantisation step of the recorded alphas."""
FILE = "epochs.npz"
SCORES = ("accuracy", "confidence", "ece")


def levels(method: str) -> np.ndarray:
    """Return the (epochs, images) alphas of the training images after each of `EPOCHS`.

    They are 0 for plain BCE.

    Raises:
        ValueError: the method is not one of `METHODS`.
    """
    return read_arrays(FILE)["levels"][position("method", method, METHODS)] * STEP


def frame(state: TrainingState, data: DataSplits, settings: Settings) -> dict[str, np.ndarray]:
    """Compute the arrays to record after an epoch of a training run."""
    sets: dict[str, ImageSet] = {"validation": data.validation, "train": data.train}
    alpha = state.method.per_image().get("alpha", torch.zeros(len(data.train)))
    counts = [validate(state.network, sets[part], settings) for part in PICKS]
    diagrams = map(calibration.reliability, counts)
    z = [logits(state.network, sets[part])[[*picks], 0] for part, picks in PICKS.items()]
    return {
        "levels": np.rint(alpha.double().numpy() / STEP).astype(np.uint16),
        "scores": np.array([[*scores(c, names=SCORES).values()] for c in counts], np.float32),
        "bins": np.array([(t.pixels, t.confidence, t.accuracy) for t in diagrams], np.float32),
        "maps": np.rint((GREYS - 1) * expit(torch.stack(z).numpy())).astype(np.uint8),
    }


def recorded(method: str, data: DataSplits, settings: Settings) -> dict[str, np.ndarray]:
    """Train one method, and return the arrays of `frame` after each of `EPOCHS`, stacked."""
    frames: list[dict[str, np.ndarray]] = []

    def record(state: TrainingState) -> None:
        if len(state.log) in EPOCHS:
            frames.append(frame(state, data, settings))

    train(settings, data, method, after_epoch=record)
    return {name: np.stack([arrays[name] for arrays in frames]) for name in frames[0]}


def main() -> None:
    """Train all methods, and replace the files when all training runs are done."""
    settings = replace(SETTINGS, device="cpu")
    data = settings.load_data()
    runs = [recorded(method, data, settings) for method in METHODS]
    write_arrays(FILE, {name: np.stack([run[name] for run in runs]) for name in runs[0]})
    write_how("epochs.json", "aslp_lib.course.recorded.epochs", METHODS)


if __name__ == "__main__":
    main()
