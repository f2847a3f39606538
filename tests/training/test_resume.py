"""Real processes that are stopped, killed or out of disk, and the runs that go on after them."""

import errno
import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_loop import SHORT, fit, same

from aslp_lib import files
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import load_tensors
from aslp_lib.training import checkpoints, loop
from aslp_lib.training.batches import accelerator_for

TRAIN = [
    *("train", "--preset", "demo", "--epochs", "4", "--limit", "40", "--size", "16"),
    *("--aslp.alpha-warm-up", "1", "--device", "cpu", "--augment"),
    *("--methods", "measured_gap", "bce", "--out"),
]
INTERRUPTED = """
import sys, time
from pathlib import Path
from aslp_lib import cli, files

fsync, written = files.os.fsync, []

def stuck(descriptor):
    name = Path(f"/proc/self/fd/{descriptor}").readlink()
    if name.suffix == ".partial" and name.stat().st_size > 1e5:  # a checkpoint
        written.append(name)
        if len(written) == int(sys.argv[2]):
            files.os.truncate(descriptor, 1000)
            Path(sys.argv[1]).touch()
            time.sleep(600)
    fsync(descriptor)

files.os.fsync = stuck
sys.exit(cli.main(sys.argv[3:]))
"""


def start(*words) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # A background shell has its children ignore Ctrl-C: undo that.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
@pytest.mark.timeout(600)
@pytest.mark.fault(
    "a training is stopped by Ctrl-C or killed in the middle of writing a checkpoint",
    "it goes on from the last one to the same weights, levels and log, byte for byte",
)
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    """Real processes, real signals: stopped, resumed, killed at once and resumed again, a run ends
    bit for bit as an unbroken one."""
    whole, path = tmp_path / "whole", tmp_path / "cut"
    unbroken = start("-m", "aslp_lib", *TRAIN, whole)
    words = [*TRAIN, path]
    for sent, status, checkpoint in ((signal.SIGINT, 130, 3), (signal.SIGKILL, -9, 1)):
        flag = tmp_path / f"writing {sent}"
        process = start("-c", INTERRUPTED, flag, checkpoint, *words)
        while not flag.exists() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(sent)
        output = process.communicate()[0].decode()
        assert process.returncode == status, output
        half = [each.stat().st_size for each in path.rglob(".aslp-*.partial")]
        assert half == ([1000] if sent == signal.SIGKILL else [])
        assert len(load_tensors(path / "measured_gap" / "last.safetensors")[1]["log"]) == 2
        words = ["train", "--resume", path]
    for process in (unbroken, start("-m", "aslp_lib", *words)):
        output = process.communicate()[0].decode()
        assert process.returncode == 0, output
    assert not list(path.rglob(".aslp-*.partial"))
    for name in ("weights.safetensors", "log.csv", "alphas.csv"):
        for file in whole.rglob(name):
            assert (path / file.relative_to(whole)).read_bytes() == file.read_bytes(), file
    assert len(list(whole.rglob("*.safetensors"))) == 4


def test_only_the_main_process_writes_when_a_run_goes_on(tmp_path):
    """What another process wrote, the main one would take for a half of a killed process's."""
    folder = MethodFolder(tmp_path / "run")
    fit(SHORT, folder=folder)
    folder.log.unlink()
    _, optimizer, state = loop.prepare(SHORT, "calibration", 20, accelerator_for(SHORT))
    checkpoints.restore(folder, SHORT, state, optimizer)
    assert len(state.log) == SHORT.epochs
    assert not folder.log.exists()
    fit(SHORT, folder=folder)
    assert len(folder.log.read_text().splitlines()) == SHORT.epochs + 1


@pytest.mark.fault(
    "the disk is full in the middle of a training",
    "it stops with the reason; the last checkpoint is good",
)
def test_a_full_disk_stops_a_run_and_its_last_checkpoint_is_good(tmp_path, monkeypatch):
    folder, calls = MethodFolder(tmp_path / "run"), []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 5:  # each epoch writes the checkpoint, then the log
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match=r"could not write .*last\.safetensors \(No space left"):
            fit(SHORT, folder=folder)
    assert {p.name for p in folder.path.iterdir()} == {"last.safetensors", "log.csv"}
    assert len(load_tensors(folder.checkpoint)[1]["log"]) == 2
    assert same(fit(SHORT, folder=folder).network, fit(SHORT).network)
