"""Records and picture of the explorer of networks trained on perturbed labels."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import pictures
from aslp_lib.course.live import outcomes, packed
from aslp_lib.course.recorded import perturbations, read_arrays, settings_of
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, RECORDED, Outcome

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


def images(data: str, part: str) -> dict[str, np.ndarray]:
    """Return the recorded images of a test set, see `perturbations.known`."""
    tests = settings_of(data).load_data().tests
    return perturbations.known(tests[part], RECORDED[data].picks[part])


def grey(maps: np.ndarray) -> dict[str, Any]:
    """Pack maps, (4, H, W) in [0, 1], as 8-bit grey levels."""
    return packed(np.rint(255 * maps).astype(np.uint8).reshape(len(maps), -1))


def predictions(outcome: Outcome) -> dict[str, Any]:
    """Return the predictions of a network for a test set, for the script."""
    sure = [None if np.isnan(share) else share for share in (outcome.ambiguous, outcome.background)]
    return outcomes(outcome.counts) | {"maps": grey(outcome.maps), "sure": sure}


def of_part(data: str, part: str, index: int) -> dict[str, Any]:
    """Return the records of the test set with an index, for the script."""
    recorded, arrays = RECORDED[data], read_arrays(RECORDED[data].file)
    constant = {
        f"{targets} {value:g}": perturbations.at_perturbation(value, part, targets, data)
        for targets in recorded.targets
        for value in PERTURBATIONS
    }
    adapted = {rule: perturbations.of_rule(rule, part, data) for rule in recorded.rules}
    logits = arrays["map_logits"][index].astype(np.float32)
    return {
        **{name: grey(maps) for name, maps in images(data, part).items()},
        "logits": packed(arrays["logits"][index]),
        "mapLogits": packed(logits.reshape(len(logits), -1)),
        "networks": {name: predictions(one) for name, one in (constant | adapted).items()},
    }


def records(data: str) -> dict[str, Any]:
    """Return the records of a data set, for the script."""
    recorded = RECORDED[data]
    return {
        "size": read_arrays(recorded.file)["maps"].shape[-1],
        "grid": list(PERTURBATIONS),
        "targets": list(recorded.targets),
        "rules": {rule: perturbations.final_perturbation(rule, data) for rule in recorded.rules},
        "parts": {part: of_part(data, part, i) for i, part in enumerate(recorded.picks)},
    }


def state() -> dict[str, Any]:
    """Return the first state of the explorer."""
    return {"records": {data: records(data) for data in RECORDED}, "values": START}


def picture() -> Figure:
    """Show an image with its true posterior and the maps of three networks."""
    index, dose = START["image"] - 1, START["perturbation"]
    known = {name: maps[index] for name, maps in images(START["data"], START["part"]).items()}
    maps = {"π": known["posterior"], "BCE": perturbations.at_perturbation(0.0).maps[index]}
    for name, targets in (("label smoothing", "expected"), ("constant alpha", "sampled")):
        f = perturbations.at_perturbation(dose, targets=targets).maps[index]
        maps[f"{name}, undone"] = ((f - dose / 2) / (1 - dose)).clip(0, 1)
    shape = known["posterior"] > 0.7
    titles = [
        f"{name}: {values[shape].mean():.2f}".replace(", ", ",\n") for name, values in maps.items()
    ]
    words = f"Maps from black (0) to white (1), with means on the bright shape; dose {dose:g}."
    return pictures({"": [known["images"], *maps.values()]}, words, ["image", *titles], side=1.9)
