"""Explorer of networks trained at a constant dose, beside temperature-scaled BCE."""

from typing import Any

import numpy as np

from aslp_lib.course.live import Explorer, outcomes, packed
from aslp_lib.course.recorded import perturbations, position, read_arrays, settings_of
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, RECORDED, Outcome
from aslp_lib.data.image_set import ImageSet

START: dict[str, Any] = {
    "data": "shapes",
    "perturbation": 0.2,
    "network": "sampled",
    "temperature": 1.0,
    "part": "test",
    "image": 3,
    "row": 12,
    "column": 26,
    "highlighted": 0,
}


def grey(maps: np.ndarray) -> dict[str, Any]:
    """Pack maps, (4, H, W) in [0, 1], as 8-bit grey levels."""
    return packed(np.rint(255 * maps).astype(np.uint8).reshape(len(maps), -1))


def predictions(outcome: Outcome) -> dict[str, Any]:
    """Return the predictions of a network for a test set, for the script."""
    sure = [None if np.isnan(share) else share for share in (outcome.ambiguous, outcome.background)]
    return outcomes(outcome.counts) | {"maps": grey(outcome.maps), "sure": sure}


def of_part(data: str, part: str, dataset: ImageSet) -> dict[str, Any]:
    """Return the records of a test set, for the script."""
    recorded, arrays = RECORDED[data], read_arrays(RECORDED[data].file)
    picks, index = recorded.picks[part], position("set", part, recorded.picks)
    constant = {
        f"{targets} {value:g}": perturbations.at_perturbation(value, part, targets, data)
        for targets in recorded.targets
        for value in PERTURBATIONS
    }
    logits = arrays["map_logits"][index].astype(np.float32)
    return {
        **{name: grey(maps) for name, maps in perturbations.known(dataset, picks).items()},
        "logits": packed(arrays["logits"][index]),
        "mapLogits": packed(logits.reshape(len(logits), -1)),
        "networks": {name: predictions(one) for name, one in constant.items()},
    }


def records(data: str) -> dict[str, Any]:
    """Return the records of a data set, for the script."""
    recorded, tests = RECORDED[data], settings_of(data).load_data().tests
    return {
        "size": read_arrays(recorded.file)["maps"].shape[-1],
        "grid": list(PERTURBATIONS),
        "targets": list(recorded.targets),
        "parts": {part: of_part(data, part, tests[part]) for part in recorded.picks},
    }


class PerturbationLab(Explorer):
    """Explorer of dose, network, temperature and test set, and of a pixel and a bin."""

    def __init__(self) -> None:
        super().__init__({data: records(data) for data in RECORDED}, START)
