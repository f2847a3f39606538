"""Explorer of networks trained at a constant dose, as trained and undone."""

from typing import Any

import numpy as np

from aslp_lib.course.live import Explorer, outcomes, packed
from aslp_lib.course.recorded import count, load, perturbations, read_arrays, settings_of
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, RECORDED, Outcome
from aslp_lib.recalibration import Temperature, Unperturb

START: dict[str, Any] = {"data": "shapes", "network": "sampled", "dose": 0.2, "state": "trained"}


def grey(maps: np.ndarray) -> dict[str, Any]:
    """Pack maps, (4, H, W) in [0, 1], as 8-bit grey levels."""
    return packed(np.rint(255 * maps).astype(np.uint8).reshape(len(maps), -1))


def predictions(outcome: Outcome, dose: float) -> dict[str, Any]:
    """Return the predictions of a network, as trained and undone, for the script."""
    undone = Unperturb(dose).apply_counts(outcome.counts)
    return {
        "trained": outcomes(outcome.counts),
        "undone": outcomes(undone),
        "maps": grey(outcome.maps),
    }


def records(data: str) -> dict[str, Any]:
    """Return the records of a data set, for the script."""
    recorded, splits, bce = RECORDED[data], settings_of(data).load_data(), load("bce", data)
    known = perturbations.known(splits.tests["test"], recorded.picks)
    scaling = Temperature().fit(count(bce, splits.validation))
    networks = {
        f"{targets} {dose:g}": predictions(
            perturbations.at_perturbation(dose, targets=targets, data=data), dose
        )
        for targets in recorded.targets
        for dose in PERTURBATIONS
    }
    return {
        "size": read_arrays(recorded.file)["maps"].shape[-1],
        "grid": list(PERTURBATIONS),
        "targets": list(recorded.targets),
        "images": grey(known["images"]),
        "truth": grey(known.get("posterior", known["labels"])),
        "isPosterior": "posterior" in known,
        "networks": networks,
        "scaled": outcomes(scaling.apply_counts(count(bce, splits.tests["test"]))),
    }


class PerturbationLab(Explorer):
    """Explorer of data set, network and dose, as trained and undone."""

    def __init__(self) -> None:
        super().__init__({data: records(data) for data in RECORDED}, START)
