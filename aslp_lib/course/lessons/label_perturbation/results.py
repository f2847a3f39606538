"""Results of networks trained on perturbed labels: Brier scores over seeds, and a table."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from IPython.display import Markdown

from aslp_lib.course import figures, recorded

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


def percentages(
    head: Sequence[str], rows: Mapping[str, Iterable[float]], digits: int = 0
) -> Markdown:
    """Show a table of shares in % (or of costs per pixel, for 100 pixels).

    Args:
        head: head of the column of names, and of the others.
        rows: name -> the shares of the row.
        digits: number of decimal places.
    """
    cells = [[name, *(f"{100 * x:z.{digits}f}" for x in row)] for name, row in rows.items()]
    return figures.table(head, cells)
