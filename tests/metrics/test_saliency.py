"""Saliency scores against PySODMetrics, and the conventions that differ.

tests/properties/test_metrics.py has every score from its definition, of any maps.
"""

import numpy as np
import pytest

from aslp_lib.maps import count
from aslp_lib.metrics import SCORES, saliency
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import per_image
from aslp_lib.metrics.structure import centroid


def cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Grey levels and labels, (images, H, W) uint8 each, by what is special about them."""
    rng = np.random.default_rng(7)
    levels = rng.integers(0, 256, (3, 12, 15)).astype(np.uint8)
    labels = (rng.random(levels.shape) < levels / 330).astype(np.uint8)
    block, corner = np.zeros_like(labels), np.zeros_like(labels)
    block[:, 2:7, 3:9] = 1
    corner[:, 0, 0] = 1
    pair = corner.copy()
    pair[:, 0, 1] = 1
    return {
        "random": (levels, labels),
        "ties": (levels // 51 * 51, labels),
        "faint": (levels // np.uint8([[[4]], [[1]], [[1]]]), labels),
        "block": (levels, block),
        "first pixel": (levels, corner),
        "two pixels": (levels, pair),
        "all but one": (levels, 1 - corner),
        "right": (255 * block, block),
        "wrong": (255 - 255 * block, block),
        "background": (levels, np.zeros_like(labels)),
        "foreground": (levels, np.ones_like(labels)),
    }


CASES = cases()


@pytest.mark.claim("network", "Detection is scored by MAE, F-measure, E-measure and S-measure")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.fault
def test_agreement_with_pysodmetrics(case):
    """Where the extra `saliency` is installed. Of images without foreground it has no F.

    max F of the mean precision and recall is not max F of the mean F curve: 0.943 and 0.929 on the
    same maps of U2-Net.
    """
    sod = pytest.importorskip("py_sod_metrics", reason="the extra 'saliency' is not installed")
    levels, labels = CASES[case]
    curves = {"fm": sod.FmeasureHandler(with_dynamic=True, with_adaptive=True, beta=0.3)}
    for name, handler in (("p", sod.PrecisionHandler), ("r", sod.RecallHandler)):
        curves[name] = handler(with_dynamic=True, with_adaptive=False)
    mae, e, s, weighted = sod.MAE(), sod.Emeasure(), sod.Smeasure(), sod.WeightedFmeasure()
    f = sod.FmeasureV2(curves)
    for metric in (mae, e, s, f, weighted) if labels.any() else (mae, e, s):
        for m, y in zip(levels / 255, labels == 1, strict=True):
            metric.step(m, y, normalize=False)
    counts = Counts.from_maps(levels, labels)
    # Their thresholds run from 255 down.
    e_curve = e.get_results()["em"]["curve"]
    np.testing.assert_allclose(saliency.max_e.mean(counts), e_curve[::-1], atol=1e-6)
    theirs = {
        "mae": mae.get_results()["mae"],
        "s_measure": s.get_results()["sm"],
        "max_e": e_curve.max(),
        "mean_e": e_curve.mean(),
    }
    if labels.any():
        f_curve, p, r = (f.get_results()[name]["dynamic"] for name in ("fm", "p", "r"))
        np.testing.assert_allclose(saliency.max_f.mean(counts), f_curve[::-1], atol=1e-6)
        theirs |= {
            "max_f": f_curve.max(),
            "mean_f": f_curve.mean(),
            "adaptive_f": f.get_results()["fm"]["adaptive"],
            "max_f_mean_pr": np.max(1.3 * p * r / np.maximum(0.3 * p + r, 1e-12)),
        }
        ours = [count.weighted_f(m, y) for m, y in zip(levels, labels, strict=True)]
        np.testing.assert_allclose(ours, weighted.weighted_fms)
    else:
        assert np.isnan(count.weighted_f(levels[0], labels[0]))
    for name, value in theirs.items():
        assert SCORES[name].value(counts, 10) == pytest.approx(value, abs=1e-6), name
    if case == "faint":  # images whose best thresholds differ
        assert saliency.max_f_mean_pr(counts) > saliency.max_f(counts) + 0.01


def test_what_a_set_of_one_class_does_not_have():
    lacking = {"max_f", "max_f_mean_pr", "mean_f", "adaptive_f", "iou", "dice", "ap"}
    for case, names in (("background", lacking), ("foreground", set())):
        counts = Counts.from_maps(*CASES[case])
        nan = {name for name, score in SCORES.items() if np.isnan(score.value(counts, 10))}
        assert nan == names | {"weighted_f", "auc", "ece_floor"}
    curve = saliency.max_f.mean(Counts.from_maps(*CASES["background"]))
    assert curve.shape == (256,) and np.isnan(curve).all()


def test_curves_of_many_images_and_of_floats_have_the_thresholds_of_8_bit_maps():
    """With 17 levels for each grey level, every 17th is a threshold; otherwise all levels are."""
    counts = Counts.from_maps(*CASES["random"])
    table = np.zeros((len(counts), 2, 17 * 255 + 1), np.int64)
    table[..., ::17] = counts.table
    many = Counts.join([counts] * 50)  # which are worked in parts
    for curves in (saliency.f_curves, saliency.e_curves):
        np.testing.assert_array_equal(curves(Counts(table)), curves(counts))
        np.testing.assert_array_equal(curves(many), np.tile(curves(counts), (50, 1)))
        assert curves(Counts(table[..., :-2])).shape == (len(counts), 17 * 255 - 1)


def test_without_quadrants_there_is_no_s():
    counts = Counts(np.ones((2, 2, 256), np.int64))
    for name in ("s_measure", "weighted_f"):
        assert np.isnan(SCORES[name].value(counts, bins=10))


def test_a_threshold_does_not_depend_on_the_unit_of_pixels():
    """Twice the mean is a grey level exactly, which rounding of fractions must not exceed."""
    rng = np.random.default_rng(0)
    for parts in (3, 7, 10, 97):
        table = rng.integers(1, 4, (300, 2, 8)) * np.array([9, 3, 1, 1, 1, 1, 1, 1])
        ours, whole = (per_image(Counts(t), saliency.adaptive_f) for t in (table / parts, table))
        np.testing.assert_allclose(ours, whole, rtol=1e-12)


def test_where_quadrants_meet():
    """One past the rounded mean of the foreground's places; the middle where there is none."""
    mask = np.zeros((10, 7), np.uint8)
    assert centroid(mask) == (6, 5)
    mask[2, 1] = mask[5, 3] = 1
    assert centroid(mask) == (5, 3)  # the mean of 2 and 5 is rounded to 4, to even
    for rows in (2**16, 70_001):  # more than 16 bits count
        assert centroid(np.ones((rows, 3), np.uint8)) == (rows // 2 + 1, 2)
