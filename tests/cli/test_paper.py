"""The paper's presets from the command line."""

import re
import shutil
from pathlib import Path

import pytest

from aslp_lib.config import PRESETS
from aslp_lib.maps.read import read_map
from aslp_lib.runs import read_log


@pytest.fixture
def there(elsewhere, paper_root):
    """A working folder with the paper's layout in small; its gigabytes of runs do not stay."""
    paper_root.rename(elsewhere / "Dataset")
    yield elsewhere
    shutil.rmtree(elsewhere)


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
@pytest.mark.parametrize("preset", ["paper", "release"])
def test_the_paper_s_presets_run_from_end_to_end(there, aslp, written, preset):
    """Both presets name the same network, which takes seconds to save. The release's run uses a
    small one."""
    small = "--epochs 1 --limit 1 --size 64 --device cpu --weights None --methods aslp_mc"
    network = "--network tiny" if preset == "release" else ""
    printed = aslp(f"--preset {preset} --data Dataset {small} {network}")
    assert re.search(rf"preset {preset}: network (resnet50|tiny), input 64 x 64 pixels\n", printed)
    assert ("maps were stretched" in printed) == PRESETS[preset].min_max_maps
    run = Path("runs") / preset
    assert written(run / "metrics.json").keys() == {"SOD", "DTD_Texture_500"}
    assert [row["learning_rate"] for row in read_log(run / "aslp_mc" / "log.csv")] == [2.5e-5]
    maps = map(read_map, (run / "aslp_mc" / "maps").rglob("*.png"))
    extremes = {(int(each.min()), int(each.max())) for each in maps}
    assert (extremes == {(0, 255)}) == PRESETS[preset].min_max_maps
