"""The example trains, and `score` measures what it prints on the maps that it writes."""

import csv
import importlib.util
import io
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import pytest

from aslp_lib import cli

PATH = Path(__file__).parents[1] / "examples" / "aslp.py"
METHODS = ("BCE", "BCE + temperature scaling", "ASLP", "ASLP + undone")
EPOCHS = 8
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def example():
    """The example on 20 images of each set."""
    spec = importlib.util.spec_from_file_location("aslp_example", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.shapes = partial(module.shapes, limit=20)
    return module


@pytest.fixture(scope="module")
def short_run(example, tmp_path_factory):
    """What a short run returns and prints, and its folder."""
    out = tmp_path_factory.mktemp("example")
    with redirect_stdout(io.StringIO()) as printed:
        rows = example.main(["--epochs", str(EPOCHS), "--device", "cpu", "--out", str(out)])
    return rows, printed.getvalue(), out


def test_score_measures_the_same_on_the_maps_that_were_written(short_run, tmp_path):
    rows, _, out = short_run
    folders = [str(out / "maps" / label) for label in METHODS]
    words = ["score", "--maps", *folders, "--masks", str(out / "masks"), "--no-weighted-f"]
    assert cli.main([*words, "--table", str(tmp_path / "scores.csv")]) == 0
    with (tmp_path / "scores.csv").open(newline="") as file:
        scored = {line["method"]: line for line in csv.DictReader(file)}
    assert rows.keys() == scored.keys() == set(METHODS)
    for label, row in rows.items():
        # The file has 6 digits.
        assert row == pytest.approx({name: float(scored[label][name]) for name in row}, rel=1e-5)


def test_it_prints_the_scores_and_draws_them(short_run):
    rows, text, out = short_run
    for label, row in rows.items():
        (line,) = (line for line in text.splitlines() if line.startswith(f"{label:28}"))
        accuracy, ece, oe, nll = map(float, line[28:].split())
        percent = [100 * row[name] for name in ("accuracy", "ece", "oe")]
        assert [accuracy, ece, oe] == pytest.approx(percent, abs=0.0051)
        assert nll == pytest.approx(row["nll"], abs=0.00051)
    assert (out / "reliability.png").read_bytes().startswith(b"\x89PNG")
