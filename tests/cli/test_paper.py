"""The paper's network from the command line: both its presets, and an authors' checkpoint."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from test_official import Twin
from torch.nn import functional as F

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.data.folders import paper_layout
from aslp_lib.data.images import read_map
from aslp_lib.networks.base import IMAGENET_MEAN, IMAGENET_STD
from aslp_lib.runs import read_log

TINY = ["--limit", "2", "--size", "64", "--device", "cpu"]


@pytest.fixture
def there(elsewhere, paper_root):
    """A working folder with the paper's layout in small; its gigabytes of runs do not stay."""
    paper_root.rename(elsewhere / "Dataset")
    yield elsewhere
    shutil.rmtree(elsewhere)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
@pytest.mark.parametrize("preset", ["paper", "release"])
def test_the_paper_s_presets_run_from_end_to_end(there, preset, capsys):
    short = ["--epochs", "1", "--weights", "None", "--methods", "calibration"]
    assert main(["--preset", preset, "--data", "Dataset", *TINY, *short]) == 0
    printed = capsys.readouterr().out
    assert f"preset {preset}; data: the paper's layout" in printed
    assert ("maps were stretched" in printed) == PRESETS[preset].min_max_maps
    run = Path("runs") / preset
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics.keys() == {"SOD", "DTD_Texture_500"}
    (row,) = read_log(run / "calibration" / "log.csv")
    assert row["learning_rate"] == 2.5e-5
    maps = map(read_map, (run / "calibration" / "maps").rglob("*.png"))
    extremes = {(int(each.min()), int(each.max())) for each in maps}
    assert (extremes == {(0, 255)}) == PRESETS[preset].min_max_maps


@pytest.mark.slow
@torch.inference_mode()
def test_an_official_checkpoint_predicts_maps_that_can_be_scored(there, capsys):
    torch.manual_seed(0)
    twin = Twin().eval()
    torch.save(twin.state_dict(), "Model_30_Gen.pth")
    arguments = ["predict", "--official", "Model_30_Gen.pth", "--data", "Dataset", "--out", "maps"]
    assert main([*arguments, *TINY]) == 0
    assert "maps of SOD, DTD_Texture_500: maps" in capsys.readouterr().out
    assert {path.name for path in Path("maps").iterdir()} == {"SOD", "DTD_Texture_500"}
    sod = paper_layout(Path("Dataset"), 64, limit=2).tests["SOD"]
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    for i, stem in enumerate(sod.stems):
        image = (sod.load(i)[0].float() / 255 - mean) / std
        probability = torch.sigmoid(twin(image[None]))
        oracle = F.interpolate(probability, size=sod.shape(i), mode="bilinear")[0, 0]
        level_map = torch.from_numpy(read_map(Path("maps") / "SOD" / f"{stem}.png"))
        assert (level_map - 255 * oracle).abs().max() <= 0.51
    scored = ["score", "--maps", "official=maps", "--masks", "Dataset/Test/SOD/GT"]
    assert main([*scored, "--allow-missing"]) == 0
    assert "official" in capsys.readouterr().out
    assert main([*arguments, *TINY]) == 1
    assert "--out exists: maps; expected a new or an empty folder" in capsys.readouterr().err
