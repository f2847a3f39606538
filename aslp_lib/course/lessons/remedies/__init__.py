"""What a temperature and an epoch repair, and what they leave."""

import pandas
from IPython.display import Markdown

from aslp_lib.course import first_trial
from aslp_lib.course.figures import table
from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.remedies import figures


def of_trial(data: str, score: str, *, scaled: bool = True) -> dict[str, pandas.Series]:
    """Return a test score of the BCE networks of the trial: "last epoch" or "early-stopped".

    Args:
        data: "nuclei" or "shapes".
        score: a column of the records.
        scaled: return the score after temperature scaling, instead of that as trained.
    """
    runs = first_trial.read(data)
    column = score, "temperature_scaling" if scaled else "none", "test"
    methods = {"last epoch": "B", "early-stopped": "B_ES"}
    return {key: first_trial.scores(runs, m, column, pooled=True)[0] for key, m in methods.items()}


def table_of_trial() -> Markdown:
    """Show epoch, temperature and scores of the runs of the trial: the lowest and the highest."""
    columns = {  # score, whether scaled, unit and format
        "epoch": ("epoch", True, 1, "{:.0f}"),
        "T": ("temperature", True, 1, "{:.1f}"),
        "NLL, as trained": ("nll", False, 1, "{:.2f}"),
        "NLL, scaled": ("nll", True, 1, "{:.2f}"),
        "accuracy, %": ("accuracy", True, 100, "{:.1f}"),
    }
    rows = []
    for data in ("nuclei", "shapes"):
        for key in ("last epoch", "early-stopped"):
            row = [f"{data}, {key}"]
            for score, scaled, unit, form in columns.values():
                values = unit * of_trial(data, score, scaled=scaled)[key]
                ends = form.format(values.min()), form.format(values.max())
                row.append(" to ".join(dict.fromkeys(ends)))
            rows.append(row)
    return table(("lowest to highest run", *columns), rows)
