import csv
import json
from pathlib import Path

import numpy as np
import pytest

from aslp_lib.cli import main
from aslp_lib.experiments.records import read

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
    files = ["--table", "t.csv", "t.md", "--figures", "figures", "--format", "svg"]
    assert main([*words, *files, "--scores", "nll", "dice", "--digits", "1"]) == 0
    values = {name: [record[name] for record in records[0::8]] for name in ("nll", "dice")}
    cells = " | ".join(f"{np.mean(v):.1f} ± {np.std(v, ddof=1):.1f}" for v in values.values())
    assert f"| validation | BCE | {cells} |" in Path("t.md").read_text()
    assert f"| BCE | {cells} |" in capsys.readouterr().out
    with Path("t.csv").open() as lines:
        row = next(csv.DictReader(lines))
    assert (row["set"], row["method"], row["seeds"]) == ("validation", "BCE", "2")
    assert float(row["nll"]) == pytest.approx(np.mean(values["nll"]), rel=1e-5)
    assert Path("figures/test-NLL-differences.svg").exists()
    content = json.loads(Path("all.json").read_text())
    content["records"][0]["ece"] = None  # undefined: neither in the table nor in the report
    Path("all.json").write_text(json.dumps(content))
    assert main([*words, "--results", "all.json"]) == 0
    assert "| BCE | - |" in capsys.readouterr().out


@pytest.mark.usefixtures("quick_reports")
def test_the_preset_of_the_data_and_its_test_sets_are_compared(elsewhere, capsys):
    words = ["compare", "--data", "nuclei", "--epochs", "1", "--limit", "4", "--methods", "bce"]
    words += ["--device", "cpu", "--seeds", "2"]
    assert main([*words, "--corruptions", "noise1"]) == 0
    assert "preset nuclei: network tiny, input 64 x 64 pixels\n" in capsys.readouterr().out
    records = read(Path("runs/compare-nuclei/comparison.json"))
    names = ("validation", "test", "fluorescence", "rare_formats", "brightfield", "pink")
    expected = {(seed, name) for seed in (0, 1) for name in (*names, "test, noise1")}
    assert {*zip(records.seed, records["set"], strict=True)} == expected
    assert main([*words, "--shifts", "contrast1"]) == 1
    assert "data is 'nuclei'; expected 'shapes', which shifts need" in capsys.readouterr().err


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--processes 0", "--processes is 0"),
        ("--seed 3", "seed is 3; expected 0. Give --seeds"),
        ("--seeds 0", "seeds is 0"),
        ("--scores weighted_f", "a name in scores is 'weighted_f'; expected one of ece, oe"),
        ("--table t.xls", "--table has another suffix: t.xls"),
        ("", "Leave out torchrun"),  # `compare` starts its own processes
    ],
)
def test_a_comparison_that_cannot_be_made(elsewhere, capsys, monkeypatch, words, message):
    monkeypatch.setenv("WORLD_SIZE", "1" if words else "2")
    assert main([*WORDS, *words.split()]) == 1
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()
