"""The command `evaluate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.cli.command import Command
from aslp_lib.cli.on_runs import announce, open_run
from aslp_lib.data.image_set import DataSplits
from aslp_lib.evaluation.scores import TABLED, evaluate_run
from aslp_lib.evaluation.tables import PaperOptions, as_table
from aslp_lib.maps.count import AS_IT_IS, STRETCHED, WEIGHTED_F, ReadOptions
from aslp_lib.metrics import CLASS_SCORES, SCORES, Visibility
from aslp_lib.prediction import provenance
from aslp_lib.runs import Run


@dataclass(frozen=True)
class Evaluate(Command):
    """Score a run's maps: print a table and write metrics.json, metrics.csv and report.html.

    Examples:
      aslp evaluate runs/mine
      aslp evaluate runs/mine --no-weighted-f         without the slowest score
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Folder of a run whose maps were predicted."""
    weighted_f: bool = True
    """Compute weighted F too, which takes ten times as long as all other scores together."""
    paper: Annotated[PaperOptions, tyro.conf.arg(name="")] = PaperOptions()  # noqa: RUF009 - it is frozen

    def __call__(self) -> None:
        run, data = open_run(self.run)
        self.paper.check(CLASS_SCORES if data.classes else SCORES)
        with run.held():
            reading = ReadOptions(weighted_f=self.weighted_f and WEIGHTED_F)
            evaluate(run, data, reading, self.paper)


def evaluate(
    run: Run,
    data: DataSplits,
    reading: ReadOptions = AS_IT_IS,
    paper: PaperOptions = PaperOptions(),  # noqa: B008 - it is frozen
) -> None:
    """Score a run's maps, print the table, and write the report, tables and figures."""
    evaluation = evaluate_run(run, data, reading, {*TABLED, *paper.scores})
    columns = paper.columns(evaluation.columns(Visibility.MAIN))
    print(f"\n{as_table(evaluation, columns)}\n")
    if run.settings.min_max_maps:
        announce(f"note: {STRETCHED}")
    if provenance.unrecorded(run, data.tests):
        announce("note: nothing says what the maps were made with: they are taken as they are")
    for note in evaluation.notes_on_maps:
        announce(f"note: {note}")
    from aslp_lib.evaluation.report import run_page  # loads matplotlib

    print(f"scores: {run.metrics}, {run.metrics.with_suffix('.csv')}")
    paper.publish(evaluation, lambda: run_page(run, data, evaluation), run.report)
