"""Maps of floats and volumes, from files to scores."""

import contextlib
import gc
import io
import re
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from py_sod_metrics import WeightedFmeasure
from scipy.special import expit, logit

from aslp_lib.cli import main
from aslp_lib.files import whole_folder
from aslp_lib.maps import slabs
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts

pytestmark = pytest.mark.usefixtures("few_resamples")
SCORE = ["score", "--maps", "maps", "--masks", "masks", "--out", "scores.json"]


FOLDERS = Path("maps"), Path("masks")


def write(path, content):
    """Write an array, or an image or other bytes as they are."""
    Path(path).parent.mkdir(exist_ok=True)
    if not isinstance(content, bytes):
        content = as_file(np.save, content)
    Path(path).write_bytes(content)


def as_file(save, *arrays, **options):
    file = io.BytesIO()
    save(file, *arrays, **options)
    return file.getvalue()


def as_png(pixels):
    return as_file(lambda file: Image.fromarray(pixels).save(file, "PNG"))


def make(shape, number=4, stored=lambda z: z):
    """Write maps and masks as arrays; return the logits and labels."""
    rng = np.random.default_rng(0)
    labels = [rng.random(shape) < 0.3 for _ in range(number)]
    pairs = [(rng.normal(6 * y - 3, 4), y) for y in labels]
    for i, (z, y) in enumerate(pairs):
        write(f"maps/{i}.npy", stored(z))
        write(f"masks/{i}.npy", y)
    return pairs


@pytest.mark.parametrize(
    ("save", "dtype", "order"), [(np.savez, ">f4", "C"), (np.save, np.float16, "F")]
)
def test_a_volume_is_read_a_few_slices_at_a_time_and_counted_as_these_are(
    elsewhere, save, dtype, order
):
    numbers = np.arange(3 * 1000 * 1500).reshape(3, 1000, 1500) % 1009
    values, labels = (numbers / 1009).astype(dtype, order), numbers % 3 == 0
    path = Path("maps/a.npy" if save is np.save else "maps/a.npz")
    write(path, as_file(save, values))
    write("masks/a.npy", labels)
    parts = list(slabs.open_map(path, volumes=True).parts)
    assert [len(part) for part in parts] == [2, 1]
    np.testing.assert_array_equal(np.concatenate(parts), values)
    counts = count_folders(*FOLDERS, ReadOptions(volumes=True), progress=False)
    expected = Counts.join(list(map(Counts.from_floats, parts, [labels[:2], labels[2:]]))).merged()
    np.testing.assert_array_equal(counts.table, expected.table)
    assert len(counts) == 1 and "quadrants" not in counts.columns


def test_a_map_has_the_same_scores_as_png_and_npy(elsewhere):
    """NLL and Brier score excepted, which 8 bits clip and round."""
    rng = np.random.default_rng(0)
    for i, (_, y) in enumerate(make((14, 15), number=5)):
        levels = np.clip(100 * y + rng.integers(0, 200, y.shape), 0, 255).astype(np.uint8)
        write(f"png/{i}.png", as_png(levels))
        write(f"npy/{i}.npy", levels / 255)
    folders = ((Path(name), Path("masks")) for name in ("png", "npy"))
    of_png, of_npy = (scores(count_folders(*pair, progress=False)) for pair in folders)
    for name in of_png.keys() - {"nll", "brier"}:
        # The smooth ECE is a sum over a grid of all levels.
        rel = 1e-5 if name == "smooth_ece" else 1e-9
        assert of_npy[name] == pytest.approx(of_png[name], rel=rel, nan_ok=True), name


def test_weighted_f_is_the_mean_over_images_of_that_of_their_probabilities(elsewhere):
    pairs = make((15, 12))
    reading = ReadOptions(weighted_f=True, logits=True)
    counts = count_folders(*FOLDERS, reading, progress=False)
    of_each = [WeightedFmeasure().cal_wfm(expit(z), y) for z, y in pairs]
    assert scores(counts)["weighted_f"] == pytest.approx(np.mean(of_each))


@pytest.mark.parametrize("kind", ["temperature_scaling", "image_wise_temperature"])
@pytest.mark.parametrize("logits", [True, False])
def test_a_recalibrated_volume_has_the_kind_of_what_was_read(elsewhere, kind, logits):
    make((3, 12, 9), stored=lambda z: (z if logits else expit(z)).astype(np.float32))
    fit = ["recalibrate", "--kind", kind, "--fit-maps", "maps", "--fit-masks", "masks"]
    options = ["--volumes", *["--logits"] * logits]
    assert main([*fit, "--maps", "maps", "--out", "new", *options]) == 0
    for path in Path("maps").iterdir():
        old, new = np.load(path), np.load(Path("new", path.name))
        assert (new.dtype, new.shape) == (old.dtype, old.shape)
        if kind == "temperature_scaling":
            z, changed = (each if logits else logit(each.astype(float)) for each in (old, new))
            middle = abs(z) > 0.04
            assert np.ptp(changed[middle] / z[middle]) < 1e-2


@pytest.mark.parametrize("folders", [["maps"], ["masks"], ["valid"], ["maps", "masks", "valid"]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_axis_of_one_channel_is_dropped(elsewhere, folders, order):
    """Counts are those of (H, W)."""
    for i, (z, _) in enumerate(make((13, 9))):
        write(f"valid/{i}.npy", z < 4)

    def counted(volumes=False):
        reading = ReadOptions(logits=True, volumes=volumes)
        return count_folders(*FOLDERS, reading, valid=Path("valid"), progress=False).table

    plain = counted()
    for path in (path for name in folders for path in Path(name).iterdir()):
        np.save(path, np.array(np.load(path)[None], order=order))
    np.testing.assert_array_equal(counted(), plain)
    for path in Path().glob("*/*.npy"):  # volumes of one slice
        np.save(path, np.load(path).reshape(1, 13, 9))
    np.testing.assert_array_equal(counted(volumes=True), plain)


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


LABELS = np.zeros((4, 5), np.uint8)
HALF = np.full((4, 5), 0.5, np.float32)
NPY = as_file(np.save, HALF)
NPZ = as_file(np.savez_compressed, np.random.default_rng(0).random((4, 5)))
OBJECTS = as_file(np.save, np.array([[None, {}]], dtype=object), allow_pickle=True)
PNG = as_png(LABELS)
LOGITS, VOLUMES = ["--logits"], ["--volumes"]
MAPS = [
    ("npy", 8 * HALF, [], r"\.npy: the map spans \[4, 4\]; .* If .*--logits"),
    ("npy", np.nan * HALF, [], r"\.npy: the map spans \[nan, nan\].*Look for the cause"),
    ("npy", 255 * HALF, [], r"spans \[127\.5, 127\.5\].*Divide grey levels by 255\.\n"),
    ("npy", -8 * HALF, [], r"spans \[-4, -4\]; expected probabilities in \[0, 1\]\. If "),
    ("npy", HALF, LOGITS, "error: the maps of maps hold numbers from 0 to 1 only"),
    ("npy", np.inf * HALF, LOGITS, r"expected finite logits"),
    ("npy", LABELS, [], r"\.npy holds uint8; expected float16, float32 or float64"),
    ("npy", HALF.astype(complex), [], r"\.npy holds complex128; expected float16"),
    ("npy", HALF[:3], [], r"\.npy is 5 x 3, but its mask is 5 x 4"),
    ("npy", HALF[None][[0, 0]], [], r"\.npy has shape \(2, 4, 5\); .*array\[k\], or give --vol"),
    ("npy", HALF[None, None], [], r"\.npy has shape \(1, 1, 4, 5\); expected \(H, W\) or"),
    ("npy", HALF[None, :0], [], r"\.npy has shape \(1, 0, 5\); expected one pixel or more"),
    ("npy", HALF[:0], [], r"\.npy has shape \(0, 5\); expected one pixel or more"),
    ("npy", NPY[:-3], [], r"\.npy cannot be read: it is damaged.* Write it again"),
    ("npy", NPY + b"0", [], r"\.npy .*more numbers than its shape says.* Write it again"),
    ("npy", b"", [], r"\.npy .*damaged"),
    ("npy", OBJECTS, [], r"\.npy holds object; expected float16"),
    ("npz", as_file(np.savez, HALF, HALF), [], r"\.npz .*it holds 2 arrays"),
    ("npz", flipped(NPZ), [], r"\.npz .*damaged"),
    ("npz", b"PK", [], r"\.npz .*damaged"),
    ("png", PNG, LOGITS, r"logits is True; expected False for the 8-bit grey levels of .*\.png"),
]
MASKS = [
    ("npy", HALF, HALF, [], r"masks/a\.npy holds float32; expected integers or booleans"),
    ("npy", HALF, 7 * LABELS + 2, [], r"masks/a\.npy holds the class 2; .*labels == k"),
    ("npy", HALF[None], LABELS, VOLUMES, r"masks/a\.npy has shape \(4, 5\); expected \(D, H"),
    ("npy", HALF, LABELS[None], VOLUMES, r"maps/a\.npy has shape \(4, 5\); expected \(D, H, W\)"),
    ("npy", HALF[None], LABELS[None][[0, 0]], VOLUMES, "is 5 x 4 x 1, but its mask is 5 x 4 x 2"),
    ("png", PNG, LABELS[None], VOLUMES, r"volumes is True; expected False for images, .*/a\.png"),
    ("npy", HALF, LABELS, ["--min-max", "--logits"], "min_max is True; expected False with logits"),
]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("suffix", "prediction", "mask", "options", "why"),
    [(s, p, LABELS, o, w) for s, p, o, w in MAPS] + MASKS,
)
def test_what_is_not_what_was_declared_is_refused(
    elsewhere, capsys, suffix, prediction, mask, options, why
):
    write(f"maps/a.{suffix}", prediction)
    write("masks/a.npy", mask)
    assert main([*SCORE, *options]) == 1
    assert re.search(why, capsys.readouterr().err, re.DOTALL)
    assert not Path("scores.json").exists()


@pytest.mark.fault
def test_maps_of_two_kinds_in_a_folder_are_named(elsewhere, capsys):
    for name in ("a", "b"):
        write(f"masks/{name}.npy", LABELS)
    write("maps/a.npy", HALF)
    write("maps/b.png", PNG)
    assert main(SCORE) == 1
    assert re.search(r"maps/a\.npy and maps/b\.png are maps of 8 bits and", capsys.readouterr().err)


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
    assert f"a{suffix} (File too large); expected a" in str(error.value)
    assert "Free space, or choose another folder." in str(error.value)
    assert [path.name for path in elsewhere.iterdir()] == [f"whole{suffix}"]


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
