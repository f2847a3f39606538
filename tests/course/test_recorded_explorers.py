"""The records that explorers show are the networks' predictions."""

import json

import numpy as np
import pytest
import torch
from scipy.special import expit

from aslp_lib.course import recorded
from aslp_lib.course.recorded import epochs, perturbations
from aslp_lib.course.recorded.epochs import PICKS
from aslp_lib.course.recorded.perturbations import RECORDED
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def logits_of(network, dataset):
    """(images, H, W), in float64, without the library's prediction."""
    with torch.no_grad():
        images = torch.stack([dataset.load(i)[0] for i in range(len(dataset))])
        logits = torch.cat([network(batch) for batch in images.split(20)])
    return logits[:, 0].double().numpy()


NAMES = ("ece", "oe", "brier", "accuracy", "confidence")


def scores_of(counts):
    return {name: getattr(calibration, name)(counts) for name in NAMES}


def scores_of_maps(p, dataset):
    return scores_of(Counts.from_probabilities(torch.from_numpy(p), dataset.masks[:, 0].long()))


CURVES = [(data, targets) for data, of in RECORDED.items() for targets in of.targets]


@pytest.mark.parametrize(("data", "targets"), CURVES)
def test_confidence_falls_with_the_perturbation(data, targets):
    confidences = []
    for strength in perturbations.PERTURBATIONS:
        trained = perturbations.at_perturbation(strength, targets, data)
        confidences.append(calibration.confidence(trained.counts))
        assert confidences[-1] < 1 - strength / 2 + 0.02  # the target's
    assert (np.diff(confidences) < 0).all()


@pytest.mark.parametrize("data", RECORDED)
def test_without_perturbation_the_network_is_the_shipped_one(data):
    """Its maps are those of a prediction without the library."""
    how = json.loads((recorded.FOLDER / recorded.how_file(data)).read_text())
    dataset, shipped = recorded.settings_of(data).load_data().tests["test"], how["scores"]["bce"]
    p = expit(logits_of(recorded.load("bce", data), dataset))[list(RECORDED[data].picks)]
    for targets in RECORDED[data].targets:
        found = perturbations.at_perturbation(0.0, targets, data)
        scores = scores_of(found.counts)
        wanted = shipped["test"]
        assert {name: scores[name] for name in wanted} == pytest.approx(wanted, abs=0.004)
        np.testing.assert_allclose(found.maps, p, atol=0.004)


@pytest.mark.slow
@pytest.mark.parametrize("method", recorded.METHODS)
def test_the_last_frame_is_the_shipped_network_s(method):
    network, data = recorded.load(method), recorded.SETTINGS.load_data()
    arrays, run = recorded.read_arrays(epochs.FILE), epochs.METHODS.index(method)
    for part, dataset in (("train", data.train), ("validation", data.validation)):
        p, last = expit(logits_of(network, dataset)), (run, -1, [*PICKS].index(part))
        expected = scores_of_maps(p, dataset)
        wanted = [expected[name] for name in epochs.SCORES]
        assert arrays["scores"][last] == pytest.approx(wanted, abs=1e-3)
        shown, half_a_step = arrays["maps"][last] / (epochs.GREYS - 1), 0.5 / (epochs.GREYS - 1)
        np.testing.assert_allclose(shown, p[list(PICKS[part])], atol=half_a_step + 1e-3)


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        (perturbations.at_perturbation, (0.22,), "perturbation is 0.22; expected one of"),
        (perturbations.at_perturbation, (0.2, "mean"), "targets is 'mean'; .*: expected"),
        (perturbations.at_perturbation, (0.2, "expected", "cats"), "data is 'cats'; .*: shapes"),
        (epochs.levels, ("mixup",), "method is 'mixup'; .*: bce, aslp_mc, aslp_me"),
        (recorded.load, ("aslp_me",), "method is 'aslp_me'; .*: bce, aslp_mc, aslp_gap"),
    ],
)
def test_what_was_not_recorded_is_refused(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
