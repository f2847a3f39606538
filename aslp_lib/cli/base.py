"""What a command is, and what several of them say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import ClassVar, Self

from aslp_lib.data.base import DataSplits
from aslp_lib.runs import Run
from aslp_lib.training import distributed
from aslp_lib.training.batches import accelerator_for


class Command(ABC):
    """A command: a frozen dataclass whose fields are its flags, and whose docstrings are its help.

    To add one, write its dataclass in a file of its own and name it in `aslp_lib.cli.COMMANDS`.
    """

    every_process: ClassVar[bool] = False
    """Whether all processes of a launch do it, or the main one alone."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Old spellings, `--flag` or `--flag value`, and what they are called since."""

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self | None:
        """What the flags are that `words` do not give; None: as the fields say."""
        return None

    @abstractmethod
    def __call__(self) -> None:
        """Do it. Raises ValueError, OSError, RuntimeError on what a user can mend."""


def open_run(path: Path) -> tuple[Run, DataSplits]:
    """A trained run and its data, announced. Raises as `Run.open` and `Settings.load_data`."""
    run = Run.open(path)
    data = run.settings.load_data()
    describe(data)
    check_files(data)
    return run, data


@contextmanager
def at_work_on(run: Run) -> Iterator[None]:
    """Hold a run: of several processes the main one does, and the others wait until it does.

    Raises:
        RuntimeError: as `Run.held`; or the launched processes did not find each other.
    """
    accelerator_for(run.settings)  # joins them
    with ExitStack() as stack:
        distributed.broadcast_from_main(lambda: stack.enter_context(run.held()))
        yield


def check_files(data: DataSplits) -> None:
    """Raise ValueError on files of any set that cannot be used, as far as their headers tell: the
    tests' are read when the training is over."""
    if distributed.is_main():
        for part in (data.train, data.validation, *data.tests.values()):
            part.check_files()


def describe(data: DataSplits) -> None:
    sizes = ", ".join(f"{name} ({len(part)})" for name, part in data.tests.items())
    announce(
        f"{len(data.train)} images to train, {len(data.validation)} to validate; tests: {sizes}"
    )
    for note in data.notes:
        announce(f"note: {note}")
    if distributed.world_size() > 1:
        announce(f"{distributed.world_size()} processes share every batch")


def announce(text: str) -> None:
    """Print it once, however many processes there are."""
    if distributed.is_main():
        print(text, flush=True)
