"""Two real processes on the CPU (gloo) against one."""

import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision  # noqa: F401  # once, and not in each process
from accelerate import Accelerator
from PIL import Image
from processes import launch
from torch import nn
from torch.multiprocessing import ProcessExitedException

from aslp_lib import networks
from aslp_lib.__main__ import main
from aslp_lib.config import Settings
from aslp_lib.evaluation import pages, report
from aslp_lib.metrics.bootstrap import Resamples
from aslp_lib.tensors import load_tensors
from aslp_lib.training import checkpoints, distributed, loop

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "several_gpus.md").read_text(encoding="utf-8")
(COMMAND,) = re.findall(r"^(torchrun .*? 2 main_ASLP\.py)  +# without a GPU", PAGE, re.M)
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": PATH}
METHODS = (
    "ema",  # a copy of the network that follows each step
    "calibration",  # an alpha for each image, which its process moves; a switch and noise to draw
    "regmixup",  # partners of another process; more images than there are labels
    "corruption_augmentation",  # images that are made before the network sees them
    "early_stopping",  # state that is made from the validation; other weights than the last
)
"""The methods that differ in what processes must agree on. That any method's loss is a sum over
images is in tests/methods/test_methods.py."""
IMAGES = 11
ARGUMENTS = [
    *("--preset", "demo", "--epochs", "3", "--limit", str(IMAGES), "--size", "16"),
    *("--batch-size", "5"),  # shares of 3 and 2; the last batch is one image
    *("--aslp.technique", "DM", "--aslp.alpha-warm-up", "1", "--augment", "--device", "cpu"),
    *("--aslp.alpha-step-size", "2", "--aslp.constraint-weight", "0"),
    *("--methods", *METHODS),
]


def without_batch_statistics(module: nn.Module) -> nn.Module:
    """Replace BatchNorm, whose statistics on a CPU are those of a process's share, by GroupNorm."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(4, child.num_features))
        else:
            without_batch_statistics(child)
    return module


def command(arguments: list[str], stuck: Path | None = None) -> None:
    """Run main_ASLP.py in float64, in which one process and two compute the same.

    After five checkpoints, make the file `stuck` and wait.
    """
    torch.set_default_dtype(torch.float64)
    torch.Tensor.float = torch.Tensor.double
    build, save, saved = networks.build, checkpoints.save, []
    networks.build = lambda *options: without_batch_statistics(build(*options))
    # Intervals and reports have tests of their own, and would take longer than all the rest.
    Resamples.__init__.__defaults__ = (20, 0)
    report.run_page = lambda *_: None
    pages.write_page = lambda path, _: path.touch()

    def save_and_wait(*state):
        save(*state)
        saved.append(1)
        if stuck and len(saved) == 5:
            stuck.touch()
            time.sleep(600)

    checkpoints.save = save_and_wait
    sys.argv = ["main_ASLP.py", *arguments]
    sys.exit(main())


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of one process; the same of two, killed in the fifth epoch and resumed; and what the
    two printed, before and after."""
    folder = tmp_path_factory.mktemp("processes")
    one, two, before, after, stuck = (
        folder / name for name in ("one", "two", "before", "after", "stuck")
    )
    launch(command, [*ARGUMENTS, "--out", str(one)], count=1)
    both = launch(command, [*ARGUMENTS, "--out", str(two)], stuck, output=before, join=False)
    while not stuck.exists():
        assert not both.join(timeout=0.01)
    for process in both.processes:
        process.kill()
        process.join()
    assert len(load_tensors(two / "calibration" / "last.safetensors")[1]["log"]) == 2
    launch(command, ["--resume", str(two)], output=after)
    return one, two, before.read_text(), after.read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first one waits for the runs
@pytest.mark.fault
@pytest.mark.parametrize("method", METHODS)
def test_two_processes_end_as_one(runs, method):
    """The weights, and all that the checkpoint holds of optimiser and method, in float64."""
    for file in ("weights", "last"):
        paths = (run / method / f"{file}.safetensors" for run in runs[:2])
        (one, facts), (two, other_facts) = map(load_tensors, paths)
        assert one.keys() == two.keys()
        assert {each.dtype for each in one.values() if each.ndim == 4} == {torch.float64}
        for name in one:
            np.testing.assert_allclose(two[name], one[name], atol=1e-9, rtol=0, err_msg=name)
    for row, other in zip(facts["log"], other_facts["log"], strict=True):
        assert other == pytest.approx(row, rel=1e-6)
    if method == "calibration":
        assert one["method.alphas.alpha"].median() > 0.1  # so that switches were drawn, and noise


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_write_and_print_what_one_does(runs):
    one, two, before, after = runs
    assert before.count("preset demo: ") == before.count("2 processes share every batch") == 1
    assert after.count("report: ") == after.count("going on with") == 1
    files = {path.relative_to(one) for path in one.rglob("*")}
    assert files == {path.relative_to(two) for path in two.rglob("*")}
    maps = [path for path in files if path.suffix == ".png"]
    assert len(maps) == len(METHODS) * 2 * 3 * IMAGES  # as trained and recalibrated
    for path in maps:
        first, second = (np.asarray(Image.open(run / path)).astype(int) for run in (one, two))
        assert np.abs(first - second).max() <= 1
    scores = [json.loads((run / "metrics.json").read_text())["test"]["ema"] for run in (one, two)]
    assert scores[0]["brier"] == pytest.approx(scores[1]["brier"], abs=1e-4)


@pytest.mark.slow
def test_the_page_s_command_trains_with_two_processes(tmp_path):
    small = "train --epochs 1 --limit 4 --size 16 --batch-size 2 --methods bce --device cpu --out"
    trained = subprocess.run(
        [*COMMAND.split(), *small.split(), str(tmp_path / "run")],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert trained.returncode == 0, trained.stderr
    assert trained.stdout.count("2 processes share every batch") == 1
    assert (tmp_path / "run" / "bce" / "weights.safetensors").exists()


def late(folder: Path) -> None:
    sys.argv = ["main_ASLP.py", "check-data", str(folder)]
    status = main()
    print("late")
    sys.exit(status)


@pytest.mark.fault
@pytest.mark.parametrize("processes", [1, 2])
def test_one_of_several_processes_ends_before_python_ends_it(tmp_path, processes):
    """Otherwise gloo's threads abort it although its work is done."""
    output = tmp_path / "output"
    with pytest.raises(ProcessExitedException) as ended:
        launch(late, tmp_path / "nowhere", count=processes, output=output)
    assert ended.value.exit_code == 1
    assert "nowhere" in output.read_text()
    assert ("late" in output.read_text()) == (processes == 1)


class Rank(Accelerator):
    def __init__(self, process_index: int, num_processes: int) -> None:
        self.place = process_index, num_processes

    process_index = property(lambda self: self.place[0])
    num_processes = property(lambda self: self.place[1])
    is_main_process = property(lambda self: self.place[0] == 0)


@pytest.mark.fault
def test_more_processes_than_images_in_a_batch_are_refused(monkeypatch):
    monkeypatch.setattr(loop, "accelerator_for", lambda settings: Rank(0, 2))
    settings = Settings(batch_size=1, limit=1)
    with pytest.raises(ValueError, match="batch_size is 1; expected at least 2"):
        loop.train(settings, settings.load_data(), "bce")


@pytest.mark.parametrize(("images", "ranks"), [(10, 1), (10, 4), (3, 4), (5, 2), (0, 2)])
def test_every_row_is_one_process_s_and_its_partner_is_the_row_before_it(
    monkeypatch, images, ranks
):
    whole, owned, before = torch.arange(float(images)).view(-1, 1), [], []
    monkeypatch.setattr(distributed, "all_reduce_sum", lambda *_: whole.clone())
    for rank in range(ranks):
        part = distributed.shard(images, Rank(rank, ranks))
        owned.append(whole[part].ravel().tolist())
        if images:
            held = whole[part] if owned[-1] else whole[:1]
            partners = distributed.rows_before(held, images, Rank(rank, ranks))
            assert len(partners) == len(held)
            before += partners[: len(owned[-1])].ravel().tolist()
    assert list(itertools.chain(*owned)) == whole.ravel().tolist()
    assert before == whole.roll(1, 0).ravel().tolist()
    assert max(map(len, owned)) - min(map(len, owned)) <= 1
