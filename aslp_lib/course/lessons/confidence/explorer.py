"""Explorer of the calibration error: a reliability diagram beside mistakes promised and made."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.lessons import bill
from aslp_lib.course.lessons.confidence.figures import draw_mistakes
from aslp_lib.course.live import Explorer, outcomes
from aslp_lib.evaluation.figures.style import directions, ink, themed
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import Reliability
from aslp_lib.metrics.counts import Counts


def shipped_counts() -> dict[str, Counts]:
    """Count the predictions of both networks on the test images of nuclei: name -> counts."""
    _, labels, predicted = bill.predict("test")
    return {name: bill.counts_of(predicted[name], labels) for name in ("BCE", "ASLP")}


def draw_reliability(axis: Axes, table: Reliability) -> None:
    """Draw the bins as dots, which are larger for more pixels, with bars from the diagonal."""
    full = table.pixels > 0
    x, y, share = 100 * np.array([table.confidence, table.accuracy, table.share])[:, full]
    axis.plot([50, 100], [50, 100], "--", color=ink(), linewidth=1)
    axis.vlines(x, x, y, colors=[directions()[int(k)] for k in x <= y], linewidth=4)
    axis.scatter(x, y, s=12 + 1.5 * share, color=ink(), linewidth=0, zorder=3, clip_on=False)
    for height, k in ((0.92, 0), (0.84, 1)):
        name = ("overconfident", "underconfident")[k]
        colour = directions(text=True)[k]
        axis.text(0.04, height, name, color=colour, transform=axis.transAxes)
    lowest = min(50, 10 * int(y.min() // 10))
    axis.set(xlim=(50, 100), ylim=(lowest, 101), xlabel="confidence, %", ylabel="accuracy, %")


class Bins(Explorer):
    """Explorer whose controls are the network, the measure and the number of bins.

    Args:
        counts: label -> counts of a set of predictions; by default those of the shipped networks.
    """

    def __init__(self, counts: Mapping[str, Counts] | None = None) -> None:
        self.counts = counts or shipped_counts()
        records = {label: outcomes(one) for label, one in self.counts.items()}
        start = {"which": next(iter(records)), "measure": "ece", "bins": calibration.BINS}
        super().__init__(records, start)

    @themed
    def picture(self) -> Figure:
        """Plot the first predictions in ten bins."""
        label, counts = next(iter(self.counts.items()))
        table = calibration.reliability(counts)
        figure, (diagram, bins) = new_panels(2, 4.4, 3.6)
        draw_reliability(diagram, table)
        diagram.set_title(f"{label}: reliability diagram")
        words = draw_mistakes(bins, table, top=self.most())
        bins.set_title(f"mistakes: ECE {100 * calibration.ece(counts):.1f} %")
        figure.set_label(
            f"{label}: reliability diagram with {calibration.BINS} bins of equal width, "
            f"{(table.pixels > 0).sum()} of them with pixels; ECE "
            f"{100 * calibration.ece(counts):.2f} %, mean confidence "
            f"{100 * calibration.confidence(counts):.1f} %, accuracy "
            f"{100 * calibration.accuracy(counts):.1f} %. Beside it, the mistakes in 100 pixels: "
            f"{words}."
        )
        return figure

    def most(self) -> float:
        """Return the end of the axis of mistakes, which holds those of all pixels in one bin."""
        wrong = (
            1 - part(counts)
            for counts in self.counts.values()
            for part in (calibration.confidence, calibration.accuracy)
        )
        return 2 * float(np.ceil(100 * max(wrong) / 2))
