"""Conformal risk control against a loop over thresholds, and its promise on new images."""

import numpy as np
import pytest
import torch

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.risk_control import risk_control_threshold


def images(number, seed, size=8):
    """Draw maps of images that differ in contrast, with labels that the maps half explain."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(0, 1.5, (number, 1, 1))
    logits = mean + rng.normal(0, 2, (number, size, size))
    foreground = 1 / (1 + np.exp(-logits - rng.normal(0, 1, mean.shape)))
    labels = (rng.random(logits.shape) < foreground).astype(np.uint8)
    labels[::7] = 0  # images without foreground
    return 1 / (1 + np.exp(-logits)), labels


def risk(p, labels, threshold, groups=None):
    """The mean over units of the mean over images of the share of the foreground that is missed."""
    missed = [
        (y[q < threshold] == 1).sum() / max(y.sum(), 1) for q, y in zip(p, labels, strict=True)
    ]
    groups = np.arange(len(p)) if groups is None else np.asarray(groups)
    return np.mean([np.mean(np.array(missed)[groups == g]) for g in np.unique(groups)])


@pytest.mark.parametrize(
    ("number", "groups", "promised"),
    [(60, None, 0.1), (60, [i // 2 for i in range(60)], 0.1), (19, None, 0.05)],
)
@pytest.mark.parametrize("as_float", [False, True])
def test_the_threshold_is_the_highest_that_has_the_bound(number, groups, promised, as_float):
    """With 19 images, nothing may be missed for a risk of 0.05."""
    p, labels = images(number, seed=0)
    if as_float:
        counts = Counts.from_probabilities(torch.from_numpy(p), torch.from_numpy(labels))
    else:
        maps = np.rint(255 * p).astype(np.uint8)
        p, counts = maps / 255, Counts.from_maps(maps, labels)
    n = number if groups is None else 30
    threshold = risk_control_threshold(counts.with_columns(groups=groups), promised)
    step = 1 / (counts.grey_levels - 1)
    bound = [(n * risk(p, labels, t, groups) + 1) / (n + 1) for t in (threshold, threshold + step)]
    assert bound[0] <= promised < bound[1]


@pytest.mark.parametrize(
    ("units", "promised", "per_unit"), [(41, 0.1, 1), (20, 0.05, 1), (21, 0.1, 3), (49, 1 / 49, 1)]
)
def test_each_unit_in_turn_misses_what_the_others_promise_on_average(units, promised, per_unit):
    """The theorem without chance: it holds for any list of units, the last of which is the next."""
    p, labels = images(units * per_unit, seed=1)
    maps, unit = np.rint(255 * p).astype(np.uint8), np.arange(len(p)) // per_unit
    counts = Counts.from_maps(maps, labels).with_columns(groups=unit.tolist())
    missed = []
    for left_out in range(units):
        own = unit == left_out
        threshold = risk_control_threshold(counts[~own], promised)
        missed.append(risk(maps[own] / 255, labels[own], threshold, unit[own]))
    assert promised - 2 / units < np.mean(missed) <= promised


@pytest.mark.parametrize(
    ("number", "bound", "message"),
    [
        (18, 0.05, "of images or groups of images is 18; expected 19 or more for a risk of 0.05"),
        (40, 0.0, "risk is 0"),
        (40, 1.0, "risk is 1"),
    ],
)
def test_a_bound_that_cannot_hold_is_refused(number, bound, message):
    p, labels = images(number, seed=3)
    with pytest.raises(ValueError, match=message):
        risk_control_threshold(Counts.from_maps(np.rint(255 * p).astype(np.uint8), labels), bound)
