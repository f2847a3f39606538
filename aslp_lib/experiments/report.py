"""Report of an experiment: methods compared over seeds."""

from collections.abc import Mapping

import pandas as pd

from aslp_lib.config import Settings
from aslp_lib.evaluation.pages import Page, Row, Section, Table, bold
from aslp_lib.evaluation.tables import COMPARED, NOISE_FLOOR, main_table
from aslp_lib.experiments import tables
from aslp_lib.experiments.figures import in_and_under_shift, paired_differences, scores_over_seeds
from aslp_lib.experiments.tables import SeedScores
from aslp_lib.metrics import Score, Visibility

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
    results = SeedScores.of_records(records)
    (validation, known), *tests = results.methods.items()
    title, shifts = f"{records.seed.nunique()} seeds", {}
    for name, methods in tests:
        inside, outside = (
            {label: rows[label].ece.tolist() for label in known if label in methods}
            for rows in (known, methods)
        )
        shifts[name] = in_and_under_shift(inside, outside, (validation, name), title)
    page = page_over_seeds(results)
    last = Section("Validation set against test sets", [Row(shifts, wide=True)])
    return page._replace(sections=[*page.sections, last], settings=settings.to_json())


def page_over_seeds(results: SeedScores) -> Page:
    """Return the report on methods over seeds, each compared with the first one, paired by seed.

    Args:
        results: the scores.
    """
    compared = {name: results.compared(name) for name in results.methods}

    def change(name: str, label: str, score: Score) -> str:
        if label not in compared[name][score.name]:
            return ""
        paired, verdict = compared[name][score.name][label]
        text = paired.text(score, "+")
        return bold(text) if verdict in ("better", "worse") else text

    conclusions = {
        name: [bold(k) + f" {text}" for k, text in results.sentences(name, compared[name])]
        for name in results.methods
    }
    methods, main = next(iter(results.methods.values())), results.columns(Visibility.MAIN)
    return Page(
        "Comparison over seeds",
        f"{len(methods)} methods and recalibrations, "
        f"{max(records.seed.nunique() for records in methods.values())} seeds.",
        conclusions,
        Table("Main scores", *main_table(results.methods, results.cell, change, main), NOTE),
        [
            Section(name, _figures(methods, compared[name], name))
            for name, methods in results.methods.items()
        ],
        results.notes(),
    )


def _figures(
    methods: Mapping[str, pd.DataFrame], compared: tables.Compared, name: str
) -> list[Row]:
    """Draw the compared scores of every seed, and their paired differences."""
    rows = []
    for score in COMPARED:
        values = {label: records[score.name].tolist() for label, records in methods.items()}
        figures = {score.title: scores_over_seeds(values, score, name)}
        differences = {label: paired for label, (paired, _) in compared[score.name].items()}
        if differences:
            title = f"{name}, minus {next(iter(methods))}"
            drawn = paired_differences(differences, score, tables.SMALLEST, title)
            figures[f"{score.title} differences"] = drawn
        rows.append(Row(figures, wide=True))
    return rows
