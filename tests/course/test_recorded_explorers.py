"""The perturbation lab and the training scrubber show the records, which are the networks'."""

import json
import re
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import pytest
import torch
from matplotlib.colors import same_color
from scipy.special import expit

from aslp_lib.course import recorded
from aslp_lib.course.explorers import perturbations as lab
from aslp_lib.course.explorers import scrubber
from aslp_lib.course.figures.panels import GAP
from aslp_lib.course.recorded import epochs, perturbations
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.evaluation.figures import alt
from aslp_lib.evaluation.figures.style import directions
from aslp_lib.metrics import calibration

SETTINGS = replace(recorded.SETTINGS, device="cpu")
VALUES = {"perturbation": 0.2, "network": "expected", "temperature": 2.0, "part": "test",
          "highlighted": 80, "image": 2, "row": 7, "column": 30}  # fmt: skip
LAST = EPOCHS[-1]


def logits_of(network, dataset):
    """(images, H, W), in float64, without the library's prediction."""
    with torch.no_grad():
        images = torch.stack([dataset.load(i)[0] for i in range(len(dataset))])
        logits = torch.cat([network(batch) for batch in images.split(20)])
    return logits[:, 0].double().numpy()


def scores_by_hand(p, dataset):
    labels, posterior = dataset.masks[:, 0].numpy(), dataset.posterior
    sure, right = np.maximum(p, 1 - p), (p >= 0.5) == labels
    ece = oe = 0.0
    bins = np.ceil(10 * sure - 1e-9)
    for k in np.unique(bins):
        share, mean = np.mean(bins == k), sure[bins == k].mean()
        gap = mean - right[bins == k].mean()
        ece, oe = ece + share * abs(gap), oe + share * mean * max(gap, 0)
    return {
        "ece": ece,
        "oe": oe,
        "brier": np.mean((p - labels) ** 2),
        "accuracy": right.mean(),
        "confidence": sure.mean(),
        "ambiguous": sure[np.abs(posterior - 0.5) < 0.25].mean(),
        "background": sure[posterior == 0].mean(),
    }


def lab_scores(outcome):
    names = ("ece", "oe", "brier", "accuracy", "confidence")
    found = {name: getattr(calibration, name)(outcome.counts) for name in names}
    return found | {"ambiguous": outcome.ambiguous, "background": outcome.background}


def tiles(axis, layer=0, size=48):
    """The maps of a mosaic, by row and column."""
    shown = np.ma.filled(axis.images[layer].get_array(), np.nan)
    starts = [range(0, length, size + GAP) for length in shown.shape]
    return np.array([[shown[y:, x:][:size, :size] for x in starts[1]] for y in starts[0]])


@pytest.fixture(scope="module")
def bce():
    """The shipped BCE's logits of the test set, and the set."""
    dataset = lab.data().tests["test"]
    return logits_of(recorded.load("bce"), dataset), dataset


class TestPerturbationRecords:
    @pytest.mark.parametrize("temperature", [1.0, 2.5, 8.0])
    def test_bce_at_a_temperature(self, bce, temperature):
        logits, dataset = bce
        p, found = expit(logits / temperature), perturbations.at_temperature(temperature)
        assert lab_scores(found) == pytest.approx(scores_by_hand(p, dataset), abs=0.002)
        assert found.maps == pytest.approx(p[list(perturbations.PICKS["test"])], abs=0.002)
        if temperature == 1:
            for targets in perturbations.TARGETS:  # 0 is BCE
                unperturbed = lab_scores(perturbations.at_perturbation(0.0, targets=targets))
                assert unperturbed == pytest.approx(lab_scores(found), abs=0.001)

    @pytest.mark.parametrize("targets", perturbations.TARGETS)
    @pytest.mark.parametrize("part", perturbations.PICKS)
    def test_confidence_falls_with_the_perturbation_and_has_a_matching_temperature(
        self, part, targets
    ):
        confidences = []
        for strength in perturbations.PERTURBATIONS:
            confidence = calibration.confidence(
                perturbations.at_perturbation(strength, part, targets).counts
            )
            confidences.append(confidence)
            assert confidence < 1 - strength / 2 + 0.02  # the target's
            temperature = perturbations.matching_temperature(strength, part, targets)
            matched = calibration.confidence(perturbations.at_temperature(temperature, part).counts)
            assert matched == pytest.approx(confidence, abs=0.003)
        assert (np.diff(confidences) < 0).all()

    def test_networks_of_rules_are_the_shipped_ones(self):
        scores = json.loads((recorded.FOLDER / "how.json").read_text())["scores"]
        for rule, part in product(perturbations.RULES, perturbations.PICKS):
            found, shipped = lab_scores(perturbations.of_rule(rule, part)), scores[rule][part]
            assert {name: found[name] for name in shipped} == pytest.approx(shipped, abs=0.004)


class TestPerturbationLab:
    @pytest.mark.parametrize("network", lab.networks())
    def test_maps_and_highlighted_pixels(self, network):
        values = VALUES | {"network": network}
        rows = lab.compose(**values).axes[2:4]
        outcomes = (lab._recorded(0.2, network, "test"), perturbations.at_temperature(2.0))
        for axis, outcome in zip(rows, outcomes, strict=True):
            np.testing.assert_array_equal(tiles(axis), outcome.maps[None])
            sure = np.maximum(outcome.maps, 1 - outcome.maps)
            np.testing.assert_array_equal(tiles(axis, 1) == 1, [(sure > 0.8) & (sure <= 0.9)])

    def test_a_gap_has_the_colour_of_its_direction(self):
        axes = lab.compose(**VALUES).axes
        (diagram,) = [axis for axis in axes if axis.get_title().startswith("trained")]
        table = calibration.reliability(perturbations.at_perturbation(0.2).counts)
        for lines, colour, sign in zip(
            diagram.collections, directions(text=True), (1, -1), strict=True
        ):
            ends = np.array(lines.get_segments())
            full = (table.pixels > 0) & (sign * table.gap > 0)
            pairs = np.c_[table.accuracy, table.confidence][full]
            np.testing.assert_allclose(np.sort(ends[:, :, 1]), np.sort(pairs))
            assert same_color(lines.get_color(), colour)

    @pytest.mark.parametrize("network", lab.networks())
    @pytest.mark.parametrize("part", perturbations.PICKS)
    def test_words_and_table_have_the_networks_scores(self, network, part):
        values = VALUES | {"network": network, "part": part}
        rows = {16: perturbations.at_temperature(2.0, part), 8: lab._recorded(0.2, network, part)}
        for row, outcome in rows.items():
            shares = [f"{100 * value:.1f}" for value in lab_scores(outcome).values()]
            cells = re.findall(">([^<>]+)<", lab.table(**values))[row + 1 : row + 8]
            assert cells == [share.replace("nan", "none") for share in shares]
        strength = lab.final_perturbations()[network] if network in perturbations.RULES else 0.2
        drawn = (network, part) in zip(lab.networks(), cycle(perturbations.PICKS))  # each once
        for words in (lab.readout(**values), *([alt(lab.compose(**values))] if drawn else [])):
            assert f"alpha*beta {strength:.2f}" in words and f"ECE {shares[0]} %" in words


class TestEpochRecords:
    @pytest.mark.slow
    @pytest.mark.parametrize("method", recorded.METHODS)
    def test_the_last_frame_is_the_shipped_network_s(self, method):
        network, data = recorded.load(method), lab.data()
        for part, dataset in (("train", data.train), ("validation", data.validation)):
            p, found = expit(logits_of(network, dataset)), epochs.seen(method, LAST, part)
            expected = scores_by_hand(p, dataset)
            for name in ("accuracy", "confidence", "ece"):
                assert getattr(found, name) == pytest.approx(expected[name], abs=1e-3)
            half_a_step = 0.5 / (epochs.GREYS - 1)
            np.testing.assert_allclose(found.maps, p[list(PICKS[part])], atol=half_a_step + 1e-3)


class TestScrubber:
    @pytest.mark.parametrize("epoch", [2, LAST])
    def test_maps_image_label_and_truth(self, epoch):
        figure, data = scrubber.compose("calibration", epoch), lab.data()
        mosaics = [axis for axis in figure.axes if axis.images]
        for axis, part in zip(mosaics, ("train", "validation"), strict=True):
            dataset, picks = getattr(data, part), list(PICKS[part])
            image, label, truth, network = tiles(axis).swapaxes(0, 1)
            np.testing.assert_array_equal(network, epochs.seen("calibration", epoch, part).maps)
            np.testing.assert_array_equal(label, [dataset.mask(i) for i in picks])
            np.testing.assert_array_equal(truth, dataset.posterior[picks])
            np.testing.assert_allclose(255 * image, dataset.images[picks].numpy().mean(axis=1))

    @pytest.mark.parametrize("rule", epochs.METHODS)
    @pytest.mark.parametrize("epoch", [20, LAST])
    def test_the_readout(self, rule, epoch):
        found, learnt = epochs.seen(rule, epoch), epochs.seen(rule, epoch, "train")
        alphas = epochs.levels(rule)[EPOCHS.index(epoch)]
        text = scrubber.readout(rule, epoch)
        percents = [float(n) for n in re.findall(r"(\d+\.\d) %", text)]
        expected = [found.confidence, found.accuracy, found.ece, learnt.accuracy]
        assert percents == pytest.approx([100 * value for value in expected], abs=0.051)
        spoken = [float(n) for n in re.findall(r"\d\.\d{3}", text)]
        expected = [alphas.mean(), *np.quantile(alphas, [0.1, 0.9]), *alphas[list(PICKS["train"])]]
        assert spoken == ([] if rule == "bce" else pytest.approx(expected, abs=0.00051))


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (perturbations.at_perturbation, (0.22,), "perturbation is 0.22; expected one of"),
        (perturbations.at_perturbation, (0.2, "far"), "set is 'far'; .*: test, shifted, text"),
        (perturbations.at, (0.2, SETTINGS, "mean"), "targets is 'mean'; .*: expected, sampled"),
        (perturbations.of_rule, ("entropy",), "rule is 'entropy'; .*: measured_gap, calibration"),
        (epochs.seen, ("mixup", 2), "method is 'mixup'; .*: bce, calibration, entropy"),
        (epochs.seen, ("bce", 3), "epoch is 3; expected an even one up to 140"),
        (epochs.seen, ("bce", 2, "shifted"), "set is 'shifted'; .*: train, validation"),
        (recorded.load, ("entropy",), "method is 'entropy'; .*: bce, calibration, measured_gap"),
    ],
)
def test_what_was_not_recorded_is_refused(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
