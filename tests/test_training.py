import csv
import errno
import functools
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from tqdm import tqdm

from aslp_lib import files, networks, training
from aslp_lib.checkpoints import Trained
from aslp_lib.config import PRESETS, Settings
from aslp_lib.loading import Batches
from aslp_lib.runs import MethodFolder, Run, load_tensors

SHORT = replace(PRESETS["demo"], epochs=4, limit=20, size=16, alpha_warm_up=1, device="cpu")


def fit(settings: Settings, method="calibration", folder=None):
    return training.train(settings, settings.load_data(), method, folder, progress=False)


def same(first, second) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_seed_fixes_a_run():
    first, second = fit(SHORT), fit(SHORT)
    assert same(first.network, second.network)
    assert torch.equal(first.alphas.alpha, second.alphas.alpha)
    assert not same(first.network, fit(replace(SHORT, seed=1)).network)


def test_other_precisions_in_one_process_do_not_stick():
    settings = replace(SHORT, epochs=1)
    plain = fit(settings, "bce").network
    fit(replace(settings, precision="bf16"), "bce")
    assert same(plain, fit(settings, "bce").network)


def test_loading_workers_change_nothing():
    settings = replace(SHORT, epochs=2, augment=True)
    assert same(fit(settings).network, fit(replace(settings, workers=2, hold=False)).network)


def test_bce_is_aslp_whose_alphas_never_move():
    frozen = fit(replace(SHORT, alpha_warm_up=100))
    assert same(frozen.network, fit(SHORT, "bce").network)


def test_training_learns():
    log = fit(replace(SHORT, epochs=80, limit=20), "bce").log
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]


@pytest.mark.parametrize("method", ["calibration", "entropy", "gap"])
def test_every_rule_trains_and_reports_its_alphas(method, tmp_path):
    folder = MethodFolder(tmp_path / method)
    trained = fit(replace(SHORT, weight=0.0, gain=1.0, limit=40), method, folder)
    with folder.alphas.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["stem"] for row in rows] == [f"train_{i:04d}" for i in range(40)]
    for row, alpha in zip(rows, trained.alphas.alpha.tolist(), strict=True):
        assert float(row["alpha"]) == pytest.approx(alpha, rel=1e-5)
    with folder.log.open() as file:
        log = list(csv.DictReader(file))
    assert [int(float(row["epoch"])) for row in log] == [1, 2, 3, 4]
    assert float(log[-1]["alpha_mean"]) == pytest.approx(trained.log[-1]["alpha_mean"], rel=1e-5)


def test_an_alpha_follows_its_own_image():
    """One image's labels are noise: the network cannot be right and sure there, so its alpha stays
    behind all others'."""
    settings = replace(SHORT, epochs=30, weight=0.0)
    data = settings.load_data()
    data.train.masks[7] = torch.rand(16, 16, generator=torch.Generator().manual_seed(0)) > 0.5
    alphas = training.train(settings, data, "calibration", progress=False).alphas.alpha
    assert alphas.argmin() == 7


def test_schedules():
    assert training.schedule("constant", 0.7) == 1
    assert training.schedule("cosine", 0) == 1
    assert training.schedule("cosine", 1) == pytest.approx(0)
    assert training.schedule("one_cycle", 0) == pytest.approx(0.04)
    assert training.schedule("one_cycle", 0.3) == pytest.approx(1)
    assert training.schedule("one_cycle", 1) == pytest.approx(0)


def test_a_loss_that_explodes_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    folder = MethodFolder(tmp_path)
    fit(replace(SHORT, epochs=4), folder=folder)
    before = folder.checkpoint.read_bytes()
    settings = replace(SHORT, epochs=4, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match="lower --learning-rate"):
        fit(settings, folder=MethodFolder(tmp_path / "other"))
    assert folder.checkpoint.read_bytes() == before
    assert not (tmp_path / "other" / "weights.safetensors").exists()


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    folder = MethodFolder(tmp_path)
    fit(replace(SHORT, epochs=1), folder=folder)
    with pytest.raises(ValueError, match="other settings"):
        fit(replace(SHORT, epochs=1, seed=9), folder=folder)


ARGUMENTS = [
    *("--epochs", "12", "--limit", "40", "--size", "16", "--alpha-warm-up", "1"),
    *("--device", "cpu", "--augment"),
]


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "aslp_lib", "train", *map(str, arguments)]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def run(*arguments) -> None:
    subprocess.run(
        command(*arguments), check=True, capture_output=True, timeout=200, env=ENVIRONMENT
    )


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, sent):
    """A real process, a real signal: the resumed run ends bit for bit as an unbroken one."""
    start = ["--preset", "demo", *ARGUMENTS, "--methods", "bce", "gap", "--out"]
    run(*start, tmp_path / "whole")
    checkpoint = tmp_path / "cut" / "gap" / "last.safetensors"
    process = subprocess.Popen(
        command(*start, tmp_path / "cut"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=ENVIRONMENT,
        # A background shell has its children ignore Ctrl-C: undo that.
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(sent)
    output = process.communicate(timeout=60)[0].decode()
    assert process.returncode == (-sent if sent == signal.SIGKILL else 130), output
    done = len(load_tensors(checkpoint)[1]["log"])
    assert 1 <= done < 12
    run("--resume", tmp_path / "cut")
    for name in ("bce", "gap"):
        for file in ("weights.safetensors", "alphas.csv", "log.csv"):
            whole, cut = tmp_path / "whole" / name / file, tmp_path / "cut" / name / file
            if name == "gap" or file != "alphas.csv":
                assert cut.read_bytes() == whole.read_bytes(), file


INTERRUPTED = """
import sys, time
from pathlib import Path
from aslp_lib import cli, files

fsync, written = files.os.fsync, []

def stuck(descriptor):
    name = Path(f"/proc/self/fd/{descriptor}").readlink().name
    if "last.safetensors" in name:
        written.append(name)
        if len(written) == 3:
            files.os.truncate(descriptor, 1000)
            Path(sys.argv[1]).touch()
            time.sleep(600)
    fsync(descriptor)

files.os.fsync = stuck
cli.main(sys.argv[2:])
"""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_a_run_killed_while_it_writes_a_checkpoint_goes_on_to_the_same_weights(tmp_path):
    flag, path = tmp_path / "writing", tmp_path / "cut"
    arguments = ["train", "--preset", "demo", *ARGUMENTS, "--methods", "gap", "--epochs", "5"]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, flag, *arguments, "--out", path],
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
    )
    deadline = time.monotonic() + 60
    while not flag.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    folder = Run.open(path).method("gap")
    (half,) = folder.path.glob(".last.safetensors.*.partial")
    assert half.stat().st_size == 1000
    assert len(load_tensors(folder.checkpoint)[1]["log"]) == 2
    settings = Run.open(path).settings
    assert same(fit(settings, "gap", folder).network, fit(settings, "gap").network)
    assert not half.exists()


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


class WithoutValues(Accelerator):
    """On the meta device, whose tensors have no values: what reads one fails."""

    device = torch.device("meta")


@pytest.mark.parametrize("technique", ["HI", "DM"])
@pytest.mark.parametrize("method", ["bce", "calibration", "entropy", "gap"])
def test_no_step_reads_the_device(monkeypatch, method, technique):
    """But for the bar, every `REFRESH` steps, and at the end: elsewhere than on a CPU a read waits
    until all that was asked of the device is done."""
    settings = replace(SHORT, technique=technique, limit=40, batch_size=2)
    data, accelerator = settings.load_data(), WithoutValues(cpu=True)
    reads = []
    monkeypatch.setattr(training, "_read", lambda value: reads.append(value) or 0.5)
    monkeypatch.setattr(training, "REFRESH", 5)
    network = networks.build("tiny").to("meta")
    alphas = settings.adaptive_alpha(40, method)
    state = Trained(network, alphas if alphas is None else alphas.to("meta"))
    optimizer = torch.optim.SGD([{"params": network.parameters(), "peak": 0.1}], lr=0.1)
    batches = Batches(data.train, 0, accelerator)
    training.run_epoch(0, settings, batches, network, optimizer, state, tqdm(disable=True))
    assert len(reads) == 4 * (1 if method == "bce" else 2) + 1
    with pytest.raises(RuntimeError, match="meta"):
        reads[0].item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("technique", ["HI", "DM"])
def test_no_step_waits_for_cuda(monkeypatch, technique):
    """The whole loop, with fused Adam, mixed precision and loading processes."""

    def read(value):
        torch.cuda.set_sync_debug_mode("default")
        number = value.item()
        torch.cuda.set_sync_debug_mode("error")
        return number

    def watched(*arguments):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return epoch(*arguments)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    epoch = training.run_epoch
    monkeypatch.setattr(training, "_read", read)
    monkeypatch.setattr(training, "run_epoch", watched)
    fit(replace(SHORT, technique=technique, device="auto", precision="bf16", workers=2, hold=False))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_same_loop_trains_on_cuda():
    trained = fit(replace(SHORT, epochs=80, device="auto", precision="bf16"))
    assert next(trained.network.parameters()).is_cuda
    assert trained.alphas.alpha.is_cuda
    assert trained.log[-1]["loss"] < 0.5 * trained.log[0]["loss"]
