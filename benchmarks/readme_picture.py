"""Draw the figure of the README, `docs/reliability.png`, from the shipped weights."""

from pathlib import Path

from aslp_lib.course import recorded
from aslp_lib.evaluation import figures
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics.bootstrap import reliability_tables
from aslp_lib.runs import write
from aslp_lib.training.validation import validate

if __name__ == "__main__":
    test = recorded.SETTINGS.load_data().tests["test"]
    counts = {
        METHOD_LABELS[method]: validate(recorded.load(method), test, recorded.SETTINGS)
        for method in recorded.METHODS
    }
    figure = figures.reliability_diagrams(reliability_tables(counts), "synthetic test images")
    path = Path(__file__).parents[1] / "docs" / "reliability.png"
    write(path, figures.to_png(figure))
