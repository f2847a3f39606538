"""What is wrong with a data folder: loading stops at it, and the check names all at once."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.data.check import check_data
from aslp_lib.data.folders import LISTS, paper_layout
from aslp_lib.maps.read import stored_size

TRAIN_LIST, VALIDATION_LIST = LISTS["DUTS-TR-"]
TRAIN, SOD, TEXTURES = "Train/DUTS-TR", "Test/SOD", "Test/DTD_Texture_500"
RAMP = np.tile(np.linspace(0, 255, 40), (32, 1))
DOT = np.zeros((9, 9))


def image(root, number, folder=TRAIN):
    return root / folder / "Image" / f"{Path(folder).name}_{number:04}.jpg"


def mask(root, number, folder=TRAIN):
    return root / folder / "GT" / f"{Path(folder).name}_{number:04}.png"


def draw(path, grey_levels):
    Image.fromarray(grey_levels.astype(np.uint8)).save(path)


def cut(path):
    path.write_bytes(path.read_bytes()[:-60])


@pytest.fixture
def checked(capsys):
    """What the command says of a folder, in which it finds problems, or none."""

    def check(root, *flags, problems=True):
        assert main(["check-data", str(root), *flags]) == problems
        printed, error = capsys.readouterr()
        assert (
            f"{root} has problems: " in error if problems else f"no problems in {root}" in printed
        )
        return printed

    return check


def test_a_good_folder_has_no_problems_and_links_are_followed(paper_root, tmp_path, checked):
    real, picture = tmp_path / "elsewhere", image(paper_root, 0, SOD)
    picture.rename(tmp_path / picture.name)
    picture.symlink_to(tmp_path / picture.name)
    (paper_root / SOD).rename(real)
    (paper_root / SOD).symlink_to(real)
    # What may be as it should is a note.
    draw(mask(paper_root, 1, SOD), np.zeros((32, 40)))
    (real / "Image" / "Thumbs.db").touch()
    result = check_data(paper_root)
    assert result.problems == []
    assert result.images == {"Train/DUTS-TR": 12, "Test/SOD": 5, "Test/DTD_Texture_500": 3}
    notes = " / ".join(result.notes)
    for note in (
        "DUTS-TE, DUT-OMRON",
        "SOD has 5 images; the published set has 300",
        "DUTS-TR has 12 images; the published set has 10553",
        "images are held out at random",
        "masks of Test/SOD are all background: SOD_0001",
        "are not images: Thumbs.db",
    ):
        assert note in notes
    assert re.search(r"^Test/SOD +5 +300$", checked(paper_root, problems=False), re.M)


@pytest.mark.fault
def test_training_masks_without_an_object_are_refused(own_root, capsys, checked):
    """The check says each kind of problem three times."""
    masks = sorted(own_root.glob("Train/*/GT/*"))
    for path in masks:
        draw(path, np.zeros(stored_size(path)))
    run, message = own_root.parent / "run", "number of masks with an object in .* is 0; expected"
    assert re.search(message, checked(own_root))
    train = ["train", "--data", str(own_root), "--preset", "demo", "--epochs", "1"]
    assert main([*train, "--out", str(run)]) == 1
    assert re.search(message, capsys.readouterr().err) and not run.exists()
    for path in masks[1:]:  # a single one that shows an object is enough
        draw(path, DOT)
    draw(masks[0], np.full(stored_size(masks[0]), 255))
    printed = checked(own_root)
    assert printed.count("but its mask is 9 x 9") == printed.count("problem:") == 3
    assert f"... and {len(masks) - 4} more like this" in printed


WRONG = {
    "0000.jpg cannot be read.*truncated.*Copy it again": lambda r: cut(image(r, 0)),
    "0001.jpg cannot be read": lambda r: image(r, 1).write_bytes(b"no picture"),
    r"images .*without a mask \(add it\): DUTS-TR_0002": lambda r: mask(r, 2).unlink(),
    r"masks .*SOD without an image \(add it\): SOD_0003": lambda r: image(r, 3, SOD).unlink(),
    "0004.jpg is 40 x 32, but its mask is 9 x 9; .*Resize one": lambda r: draw(mask(r, 4), DOT),
    "0005.png has colours": lambda r: Image.new("RGB", (40, 32), "red").save(mask(r, 5)),
    "0006.png is not a binary mask": lambda r: draw(mask(r, 6), RAMP),
    "0007.png has grey levels 0 to 1 only": lambda r: draw(mask(r, 7), np.eye(32, 40)),
    "0010.png cannot be read": lambda r: cut(mask(r, 10)),
    r"stems shared by several .*Image \(keep one file each\): DUTS-TR_0008": (
        lambda r: shutil.copy(image(r, 8), image(r, 8).with_suffix(".jpeg"))
    ),
}
"""What must be said -> how a file is spoiled, given the root."""


@pytest.mark.fault
@pytest.mark.parametrize("message", WRONG)
def test_loading_stops_at_a_problem(paper_root, message):
    WRONG[message](paper_root)
    with pytest.raises(ValueError, match=message):
        data = paper_layout(paper_root, 32)
        for part in (data.train, data.validation, *data.tests.values()):
            part.cache()


@pytest.mark.fault
def test_every_problem_is_named_at_once(paper_root, checked):
    for spoil in WRONG.values():
        spoil(paper_root)
    # What can be loaded, but should not be.
    shutil.copy(image(paper_root, 9), image(paper_root, 9, SOD))
    shutil.copy(mask(paper_root, 9), mask(paper_root, 9, SOD))
    (paper_root / TEXTURES / "GT").mkdir()
    for path in (paper_root / TEXTURES / "Image").iterdir():
        draw(paper_root / TEXTURES / "GT" / f"{path.stem}.png", np.full((30, 50), 255))
    stems = [image(paper_root, number).stem for number in range(12)]
    (paper_root / TRAIN_LIST).write_text("\n".join([*stems[:11], "ghost"]))
    (paper_root / VALIDATION_LIST).write_text("\n".join(stems[10:]))
    (paper_root / "Test" / "NEW" / "Image").mkdir(parents=True)
    printed = checked(paper_root)
    lines = [line for line in printed.splitlines() if line.startswith("problem: ")]
    expected = [
        *WRONG,
        r"the same image occurs.*0009.jpg \(train\), .*SOD_0009.jpg \(Test/SOD\); expected it",
        r"stems of .*Train.txt not in .*: ghost",
        rf"stems both in {TRAIN_LIST} and {VALIDATION_LIST} .*: {stems[10]}",
        r"masks of .*DTD_Texture_500 show an object",
        r"there is no folder .*NEW/GT; expected",
        r"number of images in .*NEW/Image is 0;",
    ]
    for pattern in expected:
        assert sum(bool(re.search(pattern, line)) for line in lines) == 1, pattern
    assert len(lines) == len(expected)


def test_the_same_pixels_in_another_file_are_the_same_picture(paper_root):
    """Twice in one set is a note; in train and validation a problem, once there are lists."""
    first, second = image(paper_root, 0), image(paper_root, 1)
    Image.open(first).save(second.with_suffix(".png"))
    second.unlink()
    result = check_data(paper_root)
    (note,) = [note for note in result.notes if "the same image" in note]
    assert first.name in note and f"{second.stem}.png" in note and not result.problems
    stems = [image(paper_root, number).stem for number in range(12)]
    (paper_root / TRAIN_LIST).write_text("\n".join(stems[1:]))
    (paper_root / VALIDATION_LIST).write_text(stems[0])
    (problem,) = check_data(paper_root).problems
    assert "(validation)" in problem and "(train)" in problem


def test_one_list_without_the_other_no_sets_and_votes(paper_root, checked):
    draw(mask(paper_root, 0, SOD), np.full((32, 40), 140))
    assert "--grey threshold" in checked(paper_root)
    checked(paper_root, "--grey", "threshold", problems=False)
    (paper_root / TRAIN_LIST).write_text("ghost", encoding="utf-16")
    shutil.rmtree(paper_root / "Test")
    shutil.rmtree(paper_root / "Train/DUTS-TR/GT")
    result = check_data(paper_root)
    for what in ("is not in UTF-8", VALIDATION_LIST, "DUTS-TR/GT"):
        assert what in " / ".join(result.problems)
    assert "no test set in" in " / ".join(result.notes)


def test_own_folders_are_not_measured_against_the_paper_s(own_root, checked):
    """And a training set may have the name of a test set."""
    (own_root / "Test/garden").rename(own_root / "Test/leaves")
    printed = checked(own_root, problems=False)
    assert "publish" not in printed and "DUTS-TE" not in printed
    assert re.search(r"^Train/leaves +8\nTest/leaves +3$", printed, re.M)
    (own_root / "Test/leaves").rename(own_root / "Test/SOD")
    printed = checked(own_root, problems=False)
    assert "DUTS-TE" in printed and "Test/SOD has 3 images; the published set has 300" in printed


@pytest.mark.fault
def test_own_folders_that_share_a_stem_or_are_empty(own_root):
    leaves, fruit = own_root / "Train/leaves", own_root / "Train/fruit"
    for path in [*leaves.glob("*/leaves_0002.*"), *leaves.glob("*/leaves_0005.*")]:
        shutil.copy(path, fruit / path.parent.name)
    (problem,) = check_data(own_root).problems
    assert re.search(r"stems that .*/fruit and .*/leaves share .*: leaves_0002, leav", problem)
    shutil.rmtree(own_root / "Train")
    (problem,) = check_data(own_root).problems
    assert re.search(r"no training set in .*/Train; .*mydata/Train/NAME/Image and", problem)


@pytest.mark.fault
def test_one_image_cannot_be_trained_and_validated(paper_root):
    for number in range(1, 12):
        image(paper_root, number).unlink()
        mask(paper_root, number).unlink()
    (problem,) = check_data(paper_root).problems
    assert "Train is 1; expected two or more" in problem
