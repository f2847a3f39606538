"""Predictions of networks trained at constant perturbations, recorded for an explorer.

`python -m aslp_lib.course.recorded.perturbations` (or `make weights`) makes them again, with the
presets of the two embedded data sets. On `shapes`, two networks are trained for each of
`PERTURBATIONS` except 0: one on expected and one on sampled targets; on `nuclei`, one on expected
targets. The shipped BCE network serves as perturbation 0; its logits are recorded too, so that they
can be divided by any temperature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from aslp_lib.aslp.perturbation import HARD_INVERSION, MODERATION
from aslp_lib.config import Settings
from aslp_lib.course.recorded import (
    load,
    logits,
    position,
    read_arrays,
    settings_of,
    write_arrays,
    write_how,
)
from aslp_lib.data.image_set import DataSplits
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.training.loop import train

PERTURBATIONS: tuple[float, ...] = tuple(round(0.05 * n, 2) for n in range(13))
"""Values of alpha * beta of the training runs."""
TARGETS = {"expected": MODERATION, "sampled": HARD_INVERSION}
"""Technique of the training runs on expected and on sampled targets."""


@dataclass(frozen=True)
class Recorded:
    """What is recorded for a data set.

    Args:
        picks: test set -> indices of the images whose maps are recorded.
        targets: targets of the networks, of `TARGETS`.
        file: name of the file of the records.
    """

    picks: Mapping[str, tuple[int, ...]]
    targets: tuple[str, ...]
    file: str

    @property
    def rows(self) -> list[tuple[str, float]]:
        """Recorded networks, in the order of the arrays: targets and perturbation."""
        return list(product(self.targets, PERTURBATIONS))


RECORDED = {
    "shapes": Recorded(
        {"test": (5, 14, 18, 33), "shifted": (5, 14, 18, 33), "textures": (0, 4, 7, 18)},
        ("expected", "sampled"),
        "perturbations.npz",
    ),
    "nuclei": Recorded(
        {"test": (1, 3, 9, 11), "fluorescence": (1, 25, 35, 38), "brightfield": (5, 9, 29, 41)},
        ("expected",),
        "nuclei_perturbations.npz",
    ),
}
"""Data set -> what is recorded for it."""
LOGITS = np.arange(-32, 32, 0.04) + 0.02
"""Centres of the bins in which BCE's logits are counted."""
AMBIGUOUS, BACKGROUND, OTHER = range(3)
"""Kinds of pixels, see `kinds`."""


@dataclass(frozen=True)
class Outcome:
    """Predictions of a network for a test set.

    Args:
        counts: counts of all its pixels, as one image.
        maps: (4, H, W) foreground probability of the images `picks`, in [0, 1].
        ambiguous, background: mean confidence where the true probability is within 1/4 of 1/2, and
            where it is 0; NaN in a set without such pixels.
    """

    counts: Counts
    maps: np.ndarray
    ambiguous: float
    background: float


def at_perturbation(
    perturbation: float, part: str = "test", targets: str = "expected", data: str = "shapes"
) -> Outcome:
    """Return the predictions of the network trained at a constant perturbation.

    Args:
        perturbation: alpha * beta, one of `PERTURBATIONS`.
        part: test set, one of the data set's `picks`.
        targets: one of the data set's `targets`.
        data: one of `RECORDED`.

    Raises:
        ValueError: the perturbation, the targets, the set or the data were not recorded.
    """
    recorded = _recorded(data)
    position("perturbation", perturbation, PERTURBATIONS)
    position("targets", targets, recorded.targets)
    row = recorded.rows.index((targets, perturbation))
    index, arrays = (row, position("set", part, recorded.picks)), read_arrays(recorded.file)
    return Outcome(
        Counts(arrays["counts"][index].astype(np.int64)[None]),
        arrays["maps"][index] / 255,
        *arrays["sure"][index].tolist(),
    )


def _recorded(data: str) -> Recorded:
    position("data", data, RECORDED)
    return RECORDED[data]


def at_temperature(temperature: float, part: str = "test", data: str = "shapes") -> Outcome:
    """Return the predictions of plain BCE with its logits divided by a temperature.

    Raises:
        ValueError: the set or the data were not recorded.
    """
    recorded = _recorded(data)
    arrays, part_index = read_arrays(recorded.file), position("set", part, recorded.picks)
    table = arrays["logits"][part_index].astype(np.int64)
    p = expit(LOGITS / temperature)
    counts = np.zeros((1, 2, MAP_GREY_LEVELS), np.int64)
    np.add.at(counts[0].T, np.rint((MAP_GREY_LEVELS - 1) * p).astype(int), table.sum(axis=0).T)
    pixels = table.sum(axis=1)
    with np.errstate(invalid="ignore"):
        confidence = pixels @ np.maximum(p, 1 - p) / pixels.sum(axis=1)
    maps = expit(arrays["map_logits"][part_index].astype(np.float64) / temperature)
    return Outcome(Counts(counts), maps, confidence[0].item(), confidence[1].item())


def kinds(dataset: Any) -> np.ndarray:
    """Return the kind of each pixel, which its true probability determines.

    If that is unknown, as in `nuclei`, all pixels are `OTHER`.
    """
    posterior = getattr(dataset, "posterior", None)
    if posterior is None:
        return np.full(dataset.masks[:, 0].shape, OTHER)
    of_kind = [np.abs(posterior - 0.5) < 0.25, posterior == 0]
    return np.select(of_kind, [AMBIGUOUS, BACKGROUND], OTHER)


def known(dataset: Any, picks: Sequence[int]) -> dict[str, np.ndarray]:
    """Return images of a set in grey, (images, H, W) in [0, 1], with what is known of them.

    The names are "images", "labels" and, if it is known, "posterior".
    """
    chosen = list(picks)
    maps = {
        "images": dataset.images[chosen].double().mean(dim=1).numpy() / 255,
        "labels": dataset.masks[chosen, 0].numpy(),
    }
    if hasattr(dataset, "posterior"):
        maps["posterior"] = dataset.posterior[chosen]
    return maps


def outcome(network: nn.Module, dataset: Any, picks: tuple[int, ...]) -> Outcome:
    """Compute the predictions of a network for a set.

    Args:
        picks: indices of the images whose maps are recorded.
    """
    p = expit(logits(network, dataset)[:, 0].double().numpy())
    counts = Counts.from_probabilities(
        torch.from_numpy(p), dataset.masks[:, 0].long(), grey_levels=MAP_GREY_LEVELS
    )
    kind, confidence = kinds(dataset), np.maximum(p, 1 - p)
    means = [
        confidence[kind == k].mean() if (kind == k).any() else np.nan
        for k in (AMBIGUOUS, BACKGROUND)
    ]
    return Outcome(counts.as_one_image, p[list(picks)], *means)


def logit_table(z: np.ndarray, dataset: Any) -> np.ndarray:
    """Count pixels by kind, label and logit, (kinds, 2, bins).

    Logits beyond the outermost bins are counted in these.
    """
    width = LOGITS[1] - LOGITS[0]
    bins = np.floor((z - LOGITS[0]) / width + 0.5).astype(int).clip(0, len(LOGITS) - 1)
    cell = (kinds(dataset) * 2 + dataset.masks[:, 0].numpy()) * len(LOGITS) + bins
    return np.bincount(cell.ravel(), minlength=3 * 2 * len(LOGITS)).reshape(3, 2, -1)


def at(perturbation: float, settings: Settings, targets: str = "expected") -> Settings:
    """Return settings with a constant perturbation, and expected or sampled targets.

    Args:
        perturbation: alpha * beta.
        targets: one of `TARGETS`.
    """
    technique = TARGETS[targets]
    options = {
        "technique": technique.name,
        "alpha": perturbation / technique.beta,
        "use_expected_targets": targets == "expected",
    }
    return settings.tuned(constant_alpha=options)


def network_of(row: tuple[str, float], data: str, splits: DataSplits) -> nn.Module:
    """Return the network of one of the rows, which is trained here unless it is a shipped one."""
    targets, perturbation = row
    if perturbation == 0:
        return load("bce", data)
    settings = replace(settings_of(data), device="cpu")
    return train(at(perturbation, settings, targets), splits, "constant_alpha").network


def record(data: str) -> None:
    """Train the networks of a data set, and replace its files when all runs are done."""
    recorded, splits = RECORDED[data], settings_of(data).load_data()
    tests = {part: splits.tests[part] for part in recorded.picks}
    networks = [network_of(row, data, splits) for row in recorded.rows]
    rows = [
        [outcome(network, tests[part], picks) for part, picks in recorded.picks.items()]
        for network in networks
    ]
    of_bce = {part: logits(load("bce", data), x)[:, 0].numpy() for part, x in tests.items()}
    tables = [logit_table(of_bce[part], dataset) for part, dataset in tests.items()]
    maps = [of_bce[part][list(picks)] for part, picks in recorded.picks.items()]
    arrays: dict[str, np.ndarray] = {
        "counts": np.array([[o.counts.pooled for o in row] for row in rows], np.uint32),
        "maps": np.array([[np.rint(255 * o.maps) for o in row] for row in rows], np.uint8),
        "sure": np.array([[(o.ambiguous, o.background) for o in row] for row in rows]),
        "logits": np.array(tables, np.uint32),
        "map_logits": np.array(maps, np.float16),
    }
    write_arrays(recorded.file, arrays)
    how = recorded.file.replace(".npz", ".json")
    module = "aslp_lib.course.recorded.perturbations"
    write_how(how, module, ["constant_alpha"], settings_of(data))


if __name__ == "__main__":
    for name in RECORDED:
        record(name)
