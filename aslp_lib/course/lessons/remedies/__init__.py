"""What a temperature and an epoch repair, and what they leave."""

import pandas
from IPython.display import Markdown

from aslp_lib.course import first_trial
from aslp_lib.course.figures import table
from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.remedies import figures


def of_trial(
    data: str, score: str, name: str = "test", *, scaled: bool = True
) -> dict[str, pandas.Series]:
    """Return a score of the BCE networks of the trial: "last epoch" or "early-stopped".

    Args:
        data: "nuclei" or "shapes".
        score: a column of the records.
        name: a set of the data.
        scaled: return the score after temperature scaling, instead of that as trained.
    """
    runs = first_trial.read(data)
    column = score, "temperature_scaling" if scaled else "none", name
    methods = {"last epoch": "B", "early-stopped": "B_ES"}
    return {key: first_trial.scores(runs, m, column, pooled=True)[0] for key, m in methods.items()}


def table_of_trial() -> Markdown:
    """Show which epochs and temperatures the runs of the trial have, and what these leave."""
    rows = []
    for data in ("nuclei", "shapes"):
        epoch, T, nll, accuracy = (
            of_trial(data, score) for score in ("epoch", "temperature", "nll", "accuracy")
        )
        as_trained = of_trial(data, "nll", scaled=False)
        for key in epoch:
            ends = sorted({epoch[key].min(), epoch[key].max()})
            epochs = " to ".join(f"{end:.0f}" for end in ends)
            spread = f"{T[key].min():.2f} to {T[key].max():.2f}"
            means = [f"{x[key].mean():.2f}" for x in (as_trained, nll)]
            percent = f"{100 * accuracy[key].mean():.1f}"
            rows.append((f"{data}, {key}", epochs, spread, *means, percent))
    head = "networks", "epoch", "T", "NLL, as trained", "NLL, scaled", "accuracy, %"
    return table(head, rows)
