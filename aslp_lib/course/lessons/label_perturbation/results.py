"""Results of networks trained on perturbed labels: Brier scores over seeds, and a table."""

import numpy as np

from aslp_lib.course import figures, recorded

percentages = figures.percentages
METHODS: dict[str, tuple[str, dict[str, object]]] = {
    "BCE": ("bce", {}),
    "expected targets": ("label_smoothing", {"epsilon": 0.2}),
    "sampled targets": ("constant_alpha", {"technique": "HI", "alpha": 0.1}),
}
"""Name -> training method and its options; the targets of the last two have the dose 0.2."""


def scaled_brier() -> dict[str, np.ndarray]:
    """Return the temperature-scaled Brier scores of five runs of each method on `shapes`."""
    place = "techniques_shapes", "test"
    return {
        name: recorded.runs(*place, method, "temperature_scaling", **options).brier.to_numpy()
        for name, (method, options) in METHODS.items()
    }
