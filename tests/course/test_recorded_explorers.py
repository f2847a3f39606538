"""The records that explorers show are the networks' predictions."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from scipy.special import expit

from aslp_lib.course import recorded
from aslp_lib.course.recorded import epochs, perturbations
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.course.recorded.perturbations import RECORDED
from aslp_lib.metrics import calibration

LAST = EPOCHS[-1]


def logits_of(network, dataset):
    """(images, H, W), in float64, without the library's prediction."""
    with torch.no_grad():
        images = torch.stack([dataset.load(i)[0] for i in range(len(dataset))])
        logits = torch.cat([network(batch) for batch in images.split(20)])
    return logits[:, 0].double().numpy()


def scores_by_hand(p, dataset):
    labels = dataset.masks[:, 0].numpy()
    posterior = getattr(dataset, "posterior", np.full(labels.shape, np.nan))
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
        "ambiguous": mean_of(sure, np.abs(posterior - 0.5) < 0.25),
        "background": mean_of(sure, posterior == 0),
    }


def mean_of(values, chosen):
    return values[chosen].mean() if chosen.any() else np.nan


def lab_scores(outcome):
    names = ("ece", "oe", "brier", "accuracy", "confidence")
    found = {name: getattr(calibration, name)(outcome.counts) for name in names}
    return found | {"ambiguous": outcome.ambiguous, "background": outcome.background}


@pytest.fixture(scope="module", params=RECORDED)
def bce(request):
    """A data set's name, the shipped BCE's logits of its test set, and that set."""
    dataset = recorded.settings_of(request.param).load_data().tests["test"]
    return request.param, logits_of(recorded.load("bce", request.param), dataset), dataset


class TestPerturbationRecords:
    @pytest.mark.parametrize("temperature", [1.0, 2.5, 8.0])
    def test_bce_at_a_temperature(self, bce, temperature):
        data, logits, dataset = bce
        p = expit(logits / temperature)
        found = perturbations.at_temperature(temperature, data=data)
        expected = scores_by_hand(p, dataset)
        assert lab_scores(found) == pytest.approx(expected, abs=0.002, nan_ok=True)
        picks = list(RECORDED[data].picks["test"])
        np.testing.assert_allclose(found.maps, p[picks], atol=0.002)
        if temperature == 1:
            for targets in RECORDED[data].targets:  # 0 is BCE
                unperturbed = perturbations.at_perturbation(0.0, targets=targets, data=data)
                scores = lab_scores(unperturbed)
                assert scores == pytest.approx(lab_scores(found), abs=0.001, nan_ok=True)

    @pytest.mark.parametrize("targets", perturbations.TARGETS)
    @pytest.mark.parametrize("part", RECORDED["shapes"].picks)
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

    @pytest.mark.parametrize("data", RECORDED)
    def test_networks_of_rules_are_the_shipped_ones(self, data):
        how = json.loads((recorded.FOLDER / recorded.how_file(data)).read_text())
        for rule, part in product(RECORDED[data].rules, RECORDED[data].picks):
            shipped = how["scores"][rule][part]
            found = lab_scores(perturbations.of_rule(rule, part, data))
            assert {name: found[name] for name in shipped} == pytest.approx(shipped, abs=0.004)

    def test_real_data_are_recorded_at_every_perturbation(self):
        """More perturbation gives less confidence on the test set, as on synthetic data."""
        counts = [
            perturbations.at_perturbation(value, data="nuclei").counts
            for value in perturbations.PERTURBATIONS
        ]
        assert (np.diff([calibration.confidence(one) for one in counts]) < 0).all()
        assert min(calibration.accuracy(one) for one in counts) > 0.9


class TestEpochRecords:
    @pytest.mark.slow
    @pytest.mark.parametrize("method", recorded.METHODS)
    def test_the_last_frame_is_the_shipped_network_s(self, method):
        network, data = recorded.load(method), recorded.SETTINGS.load_data()
        for part, dataset in (("train", data.train), ("validation", data.validation)):
            p, found = expit(logits_of(network, dataset)), epochs.seen(method, LAST, part)
            expected = scores_by_hand(p, dataset)
            for name in ("accuracy", "confidence", "ece"):
                assert getattr(found, name) == pytest.approx(expected[name], abs=1e-3)
            half_a_step = 0.5 / (epochs.GREYS - 1)
            np.testing.assert_allclose(found.maps, p[list(PICKS[part])], atol=half_a_step + 1e-3)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (perturbations.at_perturbation, (0.22,), "perturbation is 0.22; expected one of"),
        (perturbations.at_perturbation, (0.2, "far"), "set is 'far'; .*: test, shifted, text"),
        (perturbations.at_perturbation, (0.2, "test", "mean"), "targets is 'mean'; .*: expected"),
        (perturbations.of_rule, ("aslp_me",), "rule is 'aslp_me'; .*: aslp_gap, aslp_mc"),
        (perturbations.at_temperature, (2.0, "test", "cats"), "data is 'cats'; .*: shapes, nuclei"),
        (epochs.seen, ("mixup", 2), "method is 'mixup'; .*: bce, aslp_mc, aslp_me"),
        (epochs.seen, ("bce", 3), "epoch is 3; expected an even one up to 140"),
        (epochs.seen, ("bce", 2, "shifted"), "set is 'shifted'; .*: train, validation"),
        (recorded.load, ("aslp_me",), "method is 'aslp_me'; .*: bce, aslp_mc, aslp_gap"),
    ],
)
def test_what_was_not_recorded_is_refused(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
