"""Recalibrating anyone's maps from the command line, against the counts' own arithmetic."""

import html
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.metrics import calibration
from aslp_lib.prediction.recalibrated_maps import ON_CORRUPTED, ON_MAPS
from aslp_lib.recalibration import RECALIBRATIONS

FIT = "--fit-maps clean/maps --fit-masks clean/GT"
APPLY = "--maps test/maps --out new"


def write_map(logits, path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 / (1 + np.exp(-logits))).astype(np.uint8)).save(path)


def write_maps(folder, overconfidence=2, seed=0, images=12):
    """Maps and masks: labels are drawn from what the logits, divided by a number, say."""
    rng = np.random.default_rng(seed)
    for i in range(images):
        logits = 3 * (1 + i / images) * rng.normal(-0.5, 1, (9 + i, 30))
        labels = rng.random(logits.shape) < 1 / (1 + np.exp(-logits / overconfidence))
        write_map(logits, f"{folder}/maps/m{i}.png")
        write_map(np.where(labels, 99, -99), f"{folder}/GT/m{i}.png")


@pytest.fixture
def folders(elsewhere):
    for seed, name in enumerate(("clean", "test")):
        write_maps(name, seed=seed)


def write_arrays(values, labels):
    for kind, array in (("maps", values), ("GT", labels)):
        (Path("clean") / kind).mkdir(parents=True)
        np.save(f"clean/{kind}/a.npy", np.array([array]))


def counted(maps, masks):
    return count_folders(Path(maps), Path(masks), ReadOptions(weighted_f=False), progress=False)


def pairs_of_maps():
    """Recalibrated maps, each with the map before."""
    for path in Path("new").iterdir():
        yield [np.asarray(Image.open(each)) for each in (path, f"test/maps/{path.name}")]


FITTED_KINDS = [kind for kind in ON_MAPS if not RECALIBRATIONS[kind].needs_dose]


@pytest.mark.parametrize("kind", FITTED_KINDS)
def test_changed_maps_are_those_that_the_counts_foretell(folders, aslp, kind):
    printed = aslp(f"recalibrate {FIT} --kind {kind} {APPLY}")
    clean, before = counted("clean/maps", "clean/GT"), counted("test/maps", "test/GT")
    fitted = RECALIBRATIONS[kind]().fit(clean)
    after = counted("new", "test/GT")
    assert after.names == before.names
    np.testing.assert_array_equal(after.table, fitted.apply_counts(before).table)
    assert calibration.nll(after) < calibration.nll(before) - 0.05
    if RECALIBRATIONS[kind].preserves_decisions:
        for maps in pairs_of_maps():
            np.testing.assert_array_equal(*(each >= 128 for each in maps))
    assert f"{kind}: {fitted.describe()}{fitted.remark(clean)}; where it was fitted, EC" in printed
    assert "12 maps in new; next: " in printed


@pytest.mark.parametrize(("copied", "noted"), [(6, True), (5, False)])
def test_maps_half_of_which_are_copies_of_those_of_the_fit_are_noted(folders, aslp, copied, noted):
    for i in range(copied):
        shutil.copy(f"clean/maps/m{i}.png", f"test/maps/m{i}.png")
    note = "note: 6 of 12 maps in test/maps are those of the fit, so their scores flatter the"
    assert (note in aslp(f"recalibrate {FIT} {APPLY}")) == noted


def test_a_report_has_the_command_that_recalibrates_its_maps(folders, quick_reports, aslp):
    maps = "--maps 'my maps=test/maps' --masks T=test/GT"
    aslp(f"score {maps} --report r.html --no-weighted-f")
    (line,) = re.findall("<code>(.*)</code>", Path("r.html").read_text(encoding="utf-8"))
    _, words = html.unescape(line).replace("VAL", "clean").split(" recalibrate ")
    aslp(f"recalibrate {words}")
    before, after = (counted(f"test/{m}", "test/GT") for m in ("maps", "maps+temperature_scaling"))
    assert calibration.ece(after) < calibration.ece(before) / 2


def test_a_known_dose_is_undone_without_a_fit(folders, aslp):
    undo = "recalibrate --kind unperturb --dose 0.3 --maps test/maps"
    printed = aslp(f"{undo} --out new --save undone.safetensors")
    assert printed.startswith("unperturb: d = 0.300, not fitted\n")
    printed = aslp(f"{undo} {FIT} --out again")
    assert "% of the pixels clipped; where it was measured, ECE" in printed
    undone = counted("new", "test/GT")
    np.testing.assert_array_equal(undone.table, counted("again", "test/GT").table)
    for after, before in pairs_of_maps():
        q = (before / 255).clip(0.5 / 255, 254.5 / 255)
        expected = ((q - 0.15) / 0.7).clip(1e-4, 1 - 1e-4)
        np.testing.assert_allclose(after / 255, expected, atol=0.501 / 255)


@pytest.mark.parametrize("masks", ["clean/GT", "clean/GT other/GT"])
@pytest.mark.parametrize("kind", ON_CORRUPTED)
def test_a_fit_to_corrupted_maps_is_kept_where_clean_ones_lose(elsewhere, aslp, kind, masks):
    """Clean maps are calibrated and corrupted ones overconfident, so that any compromise raises the
    NLL of the clean ones. A folder of masks may be that of both."""
    for seed, name in enumerate(("clean", "other")):
        write_maps(name, overconfidence=1, seed=seed)
    for path in Path("clean/maps").iterdir():
        levels = np.asarray(Image.open(path)).astype(float)
        write_map(3 * np.log((0.5 + levels) / (255.5 - levels)), f"corrupted/{path.name}")
    fit = f"recalibrate --kind {kind} --fit-maps clean/maps corrupted --fit-masks {masks}"
    aslp(f"{fit} --save fitted.safetensors")
    fitted = RECALIBRATIONS[kind].load(Path("fitted.safetensors"))
    clean = counted("clean/maps", "clean/GT")
    both = RECALIBRATIONS[kind]().fit(clean, [counted("corrupted", masks.split()[-1])])
    assert calibration.nll(both.apply_counts(clean)) > calibration.nll(clean)
    torch.testing.assert_close(fitted.state_dict(), both.state_dict(), rtol=0, atol=0)


@pytest.mark.fault
def test_sharpened_logits_remain_finite_in_half_precision(elsewhere, aslp):
    write_arrays(np.float16([2000, -2000, 1, -1]), np.uint8([1, 0, 1, 0]))
    RECALIBRATIONS["temperature_scaling"](0.01).save(Path("t.safetensors"))
    aslp("recalibrate --fitted t.safetensors --logits --maps clean/maps --out sharp")
    largest = np.finfo(np.float16).max
    np.testing.assert_array_equal(np.load("sharp/a.npy"), [[largest, -largest, 100, -100]])


@pytest.mark.fault
@pytest.mark.filterwarnings("ignore:no temperature")
def test_logits_may_be_recalibrated_to_small_positive_ones(elsewhere, aslp):
    """They then look as probabilities do; before, they did not."""
    write_arrays(np.linspace(1, 30, 40), np.arange(40) % 2)
    assert "T = 100.000, an end" in aslp(f"recalibrate {FIT} --logits")


@pytest.mark.fault
@pytest.mark.parametrize("logits", ["", "--logits"])
def test_nan_that_a_mask_ignores_changes_no_other_pixel_and_remains(elsewhere, aslp, logits):
    """A third of the pixels contradict logits of 2, so that T = 2 / log 2."""
    z, labels = np.tile(np.float32([2, 2, -2, -2, 2, -2]), 2), np.tile([1, 1, 0, 0, 0, 1], 2)
    values = z if logits else 1 / (1 + np.exp(-z))
    write_arrays(np.append(values, np.float32(np.nan)), np.append(labels, 7))
    aslp(f"recalibrate {FIT} {logits} --ignore-index 7 --maps clean/maps --out new")
    *others, last = np.load("new/a.npy")[0]
    half = z * np.log(2) / 2
    expected = half if logits else 1 / (1 + np.exp(-half))
    np.testing.assert_allclose(others, expected, rtol=1e-3)
    assert np.isnan(last)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("temperature_scaling", 1.5, "the map spans [0.2, 1.5]"),
        ("image_wise_shrinkage", np.nan, "the map spans [nan, nan]"),
    ],
)
def test_a_map_that_cannot_be_recalibrated_is_named(elsewhere, aslp, kind, value, why):
    write_arrays(np.float32([value, 0.2, 0.9]), np.uint8([7, 0, 1]))
    RECALIBRATIONS[kind]().save(Path("fitted.safetensors"))
    fitted = f"recalibrate --kind {kind} --fitted fitted.safetensors"
    error = aslp(f"{fitted} --maps clean/maps --out new", status=1)
    assert f"error: clean/maps/a.npy: {why}" in error


def test_what_was_saved_serves_other_maps(folders, aslp):
    aslp(f"recalibrate {FIT} --save t.safetensors {APPLY}")
    Path("empty").mkdir()  # as good as none
    Path("again").symlink_to("empty")
    aslp("recalibrate --fitted t.safetensors --maps test/maps --out again")
    again, changed = ({p.name: p.read_bytes() for p in Path(d).iterdir()} for d in ("again", "new"))
    assert again == changed


FITTED = "--kind logistic --fitted other.safetensors"
UNDO = "--kind unperturb --dose 0.2 --maps test/maps --out new"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected --fit-maps DIR"),
        ("--kind unperturb", "--dose is None; expected a number with"),
        ("--dose 0.1", "--dose is 0.1; expected a number with"),
        ("--kind unperturb --dose 1", "dose of unperturb is 1.0; expected"),
        ("--fit-maps clean/maps few test/maps --fit-masks clean/GT test/GT", "as many"),
        (FIT.replace(" --", " test/maps --"), "because temperature_scaling is fitted to"),
        (f"{FIT} --maps test/maps", "--maps is 'test/maps'; expected it with --out"),
        (f"{FIT} --out new", "--maps is None; expected it with --out"),
        (f"{FIT} --maps test/maps --out test", "--out exists: test; expected a new or an"),
        (f"{FIT} {APPLY} --save link/t.safetensors", "outside of --out, ne"),
        (f"{FIT} --save test/maps/m0.png", "--save has another suffix: test/maps/m0.png"),
        ("--fit-maps clean/GT --fit-masks few", "there are no masks in few; "),
        (f"{FIT} --maps few --out new", "no maps in few"),
        (f"{FITTED} {FIT}", "a flag with --fitted is '--fit-maps, --fit-masks'; expected none"),
        (f"{FITTED} --valid-masks few --dose 0.1", "is '--valid-masks, --dose'; expected none"),
        (f"{FITTED} --ignore-index 1 --save a.safetensors", "--fitted is '--ignore-index, --save'"),
        (f"{UNDO} --fit-masks clean/GT", "0 folders of maps and 1 of masks"),
        (f"{UNDO} --ignore-index 255", "a flag without --fit-maps is '--ignore-index'"),
        ("--fitted nowhere.safetensors", "no file nowhere.safetensors"),
        ("--fitted other.safetensors", "its kind is 'logistic'"),
    ],
)
def test_what_cannot_be_is_refused(folders, aslp, words, message):
    Path("few").mkdir()
    RECALIBRATIONS["logistic"]().save(Path("other.safetensors"))
    Path("link").symlink_to("new")
    before = sorted(Path().rglob("*"))
    assert message in " ".join(aslp(f"recalibrate {words}", status=1).split())
    assert sorted(Path().rglob("*")) == before


@pytest.mark.fault
def test_a_bad_map_is_named_and_leaves_nothing_behind(folders, aslp):
    np.save("test/maps/z.npy", np.float32([[0.5]]))
    mixed = "test/maps/m9.png and test/maps/z.npy are maps of 8 bits and of floats"
    assert mixed in aslp(f"recalibrate {FIT} {APPLY}", status=1)
    Path("test/maps/z.npy").unlink()
    damaged = Path("test/maps/m5.png")
    damaged.write_bytes(damaged.read_bytes()[:60])
    assert "m5.png" in aslp(f"recalibrate {FIT} {APPLY}", status=1)
    assert not any(Path().glob("*new*"))
