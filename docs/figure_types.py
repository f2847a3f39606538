"""Sphinx extension that draws every type of figure anew, for a light and for a dark page.

```{figure-type} reliability_diagrams
```
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from docutils import nodes
from matplotlib.figure import Figure
from sphinx.util.docutils import SphinxDirective

from aslp_lib.course import recorded
from aslp_lib.evaluation import figures
from aslp_lib.experiments import figures as seed_figures
from aslp_lib.experiments.records import NONE, by_label, of_method, read
from aslp_lib.experiments.seed_statistics import difference
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.training.validation import validate

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "figures"
SET = "synthetic test images"
NLL = SCORES["nll"]
METHODS = ("bce", {}), ("aslp_mc", {}), ("label_smoothing", {"epsilon": 0.1})
"""Methods, with their hyperparameters, in the figures over seeds."""


@functools.cache
def _run() -> dict[str, Any]:
    """Return what the figures show: the shipped networks on the synthetic data, and the records."""
    test = recorded.SETTINGS.load_data().tests["test"]
    networks = {METHOD_LABELS[method]: recorded.load(method) for method in recorded.METHODS}
    records = read(ROOT / "benchmarks" / "results" / "comparison_shapes.json")
    chosen = pd.concat(
        of_method(records[records.recalibration == kind], method, options)
        for method, options in METHODS
        for kind in (NONE, "temperature_scaling")
    )
    return {
        "counts": {k: validate(net, test, recorded.SETTINGS) for k, net in networks.items()},
        "test": test,
        "maps": {k: recorded.maps(net, test)[:3] for k, net in networks.items()},
        "logs": {METHOD_LABELS[m]: recorded.load_log(m) for m in recorded.METHODS},
        "groups": {name: by_label(chosen, name) for name in ("test", "shifted")},
    }


def _scores(score: str, name: str = "test") -> dict[str, list[float]]:
    groups = _run()["groups"][name]
    return {label: group[score].tolist() for label, group in groups.items()}


def _differences() -> Figure:
    groups = _run()["groups"]["test"]
    first, *others = groups
    paired = {f"{k} − {first}": difference(groups[k], groups[first], "nll") for k in others}
    return seed_figures.paired_differences(paired, NLL, 0.01, SET)


TYPES: dict[str, Callable[[], Figure]] = {
    "reliability_diagrams": lambda: figures.reliability_diagrams(
        reliability_tables(_run()["counts"]), SET
    ),
    "equal_mass": lambda: figures.reliability_diagrams(
        reliability_tables(_run()["counts"], equal_mass=True), f"{SET}, bins of equal mass"
    ),
    "calibration_errors": lambda: figures.calibration_errors(
        reliability_tables(_run()["counts"]), SET
    ),
    "image_scatter": lambda: figures.image_scatter(_run()["counts"], SET),
    "joint_density": lambda: figures.joint_density(_run()["counts"], SET),
    "detection_curves": lambda: figures.detection_curves(_run()["counts"], SET),
    "gallery": lambda: figures.gallery(_run()["test"], range(3), _run()["maps"]),
    "error_maps": lambda: figures.error_maps(_run()["test"], range(3), _run()["maps"]),
    "training_history": lambda: figures.training_history(_run()["logs"]),
    "scores_over_seeds": lambda: seed_figures.scores_over_seeds(_scores("nll"), NLL, SET),
    "paired_differences": _differences,
    "in_and_under_shift": lambda: seed_figures.in_and_under_shift(
        _scores("ece"), _scores("ece", "shifted"), ("test", "shifted"), "5 seeds"
    ),
}
"""Every type of figure by name."""


class FigureType(SphinxDirective):
    """Draw a type of figure in both themes, of which a page shows the one that suits it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        images: list[nodes.Node] = []
        for mode in ("light", "dark"):
            with figures.theme(dark=mode == "dark"):
                figure = TYPES[name]()
            FOLDER.mkdir(parents=True, exist_ok=True)
            file = FOLDER / f"{name}_{mode}.png"
            file.write_bytes(figures.to_png(figure))
            images.append(
                nodes.image(
                    uri=f"/{file.relative_to(ROOT).as_posix()}",
                    alt=figures.alt(figure),
                    width=f"{figures.page_width(figure)}px",
                    classes=[f"only-{mode}"],
                )
            )
        return images


def setup(app: Any) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("figure-type", FigureType)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
