"""The commands `run` and `train`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar, Self

import tyro

from aslp_lib import console, networks
from aslp_lib.checks import require, require_name
from aslp_lib.cli.command import Command
from aslp_lib.cli.evaluate import evaluate
from aslp_lib.cli.on_runs import announce, at_work_on, check_files, describe, in_use
from aslp_lib.cli.predict import predict_methods
from aslp_lib.config import AUTO, PRESETS, SHAPES, Settings, default_preset, one_of
from aslp_lib.console import command_line
from aslp_lib.data.datasets import DATASETS
from aslp_lib.data.image_set import DataSplits
from aslp_lib.runs import Run
from aslp_lib.training.batches import accelerator_for, broadcast_from_main
from aslp_lib.training.loop import train
from aslp_lib.training.side_by_side import side_by_side


def preset_of(preset: str | None = None, data: str | None = None) -> str:
    """Return the preset that is named by its flag, or else that of the data."""
    return preset or default_preset(data)


@dataclass(frozen=True)
class Configured(Command):
    """A command with the settings of a run as flags."""

    preset: Annotated[str, one_of(PRESETS)]
    """Preset whose values are the defaults of the settings; without it, demo for shapes, nuclei for
    nuclei, nuclei3 for nuclei3, small for a folder. The presets demo, nuclei and nuclei3 are for
    the course; small trains on photographs with a CPU; paper reproduces the paper on a GPU; release
    follows the authors' code."""
    settings: Annotated[Settings, tyro.conf.arg(name="")]

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self:
        """Return the command with the preset that the words name, or that of the data they name.

        Both are read before tyro parses the words, because the preset determines the defaults of
        the other flags.

        Raises:
            ValueError: the preset is unknown.
        """
        preset, _ = tyro.cli(
            preset_of,
            args=words,
            return_unknown_args=True,
            add_help=False,
            console_outputs=console.is_main(),
        )
        require_name("--preset", preset, PRESETS)
        return cls(preset, PRESETS[preset])

    def announce_start(self, data: DataSplits, place: str) -> None:
        """Print the preset, the network and the size in use, the data, and where the results go."""
        announce(f"preset {self.preset}: {in_use(self.settings)}\ndata: {data.origin}; {place}")


def notes_of_training(
    run: Run, method: str, data: DataSplits | None = None, position: int = 0
) -> list[str]:
    """Train a method of a run, and return notes on the result.

    Args:
        data: the run's data; by default, they are loaded.
        position: line of the progress bar.
    """
    data = data or run.settings.load_data()
    state = train(run.settings, data, method, run.method(method), position=position)
    return state.method.notes(state.log)


def at_the_same_time(settings: Settings) -> int:
    """Return how many methods of a run are trained at the same time, each on a part of the CPU.

    The embedded images and their networks are so small that one training cannot use several
    processors. Of other data, each process would hold all images in memory.
    """
    accelerator = accelerator_for(settings)
    several = accelerator.device.type == "cpu" and accelerator.num_processes == 1
    if several and settings.data in DATASETS:
        return min(len(settings.methods), os.cpu_count() or 1)
    return 1


@dataclass(frozen=True)
class Train(Configured):
    """Train the methods of the settings.

    Examples:
      aslp train --data DIR --preset small --epochs 20 --out runs/mine
      aslp train --resume runs/mine                goes on where a training run was stopped
    """

    every_process = True
    tested: ClassVar[bool] = False
    """True if the command needs a test set."""

    out: Path | None = None
    """Folder of the run. None stands for runs/PRESET. If the folder exists, a number is added."""
    resume: Path | None = None
    """Folder of a run to continue, with the settings of the run."""

    def __call__(self) -> None:
        run, data = self._open()
        with at_work_on(run):
            try:
                self._check(run, data)
                if console.is_main():
                    run.keep_lists(data)
                self.steps(run, data)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"continue with --resume {run.path}") from None
        if not self.tested:
            more = f"; {command_line('evaluate', run.path)}"
            more = more if data.tests else " --images DIR --out DIR"
            announce(f"next: {command_line('predict', run.path)}{more}")

    def _check(self, run: Run, data: DataSplits) -> None:
        """Check the data of a resumed run, and print what will be done."""
        if self.resume is None:
            self.announce_start(data, f"run: {run.path}")
            if run.path != (asked := self.out or Path("runs") / self.preset):
                announce(f"note: {asked} exists, so the new run is {run.path}")
        else:
            broadcast_from_main(partial(run.check_lists, data))
            check_files(run.settings, data, tested=self.tested)
            announce(f"going on with {run.path} and its settings: {in_use(run.settings)}")
            announce(f"data: {data.origin}")
        if run.settings.data == SHAPES and default_preset() == "demo":
            announce("note: no DUTS-TR in Dataset/ (see README.md there, or docs/own_folders.md)")
        describe(data)

    def steps(self, run: Run, data: DataSplits) -> None:
        """Run the steps of the command on an open run."""
        processes = at_the_same_time(run.settings)
        # Each process loads the data: what is sent shares its tensors, and so the current epoch.
        sent = data if processes == 1 else None
        calls = [
            partial(notes_of_training, run, method, sent, number % processes)
            for number, method in enumerate(run.settings.methods)
        ]
        for notes in side_by_side(calls, processes):
            for note in notes:
                announce(f"note: {note}")

    def _open(self) -> tuple[Run, DataSplits]:
        """Create the run, or open the one to resume, and load its data."""
        if self.resume is not None:
            alone = self.settings == self.defaults([]).settings and self.out is None
            expected = "it alone, as a run has its own settings. Leave the other flags out."
            require("--resume with other flags", str(self.resume), alone, expected)
            run = Run.open(self.resume)
            return run, run.settings.load_data()
        # Data and weights are checked before the run is created, so that no empty run is left.
        data = self.settings.load_data()
        check_files(self.settings, data, tested=self.tested)
        networks.build(self.settings.network, self.settings.weights, self.settings.channels)
        path = self.out or Path("runs") / self.preset
        accelerator_for(self.settings)  # joins the processes, because the main one names the run
        return broadcast_from_main(partial(Run.create, path, self.settings)), data


@dataclass(frozen=True)
class Everything(Train):
    """Train the methods of the settings, predict the maps of the test sets and evaluate them.

    Examples:
      aslp run --preset nuclei        the embedded images of cell nuclei
      aslp run --data DIR --preset small --size 256 --methods bce early_stopping
    """

    tested = True

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self:
        """Return the command of `Configured`, with a recalibration that suits each method."""
        command = super().defaults(words)
        return replace(command, settings=replace(command.settings, recalibrate=(AUTO,)))

    def steps(self, run: Run, data: DataSplits) -> None:
        super().steps(run, data)
        predict_methods(run, data)
        if console.is_main():
            evaluate(run, data)
