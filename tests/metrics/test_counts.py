import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aslp_lib.metrics import bootstrap, calibration, score
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.structure import centroid
from aslp_lib.tensors import save_tensors


def test_what_is_counted_and_measured_cannot_be_changed():
    kinds = (Counts, calibration.Reliability, bootstrap.Interval, score.Score, score.ImageMean)
    assert all(kind.__dataclass_params__.frozen for kind in kinds)


@settings(deadline=None, max_examples=60, derandomize=True)
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
    np.testing.assert_array_equal(counts.columns["quadrants"], quadrants)
    assert counts.table.dtype == counts.columns["quadrants"].dtype == np.int64


@pytest.mark.parametrize("levels", [4, 256, 1024, 4096])
def test_one_half_is_foreground_and_what_is_just_below_it_background(levels):
    p = torch.tensor([[np.nextafter(np.float32(0.5), np.float32(0)), 0.5]])
    table = Counts.from_probabilities(p, torch.zeros(1, 2), levels).table[0, 0]
    assert np.flatnonzero(table).tolist() == [levels // 2 - 1, levels // 2]


MAP, MASK = np.zeros((4, 5), np.uint8), np.ones((4, 5), np.uint8)


@pytest.mark.parametrize(
    ("prediction", "mask", "message"),
    [
        (MAP, MASK.T, r"\(4, 5\).*\(5, 4\)"),
        (MAP.astype(np.float32), MASK, "8-bit"),
        (MAP[..., None], MASK[..., None], r"as \(H, W\)"),
        (MAP, 255 * MASK, r"holds \[255\];.*>= 128"),
        (MAP, 2 * np.eye(4, 5, dtype=np.uint8), r"holds \[0, 2\]"),
        (MAP, 2 * np.eye(4, 5, dtype=np.int8) - 1, r"holds \[-1, 1\]"),
        (MAP, MASK.astype(float), "the mask is float64"),
    ],
)
@pytest.mark.fault
def test_bad_maps(prediction, mask, message):
    with pytest.raises(ValueError, match=message):
        Counts.from_map(prediction, mask)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("probability", "label", "dtype", "name"),
    [
        (float("nan"), 0, torch.float32, "probabilities"),
        (-0.1, 0, torch.float32, "probabilities"),
        (1.1, 0, torch.float32, "probabilities"),
        (0, 255, torch.float32, "labels"),
        (0, -1, torch.float32, "labels"),
        (0, float("nan"), torch.float32, "labels"),
        (0, 255, torch.uint8, "labels"),
    ],
)
def test_bad_batches(probability, label, dtype, name):
    """With 8-bit labels and ignore_index -1, 255 is refused, not taken for -1."""
    labels, ignored = torch.tensor([[0, label]], dtype=dtype), None if label == -1 else -1
    with pytest.raises(ValueError, match=rf"{name} are NaN or outside \[0, 1\]"):
        Counts.from_probabilities(torch.full((1, 2), probability), labels, ignore_index=ignored)


@pytest.mark.fault
def test_an_empty_batch_counts_no_images():
    for shape in ((0,), (0, 1, 4, 4)):
        assert len(Counts.from_probabilities(torch.zeros(shape), torch.zeros(shape), 256)) == 0
    empty = Counts.from_probabilities(torch.zeros(0, 9), torch.zeros(0, 9))
    with pytest.raises(ValueError, match="the number of pixels is 0"):
        calibration.ece(empty)
    one = Counts.from_probabilities(torch.zeros(1, 9), torch.zeros(1, 9))
    np.testing.assert_array_equal(Counts.join([empty, one]).table, one.table)


@pytest.mark.fault
def test_as_many_masks_as_maps():
    for maps, masks in (([MAP, MAP], [MASK]), ([MAP], [MASK, MASK])):
        with pytest.raises(ValueError, match=r"shorter|longer"):
            Counts.from_maps(maps, masks)


def test_expected_labels_share_a_pixel():
    """One pixel at 200 / 255, foreground with probability 1/4."""
    p, share = torch.full((1, 1), 200 / 255), torch.full((1, 1), 0.25)
    counts = Counts.from_probabilities(p, share, grey_levels=256)
    assert counts.table[0, :, 200].tolist() == [0.75, 0.25]
    assert (counts.table.dtype, counts.pixels) == (np.float64, 1)
    assert calibration.ece(counts) == pytest.approx(200 / 255 - 0.25)
    assert Counts.from_probabilities(p, share.round()).table.dtype == np.int64  # counted


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_expected_labels_in_any_precision_add_up_to_the_pixels(dtype):
    labels = torch.full((1, 1000), 0.1, dtype=dtype)
    counts = Counts.from_probabilities(torch.full((1, 1000), 0.5), labels)
    assert counts.pixels == pytest.approx(1000, abs=1e-9)
    assert counts.table[0, 1].sum() == pytest.approx(1000 * labels[0, 0].item(), abs=1e-9)


@pytest.mark.fault
def test_what_is_no_array_or_no_tensor_is_named_and_refused():
    table, tensor = np.zeros((1, 2, 4), np.int64), torch.zeros(1, 4)
    for name, kind, call in (
        ("the table of counts", "list", lambda: Counts(table.tolist())),
        ("the table of counts", "Tensor", lambda: Counts(torch.from_numpy(table))),
        ("the map", "Tensor", lambda: Counts.from_map(tensor, MASK)),
        ("the mask", "list", lambda: Counts.from_map(MAP, MASK.tolist())),
        ("probabilities", "ndarray", lambda: Counts.from_probabilities(tensor.numpy(), tensor)),
        ("labels", "ndarray", lambda: Counts.from_probabilities(tensor, tensor.numpy())),
        ("probabilities", "str", lambda: Counts.from_probabilities("0.5", tensor)),
    ):
        expected = "a NumPy array" if name.startswith("the") else "a tensor"
        with pytest.raises(TypeError, match=f"the type of {name} is {kind}; expected {expected}"):
            call()


TABLE = np.random.default_rng(2).integers(0, 9, (3, 2, 256))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"table": TABLE.astype(np.float32)}, "float32 of shape .*expected int64"),
        ({"table": TABLE[..., :5]}, r"shape \(3, 2, 5\); expected int64"),
        ({"table": TABLE[:, :1]}, r"shape \(3, 1, 256\); expected int64"),
        ({"table": TABLE[0]}, r"shape \(2, 256\); expected int64"),
        ({"table": np.full((1, 2, 4), 2**60)}, r"number of pixels is 9\.22337.*e\+18"),
        (
            {"table": np.full((3, 2, 4), 1e300)},
            r"number of pixels is 2\.4.*e\+301; .*fewer than 2\^63",
        ),
        ({"table": TABLE + np.inf}, "number of pixels is inf"),
        ({"table": TABLE * np.nan}, "smallest entry of the table of counts is nan; .* 0 or more"),
        ({"table": TABLE - 1}, "smallest entry of the table of counts is -1; .* 0 or more"),
        ({"table": TABLE - 1e-9}, "smallest entry of the table of counts is -1e-09"),
        ({"columns": {"groups": np.arange(2)}}, r"column groups is \(2,\); .* 3 images"),
        ({"columns": {"names": np.array("abc")}}, r"column names is \(\); .* 3 images"),
    ],
)
def test_parts_that_do_not_fit(fields, message):
    with pytest.raises(ValueError, match=message):
        Counts(**{"table": TABLE} | fields)
    assert Counts(np.full((1, 2, 4), 2**59)).pixels == 2**62  # int64 still holds this sum


def test_nothing_to_count():
    with pytest.raises(ValueError, match="the number of images is 0"):
        Counts.join([])
    with pytest.raises(ValueError, match=r"number of levels is \[256, 4096\]; expected one"):
        Counts.join([Counts(np.zeros((1, 2, levels), np.int64)) for levels in (4096, 256)])
    for levels in (-4, 0, 10):
        with pytest.raises(ValueError, match=f"grey_levels is {levels}; .* multiple of 4"):
            Counts.from_probabilities(torch.zeros(1, 1), torch.zeros(1, 1), levels)


def named() -> Counts:
    rng = np.random.default_rng(2)
    parts = [
        Counts.from_map(*(rng.integers(0, n, (6, 7), dtype=np.uint8) for n in (256, 2)))
        for _ in range(3)
    ]
    whole = Counts.join(parts)
    return whole.with_columns(weighted_f=np.linspace(0, 1, 3), names=[*"abc"], groups=[5, 2, 5])


def equal(a: Counts, b: Counts):
    np.testing.assert_array_equal(a.table, b.table)
    np.testing.assert_array_equal(a.logits, b.logits)
    assert {*a.columns} == {*b.columns}
    for name, column in a.columns.items():
        np.testing.assert_array_equal(column, b.columns[name])


def test_parts_keep_what_belongs_to_each_image():
    counts = named()
    equal(Counts.join([counts[:1], counts[1:]]), counts)
    chosen = counts[np.array([2, 0, 2])]
    assert chosen.names == ("c", "a", "c") and type(chosen.names[0]) is str
    assert chosen.columns["weighted_f"].tolist() == [1.0, 0.0, 1.0]
    assert chosen.columns["groups"].tolist() == [5, 5, 5]
    quadrants = (each.columns["quadrants"] for each in (chosen[1:2], counts[:1]))
    np.testing.assert_array_equal(*quadrants)
    np.testing.assert_array_equal(chosen.table[1], counts.table[0])
    mixed = Counts.join([counts, Counts(counts.table)])
    assert (mixed.columns, mixed.names, len(mixed)) == ({}, (), 6)
    assert mixed.pixels == 2 * counts.table.sum()


def test_groups_are_numbered_from_zero_and_images_without_groups_are_independent():
    counts = named()
    assert (counts.group_index.tolist(), counts.independent) == ([1, 0, 1], 2)
    alone = Counts(counts.table)
    assert (alone.group_index.tolist(), alone.independent) == ([0, 1, 2], 3)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "sod.safetensors"
    floats = Counts.from_floats(np.array([[0.2, 0.9]]), np.uint8([[0, 1]]))
    for counts in (named(), Counts(named().table), Counts(named().table / 3), floats):
        counts.save(path)
        equal(Counts.load(path), counts)


@pytest.mark.fault
def test_what_holds_no_counts_is_refused(tmp_path):
    path, table = tmp_path / "x.safetensors", torch.zeros((1, 2, 256), dtype=torch.int64)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"x\.safetensors is damaged"):
        Counts.load(path)
    for tensors, texts, why in (
        ({"names": table}, {}, "'table'"),
        ({"table": table - 1}, {}, "smallest entry .* is -1"),
        ({"table": table}, {"names": ["a", "b"]}, r"column names is \(2,\)"),
        ({"table": table}, {"names": "a"}, r"column names is \(\)"),
        ({"table": table}, ["names"], "no attribute"),
    ):
        save_tensors(path, tensors, {"texts": texts})
        with pytest.raises(ValueError, match=rf"x\.safetensors holds no counts.*{why}"):
            Counts.load(path)
    with pytest.raises(FileNotFoundError):
        Counts.load(tmp_path / "absent.safetensors")


def test_probabilities_of_0_and_1_stand_for_half_of_the_smallest_distance():
    for dtype in (np.float16, np.float32, np.float64):
        p, y = np.array([[0.0, 1.0]], dtype), np.uint8([[1, 0]])
        info = np.finfo(dtype)
        half = np.log([float(info.smallest_subnormal), float(info.epsneg)]) - np.log(2)
        nll = 2 * calibration.nll(Counts.from_floats(p, y))
        assert nll == pytest.approx(np.logaddexp(0, -half).sum())


@pytest.mark.fault
@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.longdouble])
def test_maps_of_floats_hold_floats(kind):
    with pytest.raises(ValueError, match="expected float16, float32 or float64"):
        Counts.from_floats(np.zeros((2, 3), kind), np.zeros((2, 3), int))
