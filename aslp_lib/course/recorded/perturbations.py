"""Predictions of networks trained at constant perturbations, recorded for notebook e5.

`python -m aslp_lib.course.recorded.perturbations` (or `make weights`) makes them again. With the
preset "demo", two networks are trained for each of `PERTURBATIONS` except 0: one on expected and
one on sampled targets. The shipped BCE network serves as perturbation 0; its logits are recorded
too, so that they can be divided by any temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import torch
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
"""Values of alpha * beta of the training runs."""
TARGETS = {"expected": MODERATION, "sampled": HARD_INVERSION}
"""Technique of the training runs on expected and on sampled targets."""
RULES = ("measured_gap", "calibration")
"""Rules with which shipped networks were trained."""
ROWS = tuple(product(TARGETS, PERTURBATIONS))
"""Recorded networks, in the order of the arrays."""
PICKS: Mapping[str, tuple[int, ...]] = {
    "test": (5, 14, 18, 33),
    "shifted": (5, 14, 18, 33),
    "textures": (0, 4, 7, 18),
}
"""Test set -> indices of the images whose maps are recorded."""
FILE, HOW = "perturbations.npz", "perturbations.json"
LOGITS = np.arange(-32, 32, 0.04) + 0.02
"""Centres of the bins in which BCE's logits are counted."""
KINDS = ("ambiguous", "background", "other")
SCORES = ("ece", "oe", "brier", "accuracy", "confidence")


@dataclass(frozen=True)
class Outcome:
    """Predictions of a network for a test set.

    Args:
        counts: counts of all its pixels, as one image.
        maps: (4, H, W) foreground probability of the images `PICKS`, in [0, 1].
        ambiguous, background: mean confidence where the true probability is within 1/4 of 1/2, and
            where it is 0; NaN in a set without such pixels.
    """

    counts: Counts
    maps: np.ndarray
    ambiguous: float
    background: float


def at_perturbation(perturbation: float, part: str = "test", targets: str = "expected") -> Outcome:
    """Return the predictions of the network trained at a constant perturbation.

    Args:
        perturbation: alpha * beta, one of `PERTURBATIONS`.
        part: test set, one of `PICKS`.
        targets: one of `TARGETS`.

    Raises:
        ValueError: the perturbation, the targets or the set were not recorded.
    """
    position("perturbation", perturbation, PERTURBATIONS)
    position("targets", targets, TARGETS)
    row = ROWS.index((targets, perturbation))
    arrays, index = read_arrays(FILE), (row, position("set", part, PICKS))
    return Outcome(
        Counts(arrays["counts"][index].astype(np.int64)[None]),
        arrays["maps"][index] / 255,
        *arrays["sure"][index].tolist(),
    )


def at_temperature(temperature: float, part: str = "test") -> Outcome:
    """Return the predictions of plain BCE with its logits divided by a temperature.

    Raises:
        ValueError: the set was not recorded.
    """
    arrays, part_index = read_arrays(FILE), position("set", part, PICKS)
    table = arrays["logits"][part_index].astype(np.int64)
    p = expit(LOGITS / temperature)
    counts = np.zeros((1, 2, MAP_GREY_LEVELS), np.int64)
    np.add.at(counts[0].T, np.rint((MAP_GREY_LEVELS - 1) * p).astype(int), table.sum(axis=0).T)
    pixels = table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        confidence = pixels @ np.maximum(p, 1 - p) / pixels.sum(axis=1)
    maps = expit(arrays["map_logits"][part_index].astype(np.float64) / temperature)
    return Outcome(Counts(counts), maps, confidence[0].item(), confidence[1].item())


def matching_temperature(
    perturbation: float, part: str = "test", targets: str = "expected"
) -> float:
    """Find the temperature at which BCE's mean confidence equals that of a perturbed network.

    Args:
        perturbation: alpha * beta of the network, one of `PERTURBATIONS`.

    Raises:
        ValueError: the perturbation, the targets or the set were not recorded.
    """
    from scipy.optimize import brentq

    target = calibration.confidence(at_perturbation(perturbation, part, targets).counts)

    def excess(temperature: float) -> float:
        return calibration.confidence(at_temperature(temperature, part).counts) - target

    return float(brentq(excess, 0.5, 50, xtol=1e-3))


def logits_of(network: nn.Module, dataset: SaliencySet) -> np.ndarray:
    """Compute a network's logits for a set, (images, H, W) float32, on the CPU."""
    network.eval()
    with torch.inference_mode():
        parts = [network(dataset.load(i)[0][None])[0, 0] for i in range(len(dataset))]
    return torch.stack(parts).float().numpy()


def kinds(posterior: np.ndarray) -> np.ndarray:
    """Return the index in `KINDS` of each pixel's kind, which its true probability determines."""
    return np.select([np.abs(posterior - 0.5) < 0.25, posterior == 0], [0, 1], 2)


def outcome(network: nn.Module, dataset: Shapes, picks: tuple[int, ...]) -> Outcome:
    """Compute the predictions of a network for a set.

    Args:
        picks: indices of the images whose maps are recorded.
    """
    p = expit(logits_of(network, dataset).astype(np.float64))
    counts = Counts.from_probabilities(
        torch.from_numpy(p), dataset.masks[:, 0].long(), grey_levels=MAP_GREY_LEVELS
    )
    kind, confidence = kinds(dataset.posterior), np.maximum(p, 1 - p)
    means = [confidence[kind == k].mean() if (kind == k).any() else np.nan for k in (0, 1)]
    return Outcome(Counts(counts.pooled[None]), p[list(picks)], *means)


def logit_table(logits: np.ndarray, dataset: Shapes) -> np.ndarray:
    """Count pixels by kind, label and logit, (kinds, 2, bins).

    Logits beyond the outermost bins are counted in these.
    """
    width = LOGITS[1] - LOGITS[0]
    bins = np.floor((logits - LOGITS[0]) / width + 0.5).astype(int).clip(0, len(LOGITS) - 1)
    cell = (kinds(dataset.posterior) * 2 + dataset.masks[:, 0].numpy()) * len(LOGITS) + bins
    pixels = np.bincount(cell.ravel(), minlength=len(KINDS) * 2 * len(LOGITS))
    return pixels.reshape(len(KINDS), 2, len(LOGITS))


def at(perturbation: float, settings: Settings, targets: str = "expected") -> Settings:
    """Return settings with a constant perturbation, and expected or sampled targets.

    Args:
        perturbation: alpha * beta.
        targets: one of `TARGETS`.

    Raises:
        ValueError: the targets are not in `TARGETS`.
    """
    position("targets", targets, TARGETS)
    technique = TARGETS[targets]
    options = {
        "technique": technique.name,
        "alpha": perturbation / technique.beta,
        "use_expected_targets": targets == "expected",
    }
    return settings.tuned(constant_alpha=options)


@cache
def of_rule(rule: str, part: str = "test") -> Outcome:
    """Compute the predictions of the shipped network whose alphas were adapted by one of `RULES`.

    Raises:
        ValueError: there is no such network or set.
    """
    position("rule", rule, RULES)
    position("set", part, PICKS)
    dataset: Any = SETTINGS.load_data().tests[part]
    return outcome(load(rule), dataset, PICKS[part])


def network_at(
    perturbation: float, targets: str, data: DataSplits, settings: Settings
) -> nn.Module:
    """Return the network of a perturbation, which is trained here unless it is the shipped BCE."""
    if perturbation == 0:
        return load("bce")
    return train(at(perturbation, settings, targets), data, "constant_alpha").network


def main() -> None:
    """Train all networks, and replace the files when all training runs are done."""
    settings = replace(SETTINGS, device="cpu")
    data = settings.load_data()
    tests: dict[str, Any] = data.tests
    rows = []
    for targets, perturbation in ROWS:
        network = network_at(perturbation, targets, data, settings)
        rows.append([outcome(network, tests[part], picks) for part, picks in PICKS.items()])
    bce_logits = {part: logits_of(load("bce"), tests[part]) for part in PICKS}
    arrays: dict[str, np.ndarray] = {
        "counts": np.array([[o.counts.pooled for o in row] for row in rows], np.uint32),
        "maps": np.array([[np.rint(255 * o.maps) for o in row] for row in rows], np.uint8),
        "sure": np.array([[(o.ambiguous, o.background) for o in row] for row in rows]),
        "logits": np.array([logit_table(bce_logits[p], tests[p]) for p in PICKS], np.uint32),
        "map_logits": np.array([bce_logits[p][list(PICKS[p])] for p in PICKS], np.float16),
    }
    write_arrays(FILE, arrays)
    techniques = {targets: technique.name for targets, technique in TARGETS.items()}
    results: dict[str, Any] = {"perturbations": PERTURBATIONS, "targets": techniques, "scores": {}}
    for targets in TARGETS:
        counts = {s: at_perturbation(s, "test", targets).counts for s in PERTURBATIONS}
        results["scores"][targets] = {s: scores(c, names=SCORES) for s, c in counts.items()}
    write_how(HOW, "aslp_lib.course.recorded.perturbations", ["constant_alpha"], **results)


if __name__ == "__main__":
    main()
