"""Maps are used for what made them, and for nothing else."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from torch import nn

from aslp_lib import runs
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.evaluation.scores import evaluate_run
from aslp_lib.maps.count import ReadOptions
from aslp_lib.networks import DenseNetwork
from aslp_lib.prediction import predict, provenance
from aslp_lib.recalibration import Temperature
from aslp_lib.tensors import fingerprint, load_tensors, save_tensors

SETTINGS = replace(
    PRESETS["demo"], size=16, device="cpu", methods=("bce",), recalibrate=("temperature_scaling",)
)
CHANGES = ("weights", "recalibration", "images", "min_max_maps", "size")


@pytest.fixture
def run(paper_root, tmp_path):
    """A run with weights that are at hand, a temperature, and maps of one test set."""
    shutil.rmtree(paper_root / "Test/DTD_Texture_500")
    run = runs.Run.create(tmp_path / "run", replace(SETTINGS, data=str(paper_root)))
    keep_weights(run.method("bce"))
    keep_temperature(run.method("bce"), 2.0)
    make_maps(run)
    return run


def make_maps(run: runs.Run) -> None:
    (method,) = run.settings.methods
    predict.predict_run(run.settings, run.settings.load_data(), method, run.method(method))


def evaluate(run: runs.Run) -> None:
    evaluate_run(run, run.settings.load_data(), ReadOptions(weighted_f=False))


def keep_temperature(folder: runs.MethodFolder, value: float) -> None:
    """Keep a temperature as if it were fitted for the weights in the folder."""
    weights = fingerprint(load_tensors(folder.weights)[0])
    network = {"method": "bce", "fingerprint": weights}
    Temperature(value).save(folder.recalibration("temperature_scaling"), network)


def keep_weights(folder: runs.MethodFolder, **facts) -> None:
    """Keep weights that a training with these facts would have kept."""
    tensors = recorded.load("bce").state_dict()
    save_tensors(folder.weights, tensors, {"network": "tiny", **facts})


def change(what: str, run: runs.Run, root: Path) -> runs.Run:
    """The run after something of it has changed."""
    folder = run.method("bce")
    if what == "weights":
        tensors, facts = load_tensors(folder.weights)
        tensors[min(tensors)] += 0.1
        save_tensors(folder.weights, tensors, facts)
        keep_temperature(folder, 2.0)
    elif what == "recalibration":
        keep_temperature(folder, 3.0)
    elif what == "images":
        first, second, *_ = sorted((root / "Test/SOD/Image").iterdir())
        first.write_bytes(second.read_bytes())
    else:
        value = {"min_max_maps": True, "size": 24}[what]
        return runs.Run(run.path, replace(run.settings, **{what: value}))
    return run


def again(run: runs.Run) -> bool:
    """Predict, and return whether there are new maps."""
    mark = run.method("bce").maps("SOD") / "mark"
    mark.touch()  # in the folder that new maps replace
    make_maps(run)
    kept = mark.exists()
    mark.unlink(missing_ok=True)
    return not kept


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.fault
def test_maps_of_something_else_are_not_scored_and_made_anew(run, paper_root, capsys, what):
    """`evaluate` names what changed since `predict`; `predict` makes the maps anew."""
    run = change(what, run, paper_root)
    with pytest.raises(ValueError, match=rf"other {what}; expected .* predict {run.path}$"):
        evaluate(run)
    assert not run.metrics.exists()
    old = {path: path.read_bytes() for path in run.path.rglob("maps*/SOD/*.png")}
    assert again(run)
    assert f"made anew: they were made with other {what}\n" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in old} != old
    evaluate(run)
    assert not again(run)
    assert capsys.readouterr().out == ""


def listing(maps: object, record: Path) -> str:
    return json.dumps(json.loads(record.read_text()) | {"maps": maps})


CHANGED = r"{} changed since they were written, such as \w+"
SPOILED = [
    (lambda _, first, second: first.write_bytes(second.read_bytes()), CHANGED.format(1)),
    (lambda _, first, *__: first.write_bytes(first.read_bytes() + b"\0"), CHANGED.format(1)),
    (lambda _, first, *__: first.unlink(), "some are missing"),
    (lambda record, *_: record.write_text(""), "other weights, .*"),
    (lambda record, *_: record.write_text("[1, 2]"), "other weights, .*"),
    (lambda record, *_: record.write_text("{}"), "other weights, .*"),
    (lambda record, *_: record.write_text(listing(5, record)), CHANGED.format(5)),
    (lambda record, *_: record.write_text(listing({"a": []}, record)), CHANGED.format(5)),
]


@pytest.mark.fault
@pytest.mark.parametrize("kind", [None, "temperature_scaling"])
@pytest.mark.parametrize(("spoil", "why"), SPOILED)
def test_maps_that_changed_after_predict_are_not_scored_and_made_anew(
    run, capsys, kind, spoil, why
):
    """Or their record: one that cannot be read is that of other maps."""
    kept = {path: path.read_bytes() for path in run.path.rglob("SOD*") if path.is_file()}
    maps = run.method("bce").maps("SOD", kind)
    spoil(provenance.record(maps), *sorted(maps.iterdir())[:2])
    with pytest.raises(ValueError, match=rf"maps in .*SOD .* {why}; .* predict {run.path}$"):
        evaluate(run)
    assert again(run)
    assert re.search(rf"made anew: .*{why}\n", capsys.readouterr().out)
    assert {path: path.read_bytes() for path in kept} == kept


def test_maps_are_still_theirs_beside_other_files_and_without_their_weights(run, paper_root):
    (run.method("bce").maps("SOD") / "thumbnail.png").write_bytes(b"not a map of the set")
    Image.new("L", (40, 32), 255).save(next((paper_root / "Test/SOD/GT").iterdir()))
    assert not again(run)
    run.method("bce").weights.unlink()
    evaluate(run)
    with pytest.raises(ValueError, match="other images"):
        evaluate(change("images", run, paper_root))


@pytest.mark.fault
@pytest.mark.parametrize("kind", [None, "temperature_scaling"])
def test_maps_without_a_record_are_scored_as_they_are_and_made_anew(run, kind, capsys):
    provenance.record(run.method("bce").maps("SOD", kind)).unlink()
    assert provenance.unrecorded(run, run.settings.load_data().tests)
    evaluate(run)
    assert again(run)
    assert "made anew: nothing says what they were made with" in capsys.readouterr().out
    assert not provenance.unrecorded(run, run.settings.load_data().tests)


@pytest.mark.fault
def test_weights_of_another_method_are_not_used(run):
    keep_weights(run.method("bce"), method="bce")
    make_maps(run)
    keep_weights(run.method("bce"), method="aslp_mc")
    with pytest.raises(ValueError, match=r"weights\.safetensors is 'aslp_mc'; expected 'bce'"):
        make_maps(run)


class Overflows(DenseNetwork):
    """Network whose logits overflow at the second image."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)  # says which device it is on

    def forward(self, images):
        logits = images[:, :1].float()
        logits[1:2, :, 3, 4] = float("inf")
        return logits


@pytest.mark.fault
def test_an_output_that_is_not_finite_is_refused(run, tmp_path):
    sod = run.settings.load_data().tests["SOD"]
    maps = {tmp_path / "maps" / "SOD": None}
    with pytest.raises(FloatingPointError, match=rf"{sod.stems[1]} of SOD is not finite"):
        predict.predict(Overflows(), sod, SETTINGS, maps)
    assert not list((tmp_path / "maps").iterdir())


@pytest.mark.fault
def test_a_prediction_that_is_stopped_leaves_the_old_record(run):
    """Maps without a record are scored, so those of a prediction that was killed must have one."""
    folder = run.method("bce")
    tensors, facts = load_tensors(folder.weights)
    save_tensors(folder.weights, {name: 10**18 * t for name, t in tensors.items()}, facts)
    keep_temperature(folder, 2.0)
    with pytest.raises(FloatingPointError):
        make_maps(run)
    for kind in (None, "temperature_scaling"):
        assert provenance.record(folder.maps("SOD", kind)).exists()
        assert not folder.maps("SOD", kind).exists()
