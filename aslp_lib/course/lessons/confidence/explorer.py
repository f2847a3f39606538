"""Explorer of the calibration error: a reliability diagram beside mistakes promised and made."""

from collections.abc import Mapping

from aslp_lib.course.lessons import bill
from aslp_lib.course.live import Explorer, outcomes
from aslp_lib.metrics.counts import Counts


def shipped_counts() -> dict[str, Counts]:
    """Count the predictions of both networks on the test images of nuclei: name -> counts."""
    _, labels, predicted = bill.predict("test")
    return {name: bill.counts_of(predicted[name], labels) for name in ("BCE", "ASLP")}


class Bins(Explorer):
    """Explorer whose controls are the network, the measure and the number of bins.

    It starts with the last network in a single bin, in which errors cancel.

    Args:
        counts: label -> counts of a set of predictions; by default those of the shipped networks.
    """

    def __init__(self, counts: Mapping[str, Counts] | None = None) -> None:
        tables = counts or shipped_counts()
        records = {label: outcomes(table) for label, table in tables.items()}
        start = {"which": [*records][-1], "measure": "ece", "bins": 1}
        super().__init__(records, start, is_photographed=not counts)
