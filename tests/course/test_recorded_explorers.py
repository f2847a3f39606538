"""The records that explorers show are the networks' predictions."""

import json
from itertools import product

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


def scores_of(counts, **confidences):
    return {name: getattr(calibration, name)(counts) for name in NAMES} | confidences


def recorded_scores(found):
    return scores_of(found.counts, ambiguous=found.ambiguous, background=found.background)


def scores_of_maps(p, dataset):
    """Score probabilities; two kinds of pixels by their true posterior, if it is known."""
    counts = Counts.from_probabilities(torch.from_numpy(p), dataset.masks[:, 0].long())
    posterior = getattr(dataset, "posterior", np.full(p.shape, np.nan))
    kinds = {"ambiguous": np.abs(posterior - 0.5) < 0.25, "background": posterior == 0}
    sure = np.maximum(p, 1 - p)
    means = {kind: sure[at].mean() if at.any() else np.nan for kind, at in kinds.items()}
    return scores_of(counts, **means)


@pytest.mark.parametrize("data", RECORDED)
def test_bce_at_a_temperature(data):
    dataset = recorded.settings_of(data).load_data().tests["test"]
    logits, picks = logits_of(recorded.load("bce", data), dataset), RECORDED[data].picks["test"]
    for temperature in (1.0, 2.5, 8.0):
        p, found = expit(logits / temperature), perturbations.at_temperature(temperature, data=data)
        expected = scores_of_maps(p, dataset)
        assert recorded_scores(found) == pytest.approx(expected, abs=0.002, nan_ok=True)
        np.testing.assert_allclose(found.maps, p[list(picks)], atol=0.002)
    unscaled = recorded_scores(perturbations.at_temperature(1.0, data=data))
    for targets in RECORDED[data].targets:  # 0 is BCE
        unperturbed = perturbations.at_perturbation(0.0, targets=targets, data=data)
        assert recorded_scores(unperturbed) == pytest.approx(unscaled, abs=0.001, nan_ok=True)


CURVES = [
    (data, part, targets)
    for data, of in RECORDED.items()
    for part, targets in product(of.picks if data == "shapes" else ["test"], of.targets)
]


@pytest.mark.parametrize(("data", "part", "targets"), CURVES)
def test_confidence_falls_with_the_perturbation(data, part, targets):
    confidences = []
    for strength in perturbations.PERTURBATIONS:
        trained = perturbations.at_perturbation(strength, part, targets, data)
        confidences.append(calibration.confidence(trained.counts))
        assert confidences[-1] < 1 - strength / 2 + 0.02  # the target's
    assert (np.diff(confidences) < 0).all()


@pytest.mark.parametrize("data", RECORDED)
def test_without_perturbation_the_network_is_the_shipped_one(data):
    how = json.loads((recorded.FOLDER / recorded.how_file(data)).read_text())
    for part in RECORDED[data].picks:
        shipped = how["scores"]["bce"][part]
        found = recorded_scores(perturbations.at_perturbation(0, part, data=data))
        assert {name: found[name] for name in shipped} == pytest.approx(shipped, abs=0.004)


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
        (perturbations.at_perturbation, (0.2, "far"), "set is 'far'; .*: test, shifted, text"),
        (perturbations.at_perturbation, (0.2, "test", "mean"), "targets is 'mean'; .*: expected"),
        (perturbations.at_temperature, (2.0, "test", "cats"), "data is 'cats'; .*: shapes, nuclei"),
        (epochs.levels, ("mixup",), "method is 'mixup'; .*: bce, aslp_mc, aslp_me"),
        (recorded.load, ("aslp_me",), "method is 'aslp_me'; .*: bce, aslp_mc, aslp_gap"),
    ],
)
def test_what_was_not_recorded_is_refused(call, arguments, message):
    with pytest.raises(ValueError, match=message):
        call(*arguments)
