"""What is seen of trainings at every other epoch, recorded for the course's training scrubber.

`python -m aslp_lib.course.recorded.epochs` (or `make weights`) makes it again: the preset "demo",
plain BCE and the three rules. All but ME are the trainings of the shipped weights.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from zipfile import ZIP_LZMA, ZipFile

import numpy as np
import torch
from scipy.special import expit

from aslp_lib.config import Settings
from aslp_lib.course.recorded import FOLDER, SETTINGS, write_how
from aslp_lib.course.recorded.levels import logits_of
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.files import write
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
FILE, HOW = FOLDER / "epochs.npz", FOLDER / "epochs.json"
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
    alphas: np.ndarray = _held()["levels"][_row(method)] * STEP
    return alphas


def seen(method: str, epoch: int, part: str = "validation") -> Seen:
    """What a network says of a set after an epoch.

    Raises:
        ValueError: a method, an epoch or a set that is not of `METHODS`, `EPOCHS` and `PICKS`.
    """
    if epoch not in EPOCHS:
        raise ValueError(f"epoch is {epoch}, but must be an even one up to {EPOCHS[-1]}")
    if part not in PICKS:
        raise ValueError(f"there is no set {part!r}: choose of {', '.join(PICKS)}")
    at = _row(method), EPOCHS.index(epoch), list(PICKS).index(part)
    held = _held()
    accuracy, confidence, ece = held["scores"][at].tolist()
    bins = held["bins"][at].astype(np.float64)
    edges = np.arange(bins.shape[1] + 1) / bins.shape[1]
    maps = held["maps"][at] / (GREYS - 1)
    return Seen(accuracy, confidence, ece, Reliability(edges, *bins), maps)


def _row(method: str) -> int:
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, but must be of {', '.join(METHODS)}")
    return METHODS.index(method)


@cache
def _held() -> dict[str, np.ndarray]:
    with np.load(FILE, allow_pickle=False) as file:
        return dict(file)


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
    save({name: np.stack([each[name] for each in trainings]) for name in trainings[0]})


def save(held: dict[str, np.ndarray]) -> None:
    """Write the arrays, and how they were made."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_LZMA) as file:  # as .npz, a quarter smaller than by deflate
        for name, values in held.items():
            with file.open(f"{name}.npy", "w") as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)
    write(FILE, buffer.getvalue())
    _held.cache_clear()
    ends = {
        method: {
            "level": levels(method)[-1].mean().item(),
            **{part: _scores(seen(method, EPOCHS[-1], part)) for part in PICKS},
        }
        for method in METHODS
    }
    write_how(HOW.name, "aslp_lib.course.recorded.epochs", METHODS, epochs=list(EPOCHS), ends=ends)


def _scores(outcome: Seen) -> dict[str, float]:
    return {name: getattr(outcome, name) for name in SCORES}


if __name__ == "__main__":
    main()
