"""Recalibrating anyone's maps from the command line, against the counts' own arithmetic."""

import html
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.metrics import calibration
from aslp_lib.prediction.recalibrated_maps import ON_CORRUPTED, ON_MAPS
from aslp_lib.recalibration import RECALIBRATIONS

FIT = ["recalibrate", "--fit-maps", "clean/maps", "--fit-masks", "clean/GT"]
APPLY = ["--maps", "test/maps", "--out", "changed/test"]


def write_maps(folder, images, sharpness, seed):
    """Maps that are too sure: labels are drawn from what half of their logits say."""
    rng = np.random.default_rng(seed)
    for kind in ("maps", "GT"):
        (Path(folder) / kind).mkdir(parents=True)
    for i in range(images):
        size = 9 + i, 30
        logits = sharpness * (1 + i / images) * rng.normal(-0.5, 1, size)
        labels = rng.random(size) < 1 / (1 + np.exp(-logits / 2))
        level_map = np.rint(255 / (1 + np.exp(-logits))).astype(np.uint8)
        Image.fromarray(level_map).save(f"{folder}/maps/m{i}.png")
        Image.fromarray(255 * labels.astype(np.uint8)).save(f"{folder}/GT/m{i}.png")


@pytest.fixture
def folders(elsewhere):
    """Of clean, corrupted (less sure) and test images."""
    for seed, (name, sharpness) in enumerate((("clean", 3), ("corrupted", 1), ("test", 3))):
        write_maps(name, 12, sharpness, seed)


def counted(maps, masks):
    return count_folders(Path(maps), Path(masks), ReadOptions(weighted_f=False), progress=False)


FITTED_KINDS = [kind for kind in ON_MAPS if not RECALIBRATIONS[kind].needs_dose]


@pytest.mark.parametrize("kind", FITTED_KINDS)
def test_changed_maps_are_those_that_the_counts_foretell(folders, kind, capsys):
    assert main([*FIT, "--kind", kind, *APPLY]) == 0
    printed = capsys.readouterr().out
    clean, before = counted("clean/maps", "clean/GT"), counted("test/maps", "test/GT")
    fitted = RECALIBRATIONS[kind]().fit(clean)
    after = counted("changed/test", "test/GT")
    assert after.names == before.names
    np.testing.assert_array_equal(after.table, fitted.apply_counts(before).table)
    assert calibration.nll(after) < calibration.nll(before) - 0.05
    if RECALIBRATIONS[kind].preserves_decisions:
        for path in Path("changed/test").iterdir():
            maps = (np.asarray(Image.open(each)) for each in (path, f"test/maps/{path.name}"))
            np.testing.assert_array_equal(*(each >= 128 for each in maps))
    assert f"{kind}: {fitted.describe()}{fitted.remark(clean)}; where it was fitted, EC" in printed
    assert "12 maps in changed/test; next: " in printed


@pytest.mark.parametrize(("copied", "noted"), [(6, True), (5, False)])
def test_maps_half_of_which_are_copies_of_those_of_the_fit_are_noted(
    folders, capsys, copied, noted
):
    for i in range(copied):
        shutil.copy(f"clean/maps/m{i}.png", f"test/maps/m{i}.png")
    assert main([*FIT, "--maps", "test/maps", "--out", "new"]) == 0
    note = "note: 6 of 12 maps in test/maps are those of the fit, so their scores flatter the"
    assert (note in capsys.readouterr().out) == noted


def test_a_report_has_the_command_that_recalibrates_its_maps(folders, quick_reports, capsys):
    words = ["score", "--maps", "my maps=test/maps", "--masks", "T=test/GT", "--report", "r.html"]
    assert main([*words, "--no-weighted-f"]) == 0
    (line,) = re.findall("<code>(.*)</code>", Path("r.html").read_text(encoding="utf-8"))
    command = shlex.split(html.unescape(line).replace("VAL", "clean"))
    assert main(command[command.index("recalibrate") :]) == 0
    capsys.readouterr()
    before, after = (counted(f"test/{m}", "test/GT") for m in ("maps", "maps+temperature_scaling"))
    assert calibration.ece(after) < calibration.ece(before) / 2


def test_a_known_dose_is_undone_without_a_fit(folders, capsys):
    undo = ["recalibrate", "--kind", "unperturb", "--dose", "0.3"]
    assert main([*undo, *APPLY, "--save", "undone.safetensors"]) == 0
    assert capsys.readouterr().out.startswith("unperturb: d = 0.300, not fitted\n")
    assert main([*undo, *FIT[1:], "--maps", "test/maps", "--out", "again"]) == 0
    assert "% of the pixels clipped; where it was measured, ECE" in capsys.readouterr().out
    undone = counted("changed/test", "test/GT")
    np.testing.assert_array_equal(undone.table, counted("again", "test/GT").table)
    for path in Path("changed/test").iterdir():
        after, before = (np.asarray(Image.open(p)) / 255 for p in (path, f"test/maps/{path.name}"))
        expected = ((before.clip(0.5 / 255, 254.5 / 255) - 0.15) / 0.7).clip(1e-4, 1 - 1e-4)
        np.testing.assert_allclose(after, expected, atol=0.501 / 255)


def test_a_folder_of_masks_may_be_that_of_clean_and_corrupted_maps(folders):
    kind = RECALIBRATIONS["image_wise_shrinkage"]
    further = [*FIT[:3], "corrupted/maps", *FIT[3:], "--kind", kind.name]
    assert main([*further, "--save", "fitted.safetensors"]) == 0
    clean, corrupted = (counted(f"{name}/maps", "clean/GT") for name in ("clean", "corrupted"))
    fitted = kind.load(Path("fitted.safetensors"))
    both = kind().fit(clean, [corrupted])
    torch.testing.assert_close(fitted.state_dict(), both.state_dict(), rtol=0, atol=0)
    assert fitted.describe() != kind().fit(clean).describe()


def write_arrays(values, labels):
    for kind, array in (("maps", values), ("GT", labels)):
        (Path("clean") / kind).mkdir(parents=True)
        np.save(f"clean/{kind}/a.npy", np.array([array]))


@pytest.mark.parametrize("kind", ON_CORRUPTED)
def test_a_fit_to_corrupted_maps_is_kept_where_clean_ones_lose(elsewhere, kind):
    """Clean maps are calibrated and corrupted ones overconfident, so that any compromise raises the
    NLL of the clean ones."""
    for seed, (name, overconfidence) in enumerate((("clean", 1), ("corrupted", 3))):
        write_maps(name, 12, 3, seed)
        rng = np.random.default_rng(seed)
        for path in sorted(Path(name, "maps").iterdir()):
            odds = (0.5 + np.asarray(Image.open(path))) / (255.5 - np.asarray(Image.open(path)))
            labels = rng.random(odds.shape) < 1 / (1 + odds ** (-1 / overconfidence))
            Image.fromarray(255 * labels.astype(np.uint8)).save(f"{name}/GT/{path.name}")
    further = [*FIT[:3], "corrupted/maps", *FIT[3:], "corrupted/GT"]
    assert main([*further, "--kind", kind, "--save", "fitted.safetensors"]) == 0
    fitted = RECALIBRATIONS[kind].load(Path("fitted.safetensors"))
    clean = counted("clean/maps", "clean/GT")
    both = RECALIBRATIONS[kind]().fit(clean, [counted("corrupted/maps", "corrupted/GT")])
    assert calibration.nll(both.apply_counts(clean)) > calibration.nll(clean)
    torch.testing.assert_close(fitted.state_dict(), both.state_dict(), rtol=0, atol=0)


@pytest.mark.fault
def test_sharpened_logits_remain_finite_in_half_precision(elsewhere):
    write_arrays(np.float16([2000, -2000, 1, -1]), np.uint8([1, 0, 1, 0]))
    RECALIBRATIONS["temperature_scaling"](0.01).save(Path("t.safetensors"))
    apply = ["--logits", "--maps", "clean/maps", "--out", "sharp"]
    assert main(["recalibrate", "--fitted", "t.safetensors", *apply]) == 0
    largest = np.finfo(np.float16).max
    np.testing.assert_array_equal(np.load("sharp/a.npy"), [[largest, -largest, 100, -100]])


@pytest.mark.fault
@pytest.mark.filterwarnings("ignore:no temperature")
def test_logits_may_be_recalibrated_to_small_positive_ones(elsewhere, capsys):
    """They then look as probabilities do; before, they did not."""
    write_arrays(np.linspace(1, 30, 40), np.arange(40) % 2)
    assert main([*FIT, "--logits"]) == 0
    assert "T = 100.000, an end" in capsys.readouterr().out


@pytest.mark.fault
@pytest.mark.parametrize("options", [[], ["--logits"]])
def test_nan_that_a_mask_ignores_changes_no_other_pixel_and_remains(elsewhere, options):
    """A third of the pixels contradict logits of 2, so that T = 2 / log 2."""
    z, labels = np.tile(np.float32([2, 2, -2, -2, 2, -2]), 2), np.tile([1, 1, 0, 0, 0, 1], 2)
    values = z if options else 1 / (1 + np.exp(-z))
    write_arrays(np.append(values, np.float32(np.nan)), np.append(labels, 7))
    words = [*FIT, *options, "--ignore-index", "7", "--maps", "clean/maps", "--out", "new"]
    assert main(words) == 0
    *others, last = np.load("new/a.npy")[0]
    half = z * np.log(2) / 2
    expected = half if options else 1 / (1 + np.exp(-half))
    np.testing.assert_allclose(others, expected, rtol=1e-3)
    assert np.isnan(last)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("temperature_scaling", 1.5, r"it spans [0.2, 1.5]"),
        ("image_wise_shrinkage", np.nan, "it spans [nan, nan]"),
    ],
)
def test_a_map_that_cannot_be_recalibrated_is_named(elsewhere, capsys, kind, value, why):
    write_arrays(np.float32([value, 0.2, 0.9]), np.uint8([7, 0, 1]))
    RECALIBRATIONS[kind]().save(Path("fitted.safetensors"))
    fitted = ["recalibrate", "--kind", kind, "--fitted", "fitted.safetensors"]
    assert main([*fitted, "--maps", "clean/maps", "--out", "new"]) == 1
    assert f"error: clean/maps/a.npy: {why}" in capsys.readouterr().err


def test_what_was_saved_serves_other_maps(folders):
    assert main([*FIT, "--save", "t.safetensors", *APPLY]) == 0
    Path("empty").mkdir()  # as good as none
    Path("again").symlink_to("empty")
    assert main(["recalibrate", "--fitted", "t.safetensors", *APPLY[:3], "again"]) == 0
    again, changed = (
        {p.name: p.read_bytes() for p in Path(d).iterdir()} for d in ("again", "changed/test")
    )
    assert again == changed


FIT_BOTH = "--fit-maps clean/maps --fit-masks clean/GT"
FITTED = "--kind logistic --fitted other.safetensors"
UNDO = "--kind unperturb --dose 0.2 --maps test/maps --out changed/test"


@pytest.mark.fault
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "expected --fit-maps DIR"),
        ("--kind unperturb", "--dose is None; expected a number with"),
        ("--dose 0.1", "--dose is 0.1; expected a number with"),
        ("--kind unperturb --dose 1", "dose of unperturb is 1.0; expected"),
        ("--fit-maps clean/maps corrupted/maps test/maps --fit-masks clean/GT test/GT", "as many"),
        (FIT_BOTH.replace(" --", " corrupted/maps --"), "because temperature_scaling is fitted to"),
        (f"{FIT_BOTH} --maps test/maps", "--maps is 'test/maps'; expected it with --out"),
        (f"{FIT_BOTH} --out new", "--maps is None; expected it with --out"),
        (f"{FIT_BOTH} --maps test/maps --out test", "--out exists: test; expected a new or an"),
        (
            f"{FIT_BOTH} --maps test/maps --out new --save link/t.safetensors",
            "outside of --out, ne",
        ),
        (f"{FIT_BOTH} --save test/maps/m0.png", "--save has another suffix: test/maps/m0.png"),
        ("--fit-maps clean/GT --fit-masks few", "there are no masks in few; "),
        (f"{FIT_BOTH} --maps few --out new", "no maps in few"),
        (
            f"{FITTED} {FIT_BOTH}",
            "a flag with --fitted is '--fit-maps, --fit-masks'; expected none",
        ),
        (
            f"{FITTED} --valid-masks clean/GT --dose 0.1",
            "is '--valid-masks, --dose'; expected none",
        ),
        (f"{FITTED} --ignore-index 1 --save a.safetensors", "--fitted is '--ignore-index, --save'"),
        (f"{UNDO} --fit-masks clean/GT", "0 folders of maps and 1 of masks"),
        (f"{UNDO} --ignore-index 255", "a flag without --fit-maps is '--ignore-index'"),
        ("--fitted nowhere.safetensors", "no file nowhere.safetensors"),
        ("--fitted other.safetensors", "its kind is 'logistic'"),
    ],
)
def test_what_cannot_be_is_refused(folders, capsys, words, says):
    Path("few").mkdir()
    RECALIBRATIONS["logistic"]().save(Path("other.safetensors"))
    Path("link").symlink_to("new")
    before = sorted(Path().rglob("*"))
    assert main(["recalibrate", *words.split()]) == 1
    assert says in " ".join(capsys.readouterr().err.split())
    assert sorted(Path().rglob("*")) == before


def cut():
    damaged = Path("test/maps/m5.png")
    damaged.write_bytes(damaged.read_bytes()[:60])


@pytest.mark.fault
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (cut, "m5.png"),
        (
            lambda: np.save("test/maps/z.npy", np.float32([[0.5]])),
            "test/maps/m9.png and test/maps/z.npy are maps of 8 bits and of floats",
        ),
    ],
)
def test_a_bad_map_is_named_and_leaves_nothing_behind(folders, capsys, spoil, message):
    spoil()
    assert main([*FIT, *APPLY]) == 1
    assert message in capsys.readouterr().err
    assert not any(Path("changed").glob("*"))
