import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from aslp_lib.metrics import saliency
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import per_image
from aslp_lib.metrics.structure import centroid
from aslp_lib.prediction import maps


def images(seed=3, n=4):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (n, 9, 11)).astype(np.uint8)
    labels = (rng.random((n, 9, 11)) < levels / 400).astype(np.uint8)
    return levels, labels


def counted(levels, labels):
    return Counts.from_maps(levels, labels)


def brute_f(level_map, label_map):
    """F at 256 thresholds by the definition; 0 where precision + recall is 0."""
    curve = np.zeros(256)
    for t in range(256):
        found = level_map >= t
        true = (found & (label_map == 1)).sum()
        precision = true / found.sum() if found.any() else 0.0
        recall = true / label_map.sum()
        if precision + recall > 0:
            curve[t] = 1.3 * precision * recall / (0.3 * precision + recall)
    return curve


def test_mae_is_the_mean_over_images_of_their_means():
    levels, labels = images()
    oracle = np.mean([np.abs(m / 255.0 - y).mean() for m, y in zip(levels, labels, strict=True)])
    assert saliency.mae(counted(levels, labels)) == pytest.approx(oracle, abs=1e-12)


def test_images_weigh_the_same_whatever_their_size():
    small, large = np.zeros((2, 2), np.uint8), np.full((20, 20), 255, np.uint8)
    zeros = [np.zeros_like(small), np.zeros_like(large)]
    assert saliency.mae(counted([small, large], zeros)) == pytest.approx(0.5)


def test_f_equals_the_definition_at_every_threshold():
    levels, labels = images()
    oracle = np.mean([brute_f(m, y) for m, y in zip(levels, labels, strict=True)], axis=0)
    counts = counted(levels, labels)
    np.testing.assert_allclose(saliency.max_f.mean(counts), oracle, atol=1e-12)
    assert saliency.max_f(counts) == pytest.approx(oracle.max())
    assert saliency.mean_f(counts) == pytest.approx(oracle.mean())


def brute_precision_recall(level_map, label_map):
    """As the code of BASNet and U2-Net: precision 0 where nothing is found."""
    precision, recall = np.zeros(256), np.zeros(256)
    for t in range(256):
        found = level_map >= t
        true = (found & (label_map == 1)).sum()
        precision[t] = true / found.sum() if found.any() else 0.0
        recall[t] = true / label_map.sum()
    return precision, recall


@pytest.mark.fault(
    "max F of the mean precision and recall compared with max F of the mean F curve",
    "two scores, each named (.943 and .929 on the same maps of U2-Net)",
)
def test_max_f_of_mean_precision_and_recall():
    levels, labels = images()
    levels[0] //= 3  # images whose best thresholds differ
    curves = [brute_precision_recall(m, y) for m, y in zip(levels, labels, strict=True)]
    precision, recall = np.mean(curves, axis=0)
    f = [
        1.3 * p * r / (0.3 * p + r) if p + r else 0.0
        for p, r in zip(precision, recall, strict=True)
    ]
    counts = counted(levels, labels)
    assert saliency.max_f_mean_pr(counts) == pytest.approx(max(f), abs=1e-12)
    assert saliency.max_f_mean_pr(counts) > saliency.max_f(counts) + 0.01
    assert saliency.MAX_F.title != saliency.MAX_F_MEAN_PR.title


def test_of_one_image_both_are_the_same():
    counts = counted(*images(n=1))
    assert saliency.max_f_mean_pr(counts) == pytest.approx(saliency.max_f(counts))


def test_precision_and_recall_are_means_over_images_with_foreground():
    levels, labels = images()
    blank = np.zeros_like(labels[:1])
    with_blank = counted(np.concatenate([levels[:1], levels]), np.concatenate([blank, labels]))
    alone = saliency.max_f_mean_pr(counted(levels, labels))
    assert saliency.max_f_mean_pr(with_blank) == pytest.approx(alone)
    assert np.isnan(saliency.max_f_mean_pr(counted(levels[:1], blank)))
    nothing = counted(np.zeros_like(levels[:1]), labels[:1])
    assert saliency.max_f_mean_pr(nothing) == pytest.approx(saliency.max_f(nothing))


def test_a_map_that_finds_nothing_scores_zero():
    counts = Counts.from_map(np.zeros((3, 3), np.uint8), np.eye(3, dtype=np.uint8))
    curve = saliency.max_f.mean(counts)
    assert curve[1:].tolist() == [0.0] * 255
    assert curve[0] == pytest.approx(1.3 * (1 / 3) / (0.3 / 3 + 1))


def test_images_without_foreground_have_no_f():
    levels, labels = images()
    blank = np.zeros_like(labels[:1])
    with_blank = counted(np.concatenate([levels, levels[:1]]), np.concatenate([labels, blank]))
    assert saliency.max_f(with_blank) == pytest.approx(saliency.max_f(counted(levels, labels)))
    assert np.isnan(saliency.max_f(counted(levels[:1], blank)))


def brute_e(level_map, label_map):
    """E at 256 thresholds, pixel by pixel (Fan et al., 2018)."""
    curve = np.zeros(256)
    for t in range(256):
        binary = (level_map >= t).astype(float)
        if label_map.all():
            enhanced = binary
        elif not label_map.any():
            enhanced = 1 - binary
        else:
            d, g = binary - binary.mean(), label_map - label_map.mean()
            enhanced = (2 * d * g / (d**2 + g**2 + np.spacing(1)) + 1) ** 2 / 4
        curve[t] = enhanced.sum() / (label_map.size - 1)
    return curve


def test_e_equals_the_definition_at_every_threshold():
    levels, labels = images()
    labels[1] = 0
    labels[2] = 1
    oracle = np.mean([brute_e(m, y) for m, y in zip(levels, labels, strict=True)], axis=0)
    counts = counted(levels, labels)
    np.testing.assert_allclose(saliency.max_e.mean(counts), oracle, atol=1e-9)
    assert saliency.max_e(counts) == pytest.approx(oracle.max())
    assert saliency.mean_e(counts) == pytest.approx(oracle.mean())


def test_adaptive_f_uses_twice_the_mean():
    levels, labels = images()
    oracle = []
    for m, y in zip(levels // 2, labels, strict=True):
        found = m >= min(2 * m.mean(), 255)
        true = (found & (y == 1)).sum()
        precision, recall = true / max(found.sum(), 1), true / y.sum()
        f = 1.3 * precision * recall / (0.3 * precision + recall) if true else 0.0
        oracle.append(f)
    assert saliency.adaptive_f(counted(levels // 2, labels)) == pytest.approx(np.mean(oracle))


def test_iou_by_the_definition():
    levels, labels = images()
    pairs = [(m >= 128, y == 1) for m, y in zip(levels, labels, strict=True)]
    oracle = np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs])
    assert saliency.iou(counted(levels, labels)) == pytest.approx(oracle)


def test_auc_and_average_precision_equal_scikit_learn():
    levels, labels = images()
    counts, p, y = counted(levels, labels), levels.ravel() / 255, labels.ravel()
    assert saliency.auc(counts) == pytest.approx(roc_auc_score(y, p), abs=1e-12)
    ap = average_precision_score(y, p)
    assert saliency.average_precision(counts) == pytest.approx(ap, abs=1e-12)


def test_roc_by_hand():
    """Two pixels of foreground at 255 and 3, two of background at 3 and 0."""
    counts = counted(np.array([[[255, 3, 3, 0]]], np.uint8), np.array([[[1, 1, 0, 0]]], np.uint8))
    false, true = saliency.roc(counts)
    np.testing.assert_array_equal(false, np.repeat([0, 0.5, 1], [253, 3, 1]))
    np.testing.assert_array_equal(true, np.repeat([0, 0.5, 1], [1, 252, 4]))
    assert saliency.auc(counts) == pytest.approx(7 / 8)


def test_curves_of_one_class_are_undefined():
    counts = counted(np.full((1, 3, 3), 9, np.uint8), np.zeros((1, 3, 3), np.uint8))
    for score in (saliency.auc, saliency.average_precision, saliency.iou, saliency.adaptive_f):
        assert np.isnan(score(counts))
    assert saliency.mean_e(counts) > 0


def test_thresholds_of_many_images_are_worked_in_parts():
    levels, labels = images(n=4)
    counts = counted(np.tile(levels, (70, 1, 1)), np.tile(labels, (70, 1, 1)))
    few = counted(levels, labels)
    assert saliency.mean_e(counts) == pytest.approx(saliency.mean_e(few))
    np.testing.assert_array_equal(
        saliency.f_curves(counts), np.tile(saliency.f_curves(few), (70, 1))
    )


def test_agreement_with_pysodmetrics():
    """Where the extra `saliency` is installed. Its maps are min-max normalised: these span 0 to 255
    already, and every mask has foreground."""
    sod = pytest.importorskip("py_sod_metrics", reason="the extra 'saliency' is not installed")
    levels, labels = images(n=6)
    levels[:, 0, 0], levels[:, 0, 1] = 0, 255
    f_curves = sod.FmeasureHandler(with_dynamic=True, with_adaptive=True, beta=0.3)
    p_curves, r_curves = (
        handler(with_dynamic=True, with_adaptive=False)
        for handler in (sod.PrecisionHandler, sod.RecallHandler)
    )
    curves = sod.FmeasureV2({"fm": f_curves, "p": p_curves, "r": r_curves})
    theirs = [sod.MAE(), curves, sod.Emeasure()]
    for metric in theirs:
        for m, y in zip(levels, labels, strict=True):
            metric.step(pred=m, gt=255 * y)
    counts = counted(levels, labels)
    mae, f, e = (
        metric.get_results()[name] for metric, name in zip(theirs, ("mae", "fm", "em"), strict=True)
    )
    assert saliency.mae(counts) == pytest.approx(mae, abs=1e-6)
    # Their thresholds run from 255 down.
    np.testing.assert_allclose(saliency.max_f.mean(counts), f["dynamic"][::-1], atol=1e-6)
    np.testing.assert_allclose(saliency.max_e.mean(counts), e["curve"][::-1], atol=1e-6)
    assert saliency.adaptive_f(counts) == pytest.approx(f["adaptive"], abs=1e-6)
    p, r = (curves.get_results()[name]["dynamic"] for name in "pr")
    assert saliency.max_f_mean_pr(counts) == pytest.approx(np.max(1.3 * p * r / (0.3 * p + r)))


def special(kind):
    """A map and a mask with foreground, background, and a centroid in an odd place."""
    rng = np.random.default_rng(5)
    level_map = rng.integers(0, 256, (13, 10)).astype(np.uint8)
    mask = np.zeros((13, 10), np.uint8)
    if kind == "one pixel":
        mask[4, 6] = 1
    if kind == "first pixel":
        mask[0, 0] = 1
    if kind == "all but one":
        mask[:] = 1
        mask[3, 3] = 0
    if kind == "foreground":
        mask[:] = 1
    if kind == "block":
        mask[2:7, 3:9] = 1
    if kind == "certain":
        mask[2:7, 3:9] = 1
        level_map = 255 * mask
    if kind == "inverted":
        mask[2:7, 3:9] = 1
        level_map = 255 * (1 - mask)
    return level_map, mask


KINDS = ["one pixel", "first pixel", "all but one", "background", "foreground", "block",
         "certain", "inverted"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_s_and_weighted_f_agree_with_pysodmetrics(kind):
    sod = pytest.importorskip("py_sod_metrics", reason="the extra 'saliency' is not installed")
    level_map, mask = special(kind)
    theirs = sod.Smeasure().cal_sm(level_map / 255, mask.astype(bool))
    assert saliency.s_measure(Counts.from_map(level_map, mask)) == pytest.approx(theirs, abs=1e-9)
    ours = maps.weighted_f(level_map, mask)
    if not mask.any():
        assert np.isnan(ours)
    else:
        metric = sod.WeightedFmeasure()
        metric.step(level_map / 255, mask.astype(bool), normalize=False)
        assert ours == pytest.approx(metric.weighted_fms[0])


def brute_s(level_map, mask):
    """S from its definition (Fan et al., 2017), pixel by pixel; empty quadrants weigh 0."""
    p, y = level_map / 255, mask.astype(float)
    if y.mean() in (0, 1):
        return p.mean() if y.all() else 1 - p.mean()

    def alike(x):
        spread = x.std(ddof=1) if x.size > 1 else 0.0
        return 2 * x.mean() / (x.mean() ** 2 + 1 + spread)

    whole = y.mean() * alike(p[y == 1]) + (1 - y.mean()) * alike(1 - p[y == 0])
    row, column = (int(np.round(c.mean())) + 1 for c in np.nonzero(mask))
    region = 0.0
    for rows in (slice(row), slice(row, None)):
        for columns in (slice(column), slice(column, None)):
            x, g = p[rows, columns].ravel(), y[rows, columns].ravel()
            if x.size == 0:
                continue
            free = max(x.size - 1, np.spacing(1))
            var = ((x - x.mean()) ** 2).sum() / free, ((g - g.mean()) ** 2).sum() / free
            above = 4 * x.mean() * g.mean() * ((x - x.mean()) * (g - g.mean())).sum() / free
            below = (x.mean() ** 2 + g.mean() ** 2) * sum(var)
            flat = max(var) < 1e-20
            region += x.size / p.size * (float(flat) if below < 1e-20 else above / below)
    return max(0.0, whole / 2 + region / 2)


@pytest.mark.parametrize("seed", range(5))
def test_s_equals_the_definition(seed):
    rng = np.random.default_rng(seed)
    level_map = rng.integers(0, 256, (12, 17)).astype(np.uint8)
    mask = np.zeros((12, 17), np.uint8)
    top, left = rng.integers(0, 8, 2)
    mask[top : top + 4, left : left + 8] = 1
    assert saliency.s_measure(Counts.from_map(level_map, mask)) == pytest.approx(
        brute_s(level_map, mask), abs=1e-9
    )


def test_a_centroid_at_the_edge_leaves_quadrants_empty_and_s_finite():
    """Where PySODMetrics' is NaN."""
    mask = np.zeros((6, 9), np.uint8)
    mask[5, 8] = 1
    level_map = np.arange(54, dtype=np.uint8).reshape(6, 9)
    ours = saliency.s_measure(Counts.from_map(level_map, mask))
    assert ours == pytest.approx(brute_s(level_map, mask), abs=1e-9)
    assert 0 < ours < 1


def test_without_quadrants_there_is_no_s():
    counts = Counts(np.ones((2, 2, 256), np.int64))
    for score, function in (
        (saliency.S_MEASURE, saliency.s_measure),
        (saliency.WEIGHTED_F, saliency.weighted_f),
    ):
        assert np.isnan(score.value(counts, bins=10))
        with pytest.raises(ValueError, match=r"Counts\.from_map|was not measured"):
            function(counts)


def test_scores_of_single_images_average_to_the_set_s():
    counts = counted(*images())
    for score in (saliency.mae, saliency.iou, saliency.s_measure, saliency.adaptive_f):
        assert per_image(counts, score).mean() == pytest.approx(score(counts))
    alone = [saliency.max_f(counts[i : i + 1]) for i in range(len(counts))]
    np.testing.assert_allclose(per_image(counts, saliency.max_f), alone)
    assert np.mean(alone) > saliency.max_f(counts)  # one threshold for all


def test_where_quadrants_meet():
    """One past the rounded mean of the foreground's places; the middle where there is none."""
    mask = np.zeros((10, 7), np.uint8)
    assert centroid(mask) == (6, 5)
    mask[2, 1] = mask[5, 3] = 1
    assert centroid(mask) == (5, 3)  # the mean of 2 and 5 is rounded to 4, to even
    assert centroid(np.ones((70_001, 3), np.uint8)) == (35_001, 2)  # more than 16 bits count
