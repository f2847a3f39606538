"""What is seen of trainings at every other epoch, recorded for the course's training scrubber.

`python -m aslp_lib.course.recorded.epochs` (or `make weights`) makes it again: the preset "demo",
plain BCE and the three rules. All but ME are the trainings of the shipped weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import expit

from aslp_lib.checks import require
from aslp_lib.config import Settings
from aslp_lib.course.recorded import SETTINGS, position, read_arrays, write_arrays, write_how
from aslp_lib.course.recorded.perturbations import logits_of
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import Reliability
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

METHODS: tuple[str, ...] = ("bce", "calibration", "entropy", "measured_gap")
EPOCHS = range(2, SETTINGS.epochs + 1, 2)
PICKS: Mapping[str, tuple[int, ...]] = {"train": (28, 154), "validation": (7, 27)}
"""Of each set, the images whose maps are kept."""
GREYS = 32
"""Of a map."""
STEP = 1e-4
"""To which levels are rounded."""
FILE, HOW = "epochs.npz", "epochs.json"
SCORES = {
    "accuracy": calibration.accuracy,
    "confidence": calibration.confidence,
    "ece": calibration.ece,
}


@dataclass(frozen=True)
class Seen:
    """What a network says of a set.

    Args:
        accuracy, confidence, ece: of all pixels, in [0, 1].
        reliability: their diagram.
        maps: (images, H, W) foreground probability of the images `PICKS`, in [0, 1].
    """

    accuracy: float
    confidence: float
    ece: float
    reliability: Reliability
    maps: np.ndarray


def levels(method: str) -> np.ndarray:
    """(epochs, images): alpha of each training image after each of `EPOCHS`; of plain BCE 0.

    Raises:
        ValueError: a method that is not of `METHODS`.
    """
    alphas: np.ndarray = read_arrays(FILE)["levels"][position("method", method, METHODS)] * STEP
    return alphas


def seen(method: str, epoch: int, part: str = "validation") -> Seen:
    """What a network says of a set after an epoch.

    Raises:
        ValueError: a method, an epoch or a set that is not of `METHODS`, `EPOCHS` and `PICKS`.
    """
    require("epoch", epoch, epoch in EPOCHS, f"an even one up to {EPOCHS[-1]}")
    method_at, part_at = position("method", method, METHODS), position("set", part, PICKS)
    at = method_at, EPOCHS.index(epoch), part_at
    held = read_arrays(FILE)
    accuracy, confidence, ece = held["scores"][at].tolist()
    bins = held["bins"][at].astype(np.float64)
    edges = np.arange(bins.shape[1] + 1) / bins.shape[1]
    maps = held["maps"][at] / (GREYS - 1)
    return Seen(accuracy, confidence, ece, Reliability(edges, *bins), maps)


def frame(state: TrainingState, data: DataSplits, settings: Settings) -> dict[str, np.ndarray]:
    """What is kept of a training after an epoch."""
    sets: dict[str, SaliencySet] = {"validation": data.validation, "train": data.train}
    alpha = state.method.per_image().get("alpha", torch.zeros(len(data.train)))
    counts = [validate(state.network, sets[part], settings) for part in PICKS]
    tables = [calibration.reliability(each) for each in counts]
    logits = [logits_of(state.network, sets[part])[list(picks)] for part, picks in PICKS.items()]
    return {
        "levels": np.rint(alpha.double().numpy() / STEP).astype(np.uint16),
        "scores": np.array([[of(each) for of in SCORES.values()] for each in counts], np.float32),
        "bins": np.array([(t.pixels, t.confidence, t.accuracy) for t in tables], np.float32),
        "maps": np.rint((GREYS - 1) * expit(np.stack(logits))).astype(np.uint8),
    }


def recorded(method: str, data: DataSplits, settings: Settings) -> dict[str, np.ndarray]:
    """Train, and keep the frames of `EPOCHS`: their arrays, stacked."""
    frames: list[dict[str, np.ndarray]] = []

    def keep(state: TrainingState) -> None:
        if len(state.log) in EPOCHS:
            frames.append(frame(state, data, settings))

    train(settings, data, method, after_epoch=keep)
    return {name: np.stack([each[name] for each in frames]) for name in frames[0]}


def main() -> None:
    """Train one method after another, and replace the files when all are done."""
    settings = replace(SETTINGS, device="cpu")
    data = settings.load_data()
    trainings = [recorded(method, data, settings) for method in METHODS]
    arrays = {name: np.stack([each[name] for each in trainings]) for name in trainings[0]}
    write_arrays(FILE, arrays)
    ends = {
        method: {
            "level": levels(method)[-1].mean().item(),
            **{part: _scores(seen(method, EPOCHS[-1], part)) for part in PICKS},
        }
        for method in METHODS
    }
    write_how(HOW, "aslp_lib.course.recorded.epochs", METHODS, epochs=list(EPOCHS), ends=ends)


def _scores(outcome: Seen) -> dict[str, float]:
    return {name: getattr(outcome, name) for name in SCORES}


if __name__ == "__main__":
    main()
