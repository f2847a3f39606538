"""Two real processes on the CPU (gloo) against one."""

import csv
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from aslp_lib.config import Settings
from aslp_lib.methods import METHODS
from aslp_lib.tensors import load_tensors
from aslp_lib.training import distributed, launch, loop

ROOT = Path(__file__).parents[2]
BIN = str(Path(sys.executable).parent)
WORKER = Path(__file__).with_name("one_of_several.py")
LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
ARGUMENTS = [
    *("--preset", "demo", "--epochs", "3", "--limit", "21", "--size", "16", "--device", "cpu"),
    *("--batch-size", "5"),  # shares of 3 and 2; the last batch is one image
    *("--aslp.technique", "DM", "--aslp.alpha-warm-up", "1", "--augment"),
    *("--aslp.alpha-step-size", "2", "--aslp.constraint-weight", "0"),
]
FEW = "bce", "calibration", "entropy", "measured_gap", "label_smoothing", "focal"
"""For whole runs: to evaluate all methods takes a minute."""


def start(launcher: list, *arguments, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [*launcher, str(WORKER), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**ENVIRONMENT, **environment},
    )


def finish(process: subprocess.Popen) -> str:
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    return output


def once_and_twice(folder: Path, *arguments) -> str:
    """The same run by one process and by two; returns what the two printed."""
    for name, launcher in (("one", [sys.executable]), ("two", LAUNCHER)):
        path = folder / name
        output = finish(start(launcher, path, *arguments, "--out", path / "run"))
    return output


# Every method is trained by one process and by two, before the first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What one process and two held after each training."""
    folder = tmp_path_factory.mktemp("trained")
    once_and_twice(folder, "train", *ARGUMENTS, "--methods", *METHODS)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Whole runs of a few methods, and what the two processes printed."""
    folder = tmp_path_factory.mktemp("processes")
    return folder, once_and_twice(folder, *ARGUMENTS, "--methods", *FEW)


def kept(folder: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(folder / f"{name}.npz") as file:
        return dict(file)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_end_as_one(trained, method):
    one, *two = (
        kept(trained / f, method + r) for f, r in (("one", "0"), ("two", "0"), ("two", "1"))
    )
    assert all(np.array_equal(two[0][name], two[1][name]) for name in one)
    assert len(one["counts"]) == 21
    assert one["head.weight"].dtype == np.float64
    for name in one:
        np.testing.assert_allclose(two[0][name], one[name], atol=1e-9, rtol=0, err_msg=name)
    if method == "calibration":
        assert np.median(one["alpha"]) > 0.1  # so that switches were drawn, and noise


@pytest.mark.slow
def test_two_processes_write_what_one_writes(runs):
    folder, output = runs
    one, two = folder / "one" / "run", folder / "two" / "run"
    assert output.count("report: ") == output.count("preset demo; ") == 1
    files = {path.relative_to(one) for path in one.rglob("*")}
    assert files == {path.relative_to(two) for path in two.rglob("*")}
    maps = [path for path in files if path.suffix == ".png"]
    assert len(maps) == len(FEW) * 3 * 21
    for path in maps:
        first, second = (np.asarray(Image.open(run / path)).astype(int) for run in (one, two))
        assert np.abs(first - second).max() <= 1
    scores = [json.loads((run / "metrics.json").read_text())["test"]["bce"] for run in (one, two)]
    assert scores[0]["brier"] == pytest.approx(scores[1]["brier"], abs=1e-4)
    logs = [(run / "bce" / "log.csv").read_text().splitlines() for run in (one, two)]
    for row, other in zip(*map(csv.DictReader, logs), strict=True):
        assert float(row["loss"]) == pytest.approx(float(other["loss"]), rel=2e-5)  # 6 digits


@pytest.mark.slow
@pytest.mark.fault(
    "two processes and their launcher are killed", "they go on to the same weights, levels and log"
)
def test_two_killed_processes_go_on_to_the_same_weights(runs, tmp_path):
    folder, _ = runs
    checkpoint = tmp_path / "run" / "calibration" / "last.safetensors"
    train = ["train", *ARGUMENTS, "--methods", *FEW, "--out", tmp_path / "run"]
    process = start(LAUNCHER, tmp_path, *train, STUCK_AFTER="5")  # epoch 2 of the second method
    while not (tmp_path / "stuck").exists() and process.poll() is None:
        time.sleep(0.01)
    process.kill()  # the launcher first: it would have the others stop in good order
    for file in tmp_path.glob("*.pid"):
        os.kill(int(file.read_text()), signal.SIGKILL)
    process.communicate()
    assert len(load_tensors(checkpoint)[1]["log"]) == 2
    finish(start(LAUNCHER, tmp_path, "train", "--resume", tmp_path / "run"))
    for file in ("weights.safetensors", "alphas.csv", "log.csv"):
        whole = folder / "two" / "run" / "calibration" / file
        assert checkpoint.with_name(file).read_bytes() == whole.read_bytes(), file


def started(command: str, folder: Path) -> subprocess.CompletedProcess:
    """A line of docs/several_gpus.md, of a run that takes a moment, from the project's folder."""
    words = [*command.split(), "train", "--preset", "demo", "--epochs", "1", "--limit", "4"]
    words += ["--size", "16", "--methods", "bce", "--out", str(folder / "run")]
    return subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**ENVIRONMENT, "PATH": os.pathsep.join([BIN, os.environ["PATH"]])},
    )


@pytest.mark.slow
def test_the_page_s_command_starts_two_processes_on_a_cpu(tmp_path):
    page = (ROOT / "docs" / "several_gpus.md").read_text()
    (command,) = re.findall(r"^(torchrun .*? 2 main_ASLP\.py)  +# without a GPU", page, re.M)
    result = started(command, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("2 processes share every batch") == 1
    assert (tmp_path / "run" / "bce" / "weights.safetensors").exists()


@pytest.mark.slow
@pytest.mark.fault(
    "accelerate was asked for two processes, but starts one, as it does on a CPU",
    "the run says so before it trains, and names the command",
)
def test_fewer_processes_than_asked_for_are_noticed(tmp_path):
    result = started("accelerate launch --cpu --num_processes 2 main_ASLP.py", tmp_path)
    assert result.returncode == 1
    assert "started one, as it does" in result.stderr
    assert "torchrun --standalone --nproc-per-node 2" in result.stderr
    assert not (tmp_path / "run").exists()


ACCELERATE = {"ACCELERATE_MIXED_PRECISION": "no"}
ADDRESS = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.mark.parametrize(
    ("environment", "parent", "fewer"),
    [
        ({}, {}, False),
        (ADDRESS, {}, False),
        (ACCELERATE, {}, False),
        ({**ACCELERATE, **ADDRESS}, {}, True),
        ({**ACCELERATE, **ADDRESS}, ADDRESS, False),
        ({**ACCELERATE, **ADDRESS}, None, False),
        ({**ACCELERATE, **ADDRESS, "WORLD_SIZE": "2"}, {}, False),
    ],
)
def test_what_tells_that_processes_are_missing(monkeypatch, tmp_path, environment, parent, fewer):
    for name in (*ACCELERATE, *ADDRESS, "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "environ"
    if parent is not None:
        file.write_bytes(b"".join(f"{k}={v}\0".encode() for k, v in parent.items()))
    monkeypatch.setattr(launch, "Path", lambda _: file)
    with pytest.raises(RuntimeError, match="asked for several") if fewer else nullcontext():
        launch.check_launch()


@pytest.mark.fault(
    "gloo's threads abort a launched process while Python ends it, its work being done",
    "they cannot: it ends at once, with its own status",
)
@pytest.mark.parametrize("processes", [1, 2])
def test_one_of_several_processes_ends_before_python_ends_it(tmp_path, processes):
    late = "import atexit, sys; atexit.register(print, 'late')"
    code = f"{late}; from aslp_lib.__main__ import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", code, "check-data", str(tmp_path / "nowhere")],
        env={**ENVIRONMENT, "WORLD_SIZE": str(processes), "RANK": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1 and "nowhere" in ended.stderr
    assert ended.stdout == ("late\n" if processes == 1 else "")


class Rank(Accelerator):
    def __init__(self, process_index: int, num_processes: int) -> None:
        self.place = process_index, num_processes

    process_index = property(lambda self: self.place[0])
    num_processes = property(lambda self: self.place[1])
    is_main_process = property(lambda self: self.place[0] == 0)


@pytest.mark.fault(
    "there are more processes than images in a batch", "the training is refused before it begins"
)
def test_more_processes_than_images_in_a_batch_are_refused(monkeypatch):
    monkeypatch.setattr(loop, "accelerator_for", lambda settings: Rank(0, 2))
    settings = Settings(batch_size=1)
    with pytest.raises(ValueError, match="batch_size is 1, shared by 2 processes"):
        loop.train(settings, settings.load_data(), "bce")


@pytest.mark.parametrize(("images", "ranks"), [(5, 1), (5, 2), (1, 2)])
def test_a_row_s_partner_is_the_one_before_it_whoever_holds_that(monkeypatch, images, ranks):
    whole, seen = torch.arange(10.0, 10.0 + images).view(-1, 1), []
    for rank in range(ranks):
        part = distributed.shard(images, Rank(rank, ranks))
        monkeypatch.setattr(distributed, "all_reduce_sum", lambda *_: whole.clone())
        held = whole[part] if len(whole[part]) else whole[:1]
        before = distributed.rows_before(held, part, images, Rank(rank, ranks))
        assert len(before) == len(held)
        seen += before[: len(whole[part])].ravel().tolist()
    assert seen == [whole[i - 1].item() for i in range(images)]


@pytest.mark.parametrize(("images", "ranks"), [(10, 1), (10, 4), (3, 4), (0, 2)])
def test_every_row_is_one_process_s(images, ranks):
    parts = [distributed.shard(images, Rank(rank, ranks)) for rank in range(ranks)]
    owned = [list(range(images))[part] for part in parts]
    assert list(itertools.chain(*owned)) == list(range(images))
    assert max(map(len, owned)) - min(map(len, owned)) <= 1
