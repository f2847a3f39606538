"""The training scrubber: what is recorded is the shipped trainings, and what is drawn is that."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from aslp_lib.course import recorded
from aslp_lib.course.explorers import scrubber
from aslp_lib.course.figures import canvas
from aslp_lib.course.recorded import epochs
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.training.loop import train

LAST = EPOCHS[-1]
RULES = [method for method in epochs.METHODS if method != "bce"]
EPOCH = pytest.mark.parametrize("epoch", [2, 60, LAST])


def says(network, dataset):
    """(images, H, W): foreground probability, the library not asked."""
    with torch.no_grad():
        logits = torch.cat([network(dataset.load(i)[0][None]) for i in range(len(dataset))])
    return 1 / (1 + np.exp(-logits[:, 0].double().numpy()))


def scores(p, labels):
    """Accuracy, confidence, ECE, and the bins' pixels, confidence and accuracy, pixel by pixel."""
    sure, right = np.maximum(p, 1 - p).ravel(), ((p >= 0.5) == labels).ravel()
    of = np.ceil(10 * sure - 1e-9).astype(int)
    held = [of == k for k in np.unique(of)]
    bins = [(n.sum(), sure[n].mean(), right[n].mean()) for n in held]
    gaps = sum(n * abs(c - a) for n, c, a in bins) / sure.size
    return (right.mean(), sure.mean(), gaps), np.array(bins).T


@pytest.fixture(scope="module")
def sets():
    data = replace(recorded.SETTINGS, device="cpu").load_data()
    return {"train": data.train, "validation": data.validation}


@pytest.mark.slow
@pytest.mark.parametrize("method", recorded.METHODS)
def test_the_last_frame_is_the_shipped_network_s(method, sets):
    network = recorded.load(method)
    for part, dataset in sets.items():
        p, found = says(network, dataset), epochs.seen(method, LAST, part)
        expected, bins = scores(p, dataset.masks[:, 0].numpy())
        assert (found.accuracy, found.confidence, found.ece) == pytest.approx(expected, abs=1e-3)
        table = found.reliability
        assert (table.pixels[:5] == 0).all()
        np.testing.assert_allclose(table.pixels[5:], bins[0], rtol=0.01)
        np.testing.assert_allclose(table.confidence[5:], bins[1], atol=0.002)
        np.testing.assert_allclose(table.accuracy[5:], bins[2], atol=0.01)
        half_a_step = 0.5 / (epochs.GREYS - 1)
        np.testing.assert_allclose(found.maps, p[list(PICKS[part])], atol=half_a_step + 1e-3)


@pytest.mark.parametrize("method", recorded.METHODS)
def test_each_frame_is_a_row_of_the_shipped_log(method):
    rows = {row["epoch"]: row for row in recorded.load_log(method)}
    for epoch, alpha in zip(EPOCHS, epochs.levels(method), strict=True):
        row, found = rows[epoch], epochs.seen(method, epoch)
        for name in ("accuracy", "confidence", "ece"):
            assert getattr(found, name) == pytest.approx(row[name], abs=1e-5)
        low, high = np.quantile(alpha, [0.1, 0.9])
        spread = [row["alpha_mean"], row["alpha_p10"], row["alpha_p90"]]
        assert [alpha.mean(), low, high] == pytest.approx(spread, abs=epochs.STEP)


@pytest.mark.parametrize("method", epochs.METHODS)
def test_the_diagrams_make_the_scores(method):
    for epoch in EPOCHS:
        for part, images in (("train", 160), ("validation", 100)):
            found = epochs.seen(method, epoch, part)
            full = found.reliability.pixels > 0
            pixels, sure, right = (
                getattr(found.reliability, name)[full]
                for name in ("pixels", "confidence", "accuracy")
            )
            assert pixels.sum() == images * 48 * 48
            made = [pixels @ right, pixels @ sure, pixels @ np.abs(sure - right)]
            assert np.array(made) / pixels.sum() == pytest.approx(
                [found.accuracy, found.confidence, found.ece], abs=1e-5
            )


def test_me_begins_as_bce_climbs_and_gives_way():
    alphas = epochs.levels("entropy")
    assert not alphas[: EPOCHS.index(4) + 1].any() and alphas.max() > 0.08
    assert epochs.seen("entropy", 4).ece == epochs.seen("bce", 4).ece
    # Its accuracy is under its best to the end: no level is left, and none is by that far from BCE.
    assert not alphas[-1].any()
    gap = [epochs.seen(method, LAST).ece for method in ("bce", "entropy", "calibration")]
    assert gap[1] == pytest.approx(gap[0], abs=0.005) and gap[2] < gap[1] - 0.04


@pytest.mark.slow
def test_a_frame_keeps_what_a_training_said(monkeypatch):
    monkeypatch.setattr(epochs, "EPOCHS", range(2, 5, 2))
    monkeypatch.setattr(epochs, "PICKS", {"train": (3, 1), "validation": (0, 2)})
    few = replace(recorded.SETTINGS, device="cpu", limit=10, epochs=4)
    few = few.tuned(aslp={"alpha_warm_up": 1})
    data = few.load_data()
    kept = epochs.recorded("calibration", data, few)
    assert [len(values) for values in kept.values()] == [2] * 4
    state = train(few, data, "calibration", progress=False)
    alpha = state.method.alphas.alpha.numpy()
    np.testing.assert_allclose(kept["levels"][-1] * epochs.STEP, alpha, atol=epochs.STEP / 2 + 1e-9)
    assert alpha.min() < alpha.max()
    for at, dataset in enumerate((data.train, data.validation)):
        p = says(state.network, dataset)
        expected, _ = scores(p, dataset.masks[:, 0].numpy())
        assert kept["scores"][-1, at].tolist() == pytest.approx(expected, abs=1e-3)
        maps = kept["maps"][-1, at] / (epochs.GREYS - 1)
        picked = p[[[3, 1], [0, 2]][at]]
        np.testing.assert_allclose(maps, picked, atol=0.5 / (epochs.GREYS - 1) + 1e-5)


def test_how_they_were_made_is_written_beside_and_the_file_is_small():
    how = json.loads(epochs.HOW.read_text())
    assert how["settings"]["epochs"] == recorded.SETTINGS.epochs
    assert how["settings"]["seed"] == recorded.SETTINGS.seed
    assert tuple(how["settings"]["methods"]) == epochs.METHODS
    assert how["epochs"] == list(EPOCHS)
    for method, end in how["ends"].items():
        assert end["level"] == pytest.approx(epochs.levels(method)[-1].mean())
        assert end["validation"]["ece"] == epochs.seen(method, LAST).ece
    assert epochs.FILE.stat().st_size < 600_000


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="method is 'mixup', but must be of bce, calibration"):
        epochs.levels("mixup")
    with pytest.raises(ValueError, match="epoch is 3, but must be an even one up to 140"):
        epochs.seen("bce", 3)
    with pytest.raises(ValueError, match="no set 'shifted': choose of train, validation"):
        epochs.seen("bce", 2, "shifted")


def entries(rule, epoch):
    """(H, W) of the palette."""
    return np.asarray(scrubber.compose(rule, epoch).image)


@EPOCH
def test_the_maps_drawn_are_the_recorded_ones(epoch):
    drawn, scale = entries("calibration", epoch), scrubber.SCALE
    for part, tops in scrubber._TOPS.items():
        for top, values in zip(tops, epochs.seen("calibration", epoch, part).maps, strict=True):
            left = scrubber._LEFTS[-1]
            tile = drawn[top : top + 48 * scale, left : left + 48 * scale]
            np.testing.assert_array_equal(tile[1::scale, 1::scale], np.rint(47 * values))


def test_image_label_and_truth_stand_beside_their_map(sets):
    drawn, scale = entries("bce", 2), scrubber.SCALE
    for part, tops in scrubber._TOPS.items():
        for top, i in zip(tops, PICKS[part], strict=True):
            image, label, truth = (
                drawn[top : top + 48 * scale, left : left + 48 * scale][1::scale, 1::scale]
                for left in scrubber._LEFTS[:3]
            )
            np.testing.assert_array_equal(label, 47 * sets[part].mask(i))
            np.testing.assert_array_equal(truth, np.rint(47 * sets[part].posterior[i]))
            grey = sets[part].images[i].numpy().mean(axis=0)
            np.testing.assert_allclose(image, 47 / 255 * grey, atol=0.5 + 1e-4)


@pytest.mark.parametrize("rule", epochs.METHODS)
@pytest.mark.parametrize("epoch", [20, 60, LAST])
def test_curves_end_at_the_epoch_where_they_were_recorded(rule, epoch):
    drawn, plot = entries(rule, epoch), scrubber._CURVES
    at, top, bottom = plot.across(epoch), plot.box[1] + 1, plot.box[3]
    before = drawn[top:bottom, at - 3]  # beside the line that marks the epoch
    rows = np.flatnonzero(before == canvas.index(canvas.BLUE)) + top
    ends = [plot.up(epochs.seen(rule, each).confidence) for each in (epoch - 2, epoch)]
    assert min(ends) - 4 <= rows.mean() <= max(ends) + 4
    for each in (plot, scrubber._LEVELS):
        _, top, right, bottom = each.box
        assert (drawn[top + 1 : bottom, at + 2 : right] == canvas.WHITE).all()


@pytest.mark.parametrize("rule", RULES)
def test_levels_are_drawn_where_they_are(rule):
    """Each image's dot over its rank; the marked ones as large as their level says."""
    for epoch in (60, LAST):
        drawn, alphas = entries(rule, epoch), epochs.levels(rule)[EPOCHS.index(epoch)]
        plot = scrubber._SORTED
        for rank, alpha in enumerate(np.sort(alphas), start=1):
            around = drawn[plot.up(alpha) - 1 : plot.up(alpha) + 2, plot.across(rank)]
            assert (around != canvas.WHITE).any()
        for i, colour in zip(PICKS["train"], scrubber.MARKS, strict=True):
            inside = drawn[plot.box[1] + 1 : plot.box[3], plot.box[0] + 1 : plot.box[2]]
            rows = np.flatnonzero((inside == canvas.index(colour)).any(axis=1))
            assert rows.mean() + plot.box[1] + 1 == pytest.approx(plot.up(alphas[i]), abs=6)


@EPOCH
@pytest.mark.parametrize("rule", epochs.METHODS)
def test_the_readout_says_what_was_recorded(rule, epoch):
    text, found = scrubber.readout(rule, epoch), epochs.seen(rule, epoch)
    learnt = epochs.seen(rule, epoch, "train")
    said = [float(n) for n in re.findall(r"(\d+\.\d) %", text)]
    expected = [found.confidence, found.accuracy, found.ece, learnt.accuracy]
    assert said == pytest.approx([100 * value for value in expected], abs=0.051)
    over = "over" if found.confidence > found.accuracy else "under"
    assert f"epoch {epoch}" in text and f"{over}-confident by" in text
    levels = [float(n) for n in re.findall(r"\d\.\d{3}", text)]
    alphas = epochs.levels(rule)[EPOCHS.index(epoch)]
    low, high = np.quantile(alphas, [0.1, 0.9])
    spoken = [alphas.mean(), low, high, *alphas[list(PICKS["train"])]]
    assert levels == ([] if rule == "bce" else pytest.approx(spoken, abs=0.00051))
