"""Results of networks trained on perturbed labels: their methods, and tables."""

from collections.abc import Mapping

import numpy as np
from IPython.display import Markdown

from aslp_lib.course import figures
from aslp_lib.course.lessons.bill.decision import bill, lowest
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

METHODS: dict[str, tuple[str, dict[str, object]]] = {
    "BCE": ("bce", {}),
    "expected targets": ("label_smoothing", {"epsilon": 0.2}),
    "sampled targets": ("constant_alpha", {"technique": "HI", "alpha": 0.1}),
}
"""Name -> training method and its options; the targets of the last two have the dose 0.2."""


def crossing(networks: Mapping[float, Counts]) -> float:
    """Return the dose at which confidence falls to accuracy, interpolated.

    Args:
        networks: dose, in ascending order -> counts of the network trained with it.
    """
    gaps = [calibration.gap(counts) for counts in networks.values()]
    return float(np.interp(0, gaps[::-1], [*networks][::-1]))


def bills(networks: Mapping[str, Counts], miss: float) -> Markdown:
    """Show the bills of networks for 100 pixels, and what the best threshold would pay."""
    head = f"of 100 pixels, a miss costs {miss:g}", "planned", "paid", "checked", "at best"
    rows = {name: (*bill(c, miss), lowest(c, miss)) for name, c in networks.items()}
    return figures.percentages(head, rows)
