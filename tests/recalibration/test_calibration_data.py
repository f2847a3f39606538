"""What recalibration methods are fitted on: features of predicted maps, and corrupted images."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_recalibrations import drawn

from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.metrics.map_features import map_features
from aslp_lib.recalibration import RECALIBRATIONS, CorruptionTemperature
from aslp_lib.recalibration.features import binned, features_of
from aslp_lib.training import recalibrate


def test_features_by_hand():
    """Two pixels of foreground, at 0.9 and 0.6, and two of background, at 0.2 and at 1e-9."""
    p = np.array([[0.9, 0.6, 0.2, 1e-9]])
    entropy = -p * np.log(p) - (1 - p) * np.log1p(-p)
    sizes = np.abs([np.log(9), np.log(1.5), np.log(4), 6.0])  # 20.7 counts as 6
    expected = [
        np.log(0.501),
        np.log(0.001 + entropy.mean()),
        entropy[0, :2].sum() / 4 / 0.51,
        entropy[0, 2:].sum() / 4 / 0.51,
        sizes.mean(),
    ]
    features = map_features(np.log(p) - np.log1p(-p))[0]
    assert features == pytest.approx(expected)


def test_images_hold_their_pixels_and_features():
    """Those without pixels are left out; bins of 0.2 hold the logits up to 6."""
    table = np.random.default_rng(0).integers(0, 5, (3, 2, 256))
    table[1] = table[2] = 0
    table[2, 0, 7] = 1  # an image of one pixel
    images, z = binned(Counts(table)), grey_level_logits(256)
    for row, i in enumerate((0, 2)):
        of_pixels = map_features(np.repeat(z, table[i].sum(axis=0))[None])
        np.testing.assert_allclose(images.columns["features"][row], of_pixels[0], rtol=1e-9)
        for label in (0, 1):
            weights = table[i, label]
            inner, _ = np.histogram(z, np.linspace(-6, 6, 61), weights=weights)
            np.testing.assert_array_equal(images.table[row, label, 69:-69], inner)
            assert images.table[row, label].sum() == weights.sum()
    np.testing.assert_allclose(images.logits[1, 69:-69], np.arange(-5.9, 6, 0.2), atol=1e-12)
    assert binned(images) is images


def test_features_are_those_of_whole_maps_with_their_ignored_pixels():
    logits, labels = drawn(1, ignored=0.4)
    logits = (4 * logits.double()).round() / 4  # so that the pixels of a level have one logit
    counts = Counts.from_logits(logits, labels[:, None], ignore_index=255)
    expected = map_features(logits.flatten(1).numpy())
    np.testing.assert_allclose(features_of(counts), expected, rtol=1e-9)


@pytest.mark.parametrize("images", [1, 2])
def test_every_corruption_is_measured_once(small, images, monkeypatch):
    """But for those that mix two images, where there is one."""
    asked, given = [], []

    def validate(network, dataset, settings):
        asked.append(dataset)
        return Counts(np.ones((len(dataset), 2, 256)))

    class Keeps(CorruptionTemperature):
        def fit(self, clean, corrupted=()):
            given.append((clean, corrupted))
            return self

    monkeypatch.setattr(recalibrate, "validate", validate)
    monkeypatch.setitem(RECALIBRATIONS, "keeps", Keeps)
    data = replace(small.data, validation=Shapes("some", images, 1, size=16))
    arguments = ["keeps", "keeps"], torch.tensor(0.0)
    assert len([*recalibrate.fitted(small.network, data, small.settings, *arguments)]) == 2
    kinds = [each for each in CORRUPTIONS.values() if images > 1 or not each.mixes]
    clean, *corrupted = asked
    assert clean is data.validation
    assert [each.corruption for each in corrupted] == kinds
    assert given[0] == given[1]
    assert [each.pixels for each in given[0][1]] == len(kinds) * [512 * images]
