"""The script that prepares the nuclei, and the file that it made."""

import importlib.util
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aslp_lib.data.nuclei import FILE

ROOT = Path(__file__).parents[2]
KEYS = {"image", "label", "source", "field", "format", "corner"}


@pytest.fixture(scope="module")
def script():
    path = ROOT / "Dataset" / "Prepare_Nuclei.py"
    spec = importlib.util.spec_from_file_location("prepare_nuclei", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks its annotations up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def arrays():
    with np.load(FILE) as file:
        return dict(file)


@pytest.fixture
def nuclei():
    """Numbers of touching nuclei, (40, 60)."""
    y, x = np.mgrid[:40, :60]
    instances = np.zeros((40, 60), np.int32)
    for number, (row, column, radius) in enumerate([(12, 10, 9), (14, 24, 8), (30, 45, 12)], 1):
        instances[(y - row) ** 2 + (x - column) ** 2 < radius**2] = number
    return instances


def test_images_and_nuclei_are_read_from_a_repository(script, nuclei, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    folder = tmp_path / "stage1_train" / "abc"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    Image.fromarray(rgb).save(folder / "images" / "abc.png")
    for number in (1, 2, 3):
        mask = np.uint8(255) * (nuclei == number)
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "images"]):
        author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *author, *words], check=True)
    images = script.read(tmp_path)
    assert list(images) == ["abc"]
    np.testing.assert_array_equal(images["abc"][0], rgb)
    np.testing.assert_array_equal(images["abc"][1], nuclei)


def test_boundaries_are_pixels_of_a_nucleus_beside_another_number(script, nuclei):
    labels = script.three_classes(nuclei)
    for y, x in np.ndindex(nuclei.shape):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        inside = [place for place in around if 0 <= place[0] < 40 and 0 <= place[1] < 60]
        edge = any(nuclei[place] != nuclei[y, x] for place in inside)
        assert labels[y, x] == (0 if nuclei[y, x] == 0 else 2 if edge else 1)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_block_belongs_to_the_largest_nucleus_if_half_of_it_is_nuclei(script, nuclei, factor):
    reduced = script.reduced_instances(nuclei, factor)
    assert reduced.shape == (40 // factor, 60 // factor)
    for y, x in np.ndindex(reduced.shape):
        rows, columns = (slice(k * factor, (k + 1) * factor) for k in (y, x))
        shares = Counter(nuclei[rows, columns].ravel().tolist())
        background = shares.pop(0, 0)
        if 2 * background > factor**2:
            assert reduced[y, x] == 0
        else:
            assert shares[reduced[y, x]] == max(shares.values())


def test_tiles_of_a_scene_are_one_field(script):
    rng = np.random.default_rng(3)
    scene = rng.integers(0, 256, (40, 80), dtype=np.uint8).repeat(2, axis=1)
    scene = np.stack([scene] * 3, axis=-1)
    left, right = scene[:, :79], scene[:, 79:158]  # their facing borders are equal
    other = rng.integers(0, 256, left.shape, dtype=np.uint8)
    empty = np.zeros((40, 40))
    images = {name: (rgb, empty) for name, rgb in {"b": left, "a": right, "c": other}.items()}
    fields = script.fields(images)
    assert fields["a"] == fields["b"] != fields["c"]


def test_the_shipped_parts_share_no_field_and_no_image_and_are_those_of_the_card(arrays):
    rows = re.findall(
        r"^\| `(\w+)` \| .+ \| (\d+) \| (\d+) \| (\d+) \|$",
        (ROOT / "docs" / "nuclei.md").read_text(encoding="utf-8"),
        re.M,
    )
    assert {f"{part}_{key}" for part, *_ in rows for key in KEYS} == set(arrays)
    counts = np.array([[int(number) for number in numbers] for _, *numbers in rows])
    for (part, *_), (crops, images, fields) in zip(rows, counts, strict=True):
        assert arrays[f"{part}_image"].shape == arrays[f"{part}_label"].shape == (crops, 64, 64)
        assert set(np.unique(arrays[f"{part}_label"])) == {0, 1, 2}
        assert len(set(arrays[f"{part}_source"])) == images
        assert len(set(arrays[f"{part}_field"])) == fields
        for label in arrays[f"{part}_label"]:
            assert 0.05 <= (label > 0).mean() <= 0.75
        source, corners = arrays[f"{part}_source"], arrays[f"{part}_corner"].astype(int)
        distances = abs(corners[:, None] - corners).max(axis=2)
        others = (source[:, None] == source) & ~np.eye(len(source), dtype=bool)
        assert distances[others].min(initial=64) >= 64  # crops of an image are apart
    for key, total in (("source", counts[:, 1].sum()), ("field", counts[:, 2].sum())):
        distinct = set().union(*(arrays[f"{part}_{key}"].tolist() for part, *_ in rows))
        assert len(distinct) == total
