import numpy as np
import pytest
import torch

from aslp_lib.metrics.counts import Counts


def test_every_pixel_is_counted_once_where_it_belongs():
    rng = np.random.default_rng(0)
    prediction = rng.integers(0, 256, (13, 17), dtype=np.uint8)
    mask = rng.integers(0, 2, (13, 17), dtype=np.uint8)
    table = np.zeros((1, 2, 256), np.int64)
    for v, y in zip(prediction.ravel(), mask.ravel(), strict=True):
        table[0, y, v] += 1
    np.testing.assert_array_equal(Counts.from_map(prediction, mask).table, table)
    np.testing.assert_array_equal(Counts.from_map(prediction, mask.astype(bool)).table, table)


def test_probabilities_at_256_levels_equal_the_map_they_round_to():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(3, 1, 9, 9, generator=generator)
    labels = (torch.rand(3, 1, 9, 9, generator=generator) > 0.5).float()
    ours = Counts.from_probabilities(p, labels, levels=256)
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
    ],
)
def test_bad_maps(prediction, mask, message):
    with pytest.raises(ValueError, match=message):
        Counts.from_map(prediction, mask)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1])
def test_bad_probabilities(value):
    with pytest.raises(ValueError, match="must lie in"):
        Counts.from_probabilities(torch.full((1, 2), value), torch.zeros(1, 2))


def test_nothing_to_count():
    with pytest.raises(ValueError, match="no images"):
        Counts.join([])
    with pytest.raises(ValueError, match="multiple of 4"):
        Counts.from_probabilities(torch.zeros(1, 1), torch.zeros(1, 1), levels=10)
    with pytest.raises(ValueError, match="must be int64"):
        Counts(np.zeros((1, 2, 256)))
