"""A run that recalibrates: fitted after training, predicted, evaluated, reported, gone on with."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from processes import launch

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.files import write
from aslp_lib.maps.read import read_map
from aslp_lib.prediction import predict
from aslp_lib.recalibration import RECALIBRATIONS, Logistic, Temperature
from aslp_lib.runs import MethodFolder, Run, Variant
from aslp_lib.training import loop
from aslp_lib.training.batches import accelerator_for
from aslp_lib.training.recalibrate import recalibrate
from aslp_lib.training.validation import validate

QUICK = [
    *("--epochs", "12", "--size", "32", "--limit", "24", "--device", "cpu"),
    *("--methods", "bce", "--recalibrate", "temperature_scaling", "flip"),
]


@pytest.mark.slow
@pytest.mark.usefixtures("quick_reports", "few_figures")
def test_a_recalibrated_method_is_a_method_of_its_own(elsewhere):
    assert main(QUICK) == 0
    run = Run.open(elsewhere / "runs" / "demo")
    names = ["bce", "bce+temperature_scaling", "bce+flip"]
    metrics = json.loads(run.metrics.read_text())
    assert all(list(rows) == names for rows in metrics.values())
    fitted = Temperature.load(run.path / "bce" / "temperature_scaling.safetensors")
    page = run.report.read_text()
    assert f"BCE + temperature scaling: T = {fitted.value:.3f}; the network decides as" in page
    assert "nothing is fitted; decisions may change" in page

    network = predict.load_network(run.settings, "bce", run.method("bce").weights)
    validation = run.settings.load_data().validation
    again = Temperature().fit(validate(network, validation, run.settings))
    assert fitted.value == pytest.approx(float(again.value), rel=1e-4)
    before = {path: path.read_bytes() for path in run.path.rglob("*.png")}
    shutil.rmtree(
        run.maps(Variant("bce", "temperature_scaling"), "test")
    )  # a variant that is lost is made anew
    assert main(["predict", str(run.path)]) == 0
    assert {path: path.read_bytes() for path in run.path.rglob("*.png")} == before


@pytest.mark.fault
def test_a_run_killed_between_training_and_fitting_goes_on(tmp_path, monkeypatch):
    demo = {"epochs": 2, "size": 16, "limit": 24, "device": "cpu"}
    settings = replace(PRESETS["demo"], **demo, recalibrate=("logistic",))

    def train(folder):
        loop.train(settings, settings.load_data(), "bce", folder, progress=False)

    def killed(*_):
        raise KeyboardInterrupt

    whole, cut = (Run.create(tmp_path / name, settings).method("bce") for name in ("whole", "cut"))
    train(whole)
    with monkeypatch.context() as patch:
        patch.setattr(Logistic, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(cut)
    assert cut.weights.exists()
    with pytest.raises(FileNotFoundError, match=r"no .*logistic\..* Resume the run"):
        predict.predict_run(settings, settings.load_data(), "bce", cut)
    train(cut)
    for file in ("weights.safetensors", "logistic.safetensors"):
        assert (cut.path / file).read_bytes() == (whole.path / file).read_bytes()


def fit_and_predict(path: Path) -> None:
    settings = replace(recorded.SETTINGS, limit=9, device="cpu", recalibrate=tuple(RECALIBRATIONS))
    data, folder = settings.load_data(), MethodFolder(path)
    data = replace(data, tests={"test": data.tests["test"]})
    recalibrate(recorded.load("bce"), data, settings, "bce", folder)
    write(folder.weights, (recorded.FOLDER / "bce.safetensors").read_bytes())
    accelerator_for(settings).wait_for_everyone()  # as training does: the main process writes
    predict.predict_run(settings, data, "bce", folder)


@pytest.mark.slow
def test_two_processes_fit_and_predict_what_one_does(tmp_path):
    """Everything that is registered."""
    fit_and_predict(tmp_path / "one")
    launch(fit_and_predict, tmp_path / "two")
    one, two = MethodFolder(tmp_path / "one"), MethodFolder(tmp_path / "two")
    fitted = [Temperature.load(f.recalibration("temperature_scaling")).value for f in (one, two)]
    assert fitted[0] == pytest.approx(float(fitted[1]), rel=1e-4)
    paths = {path.relative_to(one.path) for path in one.path.rglob("*")}
    assert paths == {path.relative_to(two.path) for path in two.path.rglob("*")}
    maps = [path for path in paths if path.suffix == ".png"]
    assert len(maps) == (1 + len(RECALIBRATIONS)) * 9
    for path in maps:
        first, second = (read_map(folder.path / path).astype(int) for folder in (one, two))
        # A logit on the edge of a bin may fall on either side.
        assert (np.abs(first - second) > 1).mean() < (2e-3 if "histogram" in str(path) else 1e-9)


@pytest.mark.fault
def test_a_dose_of_each_image_needs_the_checkpoint(tmp_path):
    settings = replace(recorded.SETTINGS, limit=4, recalibrate=("unperturb",))
    arguments = settings.load_data(), settings, "aslp_mc", MethodFolder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*last\.safetensors.* train again"):
        recalibrate(recorded.load("aslp_mc"), *arguments)
