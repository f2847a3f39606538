import csv
import json
from pathlib import Path

import numpy as np
import pytest

from aslp_lib.cli import main
from aslp_lib.data.nuclei import nuclei
from aslp_lib.experiments.records import read, read_data

pytestmark = pytest.mark.filterwarnings("ignore:no temperature:RuntimeWarning")
WORDS = ["compare", "--preset", "demo", "--epochs", "1", "--size", "16", "--limit", "4"]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports")
def test_a_comparison_from_the_command_line(elsewhere, capsys):
    words = [*WORDS, "--seeds", "2", "--methods", "bce", "--recalibrate", "temperature_scaling"]
    assert main([*words, "--results", "all.json"]) == 0
    out = capsys.readouterr().out
    assert "experiment: runs/compare-demo" in out
    for name in ("validation", "test", "shifted", "textures"):
        assert f"| {name} | ECE % |" in out
    assert out.count("| BCE + temperature scaling |") == 4
    assert out.count("| NLL nats |") == 4
    assert out.count("compared with BCE: BCE + temperature scaling (") == 8  # ECE and NLL
    records = json.loads(Path("all.json").read_text())["records"]
    assert len(records) == 2 * 2 * 4
    assert "BCE + temperature scaling" in Path("runs/compare-demo/report.html").read_text()
    assert main(words) == 0  # goes on, with nothing to do
    again = json.loads(Path("runs/compare-demo/comparison.json").read_text())["records"]
    assert again == records
    files = ["--table", "t.csv", "t.md", "t.tex", "--figures", "figures", "--format", "svg"]
    assert main([*words, *files, "--scores", "nll", "dice", "--digits", "1"]) == 0
    nll, dice = (np.mean([r[k] for r in records[0::8]]) for k in ("nll", "dice"))
    sd, other = (np.std([r[k] for r in records[0::8]], ddof=1) for k in ("nll", "dice"))
    cells = f"{nll:.1f} ± {sd:.1f} | {dice:.1f} ± {other:.1f} |"
    assert f"| validation | BCE | {cells}" in Path("t.md").read_text()
    assert f"| BCE | {cells}" in capsys.readouterr().out
    assert r"NLL nats $\downarrow$ & Dice $\uparrow$ \\" in Path("t.tex").read_text()
    with Path("t.csv").open() as lines:
        row = next(csv.DictReader(lines))
    assert (row["set"], row["method"], row["seeds"]) == ("validation", "BCE", "2")
    assert float(row["nll"]) == pytest.approx(nll, rel=1e-5)
    assert Path("figures/test-NLL-differences.svg").exists()
    file = Path("all.json")
    content = json.loads(file.read_text())
    content["records"][0]["ece"] = None  # undefined: neither in the table nor in the report
    file.write_text(json.dumps(content))
    assert main([*words, "--results", "all.json"]) == 0
    assert "| BCE | - |" in capsys.readouterr().out
    content["records"][4]["options"] = None
    file.write_text(json.dumps(content))
    assert main([*words, "--results", "all.json"]) == 1
    assert "error: all.json holds no records (the options" in capsys.readouterr().err


@pytest.mark.usefixtures("quick_reports")
def test_nuclei_are_compared_with_a_split_for_each_seed(elsewhere, capsys):
    words = ["compare", "--data", "nuclei", "--epochs", "1", "--limit", "4", "--methods", "bce"]
    words += ["--device", "cpu"]
    assert main([*words, "--seeds", "2", "--corruptions", "noise1"]) == 0
    assert (
        "preset nuclei: network tiny, input 64 x 64 pixels\ndata: the real set nuclei"
        in capsys.readouterr().out
    )
    file = Path("runs/compare-nuclei/comparison.json")
    records, data = read(file), read_data(file)
    tests = ("test", "fluorescence", "rare_formats", "brightfield", "pink")
    scored = [*zip(records.seed, records["set"], strict=True)]
    names = ("validation", *tests, "test, noise1")
    assert sorted(scored) == sorted((seed, name) for seed in (0, 1) for name in names)
    for seed in (0, 1):
        splits = nuclei(data_seed=seed, limit=4)
        assert list(data[seed, "train"]) == splits.train.stems
        assert list(data[seed, "validation"]) == splits.validation.stems
    assert data[0, "train"] != data[1, "train"]
    assert all(data[0, name] == data[1, name] for name in tests)
    assert main([*words, "--shifts", "contrast1"]) == 1
    assert "data is 'nuclei'; expected 'shapes', which shifts need" in capsys.readouterr().err


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--processes 0", "--processes is 0"),
        ("--seed 3", "--seed or --data-seed is set; expected neither"),
        ("--seeds 0", "seeds is 0"),
        ("--scores weighted_f", "a name in scores is 'weighted_f'; expected one of ece, oe"),
        ("--table t.xls", "--table has another suffix: t.xls"),
        ("", "Call it without torchrun"),  # `compare` starts its own processes
    ],
)
def test_a_comparison_that_cannot_be_made(elsewhere, capsys, monkeypatch, words, message):
    monkeypatch.setenv("WORLD_SIZE", "1" if words else "2")
    assert main([*WORDS, *words.split()]) == 1
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()
