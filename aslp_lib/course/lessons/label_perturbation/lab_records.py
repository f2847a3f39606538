"""Records and picture of the explorer of networks trained on perturbed labels."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import Panels, mosaic
from aslp_lib.course.live import outcomes, packed
from aslp_lib.course.recorded import perturbations, read_arrays, settings_of
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, RECORDED, Outcome
from aslp_lib.metrics import calibration

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
    """Draw the maps and reliability diagrams of the first network and of BCE."""
    part, product, targets = START["part"], START["perturbation"], START["network"]
    known = images(START["data"], part)
    shown = (
        perturbations.at_perturbation(product, part, targets),
        perturbations.at_temperature(START["temperature"], part),
    )
    names = (f"{targets} targets, dose {product:.2f}", f"BCE, T = {START['temperature']:.1f}")
    maps = (known["images"], known["posterior"], *(outcome.maps for outcome in shown))
    maps_of = [f"f, {name}" for name in names]
    panels = Panels(10.2, 7.5)
    for row, (values, title) in enumerate(
        zip(maps, ("images, shown in grey", "true P(y=1), π", *maps_of), strict=True)
    ):
        panels.map(0.05, 6.5, mosaic(values[None]), title, top=0.26 + 1.86 * row)
    for outcome, title, bottom in zip(shown, names, (4.65, 1.15), strict=True):
        table, box = calibration.reliability(outcome.counts), (7.3, bottom, 2.7, 2.5)
        diagram = panels.diagram(box, table, title, bars="#D4D4D4")  # blue is underconfidence
        diagram.set_ylabel("accuracy; share of pixels")
    diagram.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.42, -0.2), ncols=2)
    ece = [f"{100 * calibration.ece(outcome.counts):.1f} %" for outcome in shown]
    panels.figure.set_label(
        f"Four images of {part}, their true posterior, and the maps of the network trained at "
        f"the dose {product:.2f} on {targets} targets and of BCE at T = "
        f"{START['temperature']:.1f}, with both reliability diagrams. Trained network: ECE "
        f"{ece[0]}; BCE: ECE {ece[1]}."
    )
    return panels.figure
