"""Functions that several commands apply to a run and its data: open, lock, check, announce."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aslp_lib import console
from aslp_lib.config import Settings
from aslp_lib.data.folders import require_labels, require_sets
from aslp_lib.data.image_set import DataSplits
from aslp_lib.runs import Run
from aslp_lib.training.batches import accelerator_for, broadcast_from_main


def open_run(path: Path) -> tuple[Run, DataSplits]:
    """Open a run and load its data, after printing a description and checking the files.

    Raises:
        FileNotFoundError, ValueError: the folder is no run, or its data cannot be used or have no
            test set.
    """
    run = Run.open(path)
    data = run.settings.load_data()
    describe(data, run)
    check_files(run.settings, data)
    return run, data


@contextmanager
def at_work_on(run: Run) -> Iterator[None]:
    """Lock a run in the main process, while all other processes wait for it.

    Raises:
        RuntimeError: another process holds the lock, or the launched processes did not connect.
    """
    accelerator_for(run.settings)  # joins the processes
    with ExitStack() as stack:
        broadcast_from_main(lambda: stack.enter_context(run.held()))
        yield


def check_files(settings: Settings, data: DataSplits, *, tested: bool = True) -> None:
    """Check the headers of all files before a long computation.

    Test images are checked too, because they are read only after training.

    Args:
        tested: a test set is needed.

    Raises:
        FileNotFoundError: there is no test set.
        ValueError: a header shows that a file cannot be used, the training masks show no object, or
            `ignore_index` is no label.
    """
    if tested:
        require_sets(Path(settings.data), "Test", data.tests)
    if console.is_main():
        for part in (data.train, data.validation, *data.tests.values()):
            part.check_files()
        require_labels(settings.ignore_index if data.train.ignored else None, data.train)


def describe(data: DataSplits, run: Run | None = None) -> None:
    """Print the sizes of the sets and the notes on the data, once for all processes.

    Args:
        run: an earlier run, whose lists name its training and validation images.
    """
    train, validation = run.split_sizes(data) if run else (len(data.train), len(data.validation))
    lists = f", by the lists in {run.path}" if run else ""
    sizes = ", ".join(f"{name} ({len(part)})" for name, part in data.tests.items()) or "none"
    announce(f"{train} images to train, {validation} to validate{lists}; tests: {sizes}")
    for note in data.notes:
        announce(f"note: {note}")
    if console.world_size() > 1:
        announce(f"{console.world_size()} processes share every batch")


def in_use(settings: Settings) -> str:
    """Describe the network of a run for the user, with the size at which it sees images.

    >>> in_use(Settings())
    'network tiny, input 48 x 48 pixels'
    """
    weights = f" ({settings.weights})" if settings.weights else ""
    return f"network {settings.network}{weights}, input {settings.size} x {settings.size} pixels"


def announce(text: str) -> None:
    """Print a text once, in the main process."""
    if console.is_main():
        print(text, flush=True)
