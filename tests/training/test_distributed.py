"""Two real processes on the CPU (gloo)."""

import csv
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision  # noqa: F401  # once, and not in each process
from processes import launch
from torch.multiprocessing import ProcessExitedException

from aslp_lib import cli
from aslp_lib.__main__ import main
from aslp_lib.config import PRESETS
from aslp_lib.tensors import load_tensors
from aslp_lib.training import checkpoints
from aslp_lib.training.loop import train

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "several_gpus.md").read_text(encoding="utf-8")
(COMMAND,) = re.findall(r"^(torchrun .*? 2 main_ASLP\.py)  +# without a GPU", PAGE, re.M)
PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
IMAGES = 11
ARGUMENTS = [
    *("train", "--preset", "demo", "--epochs", "4", "--limit", str(IMAGES), "--size", "16"),
    *("--batch-size", "5"),  # shares of 3 and 2; the last batch is one image
    *("--aslp.technique", "DM", "--aslp.alpha-warm-up", "1", "--augment", "--device", "cpu"),
    *("--aslp.alpha-step-size", "2", "--aslp.constraint-weight", "0"),
    *("--methods", "aslp_mc", "ema", "corruption_augmentation"),
]


def killed(path: Path) -> None:
    """Train; the main process ends at once after its third checkpoint."""
    save, saved = checkpoints.save, []

    def save_and_end(*state):
        save(*state)
        saved.append(1)
        if len(saved) == 3:
            os._exit(9)

    checkpoints.save = save_and_end
    cli.main([*ARGUMENTS, "--out", str(path)])


@pytest.mark.slow
@pytest.mark.fault
@pytest.mark.timeout(600)
def test_two_processes_train_resume_gather_the_alphas_and_predict(tmp_path):
    path, output = tmp_path / "run", tmp_path / "output"
    with pytest.raises(ProcessExitedException) as ended:
        launch(killed, path, output=output)
    assert ended.value.exit_code == 9
    assert output.read_text().count("2 processes share every batch") == 1
    assert len(load_tensors(path / "aslp_mc" / "last.safetensors")[1]["log"]) == 3
    resumed = subprocess.run(
        [*COMMAND.split(), "train", "--resume", str(path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PATH": PATH},
        capture_output=True,
        text=True,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.count("going on with") == 1
    with (path / "aslp_mc" / "alphas.csv").open() as file:
        alphas = [float(row["alpha"]) for row in csv.DictReader(file)]
    assert len(alphas) == IMAGES and sum(alpha > 0 for alpha in alphas) > IMAGES / 2
    for method in ("aslp_mc", "ema", "corruption_augmentation"):
        assert len((path / method / "log.csv").read_text().splitlines()) == 1 + 4
    launch(cli.main, ["predict", str(path)], output=output)
    assert len([*path.rglob("*.png")]) == 3 * 3 * IMAGES, output.read_text()


SETTINGS = replace(PRESETS["demo"], device="cpu", epochs=2, limit=7, size=16, batch_size=4)
SETTINGS = SETTINGS.tuned(aslp={"alpha_warm_up": 0, "alpha_step_size": 0.2})


def train_and_save(folder: Path) -> None:
    """Save what this process ends with."""
    data = SETTINGS.load_data()
    for method in ("aslp_mc", "ema", "early_stopping"):
        state = train(SETTINGS, data, method, progress=False)
        tensors = state.network.state_dict() | state.method.per_image()
        tensors |= {"counts": torch.from_numpy(state.validation.table)}
        torch.save(tensors, folder / f"{method} {os.environ['RANK']}.pt")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["aslp_mc", "ema", "early_stopping"])
def test_both_processes_end_alike_and_count_all_images_in_order(ends, method):
    first, second = (torch.load(ends / f"{method} {rank}.pt") for rank in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    masks = [label for _, label, _ in SETTINGS.load_data().validation]
    pixels = torch.stack([torch.stack([y.eq(0).sum(), y.eq(1).sum()]) for y in masks])
    torch.testing.assert_close(first["counts"].sum(dim=2), pixels)


@pytest.fixture(scope="module")
def ends(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("processes")
    launch(train_and_save, folder)
    return folder


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
