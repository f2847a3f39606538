"""The command `compare`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import tyro

from aslp_lib.cli.base import Command
from aslp_lib.cli.on_runs import announce, check_files, describe
from aslp_lib.cli.run import Preset, Train
from aslp_lib.config import PRESETS, Settings
from aslp_lib.experiments.experiment import Experiment, collect
from aslp_lib.experiments.records import Record, table, values
from aslp_lib.files import write
from aslp_lib.training import launch


@dataclass(frozen=True)
class Compare(Command):
    """Train several methods with several seeds, score them on every set, and compare them.

    Called again with the same --out it goes on: finished trainings and their records are kept, and
    more methods, recalibrations, sets or seeds are added to them.
    """

    preset: Preset
    """Decides what settings are that are not given."""
    settings: Annotated[Settings, tyro.conf.arg(name="")]
    seeds: int = 3
    """How many trainings of each method: seeds 0, 1, ..., which draw a made data set anew too."""
    processes: int = 1
    """Trainings at a time."""
    corruptions: tuple[str, ...] = ()
    """Score the first test set corrupted too: names such as noise2 (see docs/corruptions.md)."""
    shifts: tuple[str, ...] = ()
    """Score graded shifts of the embedded data too: names such as contrast2."""
    out: Path | None = None
    """The study's folder; None: runs/compare-PRESET."""
    results: Path | None = None
    """A JSON file for the records, which are taken over if it is there; None: comparison.json in
    the study's folder."""

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self:
        preset = Train.defaults(words).preset
        return cls(preset, PRESETS[preset])

    def __call__(self) -> None:
        path = self.out or Path("runs") / f"compare-{self.preset}"
        study = Experiment(path, self.settings, self.seeds, (), self.corruptions, self.shifts)
        if launch.world_size() > 1:
            raise ValueError("compare starts its own processes: call it without torchrun")
        if self.settings.seed or self.settings.data_seed:
            raise ValueError("compare has seeds 0, 1, ... of its own: leave --seed out")
        if self.processes < 1:
            raise ValueError(f"--processes is {self.processes}, but must be at least 1")
        results = self.results or path / "comparison.json"
        data = self.settings.load_data()
        check_files(data)
        announce(f"preset {self.preset}; data: {data.origin}; study: {path}")
        describe(data)
        try:
            found = collect(study, results, self.processes)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command goes on") from None
        validation, *tests = dict.fromkeys(record["set"] for record in found)
        for name in (validation, *tests):
            announce(f"\n{table(found, name)}")
        _draw(found, validation, tests, path)
        announce(f"\nrecords: {results}")


def _draw(found: Sequence[Record], validation: str, tests: Sequence[str], path: Path) -> None:
    """A picture a test set, of its calibration error against the validation set's. What has an
    undefined error on either is left out."""
    from aslp_lib.evaluation.figures import to_png
    from aslp_lib.experiments.figures import in_and_under_shift

    inside = values(found, validation)
    for name in tests:
        seeds = len({record["seed"] for record in found})
        under = values(found, name)
        defined = {k: each for k, each in inside.items() if None not in (*each, *under[k])}
        figure = in_and_under_shift(defined, under, (validation, name), f"{seeds} seeds")
        write(path / f"{name}.png", to_png(figure))
        announce(f"picture: {path / f'{name}.png'}")
