"""Explorer of networks trained at an expected perturbation, beside temperature-scaled BCE."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import Panels, mosaic
from aslp_lib.course.live import Explorer, packed
from aslp_lib.course.recorded import perturbations, read_arrays, settings_of
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, RECORDED
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.top_label import top_label

START: dict[str, Any] = {
    "data": "shapes",
    "perturbation": 0.2,
    "network": "expected",
    "temperature": 1.0,
    "part": "test",
    "image": 3,
    "row": 12,
    "column": 26,
    "highlighted": 0,
}


def images(data: str, part: str) -> dict[str, np.ndarray]:
    """Return the recorded images of a test set, (4, H, W) in [0, 1], with what is known of them.

    The names are "images", "labels" and, if it is known, "posterior".
    """
    dataset: Any = settings_of(data).load_data().tests[part]
    picks = list(RECORDED[data].picks[part])
    known = {
        "images": dataset.images[picks].double().mean(dim=1).numpy() / 255,
        "labels": dataset.masks[picks, 0].numpy(),
    }
    if hasattr(dataset, "posterior"):
        known["posterior"] = dataset.posterior[picks]
    return known


def records(data: str) -> dict[str, Any]:
    """Return the records of a data set, for the script."""
    recorded, arrays = RECORDED[data], read_arrays(RECORDED[data].file)
    counts = arrays["counts"].astype(np.int64)
    tables = top_label(Counts(counts.reshape(-1, *counts.shape[-2:]))).table
    outcomes = np.stack([tables.sum(axis=1), tables[:, 1]], axis=1).astype(np.uint32)
    known = [images(data, part) for part in recorded.picks]
    return {
        "size": arrays["maps"].shape[-1],
        "grid": list(PERTURBATIONS),
        "targets": list(recorded.targets),
        "rules": {rule: perturbations.final_perturbation(rule, data) for rule in recorded.rules},
        "parts": list(recorded.picks),
        "counts": packed(outcomes),
        "sure": packed(arrays["sure"].astype(np.float32)),
        "maps": packed(arrays["maps"]),
        "logits": packed(arrays["logits"]),
        "mapLogits": packed(arrays["map_logits"].astype(np.float32)),
        **{
            name: packed(np.rint(255 * np.array([one[name] for one in known])).astype(np.uint8))
            for name in known[0]
        },
    }


class PerturbationLab(Explorer):
    """Explorer of perturbation, network, temperature and test set, and of a pixel and a bin."""

    def __init__(self) -> None:
        super().__init__({data: records(data) for data in RECORDED if (__import__("pathlib").Path("aslp_lib/course/recorded")/RECORDED[data].file).exists()}, START)

    def picture(self) -> Figure:
        """Draw the maps and reliability diagrams of the first network and of BCE."""
        part, product = START["part"], START["perturbation"]
        known = images(START["data"], part)
        outcomes = (
            perturbations.at_perturbation(product, part),
            perturbations.at_temperature(START["temperature"], part),
        )
        names = (f"trained at alpha*beta {product:.2f}", f"BCE, T = {START['temperature']:.1f}")
        maps = (known["images"], known["posterior"], *(outcome.maps for outcome in outcomes))
        panels = Panels(10.2, 7.5)
        for row, (values, title) in enumerate(
            zip(maps, ("images", "true posterior P(y = 1)", *names), strict=True)
        ):
            panels.map(0.05, 6.5, mosaic(values[None]), title, top=0.26 + 1.86 * row)
        for outcome, title, bottom in zip(outcomes, names, (4.3, 0.5), strict=True):
            diagram = panels.diagram(
                (7.2, bottom, 2.8, 2.6), calibration.reliability(outcome.counts), title
            )
        diagram.legend(fontsize=9, loc="upper left")
        ece = [f"{100 * calibration.ece(outcome.counts):.1f} %" for outcome in outcomes]
        panels.figure.set_label(
            f"Four images of {part}, their true posterior, and the maps of the network trained at "
            f"alpha*beta {product:.2f} on expected targets and of BCE at T = "
            f"{START['temperature']:.1f}, with both reliability diagrams. Trained network: ECE "
            f"{ece[0]}; BCE: ECE {ece[1]}."
        )
        return panels.figure
