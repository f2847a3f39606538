"""Maps of floats and volumes, from files to scores, against arithmetic over all pixels."""

import contextlib
import gc
import json
import re
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from py_sod_metrics import WeightedFmeasure
from scipy.special import expit, log_expit, logit

from aslp_lib.cli import main
from aslp_lib.files import whole_folder
from aslp_lib.maps import slabs
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts

pytestmark = pytest.mark.usefixtures("few_resamples")
SCORE = ["score", "--maps", "maps", "--masks", "masks", "--out", "scores.json"]


def found():
    return json.loads(Path("scores.json").read_text())


def made(shape, number=4, seed=0):
    """Logits and labels."""
    rng = np.random.default_rng(seed)
    for name in ("maps", "masks"):
        Path(name).mkdir()
    labels = [rng.random(shape) < 0.3 for _ in range(number)]
    return [(rng.normal(6 * y - 3, 4), y) for y in labels]


def expected(pairs):
    """Scores by their formulas, of the pixels of all images."""
    z, y = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
    p = expit(z)
    confidence, right = np.maximum(p, 1 - p), (p >= 0.5) == y
    bins = np.ceil(10 * confidence).astype(int)
    gaps = [abs((confidence - right)[bins == k].sum()) for k in range(1, 11)]
    return {
        "accuracy": right.mean(),
        "gap": confidence.mean() - right.mean(),
        "ece": sum(gaps) / len(p),
        "nll": -np.where(y, log_expit(z), log_expit(-z)).mean(),
        "brier": np.mean((p - y) ** 2),
    }


def close(ours, formulas):
    """NLL and Brier score are those of each level's mean logit, which is off by (1/32)^2 / 24 times
    the curvature at most; confidences are rounded by up to 1/8670."""
    assert ours["accuracy"] == pytest.approx(formulas["accuracy"], rel=1e-9)
    for name in ("nll", "brier"):
        assert ours[name] == pytest.approx(formulas[name], abs=1e-6)
    for name in ("gap", "ece"):
        assert ours[name] == pytest.approx(formulas[name], abs=2e-4)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_volumes_of_probabilities_in_slabs(elsewhere, monkeypatch, dtype, order):
    monkeypatch.setattr(slabs, "SLAB", 200)  # one slice of 11 x 13 at a time
    pairs = []
    for i, (z, y) in enumerate(made((15, 11, 13))):
        p = np.asarray(expit(z).clip(0.01, 0.99).astype(dtype), order=order)
        np.savez_compressed(f"maps/{i}.npz", p) if i % 2 else np.save(f"maps/{i}.npy", p)
        np.save(f"masks/{i}.npy", np.where(y, 1, 0).astype(np.int32))
        pairs.append((logit(p.astype(float)), y))
    assert main([*SCORE, "--volumes"]) == 0
    close(found(), expected(pairs))
    assert found()["s_measure"] is None and found()["images"] == 4


def test_a_map_has_the_same_scores_as_png_npy_and_tensor(elsewhere):
    """NLL and Brier score excepted, which 8 bits clip and round."""
    rng, stored = np.random.default_rng(0), []
    for name in ("png", "npy", "masks"):
        Path(name).mkdir()
    for i in range(5):
        labels = (rng.random((14, 15)) < 0.4).astype(np.uint8)
        levels = np.clip(100 * labels + rng.integers(0, 200, labels.shape), 0, 255).astype(np.uint8)
        Image.fromarray(levels).save(f"png/{i}.png")
        np.save(f"npy/{i}.npy", levels / 255)
        np.save(f"masks/{i}.npy", labels)
        stored.append((levels / 255, labels))
    of_png, of_npy = (
        scores(count_folders(Path(name), Path("masks"), progress=False)) for name in ("png", "npy")
    )
    p, labels = (torch.tensor(np.array(part)) for part in zip(*stored, strict=True))
    of_tensor = scores(Counts.from_probabilities(p, labels))
    for name, value in of_png.items():
        if name not in ("nll", "brier"):
            # The smooth ECE is a sum over a grid of all levels.
            close = pytest.approx(value, rel=1e-5 if name == "smooth_ece" else 1e-9, nan_ok=True)
            assert of_npy[name] == close, name
            if name not in ("s_measure", "weighted_f"):
                assert of_tensor[name] == close, name


def test_weighted_f_is_the_mean_over_images_of_that_of_their_probabilities(elsewhere):
    pairs = made((15, 12))
    for i, (z, y) in enumerate(pairs):
        np.save(f"maps/{i}.npy", z)
        np.save(f"masks/{i}.npy", y)
    reading = ReadOptions(weighted_f=True, logits=True)
    counts = count_folders(Path("maps"), Path("masks"), reading, progress=False)
    of_each = [WeightedFmeasure().cal_wfm(expit(z), y) for z, y in pairs]
    assert scores(counts)["weighted_f"] == pytest.approx(np.mean(of_each))


@pytest.mark.parametrize("logits", [True, False])
@pytest.mark.parametrize("shape", [(12, 9), (3, 12, 9)])
@pytest.mark.parametrize("kind", ["temperature_scaling", "image_wise_temperature", "isotonic"])
def test_what_is_written_has_the_kind_of_what_was_read(elsewhere, kind, shape, logits, monkeypatch):
    monkeypatch.setattr(slabs, "SLAB", 150)
    for i, (z, y) in enumerate(made(shape)):
        values = z if logits else expit(z)
        np.save(f"maps/{i}.npy", values.astype(np.float32))
        np.save(f"masks/{i}.npy", y)
    options = ["--logits"] * logits + ["--volumes"] * (len(shape) == 3)
    fit = ["recalibrate", "--kind", kind, "--fit-maps", "maps", "--fit-masks", "masks"]
    assert (
        main([*fit, "--save", "fit.safetensors", "--maps", "maps", "--out", "new", *options]) == 0
    )
    reading = ReadOptions(weighted_f=False, logits=logits, volumes=len(shape) == 3)
    before, after = (
        scores(count_folders(Path(name), Path("masks"), reading, progress=False))
        for name in ("maps", "new")
    )
    assert after["nll"] <= before["nll"] + 1e-9
    for path in Path("maps").iterdir():
        old, new = np.load(path), np.load(Path("new", path.name))
        assert (new.dtype, new.shape) == (old.dtype, old.shape)
        if kind == "temperature_scaling":
            ratio = (new if logits else logit(new.astype(float))) / (
                old if logits else logit(old.astype(float))
            )
            middle = abs(old - (0 if logits else 0.5)) > 0.01
            assert np.ptp(ratio[middle]) < 1e-2 * ratio.mean()


@pytest.mark.parametrize("folders", [["maps"], ["masks"], ["valid"], ["maps", "masks", "valid"]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_axis_of_one_channel_is_dropped(elsewhere, folders, order):
    """Scores and what is written are those of (H, W)."""
    Path("valid").mkdir()
    for i, (z, y) in enumerate(made((13, 9))):
        for name, values in (("maps", z), ("masks", y), ("valid", z < 4)):
            np.save(f"{name}/{i}.npy", values)
    fit = ["recalibrate", "--fit-maps", "maps", "--fit-masks", "masks", "--logits"]
    score = [*SCORE, "--logits", "--valid-masks", "valid"]

    def results(out):
        assert main([*fit, "--valid-masks", "valid", "--maps", "maps", "--out", out]) == 0
        assert main(score) == 0
        return [np.load(path) for path in sorted(Path(out).iterdir())], found()

    (arrays, scored), names = results("plain"), ("maps", "masks", "valid")
    for path in (path for name in folders for path in Path(name).iterdir()):
        np.save(path, np.array(np.load(path)[None], order=order))
    again, rescored = results("again")
    np.testing.assert_array_equal(again, arrays)
    assert rescored == scored
    for path in (path for name in names for path in Path(name).iterdir()):  # volumes of one slice
        np.save(path, np.load(path).reshape(1, 13, 9))
    assert main([*score, "--volumes"]) == 0
    assert found()["nll"] == scored["nll"] and found()["s_measure"] is None


def write(path, array):
    Path(path).parent.mkdir(exist_ok=True)
    np.save(path, array)


LABELS = np.zeros((4, 5), np.uint8)
HALF = np.full((4, 5), 0.5, np.float32)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("prediction", "mask", "options", "why"),
    [
        (8 * HALF, LABELS, [], r"a\.npy: the map spans \[0.5, 4\]; .* Divide.* If .*--logits"),
        (np.nan * HALF, LABELS, [], r"a\.npy: the map spans \[nan, nan\].*Look for NaN"),
        (255 * HALF, LABELS, [], r"spans \[0\.5, 127\.5\].*Divide grey levels by 255\.\n"),
        (-8 * HALF, LABELS, [], r"spans \[-4, 0\.5\]; expected probabilities in \[0, 1\]\. If "),
        (HALF, LABELS, ["--logits"], "the maps of maps hold numbers from 0 to 1 only"),
        (np.inf * HALF, LABELS, ["--logits"], r"expected finite logits"),
        (LABELS, LABELS, [], r"a\.npy holds uint8; expected float16, float32 or float64"),
        (HALF.astype(complex), LABELS, [], r"a\.npy holds complex128; expected float16"),
        (HALF, LABELS[:3], [], r"a\.npy is 5 x 4, but its mask is 5 x 3"),
        (
            HALF[None][[0, 0]],
            LABELS,
            [],
            r"a\.npy has shape \(2, 4, 5\); .*array\[k\], or give --vol",
        ),
        (HALF[None, None], LABELS, [], r"a\.npy has shape \(1, 1, 4, 5\); expected \(H, W\) or"),
        (HALF[None, :0], LABELS, [], r"a\.npy has shape \(1, 0, 5\); expected one pixel or more"),
        (HALF[None], LABELS, ["--volumes"], r"masks/a\.npy has shape \(4, 5\); expected \(D, H"),
        (HALF[:0], LABELS, [], r"a\.npy has shape \(0, 5\); expected one pixel or more"),
        (HALF, LABELS, ["--volumes"], r"a\.npy has shape \(4, 5\); expected \(D, H, W\)"),
        (
            HALF[None],
            np.zeros((2, 4, 5), int),
            ["--volumes"],
            r"5 x 4 x 1, but its mask is 5 x 4 x 2",
        ),
        (HALF, 7 * LABELS + 2, [], r"masks/a\.npy holds the labels \[2\].*labels == k"),
        (HALF, HALF, [], r"masks/a\.npy holds float32; expected integers or booleans"),
        (HALF, LABELS, ["--min-max", "--logits"], "min_max is True; expected False with logits"),
    ],
)
def test_what_is_not_what_was_declared_is_refused(
    elsewhere, capsys, prediction, mask, options, why
):
    write("maps/a.npy", prediction)
    write("masks/a.npy", mask)
    assert main([*SCORE, *options]) == 1
    assert re.search(why, capsys.readouterr().err, re.DOTALL)
    assert not Path("scores.json").exists()


@contextlib.contextmanager
def room_for(size):
    """No file can have more bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.fault
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".tif"])
@pytest.mark.parametrize("missing", [1, 5000])
def test_a_full_disk_is_named_and_leaves_no_map(elsewhere, suffix, missing):
    """Also if only the last byte is missing."""
    values = np.random.default_rng(0).random((100, 100), np.float32)
    slabs.write_slabs(Path(f"whole{suffix}"), values.shape, iter([values]))
    size = Path(f"whole{suffix}").stat().st_size
    with pytest.raises(OSError) as error, whole_folder(Path("new")) as folder, room_for(size):
        slabs.write_slabs(folder / f"whole{suffix}", values.shape, iter([values]))
        with room_for(size - missing):
            slabs.write_slabs(folder / f"a{suffix}", values.shape, iter([values]))
    name = Path("new", f"a{suffix}").resolve()
    assert f"could not write {name} (File too large); expected a" in str(error.value)
    assert "Free space, or choose another folder." in str(error.value)
    assert [path.name for path in elsewhere.iterdir()] == [f"whole{suffix}"]


@pytest.mark.fault
def test_maps_of_two_kinds_in_a_folder_are_named(elsewhere, capsys):
    for name in ("a", "b"):
        write(f"masks/{name}.npy", LABELS)
    write("maps/a.npy", HALF)
    Image.fromarray(LABELS).save("maps/b.png")
    assert main(SCORE) == 1
    assert re.search(r"maps/a\.npy and maps/b\.png are maps of 8 bits and", capsys.readouterr().err)


@pytest.mark.fault
def test_damaged_arrays_and_images_as_logits_or_volumes_are_refused(elsewhere, capsys):
    write("masks/a.npy", LABELS)
    write("maps/a.npy", HALF)
    data = Path("maps/a.npy").read_bytes()
    Path("maps/a.npy").unlink()
    np.savez("two.npz", HALF, HALF)
    np.savez_compressed("one.npz", np.random.default_rng(0).random((4, 5)))
    flipped = bytearray(Path("one.npz").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    objects = np.array([[None, {}]], dtype=object)
    np.save("objects.npy", objects, allow_pickle=True)
    for name, content, why in (
        ("a.npy", data[:-3], "damaged"),
        ("a.npy", data + b"0", "more numbers than its shape says"),
        ("a.npy", b"", "damaged"),
        ("a.npy", Path("objects.npy").read_bytes(), "holds object; expected float16"),
        ("a.npz", Path("two.npz").read_bytes(), "it holds 2 arrays"),
        ("a.npz", bytes(flipped), "damaged"),
        ("a.npz", b"PK", "damaged"),
    ):
        path = Path("maps", name)
        path.write_bytes(content)
        assert main(SCORE) == 1
        error = capsys.readouterr().err
        assert f"maps/{name}" in error and why in error, error
        path.unlink()
    Path("masks/a.npy").unlink()
    for name in ("maps", "masks"):
        Image.fromarray(LABELS).save(f"{name}/a.png")
    for option, why in (
        ("--logits", "logits is True; expected False for the 8-bit grey"),
        ("--volumes", "volumes is True; expected False for images"),
    ):
        assert main([*SCORE, option]) == 1
        assert why in capsys.readouterr().err


@pytest.fixture
def threads_that_change_often():
    """Threads change within the parser, where a callback of the garbage collector runs Python."""
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    gc.callbacks.append(lambda *_: sum(range(20)))
    sys.setswitchinterval(1e-6)
    gc.set_threshold(20)
    yield
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)
    gc.callbacks.pop()


def test_many_threads_read_headers(elsewhere, threads_that_change_often):
    np.save("map.npy", np.zeros((4, 4)))
    with ThreadPoolExecutor(8) as pool:
        shapes = pool.map(lambda _: slabs.open_map(Path("map.npy")).shape, range(150))
        assert set(shapes) == {(4, 4)}
