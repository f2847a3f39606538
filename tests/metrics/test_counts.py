import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts, min_max
from aslp_lib.metrics.structure import centroid


def test_every_pixel_is_counted_once_where_it_belongs():
    rng = np.random.default_rng(0)
    prediction = rng.integers(0, 256, (13, 17), dtype=np.uint8)
    mask = rng.integers(0, 2, (13, 17), dtype=np.uint8)
    table = np.zeros((1, 2, 256), np.int64)
    for v, y in zip(prediction.ravel(), mask.ravel(), strict=True):
        table[0, y, v] += 1
    np.testing.assert_array_equal(Counts.from_map(prediction, mask).table, table)
    np.testing.assert_array_equal(Counts.from_map(prediction, mask.astype(bool)).table, table)


@settings(deadline=None, max_examples=100)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 0.02, 0.3, 1]),
    st.sampled_from([0, 0.8, 1]), st.sampled_from([np.uint8, bool, np.int64]), st.integers(0, 99),
)  # fmt: skip
def test_any_map_is_counted_pixel_by_pixel(height, width, share, saturated, dtype, seed):
    """Of any shape, saturated or not, without foreground or without background."""
    rng = np.random.default_rng(seed)
    mask = (rng.random((height, width)) < share).astype(dtype)
    prediction = rng.integers(0, 256, (height, width), dtype=np.uint8)
    ends = np.where(mask, 255, 0).astype(np.uint8)
    prediction = np.where(rng.random((height, width)) < saturated, ends, prediction)
    row, column = centroid(mask)
    table, quadrants = np.zeros((1, 2, 256), np.int64), np.zeros((1, 4, 2, 3), np.int64)
    for (r, c), v in np.ndenumerate(prediction):
        v, y = int(v), int(mask[r, c])
        table[0, y, v] += 1
        quadrants[0, 2 * (r >= row) + (c >= column), y] += 1, v, v * v
    counts = Counts.from_map(prediction, mask)
    np.testing.assert_array_equal(counts.table, table)
    np.testing.assert_array_equal(counts.quadrants, quadrants)
    assert counts.table.dtype == counts.quadrants.dtype == np.int64


def test_probabilities_at_256_levels_equal_the_map_they_round_to():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(3, 1, 9, 9, generator=generator)
    labels = (torch.rand(3, 1, 9, 9, generator=generator) > 0.5).float()
    ours = Counts.from_probabilities(p, labels, grey_levels=256)
    maps = np.rint(255 * p[:, 0].numpy()).astype(np.uint8)
    each = [Counts.from_map(m, y) for m, y in zip(maps, labels[:, 0].numpy() > 0.5, strict=True)]
    np.testing.assert_array_equal(ours.table, Counts.join(each).table)


@pytest.mark.parametrize("levels", [4, 256, 1024, 4096])
def test_a_probability_just_below_one_half_is_background(levels):
    below = torch.tensor([[np.nextafter(np.float32(0.5), np.float32(0))]])
    table = Counts.from_probabilities(below, torch.zeros(1, 1), levels).table
    assert table[0, 0, : table.shape[2] // 2].sum() == 1


@pytest.mark.parametrize("levels", [4, 256, 1024, 4096])
def test_one_half_itself_is_foreground(levels):
    table = Counts.from_probabilities(torch.full((1, 1), 0.5), torch.zeros(1, 1), levels).table
    assert table[0, 0, table.shape[2] // 2 :].sum() == 1


def test_images_can_be_chosen_and_joined():
    rng = np.random.default_rng(1)
    whole = Counts(rng.integers(0, 9, (6, 2, 256)))
    assert len(whole[2:5]) == 3
    np.testing.assert_array_equal(Counts.join([whole[:2], whole[2:]]).table, whole.table)
    np.testing.assert_array_equal(whole[np.array([1, 1, 4])].table[1], whole.table[1])
    assert whole.pixels == whole.table.sum()


@pytest.mark.parametrize(
    ("prediction", "mask", "message"),
    [
        (np.zeros((4, 5), np.uint8), np.zeros((5, 4), np.uint8), r"\(4, 5\).*\(5, 4\)"),
        (np.zeros((4, 5), np.float32), np.zeros((4, 5), np.uint8), "8-bit"),
        (np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 3), np.uint8), "same"),
        (np.zeros((4, 5), np.uint8), np.full((4, 5), 255, np.uint8), "255 to 255.*cut one of"),
        (np.zeros((4, 5), np.uint8), np.full((4, 5), 2, np.uint8), "holds 2 to 2"),
        (np.zeros((4, 5), np.uint8), np.full((4, 5), -1, np.int8), "holds -1 to -1"),
        (np.zeros((4, 5), np.uint8), np.ones((4, 5)), "the mask is float64"),
    ],
)
@pytest.mark.fault("maps or masks are given as other numbers than 0 to 255 and 0 or 1", "refused")
def test_bad_maps(prediction, mask, message):
    with pytest.raises(ValueError, match=message):
        Counts.from_map(prediction, mask)


@pytest.mark.fault("probabilities are NaN, or are logits", "counting refuses them")
@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1])
def test_bad_probabilities(value):
    with pytest.raises(ValueError, match="must lie in"):
        Counts.from_probabilities(torch.full((1, 2), value), torch.zeros(1, 2))


@pytest.mark.fault("a batch is empty", "it counts as no images; a set of none has no score")
def test_an_empty_batch_counts_no_images():
    for shape in ((0,), (0, 1, 4, 4)):
        assert len(Counts.from_probabilities(torch.zeros(shape), torch.zeros(shape), 256)) == 0
    empty = Counts.from_probabilities(torch.zeros(0, 9), torch.zeros(0, 9))
    with pytest.raises(ValueError, match="the set has no pixels"):
        calibration.ece(empty)
    one = Counts.from_probabilities(torch.zeros(1, 9), torch.zeros(1, 9))
    np.testing.assert_array_equal(Counts.join([empty, one]).table, one.table)


@pytest.mark.fault("labels are 8-bit and ignore_index is -1", "255 is refused, not taken for -1")
def test_eight_bits_do_not_wrap():
    labels = torch.tensor([[0, 255]], dtype=torch.uint8)
    with pytest.raises(ValueError, match="labels must lie in"):
        Counts.from_probabilities(torch.zeros(1, 2), labels, ignore_index=-1)


def test_nothing_to_count():
    with pytest.raises(ValueError, match="no images"):
        Counts.join([])
    with pytest.raises(ValueError, match="multiple of 4"):
        Counts.from_probabilities(torch.zeros(1, 1), torch.zeros(1, 1), grey_levels=10)
    for levels in (0, -4):
        with pytest.raises(ValueError, match=f"grey_levels is {levels}"):
            Counts.from_probabilities(torch.zeros(1, 1), torch.zeros(1, 1), grey_levels=levels)
    with pytest.raises(ValueError, match="grey levels differ: 256, 4096; expected the same"):
        Counts.join([Counts(np.zeros((1, 2, levels), np.int64)) for levels in (4096, 256)])
    with pytest.raises(ValueError, match=r"too many pixels: 1\.84467e\+19; expected fewer than"):
        Counts(np.full((1, 2, 4), 2**61))
    for table in (np.zeros((1, 2, 256), np.float32), np.zeros((1, 2, 5), np.int64)):
        with pytest.raises(ValueError, match="must be int64"):
            Counts(table)


@pytest.mark.fault("there are fewer masks than maps, or more", "counting refuses them")
def test_as_many_masks_as_maps():
    one = np.zeros((2, 2), np.uint8)
    for maps, masks in (([one, one], [one]), ([one], [one, one])):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            Counts.from_maps(maps, masks)


def test_expected_labels_share_a_pixel():
    """One pixel at 1/255 * 200, foreground with probability 1/4."""
    counts = Counts.from_probabilities(
        torch.full((1, 1), 200 / 255), torch.full((1, 1), 0.25), grey_levels=256
    )
    assert counts.table[0, :, 200].tolist() == [0.75, 0.25]
    assert counts.table.dtype == np.float64
    binary = Counts.from_probabilities(torch.full((1, 2), 0.3), torch.tensor([[0.0, 1.0]]))
    assert binary.table.dtype == np.int64  # counted, not expected
    assert counts.pixels == 1
    assert calibration.ece(counts) == pytest.approx(200 / 255 - 0.25)


def test_the_true_posterior_is_calibrated_in_expectation_alone():
    generator = torch.Generator().manual_seed(0)
    posterior = torch.randint(0, 256, (4, 500), generator=generator) / 255
    labels = torch.bernoulli(posterior, generator=generator)
    assert calibration.ece(Counts.from_probabilities(posterior, posterior, 256)) < 1e-6
    assert calibration.ece(Counts.from_probabilities(posterior, labels, 256)) > 0.005


@pytest.mark.fault("labels of a batch are 0 and 255, or -1 and 1", "counting refuses them")
def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match="labels must lie in"):
        Counts.from_probabilities(torch.zeros(1, 2), torch.full((1, 2), 255.0))


def named(images=3):
    rng = np.random.default_rng(2)
    parts = [
        Counts.from_map(
            rng.integers(0, 256, (6, 7), dtype=np.uint8), rng.integers(0, 2, (6, 7), dtype=np.uint8)
        )
        for _ in range(images)
    ]
    whole = Counts.join(parts)
    return Counts(whole.table, whole.quadrants, np.linspace(0, 1, images), tuple("abc"[:images]))


def equal(a: Counts, b: Counts):
    np.testing.assert_array_equal(a.table, b.table)
    np.testing.assert_array_equal(a.quadrants, b.quadrants)
    np.testing.assert_array_equal(a.weighted_f, b.weighted_f)
    assert a.names == b.names


def test_what_is_saved_is_what_is_loaded(tmp_path):
    counts = named()
    counts.save(tmp_path / "sod.npz")
    equal(Counts.load(tmp_path / "sod.npz"), counts)
    bare = Counts(counts.table)
    bare.save(tmp_path / "bare.npz")
    again = Counts.load(tmp_path / "bare.npz")
    assert again.quadrants is None
    assert again.names == ()
    np.testing.assert_array_equal(again.table, counts.table)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bare.npz", "sod.npz"]


def test_what_holds_no_counts_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    for content in (b"", b"PK of nothing", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.npz holds no counts"):
            Counts.load(path)
    np.savez(path, table=np.zeros((1, 2, 256), np.int64))
    with pytest.raises(ValueError, match="holds no counts"):
        Counts.load(path)
    np.savez(path, table=np.array([{"a": 1}], dtype=object), names=np.array(["a"]))
    with pytest.raises(ValueError, match="holds no counts"):  # it would take a pickle to read
        Counts.load(path)
    for names in (np.array([["a"]]), np.array("a")):
        np.savez(path, table=np.zeros((1, 2, 256), np.int64), names=names)
        with pytest.raises(ValueError, match="its names are no list"):
            Counts.load(path)
    with pytest.raises(FileNotFoundError):
        Counts.load(tmp_path / "absent.npz")


@pytest.mark.slow
@pytest.mark.fault("a bit of a file of counts is flipped", "the file is named; no wrong counts")
def test_a_flipped_bit_is_found(tmp_path):
    """Each byte in turn. Some hold nothing that is read, as the times of a zip's members do."""
    path = tmp_path / "sod.npz"
    whole = named(images=2)
    whole.save(path)
    data = path.read_bytes()
    refused = 0
    for i in range(len(data)):
        path.write_bytes(data[:i] + bytes([data[i] ^ 1 << i % 8]) + data[i + 1 :])
        try:
            equal(Counts.load(path), whole)
        except ValueError as error:
            assert "sod.npz holds no counts, or is damaged" in str(error)
            refused += 1
    assert refused > 0.7 * len(data)


def test_parts_keep_what_belongs_to_each_image():
    counts = named()
    equal(Counts.join([counts[:1], counts[1:]]), counts)
    chosen = counts[np.array([2, 0, 2])]
    assert chosen.names == ("c", "a", "c")
    assert chosen.weighted_f.tolist() == [1.0, 0.0, 1.0]
    np.testing.assert_array_equal(chosen.quadrants[1], counts.quadrants[0])
    assert Counts.join([counts, Counts(counts.table)]).quadrants is None
    assert Counts.join([counts, Counts(counts.table)]).names == ()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "quadrants",
            np.zeros((2, 4, 2, 3), np.int64),
            r"quadrants have shape \(2, 4, 2, 3\), not \(3, 4, 2, 3\)",
        ),
        ("weighted_f", np.zeros(2), r"weighted_f has shape \(2,\), not \(3,\)"),
        ("names", ("a",), "1 names for 3 images"),
    ],
)
def test_parts_that_do_not_fit(field, value, message):
    with pytest.raises(ValueError, match=message):
        Counts(named().table, **{field: value})


def test_a_map_stretched_by_hand():
    stretched = min_max(np.array([[100, 150, 200]], np.uint8))
    assert stretched.tolist() == [[0, 128, 255]]  # 127.5 rounds to the even neighbour
    assert min_max(np.full((2, 2), 77, np.uint8)).tolist() == [[0, 0], [0, 0]]
    probabilities = min_max(np.array([[0.25, 0.5, 0.75]], np.float32))
    assert probabilities.tolist() == [[0, 0.5, 1]]
    assert probabilities.dtype == np.float32
