"""Maps are used for what made them, and for nothing else."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from torch import nn

from aslp_lib import runs
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.data.folders import paper_layout
from aslp_lib.evaluation.scores import evaluate_run
from aslp_lib.maps.count import ReadOptions
from aslp_lib.networks import DenseNetwork
from aslp_lib.prediction import predict, provenance
from aslp_lib.recalibration import Temperature
from aslp_lib.tensors import fingerprint, load_tensors, save_tensors

SETTINGS = replace(
    PRESETS["demo"], size=16, device="cpu", methods=("bce",), recalibrate=("temperature_scaling",)
)
QUICK = ReadOptions(weighted_f=False)
CHANGES = ("weights", "recalibration", "images", "min_max_maps", "size")


@pytest.fixture
def predicted(paper_root, tmp_path):
    """A run with weights that are at hand, a temperature and maps; and its data."""
    data = paper_layout(paper_root, SETTINGS.size)
    data = replace(data, tests={"SOD": data.tests["SOD"]})
    run = runs.Run.create(tmp_path / "run", replace(SETTINGS, data=str(paper_root)))
    folder = run.method("bce")
    keep_weights(folder)
    keep_temperature(folder, 2.0)
    predict.predict_run(run.settings, data, "bce", folder)
    return run, data


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


def again(run: runs.Run, data) -> bool:
    """Predict, and return whether there are new maps."""
    maps = run.method("bce").maps("SOD")
    (maps / "mark").touch()  # in the folder that new maps replace
    predict.predict_run(run.settings, data, "bce", run.method("bce"))
    kept = (maps / "mark").exists()
    (maps / "mark").unlink(missing_ok=True)
    return not kept


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.fault
def test_maps_of_something_else_are_not_scored_and_made_anew(predicted, paper_root, capsys, what):
    """`evaluate` names what changed since `predict`; `predict` makes the maps anew."""
    run, data = predicted
    run = change(what, run, paper_root)
    data = replace(data, tests={"SOD": paper_layout(paper_root, run.settings.size).tests["SOD"]})
    with pytest.raises(ValueError, match=rf"other {what}; expected .* predict {run.path}$"):
        evaluate_run(run, data, QUICK)
    assert not run.metrics.exists()
    old = {path: path.read_bytes() for path in run.path.rglob("maps*/SOD/*.png")}
    assert again(run, data)
    assert f"made anew: they were made with other {what}\n" in capsys.readouterr().out
    new = {path: path.read_bytes() for path in run.path.rglob("maps*/SOD/*.png")}
    assert old.keys() == new.keys()
    assert old != new
    evaluate_run(run, data, QUICK)
    assert not again(run, data)
    assert capsys.readouterr().out == ""


@pytest.mark.fault
@pytest.mark.parametrize("folder", ["maps", "maps+temperature_scaling"])
def test_a_map_that_changed_after_predict_is_not_scored_and_made_anew(predicted, folder, capsys):
    run, data = predicted
    first, second, *_ = sorted((run.path / "bce" / folder / "SOD").iterdir())
    written = first.read_bytes()
    changed = f"1 changed since they were written, such as {first.stem}"
    for spoil, message in (
        (partial(first.write_bytes, second.read_bytes()), changed),
        (partial(first.write_bytes, written + b"\0"), changed),
        (first.unlink, "some are missing"),
    ):
        spoil()
        with pytest.raises(ValueError, match=f"maps in .*SOD .* {message};"):
            evaluate_run(run, data, QUICK)
        assert again(run, data)
        assert message in capsys.readouterr().out
        assert first.read_bytes() == written
    (first.parent / "thumbnail.png").write_bytes(b"not a map of the set")
    evaluate_run(run, data, QUICK)
    assert not again(run, data)


@pytest.mark.fault
def test_a_record_that_cannot_be_read_is_no_record(predicted):
    run, data = predicted
    record = provenance.record(run.method("bce").maps("SOD"))
    kept = record.read_text()
    damaged = [json.dumps(json.loads(kept) | {"maps": maps}) for maps in (5, [], {"a": []})]
    for content in ("", "[1, 2]", "{}", kept.replace("weights", "w"), "[" * 10**5, *damaged):
        record.write_text(content)
        with pytest.raises(ValueError, match=rf"other weights|5 changed .* predict {run.path}$"):
            evaluate_run(run, data, QUICK)
    assert again(run, data)
    assert record.read_text() == kept


def test_maps_without_their_weights_or_with_other_masks_are_still_theirs(predicted, paper_root):
    run, data = predicted
    Image.new("L", (40, 32), 255).save(next((paper_root / "Test/SOD/GT").iterdir()))
    assert not again(run, data)
    run.method("bce").weights.unlink()
    evaluate_run(run, data, QUICK)
    with pytest.raises(ValueError, match="other images"):
        evaluate_run(change("images", run, paper_root), data, QUICK)


@pytest.mark.fault
@pytest.mark.parametrize("folder", ["maps", "maps+temperature_scaling"])
def test_maps_without_a_record_are_scored_as_they_are_and_made_anew(predicted, folder, capsys):
    run, data = predicted
    provenance.record(run.path / "bce" / folder / "SOD").unlink()
    assert provenance.unrecorded(run, data.tests)
    evaluate_run(run, data, QUICK)
    assert again(run, data)
    assert "made anew: nothing says what they were made with" in capsys.readouterr().out
    assert not provenance.unrecorded(run, data.tests)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "trained", "expected"),
    [
        ("method", "aslp_mc", "bce"),
        ("network", "mobilenet_v2", "tiny"),
        ("epochs", 7, 140),
        ("focal.gamma", 7.0, 2.0),
    ],
)
def test_weights_of_another_training_are_not_used_and_their_maps_not_scored(
    predicted, name, trained, expected
):
    run, data = predicted
    method = "focal" if "focal" in name else "bce"
    run = runs.Run(run.path, replace(run.settings, methods=(method,), recalibrate=()))
    folder, settings = run.method(method), run.settings
    keep = partial(keep_weights, folder, method=method)
    moved = replace(settings, data="moved", methods=(method, "mixup"), device="auto", limit=3)
    keep(settings=moved.to_json())
    predict.predict_run(settings, data, method, folder)
    other = (
        settings.tuned(focal={"gamma": 7.0}) if method == "focal" else replace(settings, epochs=7)
    )
    in_header = name in ("method", "network")
    keep(**({name: trained} if in_header else {"settings": other.to_json()}))
    message = rf"weights\.safetensors holds .* whose {name} is {trained!r}; expected {expected!r}\."
    for use in (
        partial(predict.predict_run, settings, data, method, folder),
        partial(evaluate_run, run, data, QUICK),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.fault
@pytest.mark.parametrize("unreadable", ["{", "[]", 3, '{"hyperparameters": []}'])
def test_weights_with_settings_that_cannot_be_read_are_refused(predicted, unreadable):
    run, data = predicted
    keep_weights(run.method("bce"), settings=unreadable)
    with pytest.raises(ValueError, match=r"weights\.safetensors has settings that cannot be r"):
        predict.predict_run(run.settings, data, "bce", run.method("bce"))


class Overflows(DenseNetwork):
    """Of the second image."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)  # says which device it is on

    def forward(self, images):
        logits = images[:, :1].float()
        logits[1:2, :, 3, 4] = float("inf")
        return logits


@pytest.mark.fault
def test_an_output_that_is_not_finite_is_refused(predicted, tmp_path):
    _, data = predicted
    sod = data.tests["SOD"]
    of_folder = partial(
        predict.predict, Overflows(), sod, SETTINGS, {tmp_path / "maps" / "SOD": None}
    )
    for prediction in (of_folder, partial(predict.grey_level_maps, Overflows(), sod, range(3))):
        with pytest.raises(FloatingPointError, match=rf"{sod.stems[1]} of SOD is not finite"):
            prediction()
    assert not list((tmp_path / "maps").iterdir())


@pytest.mark.fault
def test_maps_of_a_prediction_that_was_killed_before_it_wrote_the_record_never_pass(
    predicted, paper_root
):
    run, data = predicted
    maps = run.method("bce").maps("SOD")
    old = provenance.record(maps).read_text()
    change("weights", run, paper_root)
    assert again(run, data)
    provenance.record(maps).write_text(old)
    with pytest.raises(ValueError, match="other weights"):
        evaluate_run(run, data, QUICK)
    assert again(run, data)
    evaluate_run(run, data, QUICK)
