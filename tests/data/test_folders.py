import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.data.folders import VALIDATION_SHARE, paper_layout
from aslp_lib.data.listing import find_images, read_list
from aslp_lib.data.shapes import Shapes


def test_the_paper_s_layout(paper_root):
    data = paper_layout(paper_root, size=32)
    assert list(data.tests) == ["SOD", "DTD_Texture_500"]
    assert len(data.train) + len(data.validation) == 12
    assert not set(data.train.stems) & set(data.validation.stems)
    image, label, index = data.train[3]
    assert image.shape == (3, 32, 32)
    assert image.dtype == torch.uint8
    assert label.shape == (1, 32, 32)
    assert index == 3
    assert any("DUTS-TE" in note for note in data.notes)


def test_image_and_mask_of_an_item_belong_together(paper_root):
    data = paper_layout(paper_root, size=40)
    shapes = Shapes("SOD", 5, seed=2, size=40)
    sod = data.tests["SOD"]
    for i, stem in enumerate(sod.stems):
        k = shapes.stems.index(stem)
        np.testing.assert_array_equal(sod.mask(i), shapes.mask(k)[:32])
        picture = sod.load(i)[0].float().mean((1, 2))
        # JPEG and resizing keep an image's mean colour to a level or so.
        torch.testing.assert_close(
            picture, shapes.images[k, :, :32].float().mean((1, 2)), atol=2, rtol=0
        )
    assert sod.shape(0) == (32, 40)


def test_textures_without_masks_are_all_background(paper_root):
    textures = paper_layout(paper_root, size=32).tests["DTD_Texture_500"]
    assert textures.mask(0).shape == (30, 50)
    assert textures.mask(0).sum() == 0
    assert textures[0][1].sum() == 0


def test_the_split_is_the_release_s_share_and_always_the_same(paper_root):
    first, second = paper_layout(paper_root, size=32), paper_layout(paper_root, size=16)
    assert first.validation.stems == second.validation.stems
    assert len(first.validation) == max(1, round(VALIDATION_SHARE * 12))
    assert any("split 12 images" in note for note in first.notes)


def test_lists_are_followed(paper_root):
    stems = sorted(find_images(paper_root / "Train/DUTS-TR/Image"))
    (paper_root / "DUTS-TR-Train.txt").write_text("\n".join(f"{s}.jpg" for s in stems[4:8]))
    (paper_root / "DUTS-TR-Validation.txt").write_text("\r\n".join(stems[:2]) + "\n\n")
    data = paper_layout(paper_root, size=32)
    assert data.train.stems == stems[4:8]
    assert data.validation.stems == stems[:2]


def test_limit(paper_root):
    data = paper_layout(paper_root, size=32, limit=2)
    assert len(data.train) == 2
    assert [len(part) for part in data.tests.values()] == [2, 2]


def test_half_made_and_stray_folders_are_no_test_sets(paper_root):
    (paper_root / "Test/DTD_Texture_500").rename(paper_root / "Test/DTD_Texture_500.partial")
    (paper_root / "Test/.ipynb_checkpoints").mkdir()
    (paper_root / "Test/notes").mkdir()
    data = paper_layout(paper_root, size=32)
    assert list(data.tests) == ["SOD"]
    assert any("DTD_Texture_500.partial, notes" in note for note in data.notes)


def spoil(root, what):
    """Break the layout in one way; returns a pattern of the error."""
    train, sod = root / "Train/DUTS-TR", root / "Test/SOD"
    image = sorted((train / "Image").iterdir())[0]
    mask = train / "GT" / f"{image.stem}.png"
    match what:
        case "no training folder":
            shutil.rmtree(train / "Image")
            return r"no folder .*Image.*README"
        case "no masks folder":
            shutil.rmtree(train / "GT")
            return r"no folder .*GT"
        case "empty training folder":
            for path in (train / "Image").iterdir():
                path.unlink()
            return r"holds no images"
        case "image without mask":
            mask.unlink()
            return rf"1 images of .* without a mask: {image.stem}"
        case "test mask without image":
            path = sorted((sod / "Image").iterdir())[0]
            path.unlink()
            return rf"1 masks of SOD without an image: {path.stem}"
        case "empty test set":
            shutil.rmtree(sod)
            (sod / "Image").mkdir(parents=True)
            (sod / "GT").mkdir()
            return r"SOD is empty"
        case "no test sets":
            shutil.rmtree(root / "Test")
            return r"no test set in"
        case "two files of one stem":
            shutil.copy(image, image.with_suffix(".png"))
            return r"share one stem"
        case "one list only":
            (root / "DUTS-TR-Train.txt").write_text(image.stem)
            return r"Validation\.txt is missing"
        case "listed but not there":
            (root / "DUTS-TR-Train.txt").write_text("ghost")
            (root / "DUTS-TR-Validation.txt").write_text(image.stem)
            return r"listed for train, but not in .*: ghost"
        case "in both lists":
            for name in ("Train", "Validation"):
                (root / f"DUTS-TR-{name}.txt").write_text(image.stem)
            return r"both in .*: " + image.stem


@pytest.mark.parametrize(
    "what",
    [
        "no training folder",
        "no masks folder",
        "empty training folder",
        "image without mask",
        "test mask without image",
        "empty test set",
        "no test sets",
        "two files of one stem",
        "one list only",
        "listed but not there",
        "in both lists",
    ],
)
def test_a_broken_layout_is_refused_by_name(paper_root, what):
    pattern = spoil(paper_root, what)
    with pytest.raises((ValueError, FileNotFoundError), match=pattern):
        paper_layout(paper_root, size=32)


@pytest.mark.parametrize("kind", ["Image", "GT"])
@pytest.mark.parametrize("damage", ["truncated", "text"])
def test_damaged_files_are_named(paper_root, kind, damage):
    sod = paper_layout(paper_root, size=32).tests["SOD"]
    path = sorted((paper_root / "Test/SOD" / kind).iterdir())[1]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if damage == "truncated" else b"no picture")
    with pytest.raises(ValueError, match=rf"{path.name} cannot be read"):
        sod.load(1)


def test_sizes_that_differ_are_named(paper_root):
    sod = paper_layout(paper_root, size=32).tests["SOD"]
    path = sorted((paper_root / "Test/SOD/GT").iterdir())[0]
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(path)
    with pytest.raises(ValueError, match=r"is 40 x 32, but its mask is 20 x 10"):
        sod.load(0)


def test_bad_lists(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\n\n")
    with pytest.raises(ValueError, match="empty"):
        read_list(path)
    path.write_text("a\nb\na\n")
    with pytest.raises(ValueError, match=r"twice in .*: a"):
        read_list(path)


@pytest.mark.fault("a list with a byte order mark, as Windows writes it", "it is read without it")
def test_a_list_may_begin_with_a_mark(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("one\r\ntw\u00f6.JPG\r\n", encoding="utf-8-sig", newline="")
    assert read_list(path) == ["one", "tw\u00f6"]


@pytest.mark.fault("a list in UTF-16 or Latin-1", "it is refused by name: save it as UTF-8")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_list_in_another_encoding_is_refused(tmp_path, encoding):
    path = tmp_path / "list.txt"
    path.write_text("one\ntw\u00f6\n", encoding=encoding)
    with pytest.raises(ValueError, match=r"list\.txt is not in UTF-8 .*: save it as UTF-8"):
        read_list(path)


@pytest.mark.fault("a stem twice among 300,000 lines", "it is named at once, not after 25 min")
def test_a_long_list_with_a_stem_twice(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("\n".join([*map(str, range(300_000)), "77"]))
    with pytest.raises(ValueError, match=r"1 stems twice in .*: 77$"):
        read_list(path)


@pytest.mark.fault("a list names a file elsewhere, as `../x`", "it is refused by name")
@pytest.mark.parametrize("line", ["../up", "/etc/passwd", "a/b.jpg", "C:\\b", "..", ".hidden"])
def test_a_list_has_bare_names(tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_text(f"one\n{line}\n")
    with pytest.raises(ValueError, match=r"1 lines of .* are no bare names of files"):
        read_list(path)


@pytest.mark.fault("a file name with a newline in it", "it is refused by name")
@pytest.mark.parametrize("odd", ["a\nb", "a\rb", "a\x85b", "a\u2028b", "a\tb", "a\udcffb"])
def test_a_name_that_is_no_line_is_refused(tmp_path, odd):
    (tmp_path / f"{odd}.png").touch()
    with pytest.raises(ValueError, match=r"1 files in .* with control characters") as refused:
        find_images(tmp_path)
    assert ascii(odd) in str(refused.value)
    if odd[1] in "\x85\u2028\t":
        (tmp_path / "list.txt").write_text(f"{odd}\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"1 lines of .* with control characters"):
            read_list(tmp_path / "list.txt")


def test_names_in_any_script_are_read(tmp_path):
    names = ["\u5bf9\u8c61", "a\u00a0b", "\U0001f468\u200d\U0001f469", "na\u0308me", "a b"]
    for name in names:
        (tmp_path / f"{name}.png").touch()
    (tmp_path / "list.txt").write_text("\n".join(names), encoding="utf-8")
    assert set(read_list(tmp_path / "list.txt")) == set(find_images(tmp_path)) == set(names)
