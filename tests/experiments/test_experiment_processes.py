"""Processes of an experiment end with their parent, and one that is killed is noticed."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock
from processes import START

from aslp_lib.config import PRESETS
from aslp_lib.experiments.experiment import Experiment, compare

ENDLESS = replace(
    PRESETS["demo"], size=16, limit=4, epochs=10**6, device="cpu", methods=("bce",), recalibrate=()
)


def train(path: Path, *, in_a_group: bool = False) -> None:
    if in_a_group:
        os.setsid()  # so that all of its processes can be killed
    list(compare(Experiment(path, ENDLESS, seeds=1), processes=2))


def wait_for(path: Path) -> None:
    end = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.fault
def test_processes_end_with_their_parent(tmp_path):
    """What a training holds as long as its process lives is free again."""
    context = multiprocessing.get_context(START)
    parent = context.Process(target=train, args=(tmp_path,), kwargs={"in_a_group": True})
    parent.start()
    held = tmp_path / "bce/seed-0/.lock"
    try:
        wait_for(held)
        parent.kill()
        parent.join()
        with FileLock(held, timeout=10):
            pass
    finally:
        with suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.fault
def test_a_process_that_is_killed_is_noticed(tmp_path):
    """The system kills a process when memory runs out."""

    def kill():
        wait_for(tmp_path / "bce/seed-0/.lock")
        for process in multiprocessing.active_children():
            process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(RuntimeError, match=r"was ended from outside.*fewer processes"):
        train(tmp_path)
    killer.join()
