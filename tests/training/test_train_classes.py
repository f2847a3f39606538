"""Training, recalibration and prediction with K classes."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from test_loop import fit
from torch.nn import functional as F

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.methods import METHODS
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.prediction import provenance
from aslp_lib.prediction.predict import load_network, predict_images, predict_run
from aslp_lib.recalibration import CLASS_RECALIBRATIONS
from aslp_lib.runs import Run, Variant
from aslp_lib.training import loop
from aslp_lib.training.batches import outputs
from aslp_lib.training.validation import validate

SHORT = replace(PRESETS["nuclei3"], epochs=4, limit=20, size=16, device="cpu").tuned(
    aslp={"alpha_warm_up": 1}
)
MULTICLASS = [name for name, method in METHODS.items() if method.multiclass]


def test_alphas_move_and_the_log_has_the_scores_of_classes():
    state = fit(SHORT.tuned(aslp={"alpha_step_size": 0.05}))
    alphas = state.method.alphas
    assert alphas.alpha.min() > 0 and alphas.technique.beta == 1.5 and alphas.classes == 3
    assert isinstance(state.validation, ClassCounts)
    data = SHORT.load_data().validation
    whole = replace(SHORT, batch_size=20)
    ((logits, _, labels, _),) = outputs(state.network, data, whole, range(20))
    hits = logits.argmax(1) == labels[:, 0]
    assert state.log[-1]["accuracy"] == pytest.approx(hits.double().mean().item())
    assert alphas.rule.accuracy.item() == pytest.approx(state.log[-1]["accuracy"])
    assert validate(state.network, data, SHORT).pixels == 20 * 16 * 16


@pytest.mark.fault
@pytest.mark.parametrize(
    ("setting", "names", "expected"),
    [
        ("methods", METHODS.keys() - {*MULTICLASS}, ", ".join(MULTICLASS)),
        ("recalibrate", ("flip", "image_wise_temperature", "unperturb_temperature"), "temp.*, vec"),
    ],
)
def test_what_is_for_two_classes_is_refused(setting, names, expected):
    for name in names:
        message = f"{setting} with classes is '{name}'; expected one of {expected}"
        with pytest.raises(ValueError, match=message):
            replace(SHORT, **{setting: (name,)})


def test_techniques_with_noise_are_for_two_classes():
    for data in ({}, {"data": "mydata", "classes": ("sky", "tree")}):
        with pytest.raises(ValueError, match="technique is 'DM'; expected 'HI', 'SI' or 'M' for"):
            replace(SHORT, **data).tuned(aslp={"technique": "DM"})


def test_recalibrations_are_fitted_on_the_validation_set_and_maps_add_up_to_1(tmp_path, capsys):
    kinds = (*CLASS_RECALIBRATIONS, "auto")
    settings = replace(SHORT, size=48, recalibrate=kinds, methods=("constant_alpha",), epochs=1)
    assert settings.recalibrations("constant_alpha") == tuple(CLASS_RECALIBRATIONS)
    run, data = Run.create(tmp_path / "run", settings), settings.load_data()
    data.tests.pop("fluorescence")
    folder = run.method("constant_alpha")
    loop.train(settings, data, "constant_alpha", folder, progress=False)
    predict_run(settings, data, "constant_alpha", folder)
    files = [f"{stem}.npy" for stem in data.tests["test"].stems]
    maps = {
        kind: np.stack([np.load(folder.maps("test", kind) / file) for file in files])
        for kind in (None, *CLASS_RECALIBRATIONS)
    }
    for kind, values in maps.items():
        assert values.shape == (20, 3, 64, 64) and values.dtype == np.float32
        np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
        assert Variant("bce", kind).label
        assert kind is None or not np.allclose(values, maps[None], atol=1e-3)
    network = load_network(settings, "constant_alpha", folder.weights)
    image = data.tests["test"][3][0]
    expected = F.interpolate(network(image[None]).softmax(1), size=64, mode="bilinear")[0]
    np.testing.assert_allclose(maps[None][3], expected.detach().numpy(), atol=1e-6)
    other = replace(settings, data="shapes", classes=(), recalibrate=())
    with pytest.raises(ValueError, match="weights of another network"):
        load_network(other, "constant_alpha", folder.weights)
    # Maps that are up to date are kept, and others are noticed.
    capsys.readouterr()
    predict_run(settings, data, "constant_alpha", folder)
    assert not capsys.readouterr().out
    np.save(folder.maps("test") / files[0], np.zeros((3, 64, 64), np.float32))
    with pytest.raises(ValueError, match="1 changed since they were written"):
        provenance.check(run, data.tests)


def test_a_folder_of_class_ids_is_trained_on_and_images_are_predicted(tmp_path, monkeypatch):
    """The left half of each image is dark and has class 0; the right half is bright and has class
    1, or class 2 if it is red. A column is ignored."""
    monkeypatch.chdir(tmp_path)
    for place, number in (("Train/street", 12), ("Test/street", 2)):
        folder = tmp_path / "mydata" / place
        for part in ("Image", "GT"):
            (folder / part).mkdir(parents=True)
        for i in range(number):
            ids = np.zeros((16, 20), np.uint8)
            ids[:, 10:] = 1 + i % 2
            colours = np.uint8([[0, 0, 0], [255, 255, 255], [255, 0, 0]])[ids]
            ids[:, 0] = 255
            Image.fromarray(colours).save(folder / "Image" / f"{place[:3]}{i}.png")
            np.save(folder / "GT" / f"{place[:3]}{i}.npy", ids)
    data = "--data mydata --preset demo --classes sky tree house --ignore-index 255 --size 16"
    training = "--epochs 16 --batch-size 3 --learning-rate 0.02 --device cpu --augment --out run"
    methods = "--methods bce --recalibrate temperature_scaling"
    assert main(f"train {data} {training} {methods}".split()) == 0
    run = Run.open(tmp_path / "run")
    assert run.settings.classes == ("sky", "tree", "house")
    images, out = tmp_path / "mydata/Test/street/Image", tmp_path / "maps"
    predict_images(run, images, out, recalibration="temperature_scaling")
    for i in range(2):
        values = np.load(out / "bce+temperature_scaling" / f"Tes{i}.npy")
        assert values.shape == (3, 16, 20)
        assert values.argmax(0)[4:12, [4, 15]].tolist() == [[0, 1 + i]] * 8
