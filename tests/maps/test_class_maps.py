"""Folders of maps of K classes: counting, one class against the rest, and recalibration."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from aslp_lib.maps.classes import against_rest
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.metrics import calibration
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.recalibrated_maps import change_maps, fit_on_maps
from aslp_lib.recalibration import CLASS_RECALIBRATIONS

CLASSES = ("background", "interior", "boundary")


def write_folders(root, *, images=3, shape=(6, 7), logits=True, dtype=np.float32):
    """Maps and masks, one pixel in nine of them to ignore; returns logits or p, and class ids."""
    rng, pairs = np.random.default_rng(0), []
    for kind in ("maps", "masks"):
        (root / kind).mkdir()
    for number in range(images):
        ids = rng.integers(0, 3, shape).astype(np.uint8)
        z = rng.normal(size=(3, *shape)) + 2 * (np.arange(3).reshape(3, *[1] * len(shape)) == ids)
        ids[rng.random(shape) < 1 / 9] = 255
        values = (z if logits else softmax(z, axis=0)).astype(dtype)
        if not logits:  # probabilities of 0, which have no logarithm
            values[:, 0, 0], ids[0, 0] = (1, 0, 0), 1
        np.savez_compressed(root / f"maps/{number}.npz", values)
        np.save(root / f"masks/{number}.npy", ids.astype(np.int64))
        pairs.append((values, ids))
    return pairs


def batches(pairs):
    return [(torch.from_numpy(values)[None], torch.from_numpy(ids)[None]) for values, ids in pairs]


def equal(first, second):
    return all(map(np.array_equal, first.sums, second.sums))


@pytest.mark.parametrize(
    "options",
    [
        {"logits": False, "dtype": np.float16},
        {"dtype": np.dtype(">f4")},
        {"shape": (4, 5, 6), "dtype": np.float64},
    ],
)
@pytest.mark.parametrize("by_index", [True, False])
def test_folders_are_counted_as_their_arrays_are(tmp_path, options, by_index):
    """Pixels to ignore have an index in the masks, or are 0 in other masks."""
    pairs = write_folders(tmp_path, **options)
    logits = options.get("logits", True)
    reading = ReadOptions(
        classes=CLASSES, logits=logits, volumes="shape" in options, ignore_index=255
    )
    valid = None if by_index else tmp_path / "valid"
    if valid:
        valid.mkdir()
        for number, (_, ids) in enumerate(pairs):
            np.save(valid / f"{number}.npy", ids != 255)
    folders = tmp_path / "maps", tmp_path / "masks"
    counts = count_folders(*folders, reading, valid=valid, progress=False)
    count = ClassCounts.from_logits if logits else ClassCounts.from_probabilities
    native = [(values.astype(values.dtype.newbyteorder("=")), ids) for values, ids in pairs]
    expected = [count(z, y, 255) for z, y in batches(native)]
    assert equal(counts, ClassCounts.join(expected)) and counts.names == ("0", "1", "2")
    ignored = [int((ids == 255).sum()) for _, ids in pairs]
    assert counts.columns["ignored"].tolist() == ignored and sum(ignored) > 0


@pytest.mark.parametrize("logits", [True, False])
def test_one_class_is_counted_against_the_rest(tmp_path, logits):
    """Its map is log p - log(1 - p) of the softmax, or p; S and weighted F need whole images."""
    pairs = write_folders(tmp_path, logits=logits, dtype=np.float64)
    expected = []
    for values, ids in pairs:
        p = softmax(values, axis=0)[2] if logits else values[2]
        labels = np.where(ids == 255, 255, ids == 2).astype(np.uint8)
        odds = np.log(p / (1 - p)) if logits else p
        expected.append(Counts.from_floats(odds, labels, logits=logits, ignore_index=255))
    reading = ReadOptions(classes=CLASSES, one_class="boundary", logits=logits, ignore_index=255)
    counts = count_folders(tmp_path / "maps", tmp_path / "masks", reading, progress=False)
    np.testing.assert_array_equal(counts.table, Counts.join(expected).table)


def test_log_odds_of_a_class_are_exact_where_its_probability_rounds_to_one():
    values = np.array([[200.0, 0.0, -700.0], [0.0, 0.0, 800.0], [-5.0, 0.0, 0.0]])
    odds, is_class = against_rest(values, np.uint8([0, 1, 255]), 0, logits=True)
    log_p = log_softmax(values, axis=0)
    rest = np.logaddexp(log_p[1], log_p[2])
    np.testing.assert_allclose(odds, log_p[0] - rest, rtol=1e-13)
    assert odds[0] == pytest.approx(200 - np.log1p(np.exp(-5))) and is_class.tolist() == [1, 0, 255]


@pytest.mark.parametrize("kind", CLASS_RECALIBRATIONS)
@pytest.mark.parametrize("logits", [True, False])
def test_folders_are_recalibrated_as_their_tensors_are(tmp_path, kind, logits):
    pairs = write_folders(tmp_path, logits=logits, images=4)
    reading = ReadOptions(classes=CLASSES, logits=logits, ignore_index=255)
    folders = tmp_path / "maps", tmp_path / "masks"
    options = {"dose": 0.1, "classes": 3} if kind == "unperturb" else {}
    unfitted = CLASS_RECALIBRATIONS[kind](**options)
    fitted, before, after = fit_on_maps(unfitted, [folders], reading)
    smallest = torch.finfo(torch.float32).tiny  # in the place of 0, as in the counts
    tensors = [(z if logits else z.clip(smallest).log(), y) for z, y in batches(pairs)]
    expected = unfitted.fit_classes(tensors, 255)
    assert fitted.describe() == expected.describe()
    assert equal(before, count_folders(*folders, reading, progress=False))
    logits_after = torch.cat([expected(z) for z, _ in tensors])
    labels = torch.cat([y for _, y in tensors]).long()
    nll = torch.nn.functional.cross_entropy(logits_after, labels, ignore_index=255)
    assert calibration.nll(after) == pytest.approx(nll.item(), rel=1e-5)
    pairs[0][0][:, 0, 0] = np.nan  # a mask may ignore this pixel, but nothing is known of it here
    np.savez(folders[0] / "0.npz", pairs[0][0])
    assert change_maps(fitted, folders[0], tmp_path / "new", reading) == 4
    for number, (z, _) in enumerate(tensors):
        changed, whole = np.load(tmp_path / f"new/{number}.npy"), expected(z.double())[0].numpy()
        oracle = whole if logits else softmax(whole, axis=0)
        if number == 0:
            oracle[:, 0, 0] = np.nan
        assert changed.dtype == np.float32
        np.testing.assert_allclose(changed, oracle, rtol=1e-4, atol=1e-6)
