"""Explorer that compares estimators of the calibration error, drawn in a reliability diagram."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from aslp_lib.course import recorded
from aslp_lib.course.figures.panels import CONFIDENCE, SHARE, Panels
from aslp_lib.course.live import Explorer, outcomes
from aslp_lib.evaluation.figures.style import GREY
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts

LIGHT_GREY = "#DDDDDD"
METHODS = ("aslp_mc", "bce")


def shipped_counts() -> dict[str, Counts]:
    """Count the predictions of shipped networks on both test sets: "method, set" -> counts."""
    counts = {}
    for data in ("nuclei", "shapes"):
        test = recorded.settings_of(data).load_data().tests["test"]
        masks = [test.mask(index) for index in range(len(test))]
        for label, network in recorded.networks(*METHODS, data=data).items():
            counts[f"{label}, {data}"] = Counts.from_maps(recorded.maps(network, test), masks)
    return counts


class Estimators(Explorer):
    """Explorer whose controls are the predictions, the estimator and the number of bins.

    Args:
        counts: label -> counts of a set of predictions; by default those of the shipped networks.
    """

    def __init__(self, counts: Mapping[str, Counts] | None = None) -> None:
        self.counts = counts or shipped_counts()
        records = {label: outcomes(one) for label, one in self.counts.items()}
        start = {"which": next(iter(records)), "estimator": "ece", "bins": calibration.BINS}
        super().__init__(records, start)

    def picture(self) -> Figure:
        """Plot the reliability diagram of the first predictions, and the shares of the bins."""
        label, counts = next(iter(self.counts.items()))
        table, panels = calibration.reliability(counts), Panels(8.6)
        title = f"{label}: ECE, bins of equal width"
        # Blue stands for underconfidence.
        diagram = panels.diagram((0.6, 0.5, 3.5, 2.55), table, title, bars=LIGHT_GREY)
        diagram.set_ylabel("accuracy in the bin")
        diagram.containers[1].remove()  # the right panel has the shares of the bins
        diagram.legend(fontsize=9, loc="upper left", handlelength=1)
        percent = ("share of the pixels", SHARE)
        x = ("confidence", CONFIDENCE)
        shares = panels.plot((5.0, 0.5, 3.4, 2.55), x, percent, "where the pixels are")
        full = table.pixels > 0
        for confidence, share in zip(table.confidence[full], table.share[full], strict=True):
            shares.vlines(confidence, 0, share, color=GREY, linewidth=8)
            shares.text(confidence, share + 0.02, f"{100 * share:.0f} %", ha="center", fontsize=9)
        panels.figure.set_label(
            f"{label}: reliability diagram with {calibration.BINS} bins of equal width, "
            f"{full.sum()} of them with pixels; ECE {100 * calibration.ece(counts):.2f} %, mean "
            f"confidence {100 * calibration.confidence(counts):.1f} %, accuracy "
            f"{100 * calibration.accuracy(counts):.1f} %. Beside it, the share of pixels in each "
            "bin."
        )
        return panels.figure
