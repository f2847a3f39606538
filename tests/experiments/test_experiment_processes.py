"""Processes of an experiment end with their parent, and one that is killed is noticed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from aslp_lib.config import PRESETS
from aslp_lib.experiments.experiment import Experiment, compare

ENDLESS = replace(
    PRESETS["demo"], size=16, limit=4, epochs=10**6, device="cpu", methods=("bce",), recalibrate=()
)
EXPERIMENT = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_experiment_processes import ENDLESS, Experiment, compare

list(compare(Experiment(Path(sys.argv[1]), ENDLESS, seeds=1), processes=2))
"""


def wait_for(path: Path) -> None:
    end = time.monotonic() + 90
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.fault
def test_processes_end_with_their_parent(tmp_path):
    """What a training holds as long as its process lives is free again."""
    here = str(Path(__file__).parent)
    parents = {
        sent: subprocess.Popen(
            [sys.executable, "-c", EXPERIMENT, str(tmp_path / sent.name), here],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for sent in (signal.SIGTERM, signal.SIGKILL)
    }
    try:
        for sent, parent in parents.items():
            held = tmp_path / sent.name / "bce/seed-0/.lock"
            wait_for(held)
            parent.send_signal(sent)
            assert parent.wait(timeout=10) == -sent
            with FileLock(held, timeout=10):
                pass
    finally:
        for parent in parents.values():
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)
            parent.wait()


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
    with pytest.raises(RuntimeError, match=r"was ended from outside.*a smaller --processes"):
        list(compare(Experiment(tmp_path, ENDLESS, seeds=1), processes=2, progress=False))
    killer.join()
