"""Predictions of networks trained at constant perturbations, recorded for an explorer.

`python -m aslp_lib.course.recorded.perturbations` (or `make weights`) makes them again, with the
presets of the two embedded data sets. On `shapes`, two networks are trained for each of
`PERTURBATIONS` except 0: one on expected and one on sampled targets; on `nuclei`, one on expected
targets. The shipped BCE network serves as perturbation 0.
"""

from collections.abc import Sequence
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
        picks: indices of the test images whose maps are recorded.
        targets: targets of the networks, of `TARGETS`.
        file: name of the file of the records.
    """

    picks: tuple[int, ...]
    targets: tuple[str, ...]
    file: str

    @property
    def rows(self) -> list[tuple[str, float]]:
        """Recorded networks, in the order of the arrays: targets and perturbation."""
        return list(product(self.targets, PERTURBATIONS))


RECORDED = {
    "shapes": Recorded((5, 14, 18, 33), ("expected", "sampled"), "perturbations.npz"),
    "nuclei": Recorded((1, 3, 9, 11), ("expected",), "nuclei_perturbations.npz"),
}
"""Data set -> what is recorded for it."""


@dataclass(frozen=True)
class Outcome:
    """Predictions of a network for the test set.

    Args:
        counts: counts of all its pixels, as one image.
        maps: (4, H, W) foreground probability of the images `picks`, in [0, 1].
    """

    counts: Counts
    maps: np.ndarray


def at_perturbation(
    perturbation: float, targets: str = "expected", data: str = "shapes"
) -> Outcome:
    """Return the predictions of the network trained at a constant perturbation.

    Args:
        perturbation: alpha * beta, one of `PERTURBATIONS`.
        targets: one of the data set's `targets`.
        data: one of `RECORDED`.

    Raises:
        ValueError: the perturbation, the targets or the data were not recorded.
    """
    position("data", data, RECORDED)
    recorded = RECORDED[data]
    position("perturbation", perturbation, PERTURBATIONS)
    position("targets", targets, recorded.targets)
    row, arrays = recorded.rows.index((targets, perturbation)), read_arrays(recorded.file)
    return Outcome(Counts(arrays["counts"][row].astype(np.int64)[None]), arrays["maps"][row] / 255)


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
    return Outcome(counts.as_one_image, p[list(picks)])


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
    networks = [network_of(row, data, splits) for row in recorded.rows]
    outcomes = [outcome(network, splits.tests["test"], recorded.picks) for network in networks]
    arrays: dict[str, np.ndarray] = {
        "counts": np.array([o.counts.pooled for o in outcomes], np.uint32),
        "maps": np.array([np.rint(255 * o.maps) for o in outcomes], np.uint8),
    }
    write_arrays(recorded.file, arrays)
    how = recorded.file.replace(".npz", ".json")
    module = "aslp_lib.course.recorded.perturbations"
    write_how(how, module, ["constant_alpha"], settings_of(data))


if __name__ == "__main__":
    for name in RECORDED:
        record(name)
