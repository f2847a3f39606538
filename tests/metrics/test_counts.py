"""Counts of maps and of batches: kept, joined, forgotten and refused."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aslp_lib.metrics import SCORES, calibration, scores
from aslp_lib.metrics.accumulator import CountsAccumulator
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.structure import centroid


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)), st.sampled_from([0, 0.02, 0.3, 1]),
    st.sampled_from([0, 0.8, 1]), st.sampled_from([np.uint8, bool, np.int64]), st.integers(0, 99),
)  # fmt: skip
def test_any_map_is_counted_pixel_by_pixel(shape, share, saturated, dtype, seed):
    """Maps have any shape, are saturated or not, and may lack foreground or background."""
    rng = np.random.default_rng(seed)
    mask = (rng.random(shape) < share).astype(dtype)
    prediction = rng.integers(0, 256, shape, dtype=np.uint8)
    prediction = np.where(rng.random(shape) < saturated, np.uint8(255) * mask, prediction)
    prediction = prediction.astype(np.uint8)
    row, column = centroid(mask)
    table, quadrants = np.zeros((1, 2, 256), np.int64), np.zeros((1, 4, 2, 3), np.int64)
    for (r, c), v in np.ndenumerate(prediction):
        v, y = int(v), int(mask[r, c])
        table[0, y, v] += 1
        quadrants[0, 2 * (r >= row) + (c >= column), y] += 1, v, v * v
    counts = Counts.from_map(prediction, mask)
    np.testing.assert_array_equal(counts.table, table)
    np.testing.assert_array_equal(counts.columns["quadrants"], quadrants)
    assert counts.table.dtype == counts.columns["quadrants"].dtype == np.int64


def test_eight_pixels_are_equal_only_if_all_their_bits_are():
    """They are counted at once. These words repeat their bits after 7, 8, ... places, or nearly."""
    for shift in range(1, 16):
        pattern = sum(1 << bit for bit in range(0, 64, shift))
        for bit in range(64):
            words = np.array([pattern, pattern ^ (1 << bit)], np.uint64).view(np.uint8)
            counts = Counts.from_map(words[None], np.zeros((1, 16), np.uint8))
            np.testing.assert_array_equal(counts.table[0, 0], np.bincount(words, minlength=256))


@pytest.mark.parametrize("levels", [4, 256, 1024, 4096])
def test_one_half_is_foreground_and_what_is_just_below_it_background(levels):
    p = torch.tensor([[np.nextafter(np.float32(0.5), np.float32(0)), 0.5]])
    table = Counts.from_probabilities(p, torch.zeros(1, 2), levels).table[0, 0]
    assert np.flatnonzero(table).tolist() == [levels // 2 - 1, levels // 2]


@pytest.mark.fault
def test_an_empty_batch_counts_no_images():
    for shape in ((0,), (0, 1, 4, 4)):
        assert len(Counts.from_probabilities(torch.zeros(shape), torch.zeros(shape), 256)) == 0
    empty = Counts.from_probabilities(torch.zeros(0, 9), torch.zeros(0, 9))
    one = Counts.from_probabilities(torch.zeros(1, 9), torch.zeros(1, 9))
    np.testing.assert_array_equal(Counts.join([empty, one]).table, one.table)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_expected_labels_share_a_pixel_in_any_precision(dtype):
    """Pixels at 200 / 255, foreground with probability 0.1."""
    labels = torch.full((1, 1000), 0.1, dtype=dtype)
    p = torch.full((1, 1000), 200 / 255)
    counts, share = Counts.from_probabilities(p, labels, grey_levels=256), labels[0, 0].item()
    assert counts.table[0, :, 200] == pytest.approx([1000 * (1 - share), 1000 * share], abs=1e-9)
    assert (counts.table.dtype, counts.pixels) == (np.float64, pytest.approx(1000, abs=1e-9))
    assert calibration.ece(counts) == pytest.approx(200 / 255 - share)
    assert Counts.from_probabilities(p, labels.round()).table.dtype == np.int64  # counted


MAP, MASK = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)
TABLE = np.random.default_rng(2).integers(0, 9, (3, 2, 256))
from_map, from_p = Counts.from_map, Counts.from_probabilities
FLAT, NAN = torch.zeros(1, 4), math.nan
SEVERAL, IDS = torch.zeros(2, 3, 4, 5), torch.zeros(2, 4, 5, dtype=torch.int64)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (from_map, (MAP, MASK.T), r"\(4, 5\).*\(5, 4\)"),
        (from_map, (MAP.astype(np.float32), MASK), "8-bit"),
        (from_map, (MAP[..., None], MASK[..., None]), r"as \(H, W\)"),
        (from_map, (MAP, 255 * MASK), r"holds \[255\];.*>= 128"),
        (from_map, (MAP, 2 * np.eye(4, 5, dtype=np.uint8)), r"holds \[0, 2\]"),
        (from_map, (MAP, 2 * np.eye(4, 5, dtype=np.int8) - 1), r"holds \[-1, 1\]"),
        (from_map, (MAP, MASK.astype(float)), "the mask is float64"),
        (from_map, (FLAT, MASK), "the type of the map is Tensor; expected a NumPy array"),
        (from_map, (MAP, MASK.tolist()), "the type of the mask is list; expected a NumPy array"),
        (Counts.from_maps, ([MAP, MAP], [MASK]), "shorter"),
        (Counts.from_maps, ([MAP], [MASK, MASK]), "longer"),
        (Counts.from_floats, (MAP, MASK), "expected float16, float32 or float64"),
        (Counts.from_floats, (MAP.astype(np.longdouble), MASK), "expected float16, float32"),
        *(
            (from_p, (FLAT + p, FLAT), "the batch spans .* probabilities in")
            for p in (NAN, -0.1, 1.1)
        ),
        (Counts.from_floats, (FLAT.numpy() - 1, MASK[:1, :4]), r"1\]\. If these are logits"),
        *(
            (from_p, (FLAT, FLAT + y), "labels are invalid, .* ignore_index")
            for y in (NAN, -1, 255)
        ),
        (
            from_p,
            (FLAT, (FLAT + 255).byte(), None, -1),
            "labels are invalid, the first is 255",
        ),  # and not -1
        (from_p, (FLAT.numpy(), FLAT), "the type of logits is ndarray; expected a tensor"),
        (from_p, (FLAT, FLAT.numpy()), "the type of labels is ndarray; expected a tensor"),
        (from_p, (SEVERAL, IDS), r"has 3 channels: \(2, 3, 4, 5\); .* against the rest"),
        (from_p, (SEVERAL, SEVERAL + 1 / 3), r"has 3 channels: .* softmax over two"),
        (from_p, (SEVERAL[..., 0, 0], IDS[:, 0, 0]), r"has 3 channels: \(2, 3\); "),
        *((from_p, (FLAT, FLAT, n), f"grey_levels is {n}; .* multiple of 4") for n in (-4, 0, 10)),
        (Counts, (TABLE.tolist(),), "type of the table of counts is list; expected a NumPy array"),
        (Counts, (TABLE.astype(np.float32),), "float32 of shape .*expected int64"),
        (Counts, (TABLE[..., :5],), r"shape \(3, 2, 5\); expected int64"),
        (Counts, (TABLE[:, :1],), r"shape \(3, 1, 256\); expected int64"),
        (Counts, (TABLE[0],), r"shape \(2, 256\); expected int64"),
        (Counts, (TABLE, {"groups": np.arange(2)}), r"column groups is \(2,\); .* 3 images"),
        (Counts, (TABLE, {"names": np.array("abc")}), r"column names is \(\); .* 3 images"),
        (Counts.join, ([],), "the number of images is 0"),
        (Counts.join, ([Counts(TABLE), Counts(TABLE[..., :8])],), r"is \[\(2, 8\), \(2, 256\)\]"),
    ],
)
def test_what_cannot_be_counted_is_refused(call, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(*arguments)


def test_parts_keep_what_belongs_to_each_image():
    rng = np.random.default_rng(2)
    maps, masks = (rng.integers(0, n, (3, 6, 7), dtype=np.uint8) for n in (256, 2))
    columns = {"weighted_f": np.linspace(0, 1, 3), "names": [*"abc"], "groups": [5, 2, 5]}
    counts = Counts.from_maps(maps, masks).with_columns(**columns)
    assert (counts.group_index.tolist(), counts.independent) == ([1, 0, 1], 2)
    joined = Counts.join([counts[:1], counts[1:]])
    np.testing.assert_array_equal(joined.table, counts.table)
    for name, column in counts.columns.items():
        np.testing.assert_array_equal(joined.columns[name], column)
    chosen = counts[np.array([2, 0, 2])]
    assert chosen.names == ("c", "a", "c") and type(chosen.names[0]) is str
    assert chosen.columns["weighted_f"].tolist() == [1.0, 0.0, 1.0]
    quadrants = (each.columns["quadrants"] for each in (chosen[1:2], counts[:1]))
    np.testing.assert_array_equal(*quadrants)
    np.testing.assert_array_equal(chosen.table[1], counts.table[0])
    mixed = Counts.join([counts, Counts(counts.table)])
    assert (mixed.columns, mixed.names, mixed.independent) == ({}, (), 6)
    assert mixed.pixels == 2 * counts.table.sum()
    assert counts.as_one_image.columns == counts[:1].as_one_image.columns == {}


def test_parts_of_a_volume_become_one_image_with_all_ignored_pixels():
    masks = np.uint8([[[1, 255, 0]], [[255, 255, 0]]])
    parts = [Counts.from_map(np.uint8([[200, 0, 10]]), mask, ignore_index=255) for mask in masks]
    whole = Counts.join(parts).merged()
    assert whole.columns["ignored"].tolist() == [3]
    total = sum(part.columns["ignored_values"] for part in parts)
    np.testing.assert_allclose(whole.columns["ignored_values"], total)
    assert Counts.join([whole, *parts]).columns["ignored"].tolist() == [3, 1, 2]


@pytest.mark.parametrize("shape", [(1, 2), (2, 1, 3)])
def test_a_map_or_volume_of_equal_logits_is_counted(shape):
    counts = Counts.from_floats(np.full(shape, 0.5), np.ones(shape, np.uint8), logits=True)
    assert counts.pixels == np.prod(shape)


def test_probabilities_of_0_and_1_stand_for_half_of_the_smallest_distance():
    for dtype in (np.float16, np.float32, np.float64):
        p, y = np.array([[0.0, 1.0]], dtype), np.uint8([[1, 0]])
        info = np.finfo(dtype)
        half = np.log([float(info.smallest_subnormal), float(info.epsneg)]) - np.log(2)
        nll = 2 * calibration.nll(Counts.from_floats(p, y))
        assert nll == pytest.approx(np.logaddexp(0, -half).sum())


# --- Batches --------------------------------------------------------------------------------------
# tests/properties/test_metrics.py counts them one by one.


def test_batches_are_counted_until_a_reset_unless_they_are_refused():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(12, 1, 8, 9, generator=generator)
    labels = (torch.rand(p.shape, generator=generator) < p).to(torch.uint8)
    accumulator, pooled, of_logits = (
        CountsAccumulator(256),
        CountsAccumulator(256, per_image=False),
        CountsAccumulator(logits=True),
    )
    with pytest.raises(ValueError, match="number of images is 0"):
        accumulator.compute()
    for part in (slice(8), slice(8, 12)):
        early = accumulator.counts if part.start else None
        for broken in ((p * math.nan, labels), (p, labels + 254), (p, labels[:, 0])):
            with pytest.raises(ValueError, match="expected"):
                accumulator.update(*broken)
        for counted in (accumulator, pooled):
            counted.update(p[part].clone().requires_grad_(), labels[part])  # as of a network
        of_logits.update(p[part].logit(), labels[part])
    assert len(early) == 8  # what comes later does not change what was returned
    whole = Counts.from_probabilities(p, labels, 256)
    np.testing.assert_array_equal(accumulator.counts.table, whole.table)
    np.testing.assert_array_equal(pooled.counts.table, whole.as_one_image.table)
    expected = Counts.from_logits(p.logit(), labels).logits
    np.testing.assert_allclose(of_logits.counts.logits, expected, rtol=1e-12)
    row = accumulator.compute(bins=5)
    assert row == pytest.approx(scores(whole, bins=5), nan_ok=True)
    undefined = {name for name, value in row.items() if math.isnan(value)}
    assert undefined == {name for name, score in SCORES.items() if score.needs}
    accumulator.reset()
    accumulator.update(p[:3].bfloat16(), labels[:3])
    assert len(accumulator.counts) == 3
