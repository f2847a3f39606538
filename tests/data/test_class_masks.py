"""Folders of masks of class ids: their formats, and what is refused by name."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.config import Settings
from aslp_lib.maps.classes import open_class_mask, read_labels

IDS = np.uint8([[0, 1, 2, 255], [2, 2, 1, 0], [0, 0, 0, 0]])
CLASSES = ("sky", "tree", "house")


def write_palette(path, ids):
    image = Image.fromarray(ids)
    image.putpalette([7, 7, 7, 200, 0, 0, 0, 200, 0] + [9] * 759)
    image.save(path)


WRITERS = {
    "grey.png": lambda path, ids: Image.fromarray(ids).save(path),
    "16_bits.png": lambda path, ids: Image.fromarray(ids.astype(np.uint16)).save(path),
    "palette.png": write_palette,
    "bytes.npy": np.save,
    "one_channel.npy": lambda path, ids: np.save(path, ids[None].astype(np.int64)),
    "grey.tif": lambda path, ids: Image.fromarray(ids).save(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_class_ids_are_read_from_every_format(tmp_path, name):
    WRITERS[name](tmp_path / name, IDS)
    ids = read_labels(tmp_path / name, ignore_index=255, classes=3)
    np.testing.assert_array_equal(ids, IDS)
    assert ids.dtype == np.uint8


def test_volumes_of_class_ids_and_any_number_of_the_pixels_to_ignore(tmp_path):
    volume = np.int16([[[0, 2], [-7, 1]]])
    np.save(tmp_path / "a.npy", volume)
    parts = open_class_mask(tmp_path / "a.npy", 3, -7, volumes=True).parts
    np.testing.assert_array_equal(np.concatenate([*parts]), [[[0, 2], [255, 1]]])


def write_folder(root, write=WRITERS["grey.png"], suffix=".png"):
    """Four training images and two test images of 20 x 16 pixels, whose classes are stripes."""
    ids = np.repeat(np.uint8([[0, 1, 2, 2]]), 5, axis=1).repeat(16, axis=0)
    for place, stems in (("Train/street", "abcd"), ("Test/street", "ef")):
        for part in ("Image", "GT"):
            (root / place / part).mkdir(parents=True)
        for stem in stems:
            pixels = np.random.default_rng(ord(stem)).integers(0, 40, (16, 20, 3), dtype=np.uint8)
            image = Image.fromarray(pixels + 80 * ids[..., None])
            image.save(root / place / "Image" / f"{stem}.png")
            write(root / place / "GT" / f"{stem}{suffix}", ids)
    return ids


@pytest.mark.parametrize(("write", "suffix"), [(WRITERS["grey.png"], ".png"), (np.save, ".npy")])
def test_a_folder_of_class_ids(tmp_path, capsys, write, suffix):
    ids = write_folder(tmp_path, write, suffix)
    settings = Settings(data=str(tmp_path), classes=CLASSES, ignore_index=2, size=8)
    data = settings.load_data()
    assert data.classes == data.tests["street"].classes == CLASSES
    label = data.train[0][1]
    assert label.shape == (1, 8, 8) and label.dtype == torch.float32
    assert label[0, 0].nan_to_num(2).tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(data.tests["street"].mask(0), np.where(ids == 2, 255, ids))
    data.train.check_files()
    assert main(["check-data", str(tmp_path), "--classes", *CLASSES]) == 0
    assert "Train/street: sky 25.0%, tree 25.0%, house 50.0%" in capsys.readouterr().out


@pytest.mark.fault
@pytest.mark.parametrize(
    ("write", "suffix", "message"),
    [
        (
            lambda path, ids: Image.fromarray(ids + (ids == 2)).save(path),
            ".png",
            r"b.png holds the class 3; expected 0 to 2, as there are 3 classes.*--ignore-index 3",
        ),
        (
            lambda path, ids: np.save(path, ids.astype(int) - 1),
            ".npy",
            "b.npy holds the class -1; expected 0 to 2",
        ),
        (
            lambda path, ids: np.save(path, ids.astype(np.float32)),
            ".npy",
            "b.npy holds float32; expected class ids, which are integers",
        ),
        (
            lambda path, ids: np.save(path, np.eye(3, dtype=np.uint8)[ids]),
            ".npy",
            r"b.npy has shape \(16, 20, 3\); expected \(H, W\)",
        ),
        (
            lambda path, ids: Image.fromarray(np.stack([ids] * 3, -1)).save(path),
            ".png",
            r"b.png is an image \(RGB\); expected a mask of class ids",
        ),
        (
            lambda path, ids: Image.fromarray(ids).save(path),
            ".jpg",
            r"b.jpg is a JPEG \(L\); expected a mask of class ids",
        ),
        (lambda path, ids: path.write_bytes(b"1"), ".npy", "b.npy cannot be read: it is damaged"),
        (
            lambda path, ids: np.save(path, ids[1:]),
            ".npy",
            "b.png is 20 x 16, but its mask is 20 x 15; expected equal sizes",
        ),
        (lambda path, ids: None, ".png", "without a mask .*: b"),
    ],
)
def test_a_mask_that_does_not_hold_classes_is_named(tmp_path, capsys, write, suffix, message):
    ids = write_folder(tmp_path)
    path = tmp_path / "Train/street/GT/b.png"
    path.unlink()
    write(path.with_suffix(suffix), ids)
    settings = Settings(data=str(tmp_path), classes=CLASSES, size=8, validation_share=0.25)
    with pytest.raises(ValueError, match=message):
        data = settings.load_data()
        for part in (data.train, data.validation):
            part.check_files()
            part.cache()
    assert main(["check-data", str(tmp_path), "--classes", "3"]) == 1
    assert re.search(message, capsys.readouterr().out)
