"""What a temperature and an epoch repair, and what they leave."""

from collections.abc import Mapping
from typing import Literal

import pandas
from IPython.display import Markdown

from aslp_lib.course import first_trial, second_trial
from aslp_lib.course.figures import numbers, table
from aslp_lib.course.lessons.bill import bill, lowest
from aslp_lib.course.lessons.remedies import figures
from aslp_lib.course.recorded import read_arrays
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Temperature


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
    columns = {  # score, whether scaled, and format
        "epoch kept": ("epoch", True, "{:.0f}"),
        "T": ("temperature", True, "{:.1f}"),
        "test NLL, as trained": ("nll", False, "{:.2f}"),
        "test NLL, scaled": ("nll", True, "{:.2f}"),
    }
    rows = []
    for data in ("nuclei", "shapes"):
        for key in ("last epoch", "early-stopped"):
            row = [f"{data}, {key}"]
            for score, scaled, form in columns.values():
                values = of_trial(data, score, scaled=scaled)[key]
                ends = form.format(values.min()), form.format(values.max())
                row.append(" to ".join(dict.fromkeys(ends)))
            rows.append(row)
    return table(("network (range over runs)", *columns), rows)


def early_stopped() -> tuple[Counts, Counts]:
    """Return the validation and test counts of early-stopped BCE on nuclei."""
    kept = read_arrays("nuclei_early_stopping.npz")
    return Counts(kept["validation"][None]), Counts(kept["test"][None])


def table_of_bills(networks: Mapping[str, tuple[Counts, Counts]]) -> Markdown:
    """Show temperature, gap and bill of networks: name -> counts of validation and test."""
    rows = {}
    for name, (validation, test) in networks.items():
        scaling = Temperature().fit(validation)
        paid = [100 * bill(c, miss=10).paid for c in (test, scaling.apply_counts(test))]
        rows[name] = scaling.value.item(), 100 * calibration.gap(test), *paid
    head = (
        "one network each",
        "T",
        "confidence − accuracy, points",
        "bill as trained",
        "bill, scaled",
    )
    return numbers(head, rows, digits=1)


def pairs_won(rival: Literal["B", "B_ES"]) -> tuple[int, int]:
    """Count in how many pairs of runs on nuclei augmentation lowered the scaled NLL of BCE.

    Args:
        rival: BCE without augmentation, "B" at the last epoch, "B_ES" early-stopped.

    Returns:
        The number of pairs in which the augmented run is lower, and the number of all pairs.
    """
    runs = second_trial.read()
    plain, augmented = (
        second_trial.select(runs[runs.regime == regime], method, "temperature", "test")
        .set_index("seed")
        .nll
        for regime, method in (("nuclei", rival), ("nuclei+", "B"))
    )
    return int((augmented < plain).sum()), len(plain)
