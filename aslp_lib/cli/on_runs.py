"""What several commands do with a run and its data: open, hold, check, announce."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aslp_lib.data.base import DataSplits
from aslp_lib.runs import Run
from aslp_lib.training import distributed, launch
from aslp_lib.training.batches import accelerator_for


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
    if launch.is_main():
        for part in (data.train, data.validation, *data.tests.values()):
            part.check_files()


def describe(data: DataSplits) -> None:
    sizes = ", ".join(f"{name} ({len(part)})" for name, part in data.tests.items())
    announce(
        f"{len(data.train)} images to train, {len(data.validation)} to validate; tests: {sizes}"
    )
    for note in data.notes:
        announce(f"note: {note}")
    if launch.world_size() > 1:
        announce(f"{launch.world_size()} processes share every batch")


def announce(text: str) -> None:
    """Print it once, however many processes there are."""
    if launch.is_main():
        print(text, flush=True)
