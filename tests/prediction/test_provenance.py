"""Maps are used for what made them, and for nothing else."""

import contextlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from torch import nn

from aslp_lib import runs
from aslp_lib.cli import main
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
    """Predict; whether there are new maps."""
    maps = run.method("bce").maps("SOD")
    before = {path.name: path.stat().st_ino for path in maps.iterdir()}
    with contextlib.ExitStack() as held:  # so that no new file gets an old one's number
        for path in maps.iterdir():
            held.enter_context(path.open("rb"))
        predict.predict_run(run.settings, data, "bce", run.method("bce"))
    return not before.items() <= {path.name: path.stat().st_ino for path in maps.iterdir()}.items()


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
    for other in (second.read_bytes(), written + b"\0"):  # another map, and the same one, edited
        first.write_bytes(other)
        message = f"maps in .*SOD .* 1 changed since they were written, such as {first.stem};"
        with pytest.raises(ValueError, match=message):
            evaluate_run(run, data, QUICK)
        assert again(run, data)
        assert f"1 changed since they were written, such as {first.stem}" in capsys.readouterr().out
        assert first.read_bytes() == written
    (first.parent / "thumbnail.png").write_bytes(b"not a map of the set")
    evaluate_run(run, data, QUICK)
    assert not again(run, data)


@pytest.mark.fault
def test_a_record_that_cannot_be_read_is_no_record(predicted):
    run, data = predicted
    record = provenance.record(run.method("bce").maps("SOD"))
    kept = record.read_text()
    damaged = [json.dumps(json.loads(kept) | {"maps": maps}) for maps in (5, None, [], {"a": []})]
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


@pytest.mark.slow
@pytest.mark.fault
def test_maps_without_a_record(predicted, capsys, monkeypatch):
    """`evaluate` takes them as they are and says so; `predict` makes them anew."""
    run, _ = predicted
    monkeypatch.setattr("aslp_lib.evaluation.report.run_page", lambda *_: None)
    monkeypatch.setattr("aslp_lib.evaluation.pages.write_page", lambda *_: None)
    assert main(["predict", str(run.path)]) == 0  # of textures, too
    for record, command, said in (
        ("maps+temperature_scaling", "predict", "made anew: nothing says what they were made with"),
        ("maps", "evaluate", "note: nothing says what the maps were made with"),
    ):
        provenance.record(run.path / "bce" / record / "SOD").unlink()
        capsys.readouterr()
        assert main([command, str(run.path)]) == 0
        assert capsys.readouterr().out.count(said) == 1


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "trained", "expected"),
    [
        ("method", "aslp_mc", "bce"),
        ("network", "mobilenet_v2", "tiny"),
        ("seed", 1, 0),
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
    if name in ("method", "network"):
        keep(**{"settings": settings.to_json(), name: trained})
    elif name == "focal.gamma":
        keep(settings=settings.tuned(focal={"gamma": trained}).to_json())
    else:
        keep(settings=replace(settings, **{name: trained}).to_json())
    message = rf"weights\.safetensors holds .* whose {name} is {trained!r}; expected {expected!r}\."
    with pytest.raises(ValueError, match=message):
        predict.predict_run(settings, data, method, folder)
    with pytest.raises(ValueError, match=message):
        evaluate_run(run, data, QUICK)
    for unreadable in ("{", "[]", 3, '{"hyperparameters": []}'):
        keep(settings=unreadable)
        with pytest.raises(ValueError, match=r"weights\.safetensors has settings that cannot be r"):
            predict.predict_run(settings, data, method, folder)


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
    with pytest.raises(FloatingPointError, match=rf"{sod.stems[1]} of SOD is not finite"):
        predict.predict(Overflows(), sod, SETTINGS, {tmp_path / "maps" / "SOD": None})
    assert not list((tmp_path / "maps").iterdir())
    with pytest.raises(FloatingPointError, match=rf"{sod.stems[1]} of SOD is not finite"):
        predict.grey_level_maps(Overflows().train(), sod, range(3))


@pytest.mark.fault
def test_a_prediction_cut_short_before_its_record(predicted, paper_root, monkeypatch):
    """The maps are made anew: those of other weights never pass."""
    run, data = predicted
    change("weights", run, paper_root)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(provenance, "keep", killed)
        with pytest.raises(KeyboardInterrupt):
            again(run, data)
    with pytest.raises(ValueError, match="other weights"):
        evaluate_run(run, data, QUICK)
    assert again(run, data)
    evaluate_run(run, data, QUICK)
    assert {p.name for p in (run.path / "bce" / "maps").iterdir()} == {"SOD", "SOD.json"}
