"""The commands `run` and `train`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import tyro

from aslp_lib import networks
from aslp_lib.cli.base import Command
from aslp_lib.cli.evaluate import evaluate
from aslp_lib.cli.on_runs import announce, at_work_on, check_files, describe
from aslp_lib.cli.predict import predict_methods
from aslp_lib.config import EMBEDDED, PRESETS, Settings, default_preset
from aslp_lib.data.base import DataSplits
from aslp_lib.runs import Run
from aslp_lib.training import distributed, launch
from aslp_lib.training.batches import accelerator_for
from aslp_lib.training.loop import train

if TYPE_CHECKING:
    Preset = str
else:
    Preset = tyro.extras.literal_type_from_choices(PRESETS)


@dataclass(frozen=True)
class Train(Command):
    """Train the methods."""

    every_process = True

    preset: Preset
    """Decides what settings are that are not given. demo: for the course, on the embedded data set;
    small: real images on a CPU; paper: the paper, on a GPU; release: as the authors' code does
    it."""
    settings: Annotated[Settings, tyro.conf.arg(name="")]
    out: Path | None = None
    """The run's folder; None: runs/PRESET. A taken one gets a number."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own settings."""

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self:
        """The preset that the words name, before tyro reads them: it decides what the other flags'
        defaults are. A name that is none is left for tyro to refuse."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("--preset", nargs="?")
        named, _ = parser.parse_known_args(words)
        preset = named.preset if named.preset in PRESETS else default_preset()
        return cls(preset, PRESETS[preset])

    def __call__(self) -> None:
        run, data = self._begin() if self.resume is None else self._open(self.resume)
        with at_work_on(run):
            try:
                self._check(run, data)
                if launch.is_main():
                    run.keep_lists(data)
                self.steps(run, data)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"it goes on with --resume {run.path}") from None

    def _check(self, run: Run, data: DataSplits) -> None:
        """Compare the data of a run that goes on, and say what is done."""
        if self.resume is None:
            announce(f"preset {self.preset}; data: {data.origin}; run: {run.path}")
        else:
            distributed.broadcast_from_main(partial(run.check_lists, data))
            check_files(data)
            announce(f"going on with {run.path}, with its own settings; data: {data.origin}")
        if run.settings.data == EMBEDDED and default_preset() == "demo":
            announce("(no DUTS-TR in Dataset/: see Dataset/README.md to train on the paper's data)")
        describe(data)

    def steps(self, run: Run, data: DataSplits) -> None:
        """What is done with a run that is open."""
        for method in run.settings.methods:
            train(run.settings, data, method, run.method(method))

    def _begin(self) -> tuple[Run, DataSplits]:
        settings = self.settings
        data = settings.load_data()  # first: bad data leave no empty run
        check_files(data)
        networks.build(settings.network, settings.weights)  # so do bad weights
        path = self.out or Path("runs") / self.preset
        accelerator_for(settings)  # joins the processes: the main one names the run
        return distributed.broadcast_from_main(lambda: Run.create(path, settings)), data

    def _open(self, path: Path) -> tuple[Run, DataSplits]:
        if self.settings != PRESETS[self.preset] or self.out is not None:
            raise ValueError("--resume goes on with the run's own settings: leave the others out")
        run = Run.open(path)
        return run, run.settings.load_data()


@dataclass(frozen=True)
class Everything(Train):
    """Train, predict and evaluate, one after another."""

    def steps(self, run: Run, data: DataSplits) -> None:
        super().steps(run, data)
        predict_methods(run, data)
        if launch.is_main():
            evaluate(run, data)
