import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from aslp_lib.config import Settings
from aslp_lib.course import recorded
from aslp_lib.course.explorers.perturbations import data
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import scores
from aslp_lib.training.validation import validate


@pytest.mark.slow
@pytest.mark.parametrize("method", recorded.METHODS)
def test_the_shipped_weights_have_the_scores_they_were_shipped_with(method):
    how = json.loads((recorded.FOLDER / "how.json").read_text())
    network = recorded.load(method)
    for name, part in data().tests.items():
        shipped = how["scores"][method][name]
        found = scores(validate(network, part, recorded.SETTINGS), names=("ece", "oe", "accuracy"))
        assert found == pytest.approx({key: shipped[key] for key in found}, abs=2e-4)


def test_they_are_small_and_ready_and_made_with_the_settings_of_today():
    how = json.loads((recorded.FOLDER / "how.json").read_text())
    then = Settings.from_json(json.dumps(how["settings"]))  # later settings at their defaults
    assert then == replace(recorded.SETTINGS, methods=recorded.METHODS)
    assert len(recorded.load_log("bce")) == recorded.SETTINGS.epochs
    assert sum(path.stat().st_size for path in recorded.FOLDER.glob("*.safetensors")) < 2e6
    assert not recorded.load("bce").training


def test_the_model_card_has_the_recorded_scores():
    text = (recorded.FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    how = json.loads((recorded.FOLDER / "how.json").read_text())
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    for method in recorded.METHODS:
        for part, own in how["scores"][method].items():
            (row,) = (row for row in rows if row[:2] == [part, METHOD_LABELS[method]])
            kept = ("ece", "oe", "accuracy", "confidence")
            assert [float(cell) for cell in row[2:]] == pytest.approx(
                [100 * own[name] for name in kept], abs=0.051
            )


@pytest.mark.slow
def test_a_wheel_holds_all_files_of_the_package_and_the_licences(tmp_path):
    """Such as the data set nuclei, the shipped weights and their model card."""
    root = Path(__file__).parents[1]
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(root / "aslp_lib", tmp_path / "aslp_lib", ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE", "LICENSE-data"):
        shutil.copy(root / name, tmp_path)
    build = "from setuptools import build_meta; build_meta.build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if name.startswith("aslp_lib/")}
        licences = {Path(name).name for name in archive.namelist() if "/licenses/" in name}
        data = archive.read("aslp_lib/data/nuclei.npz")
    files = (path for path in (tmp_path / "aslp_lib").rglob("*") if path.is_file())
    assert names == {path.relative_to(tmp_path).as_posix() for path in files}
    assert licences == {"LICENSE", "LICENSE-data"}
    assert data == (root / "aslp_lib" / "data" / "nuclei.npz").read_bytes()
