"""The laboratory's folder: what was planted in it is there, and what `check-data` says of it."""

import numpy as np
import pytest
from PIL import Image

from aslp_lib.course.lessons.own_data import check_data, draw_cells, hand_over

TRAIN, TEST = draw_cells(8, 0), draw_cells(4, 2)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("parent") / "lab"
    hand_over(root, TRAIN, TEST)
    return root


def test_files_are_the_images_and_masks(root):
    mask = np.asarray(Image.open(root / "Test/lab/GT/patient2_10.png"))
    np.testing.assert_array_equal(mask, TEST.masks[1, 0])
    image = np.asarray(Image.open(root / "Test/lab/Image/patient2_10.png"))
    np.testing.assert_allclose(image / 255, 0.4 + 0.2 * TEST.images[1, 0], atol=0.5 / 255 + 1e-9)
    patients = [
        {p.name[:8] for p in root.glob(f"{part}/lab/Image/*")} for part in ("Train", "Test")
    ]
    assert patients == [{"patient1", "patient2"}, {"patient2", "patient3"}]


@pytest.mark.fault
def test_check_data_finds_three_of_the_four_faults(root):
    text = check_data(root, "--ignore-index", "255")
    problems = text.split("problem: ")[1:]
    assert len(problems) == 3
    for problem, file in zip(problems, ("patient1_01", "patient1_02", "patient1_03"), strict=True):
        assert file in problem
    assert str(root.parent) not in text and max(map(len, text.splitlines())) <= 76


@pytest.mark.fault
def test_masks_with_unlabelled_pixels_are_refused_if_nobody_names_them(root):
    assert "grey levels\n  [0, 1, 255]" in check_data(root)
