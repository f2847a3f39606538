"""Folders of masks of class ids: their formats, and what is refused by name."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.config import Settings
from aslp_lib.maps.slabs import open_mask

IDS = np.uint8([[0, 1, 2, 255], [2, 2, 1, 0], [0, 0, 0, 0]])
CLASSES = ("sky", "tree", "house")


def save(path, values):
    """Write an array, an image, or bytes that are neither."""
    if isinstance(values, bytes):
        path.write_bytes(values)
    elif path.suffix == ".npy":
        np.save(path, values)
    else:
        image = Image.fromarray(values)
        if path.stem == "palette":
            image.putpalette([7, 7, 7, 200, 0, 0, 0, 200, 0] + [9] * 759)
        image.save(path)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("grey.png", IDS),
        ("16_bits.png", IDS.astype(np.uint16)),
        ("palette.png", IDS),
        ("grey.tif", IDS),
        ("bytes.npy", IDS),
        ("one_channel.npy", IDS[None].astype(np.int64)),
    ],
)
def test_class_ids_are_read_from_every_format(tmp_path, name, values):
    save(tmp_path / name, values)
    ids = open_mask(tmp_path / name, ignore_index=255, classes=3).whole()
    np.testing.assert_array_equal(ids, IDS)
    assert ids.dtype == np.uint8


def test_volumes_of_class_ids_and_any_number_of_the_pixels_to_ignore(tmp_path):
    volume = np.int16([[[0, 2], [-7, 1]]])
    np.save(tmp_path / "a.npy", volume)
    parts = open_mask(tmp_path / "a.npy", "refuse", -7, 3, volumes=True).parts
    np.testing.assert_array_equal(np.concatenate([*parts]), [[[0, 2], [255, 1]]])


STRIPES = np.repeat(np.uint8([[0, 1, 2, 2]]), 5, axis=1).repeat(16, axis=0)


def write_folder(root, suffix=".png"):
    """Four training images and two test images of 20 x 16 pixels, whose classes are stripes."""
    for place, stems in (("Train/street", "abcd"), ("Test/street", "ef")):
        for part in ("Image", "GT"):
            (root / place / part).mkdir(parents=True)
        for stem in stems:
            pixels = np.random.default_rng(ord(stem)).integers(0, 40, (16, 20, 3), dtype=np.uint8)
            save(root / place / "Image" / f"{stem}.png", pixels + 80 * STRIPES[..., None])
            save(root / place / "GT" / f"{stem}{suffix}", STRIPES)


@pytest.mark.parametrize("suffix", [".png", ".npy"])
def test_a_folder_of_class_ids(tmp_path, capsys, suffix):
    write_folder(tmp_path, suffix)
    settings = Settings(data=str(tmp_path), classes=CLASSES, ignore_index=2, size=8)
    data = settings.load_data()
    assert data.classes == data.tests["street"].classes == CLASSES
    label = data.train[0][1]
    assert label.shape == (1, 8, 8) and label.dtype == torch.float32
    assert label[0, 0].nan_to_num(2).tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    ids = np.where(STRIPES == 2, 255, STRIPES)
    np.testing.assert_array_equal(data.tests["street"].mask(0), ids)
    data.train.check_files()
    assert main(["check-data", str(tmp_path), "--classes", *CLASSES]) == 0
    assert "Train/street: sky 25.0%, tree 25.0%, house 50.0%" in capsys.readouterr().out


@pytest.mark.fault
@pytest.mark.parametrize(
    ("mask", "values", "message"),
    [
        ("b.png", STRIPES + (STRIPES == 2), "b.png holds the class 3; .* 0 to 2.*--ignore-index 3"),
        ("b.npy", STRIPES.astype(int) - 1, "b.npy holds the class -1; expected 0 to 2"),
        ("b.npy", STRIPES.astype(np.float32), "b.npy holds float32; expected integers or bool"),
        ("b.npy", np.eye(3, dtype=int)[STRIPES], r"b.npy .*\(16, 20, 3\); expected \(H, W\)"),
        ("b.png", np.stack([STRIPES] * 3, -1), r"b.png is an image \(RGB\); .* of class ids"),
        ("b.jpg", STRIPES, r"b.jpg is a JPEG \(L\); expected a mask of class ids"),
        ("b.npy", b"1", "b.npy cannot be read: it is damaged"),
        ("b.npy", STRIPES[1:], "b.png is 20 x 16, but its mask is 20 x 15; expected equal sizes"),
        ("b.txt", b"", "without a mask .*: b"),
    ],
)
def test_a_mask_that_does_not_suit_is_named(tmp_path, capsys, mask, values, message):
    """Loading and the check stop at it."""
    write_folder(tmp_path)
    (tmp_path / "Train/street/GT/b.png").unlink()
    save(tmp_path / "Train/street/GT" / mask, values)
    settings = Settings(data=str(tmp_path), classes=CLASSES, size=8, validation_share=0.25)
    with pytest.raises(ValueError, match=message):
        data = settings.load_data()
        for part in (data.train, data.validation):
            part.check_files()
            part.cache()
    assert main(["check-data", str(tmp_path), "--classes", "3"]) == 1
    assert re.search(message, capsys.readouterr().out)
