"""The level lab: what is recorded is what networks say, and what is drawn is what is recorded."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from aslp_lib.aslp.perturbation import TECHNIQUES, expected_targets
from aslp_lib.course import recorded
from aslp_lib.course.explorers import levels as lab
from aslp_lib.course.figures import canvas
from aslp_lib.course.recorded import levels
from aslp_lib.metrics import calibration
from aslp_lib.training.loop import train

VALUES = {"level": 0.2, "network": "expected", "temperature": 2.0, "part": "test", "lit": 80,
          "image": 2, "row": 7, "column": 30}  # fmt: skip


def scores(p, labels, posterior):
    """Of probabilities, pixel by pixel, with the library not asked."""
    p, labels, posterior = p.ravel(), labels.ravel(), posterior.ravel()
    sure, right = np.maximum(p, 1 - p), (p >= 0.5) == labels
    bins = np.ceil(sure * 10 - 1e-9)
    held = [bins == b for b in np.unique(bins)]
    share = np.array([h.mean() for h in held])
    gap = np.array([sure[h].mean() - right[h].mean() for h in held])
    mean = np.array([sure[h].mean() for h in held])
    return {
        "ece": share @ np.abs(gap),
        "oe": (share * mean) @ np.maximum(gap, 0),
        "brier": np.mean((p - labels) ** 2),
        "accuracy": right.mean(),
        "confidence": sure.mean(),
        "toss-ups": sure[np.abs(posterior - 0.5) < 0.25].mean(),
        "background": sure[posterior == 0].mean(),
    }


def told(seen):
    counts = seen.counts
    names = ("ece", "oe", "brier", "accuracy", "confidence")
    found = {name: getattr(calibration, name)(counts) for name in names}
    return found | {"toss-ups": seen.toss_ups, "background": seen.background}


@pytest.fixture(scope="module")
def plain():
    """The shipped BCE's logits of the test set, labels and truth."""
    dataset = lab.data().tests["test"]
    logits = levels.logits_of(recorded.load("bce"), dataset)
    return logits.astype(np.float64), dataset.masks[:, 0].numpy(), dataset.posterior


@pytest.mark.parametrize("temperature", [1.0, 2.5, 8.0])
def test_the_recorded_bce_at_a_temperature_is_the_shipped_network_s(plain, temperature):
    logits, labels, posterior = plain
    p = 1 / (1 + np.exp(-logits / temperature))
    assert told(levels.at_temperature(temperature)) == pytest.approx(
        scores(p, labels, posterior), abs=0.002
    )
    picked = p[list(levels.PICKS["test"])]
    assert levels.at_temperature(temperature).maps == pytest.approx(picked, abs=0.002)


@pytest.mark.parametrize("targets", levels.TARGETS)
def test_level_0_is_plain_bce(plain, targets):
    logits, labels, posterior = plain
    found = told(levels.at_level(0.0, targets=targets))
    assert found == pytest.approx(scores(1 / (1 + np.exp(-logits)), labels, posterior), abs=0.002)
    assert found == pytest.approx(told(levels.at_temperature(1.0)), abs=0.001)


def test_the_temperature_of_validation_is_the_fitted_one():
    assert levels.fitted_temperature() == pytest.approx(2.505, abs=0.01)


@pytest.mark.parametrize("targets", levels.TARGETS)
@pytest.mark.parametrize("part", levels.PICKS)
def test_confidence_falls_from_level_to_level_and_stays_under_the_target_s(part, targets):
    confidence = [
        calibration.confidence(levels.at_level(s, part, targets).counts) for s in levels.LEVELS
    ]
    assert (np.diff(confidence) < 0).all()
    assert max(c - (1 - s / 2) for c, s in zip(confidence, levels.LEVELS, strict=True)) < 0.02
    for level, held in zip(levels.LEVELS, confidence, strict=True):
        matched = levels.at_temperature(levels.matching_temperature(level, part, targets), part)
        assert calibration.confidence(matched.counts) == pytest.approx(held, abs=0.003)


def test_what_is_kept_of_logits_is_what_they_say():
    dataset = lab.data().tests["shifted"]
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 6, dataset.posterior.shape).astype(np.float32)
    kept = levels.outcome(logits, dataset, (3, 1))
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    labels = dataset.masks[:, 0].numpy()
    assert told(kept) == pytest.approx(scores(p, labels, dataset.posterior), abs=0.002)
    np.testing.assert_allclose(kept.maps, p[[3, 1]])
    table = levels.logit_table(logits, dataset)
    assert table.sum() == logits.size
    assert table[0].sum() == (np.abs(dataset.posterior - 0.5) < 0.25).sum()
    assert table[:, 1].sum() == labels.sum()
    cells = table.sum(axis=(0, 1))
    assert cells @ levels.LOGITS / logits.size == pytest.approx(logits.mean(), abs=0.01)


def test_training_at_level_0_is_bce_bit_for_bit_and_at_another_it_is_not():
    few = replace(recorded.SETTINGS, device="cpu", limit=10, epochs=2)
    data = few.load_data()
    networks = [
        train(settings, data, method, progress=False).network
        for settings, method in (
            (few, "bce"),
            (levels.at(0.0, few), "fixed_level"),
            (levels.at(0.0, few, "drawn"), "fixed_level"),
            (levels.at(0.3, few), "fixed_level"),
            (levels.at(0.3, few, "drawn"), "fixed_level"),
        )
    ]
    bce, *others = (torch.cat([p.ravel() for p in n.parameters()]) for n in networks)
    assert [torch.equal(bce, other) for other in others] == [True, True, False, False]
    assert not torch.equal(*others[2:])


@pytest.mark.parametrize("level", levels.LEVELS)
def test_both_kinds_of_targets_have_the_same_mean_at_a_level(level):
    labels, strengths = torch.tensor([[0.0, 1.0]]), {}
    for targets in levels.TARGETS:
        options = levels.at(level, recorded.SETTINGS, targets).hyperparameters.fixed_level
        assert options.use_expected_targets == (targets == "expected")
        technique = TECHNIQUES[options.technique]
        mean = expected_targets(labels, torch.tensor([options.alpha]), technique)
        torch.testing.assert_close(mean, torch.tensor([[level / 2, 1 - level / 2]]))
        strengths[targets] = technique.beta
    assert strengths == {"expected": 1, "drawn": 2}


def test_how_they_were_made_is_written_beside():
    how = json.loads(levels.HOW.read_text())
    assert how["settings"]["epochs"] == recorded.SETTINGS.epochs
    assert tuple(how["levels"]) == levels.LEVELS
    assert how["scores"].keys() == how["targets"].keys() == levels.TARGETS.keys()
    for targets, level in product(levels.TARGETS, levels.LEVELS):
        found, written = told(levels.at_level(level, "test", targets)), how["scores"][targets]
        assert written[str(level)] == pytest.approx(
            {name: found[name] for name in written[str(level)]}
        )


@pytest.mark.parametrize("call", [levels.at_level, levels.matching_temperature])
def test_another_level_or_set_is_refused(call):
    with pytest.raises(ValueError, match=r"level is 0\.22, but must be of 0\.0, 0\.05, 0\.1"):
        call(0.22)
    with pytest.raises(ValueError, match="no set 'elsewhere': choose of test, shifted, textures"):
        call(0.2, "elsewhere")
    with pytest.raises(ValueError, match="targets is 'mean', but must be of expected, drawn"):
        call(0.2, "test", "mean")


def test_other_targets_are_not_trained_on():
    with pytest.raises(ValueError, match="targets is 'mean', but must be of expected, drawn"):
        levels.at(0.2, recorded.SETTINGS, "mean")


def tile(drawing, which, image):
    """(48, 48) palette entries of a network's map, one a square."""
    top, left, scale = lab._TOPS[2 + which], lab._LEFTS[image], lab.SCALE
    entries = np.asarray(drawing.image)[top : top + 48 * scale, left : left + 48 * scale]
    return entries[scale // 2 :: scale, scale // 2 :: scale]


def named(level, network, part):
    """What the lab's controls name."""
    if network in levels.RULES:
        return levels.of_rule(network, part)
    return levels.at_level(level, part, network)


@pytest.mark.parametrize("network", lab.networks())
def test_the_maps_drawn_are_the_recorded_ones_and_the_lit_pixels_those_of_the_bin(network):
    values = VALUES | {"network": network}
    dark, lit = lab.compose(**values | {"lit": 0}), lab.compose(**values)
    for which, seen in enumerate((named(0.2, network, "test"), levels.at_temperature(2.0))):
        for image in (0, 2, 3):  # the second has the mark of the pixel on it
            entries = tile(dark, which, image)
            np.testing.assert_array_equal(entries, np.rint(47 * seen.maps[image]))
            orange = tile(lit, which, image) == canvas.index(canvas.ORANGE)
            sure = np.maximum(seen.maps[image], 1 - seen.maps[image])
            np.testing.assert_array_equal(orange, (sure > 0.8) & (sure <= 0.9))


def test_each_pixel_is_lit_in_one_bin():
    maps = np.linspace(0, 1, 501)
    lit = np.sum([lab.lights(maps, low) for low in lab.BINS if low], axis=0)
    assert (lit == 1).all()


def test_the_readout_names_the_pixel():
    text = lab.readout(**VALUES)
    dataset = lab.data().tests["test"]
    i = levels.PICKS["test"][1]
    here, there = levels.at_level(0.2), levels.at_temperature(2.0)
    shares = [100 * p for p in (here.maps[1, 7, 30], there.maps[1, 7, 30],
                                dataset.posterior[i, 7, 30])]  # fmt: skip
    pattern = r"P\(y = 1\) is (\d+) % and (\d+) %, in truth (\d+) %; its label is (\d)"
    found = re.search(pattern, text)
    assert [float(n) for n in found.groups()[:3]] == pytest.approx(shares, abs=0.51)
    assert int(found[4]) == dataset.mask(i)[7, 30]
    assert "second image of test" in text


class Cells(HTMLParser):
    """A table's cells, in order."""

    def __init__(self, html):
        super().__init__()
        self.cells = []
        self.feed(html)

    def handle_data(self, data):
        self.cells.append(data)


def test_the_table_has_both_networks_scores():
    cells = Cells(lab.table(**VALUES)).cells
    assert len(cells) == 1 + 7 + 2 * 8
    for row, seen in ((8, levels.at_level(0.2)), (16, levels.at_temperature(2.0))):
        expected = [100 * value for value in told(seen).values()]
        assert [float(c) for c in cells[row + 1 : row + 8]] == pytest.approx(expected, abs=0.051)
    assert "none" in lab.table(**VALUES | {"part": "textures"})


@pytest.mark.parametrize("network", lab.networks())
@pytest.mark.parametrize("part", levels.PICKS)
def test_at_each_level_words_table_and_mark_are_the_network_s(network, part):
    rule = network in levels.RULES
    for level in levels.LEVELS:
        values = VALUES | {"level": level, "network": network, "part": part}
        seen, own = named(level, network, part), lab.landed()[network] if rule else level
        shares = [f"{100 * value:.1f}" for value in told(seen).values()]
        name, *cells = Cells(lab.table(**values)).cells[8:16]
        assert cells == [share.replace("nan", "none") for share in shares]
        called = f"{name}, level {own:.2f}" if rule else f"level {own:.2f}, {network}"
        assert called.startswith(name)
        assert lab.readout(**values).startswith(f"ECE {shares[0]} % ({called}) and ")
        drawing = lab.compose(**values)
        assert called in drawing.alt and f"ECE {shares[0]} %" in drawing.alt
        row = np.asarray(drawing.image)[lab._STRIP.box[1] - 8, lab._STRIP.box[0] - 20 :]
        middle = np.flatnonzero(row == canvas.index(canvas.PINK)).mean() - 20
        assert middle / 370 * 0.6 == pytest.approx(own, abs=0.01)


def test_the_level_is_idle_where_a_rule_has_its_own():
    idle = {network: lab.idle(**VALUES | {"network": network}) for network in lab.networks()}
    assert idle == {"expected": (), "drawn": (), "measured_gap": ("level",),
                    "calibration": ("level",)}  # fmt: skip


def test_where_rules_ended_is_marked_beside_the_strip_s_numbers_not_through_them():
    entries = np.asarray(lab.compose(**VALUES | {"level": 0.0}).image)
    left, _, right, bottom = lab._STRIP.box
    marks = {"measured_gap": canvas.GREEN, "calibration": canvas.BLUE}
    for rule, colour in marks.items():
        is_marked = entries[: lab._DIAGRAMS["at the level"].box[1]] == canvas.index(colour)
        place = np.flatnonzero(is_marked.any(axis=0)).mean()
        assert (place - left) / (right - left) * 0.6 == pytest.approx(lab.landed()[rule], abs=0.01)
        assert is_marked[bottom - 5].any() and is_marked[bottom + 45].any()
        assert not is_marked[bottom + 6 : bottom + 28].any()  # where the numbers stand


def test_the_diagram_s_bars_are_the_bins_accuracy():
    drawing = lab.compose(**VALUES)
    counts = levels.at_level(0.2).counts
    table = calibration.reliability(counts)
    plot = lab._DIAGRAMS["at the level"]
    entries = np.asarray(drawing.image)
    for low, right in zip(table.edges[5:-1], table.accuracy[5:], strict=True):
        colour = canvas.ORANGE if round(100 * low) == 80 else canvas.LIGHT_BLUE
        inside = slice(plot.across(low) + 2, plot.across(low + 0.1) - 2)
        bar = entries[plot.box[1] + 1 : plot.box[3], inside] == canvas.index(colour)
        height = bar.any(axis=1).sum() / len(bar)  # what lies over the bar is narrower
        assert height == pytest.approx(right, abs=0.02)


def test_the_lit_bin_is_marked_under_the_axis_also_where_it_is_empty():
    values = VALUES | {"level": 0.6, "temperature": 9.0}
    for lit in (low for low in lab.BINS if low):
        entries = np.asarray(lab.compose(**values | {"lit": lit}).image)
        for plot in lab._DIAGRAMS.values():
            under = entries[plot.box[3] + 3, plot.box[0] : plot.box[2] + 1]
            marked = np.flatnonzero(under == canvas.index(canvas.ORANGE)) / (len(under) - 1)
            assert 50 + 50 * marked.min() == pytest.approx(lit, abs=0.3)
            assert 50 + 50 * marked.max() == pytest.approx(lit + 10, abs=0.3)


def test_where_rules_ended_is_their_logs_last_level():
    ended = lab.landed()
    for rule in levels.RULES:
        assert ended[rule] == recorded.load_log(rule)[-1]["alpha_mean"]  # M: beta is 1
    assert 0 < ended["measured_gap"] < ended["calibration"] < levels.LEVELS[-1]
    assert [*lab.networks()] == [*levels.TARGETS, *levels.RULES]
    for rule, level in ended.items():
        assert f"level {level:.2f}" in lab.networks()[rule]


def test_the_rules_networks_are_the_shipped_ones():
    how = json.loads((recorded.FOLDER / "how.json").read_text())["scores"]
    for rule in levels.RULES:
        for part, scored in how[rule].items():
            found = told(levels.of_rule(rule, part))
            assert {name: found[name] for name in scored} == pytest.approx(scored, abs=0.004)
    with pytest.raises(ValueError, match="rule is 'entropy', but must be of measured_gap, cal"):
        levels.of_rule("entropy")


def test_a_picture_s_colours_are_the_palette_s():
    """Greys to the nearest of them, colours to themselves, the letters' soft edges to greys."""
    colours = [ImageColor.getrgb(colour) for colour in canvas.COLOURS]
    greys = [(v, v, v) for v in (0, 3, 130, 255)]
    row = np.array([greys + colours], np.uint8)
    entries = np.asarray(canvas.in_palette(Image.fromarray(row)))[0]
    own = [canvas.index(colour) for colour in canvas.COLOURS]
    # The style's grey is a grey.
    own[canvas.COLOURS.index(canvas.GREY)] = round(47 * 0x76 / 255)
    assert entries.tolist() == [0, 1, 24, 47, *own]
    shown = np.asarray(canvas.in_palette(Image.fromarray(row)).convert("RGB"))[0].astype(int)
    assert np.abs(shown - row[0]).max() <= 3
