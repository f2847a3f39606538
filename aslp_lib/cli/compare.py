"""The command `compare`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib import console
from aslp_lib.checks import require
from aslp_lib.cli.on_runs import announce, check_files, describe
from aslp_lib.cli.run import Configured
from aslp_lib.evaluation.tables import PaperOptions
from aslp_lib.experiments.experiment import Experiment, collect
from aslp_lib.experiments.records import score_names
from aslp_lib.experiments.tables import SeedScores
from aslp_lib.metrics import CLASS_SCORES, SCORES


@dataclass(frozen=True)
class Compare(Configured):
    """Train several methods with several seeds, score them on every set, and compare them.

    A call with the same --out continues an experiment. It keeps the finished training runs and
    their records, and adds any new methods, recalibrations, sets or seeds.

    Examples:
      aslp compare --methods bce early_stopping aslp_mc --recalibrate auto --seeds 5
      aslp compare --preset nuclei --seeds 3 --corruptions noise2 blur2
    """

    seeds: int = 3
    """Number of seeds, counted from 0. A seed sets the embedded data set and the training."""
    processes: int = 1
    """Number of training runs in parallel."""
    corruptions: tuple[str, ...] = ()
    """Corruptions of the first test set to add to the scored sets, such as noise2
    (see docs/corruptions.md)."""
    shifts: tuple[str, ...] = ()
    """Distribution shifts of the data set shapes, with severity, to add to the scored sets, such
    as contrast2."""
    out: Path | None = None
    """Folder of the experiment. Default: runs/compare-PRESET."""
    results: Path | None = None
    """JSON file of the records; existing records are reused. Default: comparison.json in --out."""
    paper: Annotated[PaperOptions, tyro.conf.arg(name="")] = PaperOptions()  # noqa: RUF009 - it is frozen

    def __call__(self) -> None:
        path = self.out or Path("runs") / f"compare-{self.preset}"
        experiment = Experiment(path, self.settings, self.seeds, (), self.corruptions, self.shifts)
        launched, expected = console.world_size(), "1, as it starts its own. Leave out torchrun."
        require("the number of processes of compare", launched, launched == 1, expected)
        for name in ("seed", "data_seed"):
            value = getattr(self.settings, name)
            require(name, value, value == 0, "0. Give --seeds, the number of seeds.")
        require("--processes", self.processes, self.processes >= 1, "at least 1.")
        self.paper.check(score_names(CLASS_SCORES if self.settings.classes else SCORES))
        results = self.results or path / "comparison.json"
        data = self.settings.load_data()
        check_files(self.settings, data)
        self.announce_start(data, f"experiment: {path}")
        describe(data)
        try:
            records = collect(experiment, results, self.processes)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command continues the experiment") from None
        scores = SeedScores.of_records(records)
        for note in scores.notes():
            announce(f"note: {note}")
        announce(f"\n{scores.terminal_text(self.paper)}")
        from aslp_lib.experiments.report import experiment_page  # loads matplotlib

        announce(f"\nrecords: {results}")
        page = partial(experiment_page, records, self.settings)
        self.paper.publish(scores, page, path / "report.html")
