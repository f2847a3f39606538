"""Report of an experiment: methods compared over seeds."""

from collections.abc import Mapping

import pandas as pd

from aslp_lib.config import Settings
from aslp_lib.evaluation.pages import Page, Row, Section, Table, bold
from aslp_lib.evaluation.tables import COMPARED, NOISE_FLOOR, main_table
from aslp_lib.experiments import tables
from aslp_lib.experiments.figures import in_and_under_shift, paired_differences, scores_over_seeds
from aslp_lib.metrics import Score

NOTE = (
    f"{tables.MEANS}{tables.INTERVALS}. A difference is the method's score minus that of the first "
    "one, paired by seed, with Student's individual 95 % interval. It is resolved, and in bold, if "
    "the paired t-test rejects a difference of zero, with Holm's correction over the methods. It "
    f"is too small to matter if its interval lies within {tables.SMALLEST} nats or "
    f"{100 * tables.SMALLEST:.0f} percentage point of zero. {NOISE_FLOOR}"
)


def experiment_page(records: pd.DataFrame, settings: Settings) -> Page:
    """Return the report on the records of an experiment.

    Args:
        records: the records; the first set is the validation set.
        settings: settings of the experiment.
    """
    groups = {name: _defined(methods) for name, methods in tables.of_records(records).items()}
    validation, *tests = groups
    shifts = {}
    for name in tests:
        common = [label for label in groups[validation] if label in groups[name]]
        inside, outside = (
            {label: groups[k][label].ece.tolist() for label in common} for k in (validation, name)
        )
        title = f"{records.seed.nunique()} seeds"
        shifts[name] = in_and_under_shift(inside, outside, (validation, name), title)
    page = page_over_seeds(groups)
    shifted = Section("Validation set against test sets", [Row(shifts, wide=True)])
    return page._replace(sections=[*page.sections, shifted], settings=settings.to_json())


def page_over_seeds(groups: tables.Groups) -> Page:
    """Return the report on methods over seeds, each compared with the first one, paired by seed.

    Args:
        groups: records by set and label. Methods whose ECE or NLL is undefined for a seed are left
            out.
    """
    groups = {name: _defined(methods) for name, methods in groups.items()}
    compared = {name: tables.compare_with_first(methods) for name, methods in groups.items()}

    def value(name: str, label: str, score: Score) -> str:
        return tables.cell(score, groups[name][label])

    def change(name: str, label: str, score: Score) -> str:
        if label not in compared[name][score.name]:
            return ""
        paired, verdict = compared[name][score.name][label]
        text = paired.text(score, "+")
        return bold(text) if verdict in ("better", "worse") else text

    def conclusions(name: str) -> list[str]:
        pairs = tables.sentences(groups[name], compared[name])
        return [bold(start) + rest for start, rest in pairs]

    methods = next(iter(groups.values()))
    return Page(
        "Comparison over seeds",
        f"{len(methods)} methods and recalibrations, "
        f"{max(records.seed.nunique() for records in methods.values())} seeds.",
        {name: conclusions(name) for name in groups},
        Table("Main scores", *main_table(groups, value, change), NOTE),
        [Section(name, _figures(groups[name], compared[name], name)) for name in groups],
        tables.notes(groups),
    )


def _defined(groups: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Leave out the methods for which a compared score is undefined for a seed."""
    names = [score.name for score in COMPARED]
    return {label: rows for label, rows in groups.items() if rows[names].notna().all(axis=None)}


def _figures(groups: Mapping[str, pd.DataFrame], compared: tables.Compared, name: str) -> list[Row]:
    """Draw the compared scores of every seed, and their paired differences."""
    rows = []
    for score in COMPARED:
        values = {label: group[score.name].tolist() for label, group in groups.items()}
        figures = {score.title: scores_over_seeds(values, score, name)}
        differences = {label: paired for label, (paired, _) in compared[score.name].items()}
        if differences:
            title = f"{name}, minus {next(iter(groups))}"
            drawn = paired_differences(differences, score, tables.SMALLEST, title)
            figures[f"{score.title} differences"] = drawn
        rows.append(Row(figures, wide=True))
    return rows
