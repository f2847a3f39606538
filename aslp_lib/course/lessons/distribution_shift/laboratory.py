"""Areas and bills on shifted test sets, what the checks find, and what an offset changes."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from IPython.display import Markdown

from aslp_lib.course.figures import percentages, table
from aslp_lib.course.lessons.bill.decision import bill
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

MISS = 10
"""Cost of a missed nucleus pixel; a check costs 1."""


class Area(NamedTuple):
    """Share of nucleus pixels: the mean of f, and that of the labels."""

    promised: float
    found: float


def area(counts: Counts) -> Area:
    """Return the area of nuclei that is promised, and the one that is found.

    >>> area(Counts.from_map(np.uint8([[255, 51, 51, 0]]), np.uint8([[1, 1, 0, 0]])))
    Area(promised=0.35, found=0.5)
    """
    promised = (counts.pooled * counts.level_probabilities).sum()
    return Area(float(promised / counts.pixels), float(counts.pooled[1].sum() / counts.pixels))


class Checks(NamedTuple):
    """Nuclei among the pixels that a person checks, as shares of all pixels."""

    checked: float
    promised: float
    found: float


def checks(counts: Counts, miss: float = MISS) -> Checks:
    """Compare the nuclei that f promises among the checked pixels with those that a person finds.

    >>> checks(Counts.from_map(np.uint8([[255, 51, 51, 0]]), np.uint8([[1, 1, 0, 0]])))
    Checks(checked=0.75, promised=0.35, found=0.5)
    """
    costs = bill(counts, miss)
    unchecked = np.divide((costs.expected - costs.checked, costs.paid - costs.checked), miss)
    promised, found = np.subtract(area(counts), unchecked).tolist()
    return Checks(costs.checked, promised, found)


class Comparison(NamedTuple):
    """Bills per pixel of three recalibrations, and what the last one spares."""

    trained: float
    scaled: float
    with_offset: float
    area: float
    """Share of nuclei among all pixels."""
    nuclei: float
    """Share of nuclei among the spared pixels, which only the scaled network checks."""


def compare(trained: Counts, scaled: Counts, shifted: Counts, miss: float = MISS) -> Comparison:
    """Compare the bills as trained, temperature-scaled, and with an offset that spares pixels.

    >>> label = np.uint8([[1, 1, 0, 0]])
    >>> before = Counts.from_map(np.uint8([[255, 51, 51, 0]]), label)
    >>> compare(before, before, Counts.from_map(np.uint8([[204, 9, 9, 0]]), label))
    Comparison(trained=0.75, scaled=0.75, with_offset=2.75, area=0.5, nuclei=0.5)
    """
    first, old, new = (bill(counts, miss) for counts in (trained, scaled, shifted))
    spared = old.checked - new.checked
    nuclei = (new.paid - old.paid + spared) / (miss * spared)
    return Comparison(first.paid, old.paid, new.paid, area(scaled).found, nuclei)


def table_of_promises(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate the area and the bill of 100 pixels that the network promises."""
    head = "of 100 pixels", "area promised", "bill planned", "of which checks"
    rows = {}
    for name, counts in sets.items():
        costs = bill(counts, MISS)
        rows[name] = area(counts).promised, costs.expected, costs.checked
    return percentages(head, rows)


def table_of_areas(sets: Mapping[str, Counts]) -> Markdown:
    """Tabulate the area and the bill of 100 pixels, as promised and as found."""
    head = "of 100 pixels", "area promised", "area found", "bill planned", "bill paid"
    return percentages(head, {k: (*area(c), *bill(c, MISS)[:2]) for k, c in sets.items()})


def table_of_bills(recalibrations: Mapping[str, Counts]) -> Markdown:
    """Tabulate the area promised, the checks and the bill of 100 pixels, and the NLL."""
    rows = []
    for name, c in recalibrations.items():
        costs = bill(c, MISS)
        shares = [f"{100 * x:.0f}" for x in (area(c)[0], costs.checked, costs.paid)]
        rows.append([name, *shares, f"{calibration.nll(c):.2f}"])
    head = "of 100 pixels", "area promised", "checked", "bill paid", "NLL, nats per pixel"
    return table(head, rows)


def table_of_offsets(rows: Mapping[str, Comparison]) -> Markdown:
    """Tabulate the bills of 100 pixels, and the nuclei among all pixels and the spared ones."""
    bills = "paid as trained", "T of validation", "T and offset"
    nuclei = "nuclei among all pixels, %", "among spared pixels, %"
    return percentages(("of 100 pixels", *bills, *nuclei), rows, digits=1)
