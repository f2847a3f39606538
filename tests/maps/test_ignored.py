"""Pixels to ignore, from files to scores, against arithmetic over the other pixels."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from aslp_lib.cli import main
from aslp_lib.maps.read import read_mask
from aslp_lib.metrics.counts import Counts

pytestmark = pytest.mark.usefixtures("few_resamples")

VOC = [0, 0, 0, 128, 0, 0] + 253 * [0, 0, 0] + [224, 224, 192]
"""A palette: background, the first class, and a border whose pixels are ignored."""
SCORE = ["score", "--maps", "maps", "--out", "scores.json", "--masks"]


def picture(pixels, palette=False):
    image = Image.fromarray(pixels)
    if palette:
        image.putpalette(VOC)
    return image


@pytest.fixture
def folders(elsewhere):
    """Maps, masks of 0, 1 and 255 with and without a palette, and the same in two files.

    Returns the probabilities and labels of the pixels that count.
    """
    rng = np.random.default_rng(0)
    for name in ("maps", "voc", "masks", "valid"):
        Path(name).mkdir()
    counted = []
    for i in range(5):
        labels, ignored = (rng.random((12, 15)) < share for share in (0.3, 0.2))
        levels = (90 * labels + rng.integers(0, 166, (12, 15))).astype(np.uint8)
        voc = np.where(ignored, 255, labels).astype(np.uint8)
        picture(levels).save(f"maps/{i}.png")
        picture(voc, palette=i % 2 == 1).save(f"voc/{i}.png")
        picture(labels.astype(np.uint8) * 255).save(f"masks/{i}.png")
        picture(~ignored * np.uint8(255)).save(f"valid/{i}.png")
        counted.append((levels[~ignored] / 255, labels[~ignored]))
    return counted


def record():
    """The record in the JSON file, of one method on one set."""
    content = json.loads(Path("scores.json").read_text())
    ((of_method,),) = (methods.values() for methods in content.values())
    return of_method


@pytest.mark.parametrize(
    "options", [["voc", "--ignore-index", "255"], ["masks", "--valid-masks", "valid"]]
)
def test_ignored_pixels_are_counted_nowhere(folders, capsys, options):
    assert main([*SCORE, *options]) == 0
    found = record()
    p, y = map(np.concatenate, zip(*folders, strict=True))
    confidence, right = np.maximum(p, 1 - p), (p >= 0.5) == y
    assert found["accuracy"] == pytest.approx(right.mean())
    assert found["gap"] == pytest.approx(confidence.mean() - right.mean())
    assert found["brier"] == pytest.approx(np.mean((p - y) ** 2))
    assert found["mae"] == pytest.approx(np.mean([np.mean(abs(p - y)) for p, y in folders]))
    assert found["s_measure"] is found["weighted_f"] is None
    share = 100 * (1 - len(p) / (5 * 12 * 15))
    assert f"{share:.1f} % of the pixels are ignored; S and weighted F" in capsys.readouterr().out


def test_an_image_whose_pixels_are_all_ignored_is_left_out(folders, capsys):
    picture(np.full((12, 15), 255, np.uint8)).save("voc/0.png")
    assert main([*SCORE, "voc", "--ignore-index", "255"]) == 0
    assert "masks without a map of maps or no pixel to count, so left out: 1" in (
        capsys.readouterr().out
    )
    assert record()["images"] == 4


def test_an_image_without_a_pixel_to_count_is_left_out_with_its_group():
    labels = ([1, 0], [255, 255], [255, 1])
    parts = [Counts.from_map(np.uint8([[9, 8]]), np.uint8([y]), ignore_index=255) for y in labels]
    counts = Counts.of_images(parts, names=["a", "b", "c"], groups=[1, 2, 2])
    assert counts.names == ("a", "c") and counts.columns["groups"].tolist() == [1, 2]
    with pytest.raises(ValueError, match="number of images is 0"):
        Counts.of_images(parts[1:2])


def test_a_recalibration_is_fitted_to_the_other_pixels(folders):
    fit = ["recalibrate", "--fit-maps", "maps", "--save"]
    assert main([*fit, "one.safetensors", "--fit-masks", "voc", "--ignore-index", "255"]) == 0
    valid = ["--fit-masks", "masks", "--valid-masks", "valid"]
    assert main([*fit, "two.safetensors", *valid]) == 0
    assert Path("one.safetensors").read_bytes() == Path("two.safetensors").read_bytes()


def replaced(name, shape, level):
    """Give the masks of a folder, or one of them, one grey level."""
    for path in Path().glob(name):
        picture(np.full(shape, level, np.uint8)).save(path)


NO_PIXEL = "the masks of {} leave no pixel to count; expected one or more. Correct --valid-masks"
NOT_SEEN = "ignore_index is {}; expected the grey level of a pixel.*leave it out"
OTHER_SIZE = r"valid/3\.png is 14 x 12, but its mask is 15 x 12; expected equal sizes"
VALID, IGNORED = ["masks", "--valid-masks", "valid"], ["voc", "--ignore-index", "255"]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("change", "options", "why"),
    [
        (None, ["voc"], "voc/0.png is not a binary mask.*use --ignore-index"),
        (None, ["masks", "--ignore-index", "7"], NOT_SEEN.format(7)),
        (None, ["masks", "--ignore-index", "256"], NOT_SEEN.format(256)),
        (None, [*VALID, "valid"], "2 folders of valid masks and 1 of masks"),
        (None, ["masks", "--valid-masks", "nowhere"], "there is no folder nowhere; expected"),
        (lambda: replaced("valid/*", (12, 15), 0), VALID, NO_PIXEL.format("maps")),
        (lambda: replaced("voc/*", (12, 15), 255), IGNORED, NO_PIXEL.format("maps")),
        (lambda: replaced("valid/3.png", (12, 14), 255), VALID, OTHER_SIZE),
        (Path("valid/3.png").unlink, VALID, "masks in masks without a mask in valid: 3"),
    ],
)
def test_what_cannot_be_meant_is_refused(folders, capsys, change, options, why):
    if change is not None:
        change()
    assert main([*SCORE, *options]) == 1
    assert re.search(why, capsys.readouterr().err, re.DOTALL)
    assert not Path("scores.json").exists()


@pytest.mark.fault
def test_the_object_cannot_be_what_is_ignored(folders, paper_root, capsys):
    """255 is the object in masks of 0 and 255."""
    why = "ignore_index is 255; expected another grey level than the object's"
    fit = ["recalibrate", "--fit-maps", "maps", "--fit-masks", "masks", "--save", "x.safetensors"]
    data = ["--data", str(paper_root), "--methods", "bce", "--weights", "None", "--out", "run"]
    for words in ([*SCORE, "masks"], fit, ["train", *data], ["check-data", str(paper_root)]):
        assert main([*words, "--ignore-index", "255"]) == 1
        output = capsys.readouterr()
        assert why in output.out + output.err
    assert main(["train", *data, "--ignore-index", "77"]) == 1
    assert "ignore_index is 77; expected the grey level of a pixel" in capsys.readouterr().err
    assert not {"scores.json", "x.safetensors", "run"}.intersection(map(str, Path().iterdir()))


def classes(levels):
    """Labels of a background, of an object, and of another class inside it."""
    labels = np.zeros((30, 40), np.uint8)
    labels[4:26, 4:36], labels[10:20, 10:30] = levels
    return labels


WRITE, VOTES, IGNORE = "#several-classes", "--grey threshold", "--ignore-index"
OF_255 = ["--ignore-index", "255"]


@pytest.mark.fault
@pytest.mark.parametrize(
    ("levels", "suffix", "options", "advice"),
    [
        ((1, 2), "png", [], {WRITE}),
        ((1, 2), "png", OF_255, {WRITE}),
        ((127, 255), "png", [], {WRITE, VOTES, IGNORE}),
        ((127, 255), "png", OF_255, {WRITE, VOTES}),
        ((127, 255), "png", [*OF_255, "--grey", "threshold"], {WRITE, IGNORE}),
        ((15, 255), "png", [], {WRITE, VOTES, IGNORE}),
        ((15, 255), "png", OF_255, {WRITE}),
        ((1, 2), "npy", [], {WRITE, IGNORE}),
        ((1, 2), "npy", OF_255, {WRITE}),
        ((255, 255), "npy", [], {WRITE}),
        ((255, 255), "npy", OF_255, {WRITE, IGNORE}),
    ],
)
def test_masks_of_several_classes_lead_to_no_advice_that_fails(
    elsewhere, capsys, levels, suffix, options, advice
):
    """Each message names what changes its outcome, and nothing else."""
    labels = classes(levels)
    for name in ("maps", "masks"):
        Path(name).mkdir()
        picture(labels).save(f"{name}/a.png")
    if suffix == "npy":
        np.save("masks/a.npy", labels)
        Path("masks/a.png").unlink()
    assert main([*SCORE, "masks", *options]) == 1
    remedy = capsys.readouterr().err.partition("; expected")[2]
    assert {words for words in (WRITE, VOTES, IGNORE) if words in remedy} == advice, remedy


@pytest.mark.parametrize("palette", [False, True])
def test_the_lines_of_the_page_write_one_class_against_the_rest(elsewhere, palette):
    page = (Path(__file__).parents[2] / "docs" / "own_folders.md").read_text(encoding="utf-8")
    section = page.partition("## Several classes")[2]
    Path("labels").mkdir()
    labels = classes((1, 2))
    labels[0] = 255
    picture(labels, palette).save("labels/a.png")
    exec(re.search(r"```python\n(.*?)```", section, re.S)[1], {})
    mask = read_mask(Path("GT/a.png"), ignore_index=128)
    np.testing.assert_array_equal(mask, np.where(labels == 255, 255, labels == 2))


BLACK, WHITE, RED, CREAM, GREY = [0] * 3, [255] * 3, [128, 0, 0], [224, 224, 192], [128] * 3
FALLING = [[255 - level] * 3 for level in range(256)]
INDICES = np.uint8([[0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    ("indices", "colours", "refused"),
    [
        (INDICES, [WHITE, BLACK], True),
        (INDICES, [WHITE, BLACK, CREAM], True),
        (INDICES, [GREY, BLACK], True),
        (0 * INDICES, [WHITE, BLACK], True),
        (0 * INDICES + 1, [WHITE, BLACK], True),
        (0 * INDICES, [WHITE], True),
        (200 * INDICES, FALLING, True),
        (INDICES, [BLACK, WHITE], False),
        (INDICES, [BLACK, RED], False),
        (INDICES, [WHITE, RED], False),
        (INDICES, [BLACK, [1] * 3], False),
        (INDICES, [BLACK, WHITE, WHITE], False),
    ],
)
@pytest.mark.parametrize("ignored", [2, 128])
def test_a_palette_whose_background_is_bright_is_refused(
    elsewhere, indices, colours, refused, ignored
):
    image = Image.fromarray(indices)
    image.putpalette(np.ravel(colours).tolist())
    image.save("mask.png")
    if refused:
        with pytest.raises(ValueError, match=r"mask\.png has a palette whose indices below .* up"):
            read_mask(Path("mask.png"), ignore_index=ignored)
    else:
        np.testing.assert_array_equal(read_mask(Path("mask.png"), ignore_index=ignored), indices)


def ignoring(root):
    """Give the masks of a folder 0 and 1 as labels, and a border of 255 around the object."""
    for path in root.rglob("GT/*"):
        mask = Image.open(path).convert("L").point(lambda level: level >= 128)
        grown = np.asarray(mask.filter(ImageFilter.MaxFilter(3)))
        picture(np.where(grown > mask, 255, mask).astype(np.uint8)).save(path.with_suffix(".png"))


@pytest.mark.filterwarnings("ignore:no temperature")
@pytest.mark.slow
def test_a_run_ignores_them_from_training_to_report(paper_root, elsewhere, capsys):
    ignoring(paper_root)
    check = ["check-data", str(paper_root)]
    assert main(check) == 1
    assert main([*check, "--ignore-index", "255"]) == 0
    assert "DUTS-TR: " in capsys.readouterr().out
    methods = ["aslp_mc", "mmce", "corruption_augmentation"]
    run = ["run", "--data", str(paper_root), "--ignore-index", "255", "--out", "run"]
    run += ["--epochs", "2", "--size", "16", "--network", "tiny", "--weights", "None"]
    run += ["--recalibrate", "flip"]
    assert main([*run, "--methods", *methods]) == 0
    found = json.loads(Path("run/metrics.json").read_text())["SOD"]
    rights = []
    for path in (paper_root / "Test/SOD/GT").glob("*.png"):
        mask = np.asarray(Image.open(path))
        level_map = np.asarray(Image.open(f"run/mmce/maps/SOD/{path.stem}.png"))
        rights.append(((level_map >= 128) == mask)[mask < 255])
    assert found["mmce"]["accuracy"] == pytest.approx(np.concatenate(rights).mean())
    assert found["mmce"]["s_measure"] is None
