"""Draw pictures of pages in `docs`: `bills.png`, `reliability.png` and `insurance.png`."""

from pathlib import Path

import numpy as np
import pandas
from harness import RESULTS
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from aslp_lib.course import recorded
from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.insurance.figures import insurance_curve
from aslp_lib.evaluation import figures
from aslp_lib.evaluation.figures.style import PINK, new_figure
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Recalibrated, Temperature
from aslp_lib.runs import write

DOCS = Path(__file__).parents[1] / "docs"
IMAGE, MISS = 3, 10
GREY = "#8A8A8A"


def bills_figure() -> Figure:
    """Draw an image, two maps, and under each map the bill that it promised and the one paid."""
    nuclei = recorded.settings_of("nuclei").load_data()
    test, network = nuclei.tests["test"], recorded.load("bce", "nuclei")
    temperature = Temperature().fit(recorded.count(network, nuclei.validation))
    networks = {
        "The network": network,
        "Its logits divided by one number": Recalibrated(network, temperature),
    }
    figure = new_figure(9.2, 4.4)
    (image, *maps), (key, *bills) = figure.subplots(2, 3, height_ratios=(4, 1))
    image.imshow(test[IMAGE][0].permute(1, 2, 0))
    image.contour(test.mask(IMAGE), [0.5], colors="black", linewidths=1)
    image.set_title("Tissue, with nuclei outlined")
    image.set_axis_off()
    key.set_axis_off()
    text = {"transform": key.transAxes, "in_layout": False}
    key.text(0, 0.75, "A person checks each pixel that may", **text)
    key.text(0, 0.45, "belong to a nucleus. In 100 pixels:", **text)
    key.text(0, 0.1, "■ checks: 1 each", color=GREY, **text)
    key.text(0.44, 0.1, f"■ missed pixels: {MISS} each", color=PINK, **text)
    for above, below, (title, one) in zip(maps, bills, networks.items(), strict=True):
        _draw_map(above, recorded.maps(one, test)[IMAGE] / 255, test.mask(IMAGE) == 1)
        above.set_title(title)
        _draw_bills(below, recorded.count(one, test)[[IMAGE]])
    return figure


def _draw_map(axis: Axes, f: np.ndarray, nucleus: np.ndarray) -> None:
    """Draw P(nucleus) in grey, with the pixels of nuclei that nobody checks in pink."""
    axis.imshow(f, cmap="gray", vmin=0, vmax=1)
    missed = nucleus & (MISS * f <= 1)
    axis.imshow(np.where(missed, 1.0, np.nan), cmap=ListedColormap([PINK]))
    axis.set_axis_off()


def _draw_bills(axis: Axes, counts: Counts) -> None:
    """Draw the promised and the paid bill of 100 pixels, each as checks and misses."""
    costs = bill(counts, MISS)
    for row, (name, total) in enumerate({"promised": costs.expected, "paid": costs.paid}.items()):
        axis.barh(row, 100 * costs.checked, color=GREY)
        axis.barh(row, 100 * (total - costs.checked), left=100 * costs.checked, color=PINK)
        axis.text(100 * total + 2, row, f"{100 * total:.0f}", va="center", weight="bold")
        axis.text(-2, row, name, ha="right", va="center")
    axis.set(xlim=(-36, 112), ylim=(1.5, -0.5))
    axis.set_axis_off()


def reliability_figure() -> Figure:
    """Draw the reliability diagrams of BCE, as trained and scaled, and of ASLP."""
    nuclei, networks = recorded.settings_of("nuclei").load_data(), recorded.networks(data="nuclei")
    test = {label: recorded.count(net, nuclei.tests["test"]) for label, net in networks.items()}
    temperature = Temperature().fit(recorded.count(networks["BCE"], nuclei.validation))
    counts = {
        "BCE": test["BCE"],
        "BCE, temperature-scaled": temperature.apply_counts(test["BCE"]),
        "ASLP (MC)": test["ASLP (MC)"],
    }
    return figures.reliability_diagrams(reliability_tables(counts), "nuclei, test images")


if __name__ == "__main__":
    write(DOCS / "bills.png", figures.to_png(bills_figure()))
    write(DOCS / "reliability.png", figures.to_png(reliability_figure()))
    curve = pandas.read_csv(RESULTS / "second_trial_curve.csv")
    write(DOCS / "insurance.png", figures.to_png(insurance_curve(curve)))
