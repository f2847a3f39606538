"""Real processes that are stopped, killed or out of disk, and the runs that go on after them."""

import errno
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from test_loop import SHORT, fit, same
from test_train_classes import SHORT as CLASSES

from aslp_lib import cli, files
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import load_tensors
from aslp_lib.training import checkpoints, loop
from aslp_lib.training.batches import accelerator_for

TRAIN = [
    *("train", "--preset", "demo", "--epochs", "4", "--limit", "40", "--size", "16"),
    *("--aslp.alpha-warm-up", "1", "--device", "cpu", "--augment"),
    *("--methods", "aslp_gap", "--out"),
]
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["aslp_lib.cli.run"])  # torch is imported once for all of them


def run(words: list[str], output: Path, flag: Path | None = None, checkpoint: int = 0) -> None:
    """Run a command in this process.

    Halfway through writing a checkpoint of this number, make the flag and wait.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for stream in (1, 2):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
    fsync, written = os.fsync, []

    def stuck(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink()
        if name.suffix == ".partial" and name.stat().st_size > 1e5:  # a checkpoint
            written.append(name)
            if len(written) == checkpoint:
                os.truncate(descriptor, 1000)
                flag.touch()
                time.sleep(600)
        fsync(descriptor)

    files.os.fsync = stuck
    sys.exit(cli.main(words))


def start(*arguments) -> multiprocessing.Process:
    process = PROCESSES.Process(target=run, args=arguments, daemon=True)
    process.start()
    return process


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
@pytest.mark.timeout(600)
@pytest.mark.fault
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    """Real processes, real signals: stopped, resumed, killed at once and resumed again, a run ends
    bit for bit as an unbroken one."""
    whole, path, output = (tmp_path / name for name in ("whole", "cut", "output"))
    unbroken = start([*TRAIN, str(whole)], output)
    words = [*TRAIN, str(path)]
    for sent, status, checkpoint in ((signal.SIGINT, 130, 3), (signal.SIGKILL, -9, 1)):
        flag = tmp_path / f"writing {sent}"
        process = start(words, output, flag, checkpoint)
        while not flag.exists() and process.is_alive():
            time.sleep(0.005)
        os.kill(process.pid, sent)
        process.join()
        assert process.exitcode == status, output.read_text()
        half = [each.stat().st_size for each in path.rglob(".aslp-*.partial")]
        assert half == ([1000] if sent == signal.SIGKILL else [])
        assert len(load_tensors(path / "aslp_gap" / "last.safetensors")[1]["log"]) == 2
        words = ["train", "--resume", str(path)]
    for process in (unbroken, start(words, output)):
        process.join()
        assert process.exitcode == 0, output.read_text()
    assert not list(path.rglob(".aslp-*.partial"))
    for name in ("weights.safetensors", "log.csv", "alphas.csv"):
        for file in whole.rglob(name):
            assert (path / file.relative_to(whole)).read_bytes() == file.read_bytes(), file
    assert len(list(whole.rglob("*.safetensors"))) == 2


@pytest.mark.parametrize("method", ["aslp_mc", "early_stopping", "ema"])
@pytest.mark.parametrize("settings", [SHORT, CLASSES], ids=["two classes", "three classes"])
def test_an_interrupted_training_ends_with_the_same_files(settings, method, tmp_path):
    """It is interrupted halfway, and after the last epoch, before the weights are written."""
    whole = MethodFolder(tmp_path / "whole")
    fit(settings, method, whole)
    for epochs in (2, 4):
        cut = MethodFolder(tmp_path / f"cut {epochs}")

        def stop(state, epochs=epochs):
            if len(state.log) == epochs:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            data = settings.load_data()
            loop.train(settings, data, method, cut, progress=False, after_epoch=stop)
        assert not cut.weights.exists()
        fit(settings, method, cut)
        for file in whole.path.iterdir():
            assert (cut.path / file.name).read_bytes() == file.read_bytes(), file.name


def test_only_the_main_process_writes_when_a_run_goes_on(tmp_path):
    """What another process wrote, the main one would take for a half of a killed process's."""
    folder = MethodFolder(tmp_path / "run")
    fit(SHORT, folder=folder)
    folder.log.unlink()
    state = loop.prepare(SHORT, "aslp_mc", 20, accelerator_for(SHORT))
    checkpoints.restore(folder, SHORT, state)
    assert len(state.log) == SHORT.epochs
    assert not folder.log.exists()
    fit(SHORT, folder=folder)
    assert len(folder.log.read_text().splitlines()) == SHORT.epochs + 1


@pytest.mark.fault
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
