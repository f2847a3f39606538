"""Predictions of networks that were trained at constant perturbations, recorded for the level lab.

`python -m aslp_lib.course.recorded.perturbations` (or `make weights`) makes them again. With the
preset "demo", one network is trained for each of `PERTURBATIONS` except 0 on expected targets, and
one on sampled targets. At perturbation 0 stands the shipped BCE network; its logits are kept too,
so that they can be divided by any temperature. The shipped networks whose alphas a rule adapted
stand beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import expit
from torch import nn

from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION
from aslp_lib.config import Settings
from aslp_lib.course.recorded import SETTINGS, load, position, read_arrays, write_arrays, write_how
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.training.loop import train

PERTURBATIONS: tuple[float, ...] = tuple(round(0.05 * n, 2) for n in range(13))
"""alpha * beta of the trainings."""
TARGETS = {"expected": MODERATION, "drawn": HARD_INVERSION}
"""What the trainings at a level were trained on: the expected target, or what its switch draws."""
RULES = ("measured_gap", "calibration")
"""Of the shipped networks that are kept too."""
Row = tuple[str, float] | str
"""One of `TARGETS` and a level, or a rule."""
ROWS: tuple[Row, ...] = (*product(TARGETS, PERTURBATIONS), *RULES)
"""What is kept, in this order."""
PICKS: Mapping[str, tuple[int, ...]] = {
    "test": (5, 14, 18, 33),
    "shifted": (5, 14, 18, 33),
    "textures": (0, 4, 7, 18),
}
"""Of each test set, the images whose maps are kept."""
FILE, HOW = "perturbations.npz", "perturbations.json"
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


def at_perturbation(level: float, part: str = "test", targets: str = "expected") -> Outcome:
    """Of the network trained at a level, one of `PERTURBATIONS`, on one of `TARGETS`.

    Raises:
        ValueError: another level or other targets, or a set that is not there.
    """
    position("level", level, PERTURBATIONS)
    position("targets", targets, TARGETS)
    return _recorded((targets, level), part)


def of_rule(rule: str, part: str = "test") -> Outcome:
    """Of the shipped network whose levels were moved by one of `RULES`.

    Raises:
        ValueError: another rule, or a set that is not there.
    """
    position("rule", rule, RULES)
    return _recorded(rule, part)


def _recorded(row: Row, part: str) -> Outcome:
    held, at = read_arrays(FILE), (ROWS.index(row), position("set", part, PICKS))
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
    held, which = read_arrays(FILE), position("set", part, PICKS)
    table = held["logits"][which].astype(np.int64)
    p = expit(LOGITS / temperature)
    counts = np.zeros((1, 2, MAP_GREY_LEVELS), np.int64)
    np.add.at(counts[0].T, np.rint((MAP_GREY_LEVELS - 1) * p).astype(int), table.sum(axis=0).T)
    pixels = table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        sure = pixels @ np.maximum(p, 1 - p) / pixels.sum(axis=1)
    maps = expit(held["map_logits"][which].astype(np.float64) / temperature)
    return Outcome(Counts(counts), maps, sure[0].item(), sure[1].item())


def matching_temperature(level: float, part: str = "test", targets: str = "expected") -> float:
    """The temperature at which plain BCE is as sure, on average, as the network of a level.

    Raises:
        ValueError: as `at_perturbation`.
    """
    aim = calibration.confidence(at_perturbation(level, part, targets).counts)

    def surplus(temperature: float) -> float:
        return calibration.confidence(at_temperature(temperature, part).counts) - aim

    return float(brentq(surplus, 0.5, 50, xtol=1e-3))


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
        torch.from_numpy(p), dataset.masks[:, 0].long(), grey_levels=MAP_GREY_LEVELS
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
    """Settings with a constant alpha, alpha * beta, and one of `TARGETS`.

    Raises:
        ValueError: other targets.
    """
    position("targets", targets, TARGETS)
    technique = TARGETS[targets]
    options = {
        "technique": technique.name,
        "alpha": level / technique.beta,
        "use_expected_targets": targets == "expected",
    }
    return settings.tuned(constant_alpha=options)


def of_row(row: Row, data: DataSplits, settings: Settings) -> nn.Module:
    """The network: shipped, or trained now."""
    if isinstance(row, str):
        return load(row)
    targets, level = row
    if level == 0:
        return load("bce")
    return train(at(level, settings, targets), data, "constant_alpha").network


def main() -> None:
    """Train one network after another, and replace the files when all are done."""
    settings = replace(SETTINGS, device="cpu")
    data = settings.load_data()
    tests: dict[str, Any] = data.tests
    rows = []
    for row in ROWS:
        network = of_row(row, data, settings)
        rows.append(
            [
                outcome(logits_of(network, tests[part]), tests[part], picks)
                for part, picks in PICKS.items()
            ]
        )
    plain = {part: logits_of(load("bce"), tests[part]) for part in PICKS}
    arrays: dict[str, np.ndarray] = {
        "counts": np.array([[o.counts.pooled for o in row] for row in rows], np.uint32),
        "maps": np.array([[np.rint(255 * o.maps) for o in row] for row in rows], np.uint8),
        "sure": np.array([[(o.toss_ups, o.background) for o in row] for row in rows]),
        "logits": np.array([logit_table(plain[p], tests[p]) for p in PICKS], np.uint32),
        "map_logits": np.array([plain[p][list(PICKS[p])] for p in PICKS], np.float16),
    }
    write_arrays(FILE, arrays)
    write_how(
        HOW,
        "aslp_lib.course.recorded.perturbations",
        ["constant_alpha"],
        levels=PERTURBATIONS,
        targets={targets: technique.name for targets, technique in TARGETS.items()},
        scores={
            targets: {
                level: _scores(at_perturbation(level, "test", targets).counts)
                for level in PERTURBATIONS
            }
            for targets in TARGETS
        },
    )


def _scores(counts: Counts) -> dict[str, float]:
    return scores(counts, names=("ece", "oe", "brier", "accuracy", "confidence"))


if __name__ == "__main__":
    main()
