"""Counts and scores of K classes, against a loop over pixels, torchmetrics, netcal and K = 2."""

import numpy as np
import pytest
import torch

from aslp_lib.metrics import CLASS_SCORES, SCORES, calibration, scores
from aslp_lib.metrics.accumulator import CountsAccumulator, ece
from aslp_lib.metrics.bootstrap import Resamples, difference
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.float_levels import GREY_LEVELS
from aslp_lib.metrics.noise_floor import noise_floor

LEVELS = GREY_LEVELS - 1
"""Probabilities are multiples of 1 / LEVELS, so that counting does not round them."""
IGNORED = 255


def random_cases(rng: np.random.Generator, images: int):
    """Numerators (images, K, H, W) that sum to LEVELS over K classes, and labels.

    Half of the cases have few different values, and so many ties. Half of the labels are the
    predicted classes; some classes may be missing, and some pixels are ignored.
    """
    classes, shape = int(rng.integers(2, 22)), (images, *rng.integers(1, 5, 2))
    coarse = rng.choice([1, 255, 867])
    shares = rng.dirichlet(np.full(classes, 0.3), size=shape)
    values = coarse * rng.multinomial(LEVELS // coarse, shares)
    labels = rng.integers(classes, size=shape)
    labels = np.where(rng.random(shape) < 0.5, values.argmax(-1), labels)
    if rng.random() < 0.5:
        labels[rng.random(shape) < 0.2] = IGNORED
        labels[:, 0, 0] = 0  # one pixel of each image is counted
    return np.moveaxis(values, -1, 1), labels


def loop(values: np.ndarray, labels: np.ndarray, bins: int) -> dict[str, float]:
    """Scores of one image, (K, H, W) and (H, W), from their definitions, in whole numbers."""
    places = [place for place, y in np.ndenumerate(labels) if y != IGNORED]
    pixels = [(values[:, i, j].tolist(), int(labels[i, j])) for i, j in places]

    def binned(pairs) -> float:
        gaps = [0] * bins
        for numerator, outcome in pairs:
            number = max(-(-numerator * bins // LEVELS) - 1, 0)  # (low, high]
            gaps[number] += numerator - outcome * LEVELS
        return sum(map(abs, gaps)) / LEVELS / len(pixels)

    tops = [(p.index(max(p)), y) for p, y in pixels]
    ious = []
    for k in range(len(values)):
        union = [pair == (k, k) for pair in tops if k in pair]
        ious += [np.mean(union)] if union else []
    tiny = np.finfo(np.float64).tiny
    squares = [sum((v / LEVELS - (k == y)) ** 2 for k, v in enumerate(p)) for p, y in pixels]
    return {
        "ece": binned([(max(p), top == y) for (p, y), (top, _) in zip(pixels, tops, strict=True)]),
        "class_ece": np.mean(
            [binned([(p[k], y == k) for p, y in pixels]) for k in range(len(values))]
        ),
        "accuracy": np.mean([top == y for top, y in tops]),
        "nll": -np.mean([np.log(max(p[y] / LEVELS, tiny)) for p, y in pixels]),
        "brier": np.mean(squares),
        "mean_iou": np.mean(ious),
    }


def test_2000_random_images_have_the_scores_of_a_loop_over_pixels():
    rng = np.random.default_rng(3)
    for bins in (10, 5, 15, 1) * 10:
        values, labels = random_cases(rng, images=50)
        tensors = torch.from_numpy(values / LEVELS), torch.from_numpy(labels)
        counts = ClassCounts.from_probabilities(*tensors, IGNORED)
        for image in range(50):
            expected = loop(values[image], labels[image], bins)
            found = scores(counts[image : image + 1], bins, expected)
            assert found == pytest.approx(expected, abs=1e-12), (bins, image)


def example(classes: int, images: int = 6, seed: int = 0):
    """Logits (images, K, 9, 8) in float64 of an overconfident network, and labels."""
    generator = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(images, classes, 9, 8, generator=generator, dtype=torch.float64)
    chances = (0.4 * z).softmax(1).movedim(1, -1).flatten(0, -2)
    labels = torch.multinomial(chances, 1, generator=generator).view(images, 9, 8)
    return z, labels


def rounded(classes: int):
    """Probabilities (6, K, 9, 8) that are multiples of 1/4335 and below 1, and labels."""
    z, labels = example(classes)
    return (z.softmax(1) * LEVELS).round().clamp(max=LEVELS - 1) / LEVELS, labels


@pytest.mark.parametrize("classes", [2, 3, 21])
def test_torchmetrics_finds_the_same_where_it_has_the_score(classes):
    """It computes in float32. No probability is at an edge of 11 bins, where the two differ."""
    from torchmetrics import classification as tm

    p, labels = rounded(classes)
    row = scores(ClassCounts.from_probabilities(p, labels), bins=11)
    task = {"num_classes": classes}
    for name, metric in {
        "ece": tm.MulticlassCalibrationError(**task, n_bins=11),
        "mce": tm.MulticlassCalibrationError(**task, n_bins=11, norm="max"),
        "accuracy": tm.MulticlassAccuracy(**task, average="micro"),
        "mean_iou": tm.MulticlassJaccardIndex(**task, average="macro"),
    }.items():
        assert row[name] == pytest.approx(metric(p, labels).item(), abs=1e-5), name
    binary = tm.BinaryCalibrationError(n_bins=11)
    each = [binary(p[:, k], (labels == k).long()).item() for k in range(classes)]
    assert row["class_ece"] == pytest.approx(np.mean(each), abs=1e-5)
    z, labels = example(classes)
    nll = scores(ClassCounts.from_logits(z, labels))["nll"]
    assert nll == pytest.approx(torch.nn.functional.cross_entropy(z, labels).item())


def test_netcal_finds_the_same_ece():
    netcal = pytest.importorskip("netcal.metrics", reason="netcal is not installed")
    p, labels = rounded(5)
    pixels = p.movedim(1, -1).flatten(0, -2).numpy()
    expected = netcal.ECE(bins=11).measure(pixels, labels.flatten().numpy())
    counts = ClassCounts.from_probabilities(p, labels)
    assert calibration.ece(counts, bins=11) == pytest.approx(expected)


def test_two_channels_have_the_scores_and_intervals_of_one():
    z, labels = example(2)
    two = ClassCounts.from_logits(z, labels)
    one = Counts.from_logits((z[:, 1] - z[:, 0])[:, None], labels[:, None])
    shared = [name for name in CLASS_SCORES if name in SCORES and name != "ece_floor"]
    halves = {name: 0.5 if name == "brier" else 1.0 for name in shared}
    first, second = scores(two, names=shared), scores(one, names=shared)
    assert {k: halves[k] * v for k, v in first.items()} == pytest.approx(second, abs=1e-6)
    assert noise_floor(two) == pytest.approx(noise_floor(one), abs=1e-12)
    assert noise_floor(two, of="classes") == pytest.approx(noise_floor(one, of="foreground"))
    resamples = Resamples(two, 50), Resamples(one, 50)
    for name in shared:
        ends = [np.array(r.bounds(SCORES[name])) for r in resamples]
        np.testing.assert_allclose(halves[name] * ends[0], ends[1], atol=1e-5, err_msg=name)
    gap = difference(two, two[::-1], calibration.accuracy, resamples=50)
    assert gap == difference(one, one[::-1], calibration.accuracy, resamples=50)


def test_a_class_against_the_rest_is_a_set_of_two_classes():
    z, labels = example(3)
    counts = ClassCounts.from_logits(z, labels)
    for k in range(3):
        binary = Counts.from_probabilities(z.softmax(1)[:, k], (labels == k).long())
        assert np.array_equal(counts.of_class(k).table, binary.grey.table)
        diagram = calibration.reliability(counts, of=k)
        expected = calibration.reliability(binary, of="foreground")
        np.testing.assert_array_equal(diagram.accuracy, expected.accuracy)


def test_the_first_of_equal_classes_is_predicted_for_any_number_of_classes():
    for classes in (2, 255, 256, 257):
        z = torch.zeros(1, classes, 1, 3)
        z[0, classes - 1, 0, 1] = 1
        counts = ClassCounts.from_logits(z, torch.tensor([[[0, classes - 1, 0]]]))
        assert calibration.accuracy(counts) == 1


def test_parts_add_up_to_the_whole_and_ignored_pixels_count_nowhere():
    z, labels = example(3, images=8)
    labels[0], labels[1, :4] = IGNORED, IGNORED
    ignored = (labels == IGNORED).sum((1, 2))
    z.movedim(1, -1)[labels == IGNORED] = torch.nan
    kept = [(z[i][:, y != IGNORED], y[y != IGNORED]) for i, y in enumerate(labels) if i]
    alone = ClassCounts.join([ClassCounts.from_logits(z[None], y[None]) for z, y in kept])
    options = {"ignore_index": IGNORED, "logits": True}
    each, pooled = (CountsAccumulator(**options, per_image=kept) for kept in (True, False))
    for part in (slice(0, 3), slice(3, 8)):
        each.update(z[part], labels[part])
        pooled.update(z[part], labels[part])
    assert each.counts.columns["ignored"].tolist() == ignored[1:].tolist()
    at_once = ClassCounts.from_logits(z, labels, IGNORED, pooled=True)
    assert [len(counts) for counts in (each.counts, pooled.counts, at_once)] == [7, 1, 1]
    names = [name for name in CLASS_SCORES if "floor" not in name]  # which the images change
    for counts in (each.counts, pooled.counts, at_once):
        assert scores(counts, names=names) == pytest.approx(scores(alone, names=names))
    assert each.counts.with_columns(groups=[0, 0, 1, 1, 2, 2, 2]).independent == 3


def test_batches_may_be_empty_or_hold_half_precision_volumes_and_large_logits():
    z, labels = example(3)
    assert len(ClassCounts.from_logits(z[:0], labels[:0])) == 0
    assert ClassCounts.from_logits(z[..., :0], labels[..., :0]).pixels == 0
    exact = scores(ClassCounts.from_logits(z, labels))
    volumes = z.unflatten(-1, (2, 4)), labels.unflatten(-1, (2, 4))
    assert scores(ClassCounts.from_logits(*volumes)) == exact
    for kind in (torch.float16, torch.bfloat16):
        row = scores(ClassCounts.from_logits(z.to(kind), labels))
        assert row["ece"] == pytest.approx(exact["ece"], abs=0.01)
    certain = torch.tensor([[1e4], [0.0], [-1e4]])[None]
    row = scores(ClassCounts.from_logits(certain, torch.tensor([[1]])))
    assert (row["nll"], row["ece"], row["brier"]) == (1e4, 1.0, 2.0)


def test_ece_takes_arrays_of_either_kind():
    z, labels = example(3)
    p = z.softmax(1)
    row = scores(ClassCounts.from_logits(z, labels), 15)
    assert ece(p.numpy(), labels.numpy(), bins=15) == pytest.approx(row["ece"])
    pixels = p.movedim(1, -1).reshape(-1, 3), labels.reshape(-1)  # (N, K)
    assert ece(*pixels, bins=15, class_wise=True) == pytest.approx(row["class_ece"])
    foreground = p[:, 0], (labels == 0).long()
    expected = calibration.ece(Counts.from_probabilities(*foreground))
    assert ece(*foreground) == ece(*map(torch.flatten, foreground)) == expected


def test_a_metric_collection_finds_the_same_in_fixed_memory():
    from torchmetrics import MetricCollection

    from aslp_lib.torchmetrics import CalibrationOfClasses

    z, labels = example(4)
    metric = CalibrationOfClasses(4, logits=True)
    collection = MetricCollection({"calibration": metric})
    for part in (slice(0, 2), slice(2, 6)):
        collection.update(z[part], labels[part])
    expected = scores(ClassCounts.from_logits(z, labels), names=metric.names)
    assert {k: v.item() for k, v in collection.compute().items()} == pytest.approx(expected)
    state = sum(getattr(metric, name).numel() for name in ("top", "table", "confusion"))
    assert state == 2 * GREY_LEVELS * 5 + 16
    collection.reset()
    assert metric.confusion.sum() == 0
    with pytest.raises(ValueError, match="number of channels is 3; expected 4"):
        metric.update(z[:, :3], labels.clamp(max=2))


P, Y = torch.full((1, 3, 2, 2), 1 / 3), torch.zeros(1, 2, 2, dtype=torch.long)
from_p = ClassCounts.from_probabilities
THREE, TWO = (from_p(p, Y) for p in (P, P[:, :2] * 1.5))


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (from_p, (P[:, :1], Y[:, None]), "K of 2 or more, .* Count one channel with Counts"),
        (from_p, (P, Y[..., :1]), r"labels is \(1, 2, 1\); expected class ids, \(1, 2, 2\)"),
        (from_p, (P, Y[:, None]), r"Remove the channel: labels\[:, 0\]"),
        (from_p, (P, P), r"of one-hot labels, take labels.argmax\(1\)"),
        (from_p, (P, Y.float()), "class ids have dtype torch.float32; expected an integer dtype"),
        (from_p, (P, Y + 255), "first is 255; expected 0 to 2.* with ignore_index"),
        (from_p, (P, Y - 1), "4 of 4 labels are invalid, the first is -1"),
        (from_p, (P * torch.nan, Y), r"batch spans \[nan, nan\]"),
        (from_p, (P * 4, Y), "If these are logits, say so"),
        (from_p, (P * 2, Y), "probabilities is 1.0.*a softmax over the channels, not a sigmoid"),
        (ClassCounts.from_logits, (P * torch.inf, Y), r"batch spans \[inf, inf\]"),
        (ClassCounts.from_logits, (P.numpy(), Y), r"torch\.from_numpy"),
        (ClassCounts.join, ([THREE, TWO],), r"table is \[\(2, .*\), \(3, .*\)\]; expected one"),
        (calibration.ece, (THREE, 10, 3), "class is 3; expected an integer from 0 to 2"),
        (scores, (THREE, 10, ["iou"]), "the score is 'iou'"),
    ],
)
def test_what_cannot_be_counted_is_refused_with_a_remedy(call, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call(*arguments)
