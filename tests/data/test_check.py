"""What is wrong with a data folder, all at once."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.data.check import check_data
from aslp_lib.data.folders import LISTS, paper_layout
from aslp_lib.maps.read import stored_size

TRAIN_LIST, VALIDATION_LIST = LISTS["DUTS-TR-"]


def test_a_good_folder_has_no_problems_and_links_are_followed(paper_root, tmp_path, capsys):
    real = tmp_path / "elsewhere"
    (paper_root / "Test" / "SOD").rename(real)
    (paper_root / "Test" / "SOD").symlink_to(real)
    image = sorted((real / "Image").iterdir())[0]
    image.rename(tmp_path / image.name)
    image.symlink_to(tmp_path / image.name)
    # What may be as it should is a note.
    mask = sorted((real / "GT").iterdir())[0]
    Image.new("L", (40, 32)).save(mask)
    (real / "Image" / "Thumbs.db").touch()
    found = check_data(paper_root)
    assert found.problems == []
    assert found.images == {"Train/DUTS-TR": 12, "Test/SOD": 5, "Test/DTD_Texture_500": 3}
    notes = " / ".join(found.notes)
    for note in (
        "DUTS-TE, DUT-OMRON",
        "SOD has 5 images; the published set has 300",
        "DUTS-TR has 12 images; the published set has 10553",
        "images are held out at random",
        f"masks of Test/SOD are all background: {mask.stem}",
        "are not images: Thumbs.db",
    ):
        assert note in notes
    assert main(["check-data", str(paper_root)]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^Test/SOD +5 +300$", out, re.M)
    assert f"no problems in {paper_root}" in out


@pytest.mark.fault
def test_training_masks_without_an_object_are_refused(own_root, capsys):
    """The check says each kind of problem three times."""
    masks = sorted(own_root.glob("Train/*/GT/*"))
    for path in masks:
        Image.new("L", stored_size(path)[::-1]).save(path)
    train = ["train", "--data", str(own_root), "--preset", "demo", "--epochs", "1", "--out"]
    for command in (["check-data", str(own_root)], [*train, str(own_root.parent / "run")]):
        assert main(command) == 1
        printed = "".join(capsys.readouterr())
        assert re.search("number of masks with an object in .* is 0; expected", printed)
    assert not (own_root.parent / "run").exists()
    for path in masks[1:]:  # a single one that shows an object is enough
        Image.new("L", (9, 9)).save(path)
    Image.new("L", stored_size(masks[0])[::-1], 255).save(masks[0])
    assert main(["check-data", str(own_root)]) == 1
    printed = capsys.readouterr().out
    assert printed.count("but its mask is 9 x 9") == printed.count("problem:") == 3
    assert f"... and {len(masks) - 4} more like this" in printed


def spoil_everything(root):
    """One fault of each kind; what must be said of each."""
    train, sod, textures = root / "Train/DUTS-TR", root / "Test/SOD", root / "Test/DTD_Texture_500"
    images, masks = ([*sorted((train / kind).iterdir())] for kind in ("Image", "GT"))
    images[0].write_bytes(images[0].read_bytes()[:-60])
    images[1].write_bytes(b"no picture")
    masks[2].unlink()
    images[3].unlink()
    Image.new("L", (9, 9)).save(masks[4])
    Image.merge("RGB", [Image.open(masks[5]), *[Image.new("L", (40, 32))] * 2]).save(masks[5])
    ramp = np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (32, 1))
    Image.fromarray(ramp).save(masks[6])
    Image.open(masks[7]).point(lambda v: v // 255).save(masks[7])
    shutil.copy(images[8], images[8].with_suffix(".jpeg"))
    shutil.copy(images[9], sod / "Image" / "copy.jpg")
    shutil.copy(masks[9], sod / "GT" / "copy.png")
    stems = [path.stem for path in images]
    (root / TRAIN_LIST).write_text("\n".join([*stems[:11], "ghost"]))
    (root / VALIDATION_LIST).write_text("\n".join(stems[10:]))
    (textures / "GT").mkdir()
    for path in (textures / "Image").iterdir():
        Image.new("L", (50, 30), 255).save(textures / "GT" / f"{path.stem}.png")
    (root / "Test" / "NEW" / "Image").mkdir(parents=True)
    return [
        rf"{images[0].name} cannot be read.*truncated.*Copy it again",
        rf"{images[1].name} cannot be read",
        rf"images in .*DUTS-TR without a mask \(add it\): {stems[2]}",
        rf"masks in .*DUTS-TR without an image \(add it\): {stems[3]}",
        rf"{images[4].name} is 40 x 32, but its mask is 9 x 9; .*Resize one",
        rf"{masks[5].name} has colours",
        rf"{masks[6].name} is not a binary mask",
        rf"{masks[7].name} has grey levels 0 to 1 only",
        rf"stems shared by several files in .*Image \(keep one file each\): {stems[8]}",
        rf"the same image occurs.*{images[9].name} \(train\), .*copy.jpg \(Test/SOD\); expected it",
        rf"stems of .*Train.txt not in .*: {stems[3]}, ghost|stems of .*: ghost, {stems[3]}",
        rf"stems both in {TRAIN_LIST} and {VALIDATION_LIST} .*: {stems[10]}",
        r"masks of .*DTD_Texture_500 show an object",
        r"there is no folder .*NEW/GT; expected",
        r"number of images in .*NEW/Image is 0;",
    ]


@pytest.mark.fault
def test_every_problem_is_named_at_once(paper_root, capsys):
    expected = spoil_everything(paper_root)
    assert main(["check-data", str(paper_root)]) == 1
    out, error = capsys.readouterr()
    lines = [line for line in out.splitlines() if line.startswith("problem: ")]
    for pattern in expected:
        assert sum(bool(re.search(pattern, line)) for line in lines) == 1, pattern
    assert len(lines) == len(expected)
    assert f"{paper_root} has problems: {len(lines)};" in error
    for name in (TRAIN_LIST, VALIDATION_LIST):
        (paper_root / name).unlink()
    with pytest.raises((ValueError, OSError), match="stems shared by several files"):
        paper_layout(paper_root, 32)


def test_the_same_pixels_in_another_file_are_the_same_picture(paper_root):
    """Twice in one set is a note; in train and validation a problem, once there are lists."""
    folder = paper_root / "Train/DUTS-TR"
    first, second = sorted((folder / "Image").iterdir())[:2]
    Image.open(first).save(second.with_suffix(".png"))
    second.unlink()
    assert check_data(paper_root).problems == []
    (note,) = [note for note in check_data(paper_root).notes if "the same image" in note]
    assert first.name in note and f"{second.stem}.png" in note
    stems = sorted(path.stem for path in (folder / "Image").iterdir())
    (paper_root / TRAIN_LIST).write_text("\n".join(stems[1:]))
    (paper_root / VALIDATION_LIST).write_text(stems[0])
    (problem,) = check_data(paper_root).problems
    assert "(validation)" in problem and "(train)" in problem


def test_one_list_without_the_other_no_sets_and_votes(paper_root, capsys):
    mask = sorted((paper_root / "Test/SOD/GT").iterdir())[0]
    Image.fromarray(np.full((32, 40), 140, np.uint8)).save(mask)
    assert main(["check-data", str(paper_root)]) == 1
    assert "--grey threshold" in capsys.readouterr().out
    assert main(["check-data", str(paper_root), "--grey", "threshold"]) == 0
    (paper_root / TRAIN_LIST).write_text("ghost", encoding="utf-16")
    shutil.rmtree(paper_root / "Test")
    shutil.rmtree(paper_root / "Train/DUTS-TR/GT")
    problems = " / ".join(check_data(paper_root).problems)
    for what in ("is not in UTF-8", VALIDATION_LIST, "DUTS-TR/GT"):
        assert what in problems
    assert "no test set in" in " / ".join(check_data(paper_root).notes)


def test_own_folders_are_not_measured_against_the_paper_s(own_root, capsys):
    """And a training set may have the name of a test set."""
    (own_root / "Test/garden").rename(own_root / "Test/leaves")
    assert main(["check-data", str(own_root)]) == 0
    out = capsys.readouterr().out
    assert "publish" not in out and "DUTS-TE" not in out
    assert re.search(r"^Train/leaves +8\nTest/leaves +3$", out, re.M)
    (own_root / "Test/leaves").rename(own_root / "Test/SOD")
    assert main(["check-data", str(own_root)]) == 0
    out = capsys.readouterr().out
    assert "DUTS-TE" in out and "Test/SOD has 3 images; the published set has 300" in out


@pytest.mark.fault
def test_own_folders_that_share_a_stem_or_are_empty(own_root):
    for kind, suffix in (("Image", "jpg"), ("GT", "png")):
        for number in ("leaves_0002", "leaves_0005"):
            path = own_root / "Train/leaves" / kind / f"{number}.{suffix}"
            shutil.copy(path, own_root / "Train/fruit" / kind)
    (problem,) = check_data(own_root).problems
    assert re.search(r"stems that .*/fruit and .*/leaves share .*: leaves_0002, leav", problem)
    shutil.rmtree(own_root / "Train")
    (problem,) = check_data(own_root).problems
    assert re.search(r"no training set in .*/Train; .*mydata/Train/NAME/Image and", problem)


@pytest.mark.fault
def test_one_image_cannot_be_trained_and_validated(paper_root):
    for path in [*(paper_root / "Train").rglob("*.*")]:
        if path.is_file() and not path.stem.endswith("0000"):
            path.unlink()
    problems = check_data(paper_root).problems
    assert any("Train is 1; expected two or more" in problem for problem in problems)
