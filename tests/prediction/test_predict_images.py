"""Maps of unlabelled images, against those of the same images in a test set of the run."""

import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.maps.count import count_folders
from aslp_lib.maps.read import read_map
from aslp_lib.prediction.predict import predict_images, predict_run
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Run
from aslp_lib.tensors import save_tensors
from aslp_lib.training.recalibrate import recalibrate

METHODS = ("bce", "aslp_mc")
KINDS = ("temperature_scaling", "histogram", "image_wise_temperature", "flip")
SETTINGS = replace(
    PRESETS["demo"], size=24, device="cpu", batch_size=2, methods=METHODS, recalibrate=KINDS
)


def keep_weights(run: Run, method: str, shipped: str) -> None:
    tensors = recorded.load(shipped).state_dict()
    save_tensors(run.method(method).weights, tensors, {"network": "tiny"})


@pytest.fixture
def run(own_root, tmp_path):
    """A run with weights that are at hand, on folders whose test images differ in size."""
    images = sorted((own_root / "Test/garden/Image").iterdir())
    for path, size in zip(images, ((31, 20), (20, 45), (64, 64)), strict=True):
        mask = own_root / f"Test/garden/GT/{path.stem}.png"
        Image.open(path).resize(size).save(path)
        Image.open(mask).resize(size, Image.Resampling.NEAREST).save(mask)
    run = Run.create(tmp_path / "run", replace(SETTINGS, data=str(own_root)))
    data = run.settings.load_data()
    for method in METHODS:
        keep_weights(run, method, method)
        recalibrate(recorded.load(method), data, run.settings, method, run.method(method))
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
    for path, kind in zip(
        sorted((own_root / "Test/garden/Image").iterdir()), ("tif", "webp", "gif"), strict=True
    ):
        Image.open(path).save(images / f"{path.stem}.{kind}", lossless=True)
    (images / "notes.txt").touch()
    words = ["predict", str(run.path), "--images", str(images), "--out", str(tmp_path / "maps")]
    assert main([*words, "--recalibration", "temperature_scaling"]) == 0
    maps = tmp_path / "maps" / "bce+temperature_scaling"
    printed = capsys.readouterr().out
    assert "are not images: notes.txt" in printed and str(maps) in printed
    counts = count_folders(maps, own_root / "Test/garden/GT", progress=False)
    assert counts.pixels == 31 * 20 + 20 * 45 + 64 * 64
    shutil.rmtree(own_root)  # the data of the run are not needed
    words[-1] = str(tmp_path / "again")
    assert main([*words, "--method", "aslp_mc", "--floats"]) == 0
    assert len(list((tmp_path / "again" / "aslp_mc").glob("*.npy"))) == 3


def untrained(run, _):
    run.method("aslp_mc").weights.unlink()


def cut(_, images):
    os.truncate(images / "garden_0001.jpg", 500)


def fill(_, images):
    (images.parent / "out/kept").mkdir(parents=True)


def of_another_method(run, _):
    shutil.copy(run.method("bce").recalibration("flip"), run.method("aslp_mc").path)


def of_other_weights(run, _):
    keep_weights(run, "aslp_mc", "aslp_gap")


def of_maps(run, _):
    """`recalibrate --save` and earlier versions write such a file."""
    RECALIBRATIONS["flip"]().save(run.method("aslp_mc").recalibration("flip"))


FLIP = "--method aslp_mc --recalibration flip"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("spoil", "flags", "message"),
    [
        (None, "--method focal", "the method is 'focal'; expected one of bce, "),
        (None, "--recalibration isotonic", "no recalibration .* one with --recalibrate isotonic"),
        (None, "--recalibration isotnic", "Did you mean isotonic?"),
        (None, "--size 32", "the arguments of predict do not match"),
        (untrained, "", r"no file .*aslp_mc/weights.safetensors; expected a finished training"),
        (lambda _, images: shutil.rmtree(images), "", "there is no folder .*Image"),
        (lambda run, _: shutil.rmtree(run.path), "", "run is not a run"),
        (lambda _, images: [path.unlink() for path in images.iterdir()], "", "images in .* is 0; "),
        (cut, "", "garden_0001.jpg cannot be read: .* expected a JPEG, PNG, TIFF, GIF or We"),
        (lambda _, i: (i / "garden_0001.png").touch(), "", "stems shared by .*: garden_0001"),
        (fill, "", "--out exists: .*out; expected a new or an empty folder"),
        (of_another_method, FLIP, "flip.*the method of its network is 'bce'; expected 'aslp_mc'"),
        (of_other_weights, FLIP, "flip.*the fingerprint of .* is '[0-9a-f]{64}'; expected '"),
        (of_maps, FLIP, "flip.* method of its network is None; expected 'aslp_mc'.*--resume RUN"),
    ],
)
def test_a_mistake_is_named_and_no_map_is_left(run, own_root, capsys, spoil, flags, message):
    images = own_root / "Test/garden/Image"
    out = images.parent / "out"
    if spoil is not None:
        spoil(run, images)
    words = ["--images", str(images), "--out", str(out), *flags.split()]
    assert main(["predict", str(run.path), *words]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert {path.name for path in images.parent.glob("*")} - {"Image", "GT"} <= {"out"}
    assert not out.exists() or [path.name for path in out.iterdir()] == ["kept"]
