"""The nuclei, against their file as NumPy reads it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

import aslp_lib.data
from aslp_lib import networks
from aslp_lib.config import PRESETS
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.image_set import resized
from aslp_lib.data.nuclei import Nuclei, nuclei, nuclei3
from aslp_lib.recalibration import Temperature
from aslp_lib.training.validation import validate

TRAINING = ("histology_train", "histology_validation")
SHIFTED = ("fluorescence", "rare_formats", "brightfield", "pink")
PARTS = {"train": TRAINING, "validation": TRAINING, "test": ("histology_test",)}
KEYS = ("image", "label", "source", "field", "corner")


@pytest.fixture(scope="module")
def crops():
    """All crops of the file: (part, source, row, column) -> (image, label, field)."""
    found = {}
    with np.load(Path(aslp_lib.data.__file__).with_name("nuclei.npz")) as file:
        for part in (*TRAINING, *PARTS["test"], *SHIFTED):
            columns = (file[f"{part}_{key}"] for key in KEYS)
            for image, label, source, field, corner in zip(*columns, strict=True):
                assert label.max() <= 2
                found[part, source.decode(), *corner.tolist()] = image, label, int(field)
    return found


def key(stem):
    """Read part, source and corner from a stem."""
    part, source, row, column = stem.rsplit("_", 3)
    return part, source, int(row), int(column)


def sets(data):
    return {"train": data.train, "validation": data.validation, **data.tests}


@pytest.mark.parametrize("load", [nuclei, nuclei3])
def test_each_crop_of_the_file_is_in_one_set_with_its_image_mask_and_field(crops, load):
    data = load()
    three, seen = bool(data.classes), []
    assert data.classes == (("background", "interior", "boundary") if three else ())
    for name, part in sets(data).items():
        for index, stem in enumerate(part.stems):
            image, label, field = crops[key(stem)]
            assert key(stem)[0] in PARTS.get(name, (name,))
            shown = 255 - image if name in ("fluorescence", "rare_formats") else image
            expected = label if three else label > 0
            loaded, mask = part.load(index)
            np.testing.assert_array_equal(loaded.numpy(), np.stack([shown] * 3))
            np.testing.assert_array_equal(mask[0].numpy(), expected)
            np.testing.assert_array_equal(part.mask(index), expected)
            np.testing.assert_array_equal(part.labels[index], label)
            assert part.groups[index] == field
            seen.append(key(stem))
    assert sorted(seen) == sorted(crops)  # so that stems are unique too


def test_every_set_shows_dark_nuclei_on_a_bright_background():
    for part in sets(nuclei()).values():
        grey, inside = part.images[:, 0], part.masks[:, 0] == 1
        assert grey[inside].float().mean() < grey[~inside].float().mean() - 50


@pytest.mark.parametrize("seed", range(31))
def test_a_seed_divides_the_fields_alike_and_leaves_enough_crops(seed):
    data = nuclei(data_seed=seed)
    owners = [set(part.groups.tolist()) for part in sets(data).values()]
    assert sum(map(len, owners)) == len(set().union(*owners))  # no field is in two sets
    assert [len(fields) for fields in owners[:3]] == [13, 6, 10]
    assert 150 <= len(data.train) <= 170
    assert len(data.train) + len(data.validation) == 224
    first = nuclei()
    for name, test in data.tests.items():
        assert test.stems == first.tests[name].stems


def test_seeds_draw_different_fields():
    drawn = {frozenset(nuclei(data_seed=seed).validation.groups.tolist()) for seed in range(31)}
    assert len(drawn) > 25
    # The draw of seed 0 is the same on every machine.
    assert set(nuclei().validation.groups.tolist()) == {16, 24, 45, 58, 171, 229}


@pytest.mark.parametrize("size", [32, 48, 100])
def test_items_of_another_size_are_resized_and_what_is_stored_is_not(size):
    """Fingerprints too: other versions of torchvision may resize to other grey levels."""
    stored, small = nuclei(limit=3).train, nuclei(size, limit=3).train
    images, masks = resized(stored.images, stored.masks, size)
    for index, fingerprint in enumerate(small.fingerprints().values()):
        image, label, _ = small[index]
        assert torch.equal(image, images[index]) and torch.equal(label, masks[index].float())
        assert small.shape(index) == (64, 64)
        pixels, mask = stored.images[index, 0].numpy(), stored.mask(index)
        np.testing.assert_array_equal(small.mask(index), mask)
        hashes = [hashlib.sha256(array.tobytes()).hexdigest()[:8] for array in (pixels, mask)]
        assert fingerprint == "".join(hashes)
    assert stored.fingerprints() == small.fingerprints()


def test_a_change_of_the_classes_does_not_reach_another_set():
    first = Nuclei("pink", ["pink"])
    first.labels[:] = 0
    assert Nuclei("pink", ["pink"]).labels.any()


def test_counts_of_crops_are_grouped_by_fields_of_view():
    part, network = nuclei(limit=30).validation, networks.build("tiny").eval()
    assert len(np.unique(part.groups)) > 1
    counts = validate(network, part, PRESETS["nuclei"])
    for grouped in (
        counts,
        Temperature(2.0).apply_counts(counts),
        validate(network, Corrupted(part, "noise1"), PRESETS["nuclei"]),
    ):
        np.testing.assert_array_equal(grouped.columns["groups"], part.groups)


def test_three_classes_are_resized_to_the_nearest_pixel_and_corrupted():
    small = nuclei3(size=32, limit=2).train
    assert small.fingerprints() != nuclei(size=32, limit=2).train.fingerprints()
    assert small.masks.shape == (2, 1, 32, 32)
    nearest = small.masks[1, 0].numpy()  # each pixel is one of the four below it
    blocks = small.mask(1).reshape(32, 2, 32, 2).transpose(0, 2, 1, 3).reshape(32, 32, 4)
    assert (nearest[..., None] == blocks).any(-1).all() and set(np.unique(nearest)) == {0, 1, 2}
    noisy = Corrupted(small, "zoom1")
    assert noisy.classes == small.classes and set(np.unique(noisy.mask(0))) <= {0, 1, 2}
