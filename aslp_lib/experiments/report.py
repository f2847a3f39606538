"""Report of an experiment: methods compared over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import get_args

import pandas as pd

from aslp_lib.config import Settings
from aslp_lib.evaluation.pages import Page, Row, Section, Table, bold, write_page
from aslp_lib.evaluation.tables import COMPARED, NOISE_FLOOR, main_table
from aslp_lib.experiments.figures import in_and_under_shift, paired_differences, scores_over_seeds
from aslp_lib.experiments.records import by_label, cell
from aslp_lib.experiments.seed_statistics import Difference, Verdict, difference, verdicts
from aslp_lib.metrics import Score

SMALLEST = 0.01
"""The smallest difference that matters: 0.01 nats of NLL, or 1 percentage point of ECE."""
NOTE = (
    "Mean ± standard deviation over seeds, and in brackets the 95 % interval over images, averaged "
    "over seeds. A difference is the method's score minus that of the first one, paired by seed, "
    "with Student's 95 % interval. It is resolved, and in bold, if the paired t-test rejects a "
    "difference of zero, with Holm's correction over the methods. It is equivalent to zero if its "
    f"interval lies within {SMALLEST} nats or {100 * SMALLEST:.0f} percentage point. {NOISE_FLOOR}"
)


def write_experiment(path: Path, records: pd.DataFrame, settings: Settings) -> None:
    """Write a report on the records of an experiment.

    Each method is compared with the first one, paired by seed. Methods whose ECE or NLL is
    undefined for a seed are left out.

    Args:
        path: HTML file to write.
        records: the records; the first set is the validation set.
        settings: settings of the experiment.
    """
    validation, *tests = records["set"].unique()
    groups = {name: _defined(by_label(records, name)) for name in (validation, *tests)}
    compared = {name: _compare(by_method) for name, by_method in groups.items()}

    def value(name: str, label: str, score: Score) -> str:
        return cell(score, groups[name][label])

    def change(name: str, label: str, score: Score) -> str:
        if label not in compared[name][score.name]:
            return ""
        paired, verdict = compared[name][score.name][label]
        text = paired.text(score, "+")
        return bold(text) if verdict in ("smaller", "larger") else text

    seeds = f"{records.seed.nunique()} seeds"
    shifts = []
    for name in tests:
        common = [label for label in groups[validation] if label in groups[name]]
        inside, outside = (
            {label: groups[k][label].ece.tolist() for label in common} for k in (validation, name)
        )
        shifts.append(in_and_under_shift(inside, outside, (validation, name), seeds))
    sections = [Section(name, _figures(groups[name], compared[name], name)) for name in groups]
    sections.append(Section("Validation set against test sets", [Row(shifts, wide=True)]))
    page = Page(
        "Comparison over seeds",
        f"{len(groups[validation])} methods and recalibrations, {seeds}.",
        {name: _sentences(next(iter(groups[name])), compared[name]) for name in groups},
        Table("Main scores", *main_table(groups, value, change), NOTE),
        sections,
        settings=settings.to_json(),
    )
    write_page(path, page)


Compared = dict[str, dict[str, tuple[Difference, Verdict]]]
"""Score -> label of a method -> its difference from the first one, and the verdict on it."""


def _defined(groups: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Leave out the methods for which a compared score is undefined for a seed."""
    names = [score.name for score in COMPARED]
    return {label: rows for label, rows in groups.items() if rows[names].notna().all(axis=None)}


def _compare(groups: Mapping[str, pd.DataFrame]) -> Compared:
    """Compare each method with the first one, where the seeds are the same."""
    first = next(iter(groups.values()))
    same_seeds = {
        label: group
        for label, group in groups.items()
        if group is not first and {*group.seed} == {*first.seed}
    }
    compared: Compared = {}
    for score in COMPARED:
        paired = [difference(group, first, score.name) for group in same_seeds.values()]
        verdicts_on = zip(paired, verdicts(paired, SMALLEST), strict=True)
        compared[score.name] = dict(zip(same_seeds, verdicts_on, strict=True))
    return compared


def _sentences(first: str, compared: Compared) -> list[str]:
    """Group the methods by the verdict on each score, a sentence for each verdict."""
    sentences: list[str] = []
    for score, verdict in product(COMPARED, get_args(Verdict)):
        methods = [
            f"{label} ({paired.text(score, '+')})"
            for label, (paired, its_verdict) in compared[score.name].items()
            if its_verdict == verdict
        ]
        if methods:
            start = bold(f"{score.heading}, {verdict}")
            sentences.append(start + f", compared with {first}: {', '.join(methods)}.")
    return sentences


def _figures(groups: Mapping[str, pd.DataFrame], compared: Compared, name: str) -> list[Row]:
    """Draw the compared scores of every seed, and their paired differences."""
    rows = []
    for score in COMPARED:
        values = {label: group[score.name].tolist() for label, group in groups.items()}
        figures = [scores_over_seeds(values, score, name)]
        differences = {label: paired for label, (paired, _) in compared[score.name].items()}
        if differences:
            title = f"{name}, minus {next(iter(groups))}"
            figures.append(paired_differences(differences, score, SMALLEST, title))
        rows.append(Row(figures, wide=True))
    return rows
