import re
import shutil
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.config import Settings
from aslp_lib.data.folders import VALIDATION_SHARE, paper_layout, paper_tests
from aslp_lib.data.shapes import Shapes
from aslp_lib.maps.listing import find_images, read_list

TRAIN = "Train/DUTS-TR"


def test_the_paper_s_layout(paper_root):
    (paper_root / "Test/HALF.partial/Image").mkdir(parents=True)
    (paper_root / "Test/.hidden/Image").mkdir(parents=True)
    (paper_root / "Test/notes").mkdir()
    data = paper_layout(paper_root, size=32)
    assert list(data.tests) == ["SOD", "DTD_Texture_500"]
    assert not set(data.train.stems) & set(data.validation.stems)
    image, label, index = data.train[3]
    assert (image.shape, image.dtype) == ((3, 32, 32), torch.uint8)
    assert label.shape == (1, 32, 32)
    assert index == 3
    notes = " / ".join(data.notes)
    assert "DUTS-TE" in notes and "Test/HALF.partial, Test/notes" in notes
    textures = data.tests["DTD_Texture_500"]  # without masks: all background
    assert textures.mask(0).shape == (30, 50)
    assert textures.mask(0).sum() == textures[0][1].sum() == 0
    few = paper_layout(paper_root, size=32, limit=2)
    assert [len(part) for part in (few.train, *few.tests.values())] == [2, 2, 2]


def test_image_and_mask_of_an_item_belong_together(paper_root):
    sod = paper_layout(paper_root, size=40).tests["SOD"]
    shapes = Shapes("SOD", 5, seed=2, size=40)
    for i, stem in enumerate(sod.stems):
        k = shapes.stems.index(stem)
        np.testing.assert_array_equal(sod.mask(i), shapes.mask(k)[:32])
        picture, mean = sod.load(i)[0].float(), shapes.images[k, :, :32].float().mean((1, 2))
        # JPEG and resizing keep an image's mean colour to a level or so.
        torch.testing.assert_close(picture.mean((1, 2)), mean, atol=2, rtol=0)
    assert sod.shape(0) == (32, 40)


@pytest.mark.claim(
    "network",
    "DUTS-TR is split into a training and a validation set",
    "training: Full training on CUDA",
    numbers="9,553 to train, 1,000 to validate",
)
def test_the_split_is_the_release_s_share_and_always_the_same(paper_root):
    first, second = paper_layout(paper_root, size=32), paper_layout(paper_root, size=16)
    assert first.validation.stems == second.validation.stems
    assert len(first.validation) == max(1, round(VALIDATION_SHARE * 12))
    assert len(first.train) + len(first.validation) == 12
    stems = sorted(find_images(paper_root / TRAIN / "Image"))
    write_lists(paper_root, "\n".join(f"{s}.jpg" for s in stems[4:8]), "\r\n".join(stems[:2]))
    listed = paper_layout(paper_root, size=32)
    assert (listed.train.stems, listed.validation.stems) == (stems[4:8], stems[:2])


def test_training_folders_of_any_names_are_joined(own_root):
    """Each image with the mask of its own folder, even if another folder has one of its stem."""
    fruit, leaves = (own_root / "Train" / name for name in ("fruit", "leaves"))
    shutil.copy(fruit / "GT" / "fruit_0000.png", leaves / "GT" / "fruit_0001.png")
    data = paper_layout(own_root, size=32)
    assert data.origin == f"Train/fruit and Train/leaves in {own_root}, split at random"
    assert sorted([*data.train.stems, *data.validation.stems]) == [
        *sorted(find_images(fruit / "Image")),
        *sorted(find_images(leaves / "Image")),
    ]
    for part in (data.train, data.validation):
        assert all(stem.startswith(part.masks[stem].parents[1].name) for stem in part.stems)
    assert [*data.tests] == ["garden"]
    assert data.notes == []  # none on the sets of the paper
    write_lists(own_root, "fruit_0001\nleaves_0001", "leaves_0002", prefix="")
    data = paper_layout(own_root, size=32)
    assert data.train.stems == ["fruit_0001", "leaves_0001"]
    assert data.origin == f"Train/fruit and Train/leaves in {own_root}"
    data.train.check_files()
    data.validation.check_files()


@pytest.mark.parametrize(("share", "images"), [(0.25, 3), (0.001, 1), (0.999, 11), (0.5, 6)])
def test_a_share_of_the_stems_is_held_out(own_root, share, images):
    """Both parts have an image; the test set is optional."""
    shutil.rmtree(own_root / "Test")
    data = paper_layout(own_root, 16, validation_share=share)
    assert (len(data.train), len(data.validation)) == (12 - images, images)
    assert not {*data.train.stems} & {*data.validation.stems}


@pytest.mark.fault
def test_what_is_ambiguous_in_own_folders_is_refused(own_root):
    def refused(pattern, **options):
        with pytest.raises(ValueError, match=pattern):
            paper_layout(own_root, size=32, **options)

    write_lists(own_root, "fruit_0001", "leaves_0002", prefix="")
    refused("validation_share is 0.2; expected the default, as th", validation_share=0.2)
    write_lists(own_root, "fruit_0001", "leaves_0002")
    refused(r"lists in .* beside Train.txt and Validation.txt .*: DUTS-TR-Train.txt, DUTS-TR-V")
    image = own_root / "Train/fruit/Image/fruit_0003.jpg"
    image.rename(image.with_stem("leaves_0004"))
    refused(r"stems that .*fruit and .*leaves share .*: leaves_000")


def write_lists(root, train, validation, prefix="DUTS-TR-"):
    for name, text in (("Train", train), ("Validation", validation)):
        if text:
            (root / f"{prefix}{name}.txt").write_text(text)


def clear(*folders):
    for path in (path for folder in folders for path in folder.iterdir()):
        path.unlink()


STEM = "DUTS-TR_0000"
IMAGES, MASKS = f"{TRAIN}/Image", f"{TRAIN}/GT"
BROKEN = {
    "no training set in .*Train; .*NAME/GT. See docs": lambda r: shutil.rmtree(r / IMAGES),
    "no folder .*GT": lambda r: shutil.rmtree(r / MASKS),
    "number of images in .*Train is 0": lambda r: clear(r / IMAGES),
    "SOD is empty": lambda r: clear(r / "Test/SOD/Image", r / "Test/SOD/GT"),
    r"no list .*Validation\.txt; .*Add it": lambda r: write_lists(r, STEM, ""),
    r"stems of .*Train\.txt not in .*: ghost": lambda r: write_lists(r, "ghost", STEM),
    f"both in .*: {STEM}": lambda r: write_lists(r, STEM, STEM),
}
"""Pattern of the error -> how a layout is broken, given its root; test_check.py has more."""


@pytest.mark.fault
@pytest.mark.parametrize("pattern", BROKEN)
def test_a_broken_layout_is_refused_by_name(paper_root, pattern):
    BROKEN[pattern](paper_root)
    with pytest.raises((ValueError, FileNotFoundError), match=pattern):
        paper_layout(paper_root, size=32)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("kind", "image", "mask"), [("images", "20 x 10", "40 x 32"), ("masks", "40 x 32", "20 x 10")]
)
def test_sizes_that_differ_are_named(paper_root, kind, image, mask):
    sod = paper_layout(paper_root, size=32).tests["SOD"]
    Image.new("L", (20, 10)).save(getattr(sod, kind)["SOD_0001"])
    for check in (partial(sod.load, 1), sod.check_files):  # which decodes nothing
        with pytest.raises(ValueError, match=f"is {image}, but its mask is {mask}; .* Resize"):
            check()


def test_an_image_on_its_side_goes_with_its_upright_mask(paper_root):
    """Cameras store such images, and say so in the EXIF."""
    sod = paper_tests(paper_root, 32)[0]["SOD"]
    path, mask = sod.images[sod.stems[1]], sod.masks[sod.stems[1]]
    picture, exif = Image.open(path), Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=100, subsampling=0, exif=exif)
    assert sod.shape(1) == sod.mask(1).shape == (picture.height, picture.width)
    upright = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().mean((1, 2))
    torch.testing.assert_close(sod.load(1)[0].float().mean((1, 2)), upright, atol=1, rtol=0)
    # A mask that was drawn on the pixels as the camera stored them.
    Image.open(mask).transpose(Image.Transpose.ROTATE_90).save(mask)
    with pytest.raises(ValueError, match=r"is 40 x 32, but its mask is 32 x 40; .* Rotate one"):
        sod.load(1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])  # Windows writes a byte order mark
def test_a_list_has_names_in_any_script(tmp_path, encoding):
    names = ["\u5bf9\u8c61", "a\u00a0b", "\U0001f468\u200d\U0001f469", "na\u0308me", "a b"]
    for name in names:
        (tmp_path / f"{name}.png").touch()
    path = tmp_path / "list.txt"
    path.write_bytes("\r\n".join(f"{name}.JPG" for name in names).encode(encoding))
    assert read_list(path) == names
    assert set(find_images(tmp_path)) == set(names)


BAD_LISTS = {
    "is empty": ["\n"],
    "stems repeated in .*: 77$": ["\n".join(["77", *map(str, range(300_000))])],
    "lines of .* are not bare file": ["../up", "/etc/passwd", "a/b.jpg", "C:\\b", "..", ".hidden"],
    "lines of .* with control characters": ["a\x85b", "a\u2028b", "a\tb"],
}
"""Pattern of the error -> lists."""


@pytest.mark.fault
@pytest.mark.parametrize("pattern", BAD_LISTS)
def test_bad_lists(tmp_path, pattern):
    """A stem that occurs twice among 300,000 lines is named at once, not after 25 minutes."""
    path = tmp_path / "list.txt"
    for text in BAD_LISTS[pattern]:
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=pattern):
            read_list(path)


@pytest.mark.fault
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_a_list_in_another_encoding_is_refused(tmp_path, encoding):
    path = tmp_path / "list.txt"
    path.write_text("one\ntw\u00f6\n", encoding=encoding)
    with pytest.raises(ValueError, match=r"list\.txt is not in UTF-8 .* Save it as UTF-8"):
        read_list(path)


@pytest.mark.fault
@pytest.mark.parametrize(
    "name", ["a\nb", "a\rb", "a\x85b", "a\u2028b", "a\tb", "a\u202eb", "a\udcffb"]
)
def test_names_that_are_no_line_are_refused(tmp_path, name):
    (tmp_path / f"{name}.png").touch()
    named = re.escape(ascii(name))
    with pytest.raises(ValueError, match=f"files in .* with control characters.*{named}"):
        find_images(tmp_path)
    (tmp_path / "Test" / name).mkdir(parents=True)  # the name of a set is printed too
    with pytest.raises(ValueError, match=f"folders in .*Test with control characters.*{named}"):
        paper_tests(tmp_path, 32)


def test_settings_load_a_folder(paper_root):
    options = {"size": 32, "limit": 4, "grey": "threshold", "soft_masks": True}
    loaded = Settings(data=str(paper_root), **options).load_data()
    assert loaded.origin == paper_layout(paper_root, 32).origin
    assert (len(loaded.train), loaded.train.soft_masks) == (4, True)
    assert loaded.tests["SOD"].grey == "threshold"
    with pytest.raises(FileNotFoundError, match="there is no folder shaped"):
        Settings(data="shaped").load_data()
