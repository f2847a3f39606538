"""What a temperature and an epoch repair, and what they leave."""

import pandas
from IPython.display import Markdown

from aslp_lib.course import trial
from aslp_lib.course.figures import table
from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.remedies import figures


def of_trial(data: str, score: str, name: str = "test") -> dict[str, pandas.Series]:
    """Return a score of the scaled BCE networks of the trial: "last epoch" or "early-stopped"."""
    runs, column = trial.read(data), (score, "temperature_scaling", name)
    methods = {"last epoch": "B", "early-stopped": "B_ES"}
    return {key: trial.scores(runs, m, column, pooled=True)[0] for key, m in methods.items()}


def table_of_trial() -> Markdown:
    """Show which epochs and temperatures the runs of the trial have, and what these leave."""
    rows = []
    for data in ("nuclei", "shapes"):
        epoch, T, nll, accuracy = (
            of_trial(data, score) for score in ("epoch", "temperature", "nll", "accuracy")
        )
        for key in epoch:
            ends = sorted({epoch[key].min(), epoch[key].max()})
            epochs = " to ".join(f"{end:.0f}" for end in ends)
            spread = f"{T[key].min():.2f} to {T[key].max():.2f}"
            means = f"{nll[key].mean():.2f}", f"{100 * accuracy[key].mean():.1f}"
            rows.append((f"{data}, {key}", epochs, spread, *means))
    return table(("networks", "epoch", "T", "NLL, scaled", "accuracy, %"), rows)
