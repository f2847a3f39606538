"""Draw the figure of the README, `docs/reliability.png`, from the shipped networks for nuclei."""

from pathlib import Path

from aslp_lib.course import recorded
from aslp_lib.evaluation import figures
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.recalibration import Temperature
from aslp_lib.runs import write

if __name__ == "__main__":
    nuclei, networks = recorded.settings_of("nuclei").load_data(), recorded.networks(data="nuclei")
    test = {label: recorded.count(net, nuclei.tests["test"]) for label, net in networks.items()}
    temperature = Temperature().fit(recorded.count(networks["BCE"], nuclei.validation))
    counts = {
        "BCE": test["BCE"],
        "BCE, temperature-scaled": temperature.apply_counts(test["BCE"]),
        "ASLP (MC)": test["ASLP (MC)"],
    }
    figure = figures.reliability_diagrams(reliability_tables(counts), "nuclei, test images")
    path = Path(__file__).parents[1] / "docs" / "reliability.png"
    write(path, figures.to_png(figure))
