"""Maps of unlabelled images, against those of the same images in a test set of the run."""

import re
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.maps.count import count_folders
from aslp_lib.maps.read import read_map
from aslp_lib.prediction.predict import load_network, predict_images, predict_run
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Run
from aslp_lib.tensors import save_tensors
from aslp_lib.training.recalibrate import recalibrate

METHODS = ("bce", "aslp_mc")
KINDS = ("temperature_scaling", "histogram", "image_wise_temperature", "flip")
SETTINGS = replace(
    PRESETS["demo"], size=24, device="cpu", batch_size=2, methods=METHODS, recalibrate=KINDS
)


@pytest.fixture
def run(own_root, tmp_path):
    """A run with weights that are at hand, on folders whose test images differ in size."""
    images = sorted((own_root / "Test/garden/Image").iterdir())
    for path, size in zip(images, ((31, 20), (20, 45), (64, 64)), strict=True):
        for file, sampling in ((path, "BICUBIC"), (own_root / "Test/garden/GT", "NEAREST")):
            file = file if file.is_file() else file / f"{path.stem}.png"
            Image.open(file).resize(size, Image.Resampling[sampling]).save(file)
    run = Run.create(tmp_path / "run", replace(SETTINGS, data=str(own_root)))
    data = run.settings.load_data()
    for method in METHODS:
        network = recorded.load(method)
        save_tensors(run.method(method).weights, network.state_dict(), {"network": "tiny"})
        recalibrate(network, data, run.settings, method, run.method(method))
    return run


@pytest.mark.parametrize("changes", [{}, {"min_max_maps": True, "resize_logits": True}], ids=str)
def test_the_maps_are_those_of_the_images_in_a_test_set(run, own_root, tmp_path, changes):
    """To the byte, and floats are their probabilities before rounding."""
    run = Run(run.path, replace(run.settings, **changes))
    data = run.settings.load_data()
    images = own_root / "Test/garden/Image"
    for method in METHODS:
        predict_run(run.settings, data, method, run.method(method))
    for kind in (None, *KINDS):
        out, floats = tmp_path / f"{kind}", tmp_path / f"{kind}, floats"
        options = {"recalibration": kind}
        names = predict_images(run, images, out, **options)
        assert names == [method if kind is None else f"{method}+{kind}" for method in METHODS]
        assert {path.name for path in out.iterdir()} == set(names)
        predict_images(run, images, floats, method="bce", floats=True, **options)
        assert [path.name for path in floats.iterdir()] == names[:1]
        for method, name in zip(METHODS, names, strict=True):
            maps = run.method(method).maps("garden", kind)
            expected = {path.name: path.read_bytes() for path in maps.iterdir()}
            assert expected == {path.name: path.read_bytes() for path in (out / name).iterdir()}
            assert len(expected) == 3
        for path in (floats / names[0]).iterdir():
            values = np.load(path)
            assert values.dtype == np.float32
            levels = read_map(out / names[0] / f"{path.stem}.png")
            np.testing.assert_array_equal(np.rint(255 * values), levels)
            assert len(np.unique(values)) > len(np.unique(levels)) or kind == "histogram"


def test_from_the_command_line_to_scores(run, own_root, tmp_path, capsys):
    """Any format that images have; whatever else is in the folder is named."""
    images = tmp_path / "images"
    images.mkdir()
    for path, suffix in zip(sorted((own_root / "Test/garden/Image").iterdir()), "123", strict=True):
        kinds = {"1": "tif", "2": "webp", "3": "gif"}
        Image.open(path).save(images / f"{path.stem}.{kinds[suffix]}", lossless=True)
    (images / "notes.txt").touch()
    words = ["predict", str(run.path), "--images", str(images), "--out", str(tmp_path / "maps")]
    assert main([*words, "--recalibration", "temperature_scaling"]) == 0
    printed = capsys.readouterr().out
    assert "are not images: notes.txt" in printed
    maps = tmp_path / "maps" / "bce+temperature_scaling"
    assert str(maps) in printed
    counts = count_folders(maps, own_root / "Test/garden/GT", progress=False)
    assert counts.pixels == 31 * 20 + 20 * 45 + 64 * 64
    shutil.rmtree(own_root)  # the data of the run are not needed
    words[-1] = str(tmp_path / "again")
    assert main([*words, "--method", "aslp_mc", "--floats"]) == 0
    assert len(list((tmp_path / "again" / "aslp_mc").glob("*.npy"))) == 3


def cut(run: Run, images: Path) -> None:
    path = sorted(images.iterdir())[1]
    path.write_bytes(path.read_bytes()[:-200])


def fill(run: Run, images: Path) -> None:
    (images.parent / "out").mkdir()
    (images.parent / "out" / "kept").touch()


MISTAKES = {
    "method": (["--method", "focal"], None, "the method is 'focal'; expected one of bce, "),
    "not fitted": (
        ["--recalibration", "isotonic"],
        None,
        r"no recalibration .*bce/isotonic.safetensors; .* or train one with --recalibrate isotonic",
    ),
    "not trained": (
        [],
        lambda run, _: run.method("aslp_mc").weights.unlink(),
        r"no file .*aslp_mc/weights.safetensors; expected a finished training",
    ),
    "empty": (
        [],
        lambda _, images: [path.unlink() for path in images.iterdir()],
        "the number of images in .*Image is 0; expected files with the suffix .jpg",
    ),
    "misspelt": (["--recalibration", "isotnic"], None, "Did you mean isotonic?"),
    "damaged": (
        [],
        cut,
        "garden_0001.jpg cannot be read: .* expected a JPEG, PNG, TIFF, GIF or We",
    ),
    "two of a stem": (
        [],
        lambda _, images: (images / "garden_0001.png").touch(),
        "stems shared by several files in .*: garden_0001",
    ),
    "exists": ([], fill, "--out exists: .*out; expected a new or an empty folder"),
    "no folder": ([], lambda _, images: shutil.rmtree(images), "there is no folder .*Image"),
    "no run": ([], lambda run, _: shutil.rmtree(run.path), "run is not a run"),
    "other settings": (["--size", "32"], None, "the arguments of predict do not match"),
}


@pytest.mark.fault
@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_is_named_and_no_map_is_left(run, own_root, what, capsys):
    flags, spoil, message = MISTAKES[what]
    images = own_root / "Test/garden/Image"
    out = images.parent / "out"
    if spoil is not None:
        spoil(run, images)
    assert main(["predict", str(run.path), "--images", str(images), "--out", str(out), *flags]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert {path.name for path in images.parent.glob("*")} - {"Image", "GT"} <= {"out"}
    assert not out.exists() or [path.name for path in out.iterdir()] == ["kept"]


def of_another_method(run: Run) -> None:
    shutil.copy(run.method("bce").recalibration("flip"), run.method("aslp_mc").path)


def of_other_weights(run: Run) -> None:
    network = recorded.load("aslp_gap")
    save_tensors(run.method("aslp_mc").weights, network.state_dict(), {"network": "tiny"})


def of_maps(run: Run) -> None:
    """`recalibrate --save` and earlier versions write such a file."""
    RECALIBRATIONS["flip"]().save(run.method("aslp_mc").recalibration("flip"))


@pytest.mark.fault
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (of_another_method, "the method of its network is 'bce'; expected 'aslp_mc'"),
        (of_other_weights, "the fingerprint of .* is '[0-9a-f]{64}'; expected '[0-9a-f]{64}'"),
        (of_maps, "the method of its network is None; expected 'aslp_mc'.*--resume RUN"),
    ],
)
def test_a_recalibration_of_another_network_is_not_applied(run, own_root, tmp_path, spoil, message):
    run = Run(run.path, replace(run.settings, recalibrate=("flip",)))
    data, folder, out = run.settings.load_data(), run.method("aslp_mc"), tmp_path / "out"
    images = own_root / "Test/garden/Image"
    spoil(run)
    of_run = partial(predict_run, run.settings, data, "aslp_mc", folder)
    of_images = partial(predict_images, run, images, out, recalibration="flip")
    for prediction in (of_run, of_images):
        with pytest.raises(ValueError, match=message) as refused:
            prediction()
        assert str(folder.recalibration("flip")) in str(refused.value)
    assert not out.exists() and not list(folder.path.glob("maps*"))
    folder.recalibration("flip").unlink()
    recalibrate(
        load_network(run.settings, "aslp_mc", folder.weights),
        *(data, run.settings, "aslp_mc", folder),
    )
    of_run(), of_images()
