"""A run that recalibrates: fitted after training, predicted, evaluated, reported, gone on with."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from aslp_lib import recalibration
from aslp_lib.cli import main
from aslp_lib.config import PRESETS, Settings
from aslp_lib.data.images import read_map
from aslp_lib.evaluation.report import write_report
from aslp_lib.evaluation.scores import evaluate_run
from aslp_lib.evaluation.tables import as_table
from aslp_lib.prediction import predict
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration, Temperature
from aslp_lib.runs import MethodFolder, Run, Variant
from aslp_lib.training import loop
from aslp_lib.training.validation import validate

QUICK = [
    *("--epochs", "12", "--size", "32", "--limit", "24", "--device", "cpu"),
    *("--methods", "bce", "--recalibrate", "temperature"),
]
SHORT = replace(
    PRESETS["demo"], epochs=12, size=32, limit=24, device="cpu", recalibrate=("temperature",)
)


def train(settings, folder):
    return loop.train(settings, settings.load_data(), "bce", folder, progress=False).network


@pytest.mark.slow
def test_a_recalibrated_method_is_a_method_of_its_own(elsewhere, capsys):
    assert main(QUICK) == 0
    printed = capsys.readouterr().out
    run = Run.open(elsewhere / "runs" / "demo")
    names = ["bce", "bce+temperature"]
    metrics = json.loads(run.metrics.read_text())
    assert all(list(rows) == names for rows in metrics.values())
    with run.metrics.with_suffix(".csv").open() as file:
        assert [row["method"] for row in csv.DictReader(file)] == 3 * names
    assert printed.count("BCE + temperature") == 3
    fitted = Temperature.load(run.path / "bce" / "temperature.json")
    page = run.report.read_text()
    assert f"BCE + temperature: T = {fitted.value:.3f}; the network decides as before" in page
    assert "BCE + temperature − BCE" in page

    network = predict.load_network(run.settings, run.method("bce").weights)
    data = run.settings.load_data()
    again = Temperature().fit(validate(network, data.validation, run.settings))
    assert fitted.value == pytest.approx(again.value, rel=1e-4)
    rows = metrics["test"]
    assert rows["bce+temperature"]["ece"] != rows["bce"]["ece"]
    # The embedded set's images have the network's size, so that no map is resized.
    assert rows["bce+temperature"]["accuracy"] == pytest.approx(rows["bce"]["accuracy"], abs=1e-12)
    images = torch.stack([data.tests["test"][i][0] for i in range(3)])
    with torch.inference_mode():
        expected = torch.sigmoid(network(images) / fitted.value)
    for i, stem in enumerate(data.tests["test"].stems[:3]):
        written = read_map(run.maps(Variant("bce", "temperature"), "test") / f"{stem}.png")
        assert np.abs(written / 255 - expected[i, 0].numpy()).max() < 0.5 / 255 + 1e-4


def test_what_is_not_asked_for_is_not_there(tmp_path):
    run = Run.create(tmp_path / "run", replace(SHORT, recalibrate=()))
    train(run.settings, run.method("bce"))
    assert run.variants() == [Variant("bce"), Variant("calibration")]
    assert not list(run.path.rglob("temperature*"))


@pytest.mark.fault(
    "a run is killed between training and fitting a temperature", "it goes on to the same numbers"
)
def test_a_run_killed_between_training_and_fitting_goes_on(tmp_path, monkeypatch):
    whole, cut = (Run.create(tmp_path / name, SHORT).method("bce") for name in ("whole", "cut"))
    train(SHORT, whole)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Temperature, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(SHORT, cut)
    assert cut.weights.exists()
    with pytest.raises(FileNotFoundError, match=r"no .*temperature\.json: train BCE to its end"):
        predict.predict_run(SHORT, SHORT.load_data(), "bce", cut)
    train(SHORT, cut)
    for file in ("weights.safetensors", "temperature.json"):
        assert (cut.path / file).read_bytes() == (whole.path / file).read_bytes()


@pytest.mark.slow
def test_maps_are_predicted_together_and_a_cut_leaves_both_to_be_made_anew(tmp_path, monkeypatch):
    folder, data = Run.create(tmp_path / "run", SHORT).method("bce"), SHORT.load_data()
    data = replace(data, tests={"test": data.tests["test"]})
    train(SHORT, folder)
    seen = []
    build = predict.load_network

    def watched(*arguments):
        network = build(*arguments)
        network.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
        return network

    monkeypatch.setattr(predict, "load_network", watched)
    predict.predict_run(SHORT, data, "bce", folder, progress=False)
    maps = [folder.maps("test"), folder.maps("test", "temperature")]
    assert sum(seen) == 24
    assert all(len(list(each.iterdir())) == 24 for each in maps)
    before = {path: path.read_bytes() for each in maps for path in each.iterdir()}
    for path in maps[1].iterdir():
        path.unlink()
    maps[1].rmdir()
    predict.predict_run(SHORT, data, "bce", folder, progress=False)
    assert sum(seen) == 48
    assert {path: path.read_bytes() for each in maps for path in each.iterdir()} == before
    predict.predict_run(SHORT, data, "bce", folder, progress=False)
    assert sum(seen) == 48


TOGETHER = """
import sys
from dataclasses import replace
from pathlib import Path
from aslp_lib.course import recorded
from aslp_lib.prediction.predict import predict_run
from aslp_lib.files import write
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import MethodFolder
from aslp_lib.training.batches import accelerator_for
from aslp_lib.training.recalibrate import recalibrate

settings = replace(recorded.SETTINGS, limit=9, device="cpu", recalibrate=tuple(RECALIBRATIONS))
data, folder = settings.load_data(), MethodFolder(Path(sys.argv[1]))
data = replace(data, tests={"test": data.tests["test"]})
recalibrate(recorded.load("bce"), data, settings, folder)
write(folder.weights, (recorded.FOLDER / "bce.safetensors").read_bytes())
accelerator_for(settings).wait_for_everyone()  # as training does: the main process writes
predict_run(settings, data, "bce", folder)
"""


@pytest.mark.slow
def test_two_processes_fit_and_predict_what_one_does(tmp_path):
    """Everything that is registered."""
    (tmp_path / "together.py").write_text(TOGETHER)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, start in (("one", []), ("two", launcher)):
        subprocess.run(
            [sys.executable, *start, tmp_path / "together.py", tmp_path / name],
            check=True,
            capture_output=True,
            timeout=200,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
    one, two = MethodFolder(tmp_path / "one"), MethodFolder(tmp_path / "two")
    fitted = [Temperature.load(f.recalibration("temperature")).value for f in (one, two)]
    assert fitted[0] == pytest.approx(fitted[1], rel=1e-4)
    assert fitted[0] == pytest.approx(1.4, abs=0.05)
    paths = {path.relative_to(one.path) for path in one.path.rglob("*")}
    assert paths == {path.relative_to(two.path) for path in two.path.rglob("*")}
    maps = [path for path in paths if path.suffix == ".png"]
    assert len(maps) == (1 + len(RECALIBRATIONS)) * 9
    for path in maps:
        first, second = (read_map(folder.path / path).astype(int) for folder in (one, two))
        # A logit on the edge of a bin may fall on either side.
        assert (np.abs(first - second) > 1).mean() < (2e-3 if "histogram" in str(path) else 1e-9)


@dataclass(frozen=True)
class ByBrightness(Recalibration):
    """Adds an image's mean brightness, times a number: it needs the images, in both steps."""

    name = "by_brightness"
    label = "brightness"
    preserves_decisions = False

    value: float = 0.0

    def minimise(self, counts):
        raise AssertionError("it is fitted on images")

    def apply(self, logits):
        raise AssertionError("it is applied to images")

    def describe(self):
        return f"{self.value:.3f} times the brightness"

    def fit_on_images(self, trained):
        validation = trained.data.validation
        mean = np.mean([validation[i][0].float().mean() / 255 for i in range(len(validation))])
        assert len(trained.counts) == len(validation)
        assert not trained.network.training
        return ByBrightness(float(mean))

    def apply_on_images(self, logits, images, network):
        with_features = network(images.flip(-1))  # it may ask the network again
        assert with_features.shape == logits.shape
        return logits + self.value * images.float().mean((1, 2, 3), keepdim=True) / 255


@pytest.mark.slow
def test_one_that_sees_the_images_is_a_file_and_a_line_of_the_registry(tmp_path, monkeypatch):
    """No change of the loop, of prediction or of tables."""
    monkeypatch.setitem(recalibration.RECALIBRATIONS, "by_brightness", ByBrightness)
    settings = replace(SHORT, methods=("bce",), recalibrate=("temperature", "by_brightness"))
    run, data = Run.create(tmp_path / "run", settings), settings.load_data()
    data = replace(data, tests={"test": data.tests["test"]})
    train(settings, run.method("bce"))
    predict.predict_run(settings, data, "bce", run.method("bce"), progress=False)
    results = evaluate_run(run, data, progress=False)
    assert "BCE + brightness" in as_table(results.scores)
    metrics = json.loads(run.metrics.read_text())["test"]
    assert list(metrics) == ["bce", "bce+temperature", "bce+by_brightness"]
    assert metrics["bce+by_brightness"]["confidence"] != metrics["bce"]["confidence"]
    write_report(run, data, results)
    assert "times the brightness; decisions may change" in run.report.read_text()


def test_variants_are_methods_and_what_is_fitted_on_each(tmp_path):
    names = [variant.name for variant in Run.create(tmp_path / "run", SHORT).variants()]
    assert names == ["bce", "bce+temperature", "calibration", "calibration+temperature"]


def test_a_name_that_is_not_registered_stops_a_run_before_it_trains():
    with pytest.raises(ValueError, match="recalibrate is 'magic', but must be of temperature"):
        Settings(recalibrate=("magic",))


def test_settings_with_and_without_it_are_read(tmp_path):
    assert Run.open(Run.create(tmp_path / "r", SHORT).path).settings == SHORT
    older = json.loads(Settings().to_json())
    del older["recalibrate"]
    assert Settings.from_json(json.dumps(older)) == Settings()


@pytest.mark.parametrize("variant", [Variant("bce"), Variant("calibration", "temperature")])
def test_a_variant_s_name_gives_it_back(variant):
    assert Variant.named(variant.name) == variant
    assert variant.label in ("BCE", "ASLP (MC) + temperature")
