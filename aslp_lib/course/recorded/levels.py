"""What networks that were trained at a fixed level say, recorded for the course's level lab.

`python -m aslp_lib.course.recorded.levels` (or `make weights`) makes it again: the preset "demo",
one training for each of `LEVELS` but 0, on expected targets and once more on drawn ones. Level 0 is
the shipped BCE network, whose logits are kept too, so that any temperature can be put on them.
Beside them stand the shipped networks whose levels a rule moved.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import expit
from torch import nn

from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION, Technique
from aslp_lib.config import Settings
from aslp_lib.course.recorded import FOLDER, SETTINGS, load, write_how
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.shapes import Shapes
from aslp_lib.files import write
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import MAP_LEVELS, Counts
from aslp_lib.recalibration.temperature import Temperature
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

LEVELS: tuple[float, ...] = tuple(round(0.05 * n, 2) for n in range(13))
"""alpha * beta of the trainings."""
TARGETS = {"expected": MODERATION, "drawn": HARD_INVERSION}
"""What the trainings at a level were trained on: the expected target, or what its switch draws."""
RULES = ("measured_gap", "calibration")
"""Of the shipped networks that are kept too."""
Row = tuple[str, float] | str
"""One of `TARGETS` and a level, or a rule."""
ROWS: tuple[Row, ...] = (*product(TARGETS, LEVELS), *RULES)
"""What is kept, in this order."""
PICKS: Mapping[str, tuple[int, ...]] = {
    "test": (5, 14, 18, 33),
    "shifted": (5, 14, 18, 33),
    "textures": (0, 4, 7, 18),
}
"""Of each test set, the images whose maps are kept."""
FILE, HOW = FOLDER / "levels.npz", FOLDER / "levels.json"
LOGITS = np.arange(-32, 32, 0.04) + 0.02
"""Middles of the bins in which BCE's logits are counted."""
KINDS = ("toss-ups", "background", "other")


@dataclass(frozen=True)
class Outcome:
    """What a network says of a test set.

    Args:
        counts: of all its pixels, as one image.
        maps: (4, H, W) foreground probability of the images `PICKS`, in [0, 1].
        toss_ups, background: mean confidence where the true probability is within 1/4 of 1/2, and
            where it is 0; NaN in a set without such pixels.
    """

    counts: Counts
    maps: np.ndarray
    toss_ups: float
    background: float


def at_level(level: float, part: str = "test", targets: str = "expected") -> Outcome:
    """Of the network trained at a level, one of `LEVELS`, on one of `TARGETS`.

    Raises:
        ValueError: another level or other targets, or a set that is not there.
    """
    if level not in LEVELS:
        raise ValueError(f"level is {level}, but must be of {', '.join(map(str, LEVELS))}")
    _technique(targets)
    return _recorded((targets, level), part)


def of_rule(rule: str, part: str = "test") -> Outcome:
    """Of the shipped network whose levels were moved by one of `RULES`.

    Raises:
        ValueError: another rule, or a set that is not there.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}, but must be of {', '.join(RULES)}")
    return _recorded(rule, part)


def _recorded(row: Row, part: str) -> Outcome:
    held, at = _held(), (ROWS.index(row), _number(part))
    return Outcome(
        Counts(held["counts"][at].astype(np.int64)[None]),
        held["maps"][at] / 255,
        *held["sure"][at].tolist(),
    )


def at_temperature(temperature: float, part: str = "test") -> Outcome:
    """Of plain BCE, its logits divided by a temperature.

    Raises:
        ValueError: a set that is not there.
    """
    held, which = _held(), _number(part)
    table = held["logits"][which].astype(np.int64)
    p = expit(LOGITS / temperature)
    counts = np.zeros((1, 2, MAP_LEVELS), np.int64)
    np.add.at(counts[0].T, np.rint((MAP_LEVELS - 1) * p).astype(int), table.sum(axis=0).T)
    pixels = table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        sure = pixels @ np.maximum(p, 1 - p) / pixels.sum(axis=1)
    maps = expit(held["map_logits"][which].astype(np.float64) / temperature)
    return Outcome(Counts(counts), maps, sure[0].item(), sure[1].item())


def fitted_temperature() -> float:
    """The temperature of least negative log-likelihood on BCE's validation set."""
    return float(_held()["temperature"])


def matching_temperature(level: float, part: str = "test", targets: str = "expected") -> float:
    """The temperature at which plain BCE is as sure, on average, as the network of a level.

    Raises:
        ValueError: as `at_level`.
    """
    aim = calibration.confidence(at_level(level, part, targets).counts)

    def surplus(temperature: float) -> float:
        return calibration.confidence(at_temperature(temperature, part).counts) - aim

    return float(brentq(surplus, 0.5, 50, xtol=1e-3))


def _technique(targets: str) -> Technique:
    if targets not in TARGETS:
        raise ValueError(f"targets is {targets!r}, but must be of {', '.join(TARGETS)}")
    return TARGETS[targets]


def _number(part: str) -> int:
    if part not in PICKS:
        raise ValueError(f"there is no set {part!r}: choose of {', '.join(PICKS)}")
    return list(PICKS).index(part)


@cache
def _held() -> dict[str, np.ndarray]:
    with np.load(FILE, allow_pickle=False) as file:
        return dict(file)


def logits_of(network: nn.Module, dataset: SaliencySet) -> np.ndarray:
    """(images, H, W) float32, on the CPU."""
    network.eval()
    with torch.inference_mode():
        parts = [network(dataset.load(i)[0][None])[0, 0] for i in range(len(dataset))]
    return torch.stack(parts).float().numpy()


def kinds(posterior: np.ndarray) -> np.ndarray:
    """Which of `KINDS` each pixel is, by its true probability."""
    return np.select([np.abs(posterior - 0.5) < 0.25, posterior == 0], [0, 1], 2)


def outcome(logits: np.ndarray, dataset: Shapes, picks: tuple[int, ...]) -> Outcome:
    """What is kept of a network's logits of a set, (images, H, W)."""
    p = expit(logits.astype(np.float64))
    counts = Counts.from_probabilities(
        torch.from_numpy(p), dataset.masks[:, 0].long(), grey_levels=MAP_LEVELS
    )
    which, sure = kinds(dataset.posterior), np.maximum(p, 1 - p)
    means = [sure[which == k].mean() if (which == k).any() else np.nan for k in (0, 1)]
    return Outcome(Counts(counts.pooled[None]), p[list(picks)], *means)


def logit_table(logits: np.ndarray, dataset: Shapes) -> np.ndarray:
    """(kinds, 2, bins): pixels by kind, label and logit; the outermost bins hold what is beyond."""
    width = LOGITS[1] - LOGITS[0]
    bins = np.floor((logits - LOGITS[0]) / width + 0.5).astype(int).clip(0, len(LOGITS) - 1)
    cell = (kinds(dataset.posterior) * 2 + dataset.masks[:, 0].numpy()) * len(LOGITS) + bins
    counted = np.bincount(cell.ravel(), minlength=len(KINDS) * 2 * len(LOGITS))
    return counted.reshape(len(KINDS), 2, len(LOGITS))


def at(level: float, settings: Settings, targets: str = "expected") -> Settings:
    """Settings with a fixed level, alpha * beta, and one of `TARGETS`.

    Raises:
        ValueError: other targets.
    """
    technique = _technique(targets)
    options = {
        "technique": technique.name,
        "alpha": level / technique.beta,
        "use_expected_targets": targets == "expected",
    }
    return settings.tuned(fixed_level=options)


def of_row(row: Row, data: DataSplits, settings: Settings) -> nn.Module:
    """The network: shipped, or trained now."""
    if isinstance(row, str):
        return load(row)
    targets, level = row
    if level == 0:
        return load("bce")
    return train(at(level, settings, targets), data, "fixed_level").network


def arrays(
    rows: Sequence[Mapping[str, Outcome]],
    plain: Mapping[str, np.ndarray],
    tests: Mapping[str, Any],
    temperature: float,
) -> dict[str, np.ndarray]:
    """What is written.

    Args:
        rows: set -> what is kept of it, of each of `ROWS`.
        plain: set -> (images, H, W) logits of BCE.
        temperature: as `fitted_temperature` is.
    """
    kept = [[row[part] for part in PICKS] for row in rows]
    return {
        "counts": np.array([[o.counts.pooled for o in row] for row in kept], np.uint32),
        "maps": np.array([[np.rint(255 * o.maps) for o in row] for row in kept], np.uint8),
        "sure": np.array([[(o.toss_ups, o.background) for o in row] for row in kept]),
        "logits": np.array([logit_table(plain[p], tests[p]) for p in PICKS], np.uint32),
        "map_logits": np.array([plain[p][list(PICKS[p])] for p in PICKS], np.float16),
        "temperature": np.array(temperature),
    }


def main() -> None:
    """Train one network after another, and replace the files when all are done."""
    settings = replace(SETTINGS, device="cpu")
    data = settings.load_data()
    tests: dict[str, Any] = data.tests
    rows = []
    for row in ROWS:
        network = of_row(row, data, settings)
        rows.append(
            {
                part: outcome(logits_of(network, tests[part]), tests[part], picks)
                for part, picks in PICKS.items()
            }
        )
    bce = load("bce")
    fitted = Temperature().fit(validate(bce, data.validation, settings))
    plain = {part: logits_of(bce, tests[part]) for part in PICKS}
    save(arrays(rows, plain, tests, fitted.value))


def save(held: dict[str, Any]) -> None:
    """Write the arrays, and how they were made."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **held)
    write(FILE, buffer.getvalue())
    _held.cache_clear()
    write_how(
        HOW.name,
        "aslp_lib.course.recorded.levels",
        ["fixed_level"],
        levels=LEVELS,
        targets={targets: technique.name for targets, technique in TARGETS.items()},
        temperature=fitted_temperature(),
        scores={
            targets: {level: _scores(at_level(level, "test", targets).counts) for level in LEVELS}
            for targets in TARGETS
        },
    )


def _scores(counts: Counts) -> dict[str, float]:
    return scores(counts, names=("ece", "oe", "brier", "accuracy", "confidence"))


if __name__ == "__main__":
    main()
