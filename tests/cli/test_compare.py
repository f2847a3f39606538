import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from aslp_lib.experiments.records import read

pytestmark = pytest.mark.filterwarnings("ignore:no temperature:RuntimeWarning")
COMPARE = "compare --preset demo --epochs 1 --size 16 --limit 4"


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
def test_a_comparison_from_the_command_line(elsewhere, aslp, written):
    line = f"{COMPARE} --seeds 2 --methods bce --recalibrate temperature_scaling"
    printed = aslp(f"{line} --results all.json")
    assert "experiment: runs/compare-demo" in printed
    for name in ("validation", "test", "shifted", "textures"):
        assert f"\n{name}, BCE + temperature scaling: " in printed
    assert printed.count(" ECE (") == printed.count(" NLL (") == 4
    records = written("all.json")["records"]
    assert len(records) == 2 * 2 * 4
    assert "BCE + temperature scaling" in Path("runs/compare-demo/report.html").read_text()
    aslp(line)  # goes on, with nothing to do
    assert written("runs/compare-demo/comparison.json")["records"] == records
    files = "--table t.csv t.md --figures figures --format svg"
    printed = aslp(f"{line} {files} --scores nll dice --digits 1")
    values = {name: [record[name] for record in records[0::8]] for name in ("nll", "dice")}
    cells = " | ".join(f"{np.mean(v):.1f} ± {np.std(v, ddof=1):.1f}" for v in values.values())
    assert f"| validation | BCE | {cells} |" in Path("t.md").read_text()
    nll, dice = cells.split(" | ")
    assert re.search(rf"\nvalidation +BCE +{nll} +{dice}\n", printed)
    with Path("t.csv").open() as lines:
        row = next(csv.DictReader(lines))
    assert (row["set"], row["method"], row["seeds"]) == ("validation", "BCE", "2")
    assert float(row["nll"]) == pytest.approx(np.mean(values["nll"]), rel=1e-5)
    assert Path("figures/test-NLL-differences.svg").exists()
    content = written("all.json")
    content["records"][0]["ece"] = None  # undefined
    Path("all.json").write_text(json.dumps(content))
    assert re.search(r"\nvalidation +BCE +- ", aslp(f"{line} --results all.json"))


@pytest.mark.usefixtures("quick_reports")
def test_the_preset_of_the_data_and_its_test_sets_are_compared(elsewhere, aslp):
    line = "compare --data nuclei --epochs 1 --limit 4 --methods bce --device cpu --seeds 2"
    printed = aslp(f"{line} --corruptions noise1")
    assert "preset nuclei: network tiny, input 64 x 64 pixels\n" in printed
    records = read(Path("runs/compare-nuclei/comparison.json"))
    names = ("validation", "test", "fluorescence", "rare_formats", "brightfield", "pink")
    expected = {(seed, name) for seed in (0, 1) for name in (*names, "test, noise1")}
    assert {*zip(records.seed, records["set"], strict=True)} == expected
    error = aslp(f"{line} --shifts contrast1", status=1)
    assert "data is 'nuclei'; expected 'shapes', which shifts need" in error


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--processes 0", "--processes is 0"),
        ("--seed 3", "seed is 3; expected 0. Give --seeds"),
        ("--seeds 0", "seeds is 0"),
        ("--scores weighted_f", "a name in scores is 'weighted_f'; expected one of ece, ece_floor"),
        ("", "Leave out torchrun"),  # `compare` starts its own processes
    ],
)
def test_a_comparison_that_cannot_be_made(elsewhere, aslp, monkeypatch, words, message):
    monkeypatch.setenv("WORLD_SIZE", "1" if words else "2")
    assert message in aslp(f"{COMPARE} {words}", status=1)
    assert not Path("runs").exists()
