"""A temperature for each image, against scipy's distances and another solver of the same loss."""

import math
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import Subset
from torchvision.transforms.v2.functional import resize

from aslp_lib import networks
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Density, Temperature
from aslp_lib.recalibration.base import IDENTITY
from aslp_lib.tensors import load_tensors, save_tensors
from aslp_lib.training import recalibrate


@pytest.fixture(scope="module")
def fitted(small):
    return density_of(small, neighbours=5)


def density_of(trained, **parameters):
    unfitted = Density(**parameters, references=trained.references)
    fitted = unfitted.fit(trained.counts_with_features)
    return fitted.attach(trained.network, trained.network.pooled_features)


def validation_of(trained):
    """Images, and the logits that the counts hold."""
    images = torch.stack([image for image, *_ in trained.data.validation])
    with torch.inference_mode():
        return images, trained.network(images)


def directions(network, images):
    """Features of length 1 of each stage."""
    return [each / each.norm(dim=1, keepdim=True) for each in network.pooled_features(images)]


def test_weights_are_another_solver_s_of_the_logits_themselves(small, fitted):
    network, (images, logits) = small.network, validation_of(small)
    train = torch.stack([image for image, *_ in small.data.train])
    labels = torch.stack([mask for _, mask, _ in small.data.validation]).double()
    logits = logits.double().clamp(-math.log(8189), math.log(8189))  # as the counts end
    pairs = zip(directions(network, images), directions(network, train), strict=True)
    distances = [np.sort(cdist(*pair), axis=1)[:, :5].mean(axis=1) for pair in pairs]
    distances = np.stack(distances, axis=1)
    means, deviations = distances.mean(axis=0), distances.std(axis=0)
    assert fitted.means == pytest.approx(means, rel=1e-4)
    assert fitted.deviations == pytest.approx(deviations, rel=1e-3)
    standard = torch.from_numpy((distances - means) / deviations)

    def loss(weights):
        exponent = weights[0] + standard @ torch.from_numpy(weights[1:])
        scaled = logits * exponent.exp().view(-1, 1, 1, 1)
        nll = binary_cross_entropy_with_logits(scaled, labels).item()
        return nll + (weights[1:] ** 2).sum() / (2 * len(logits))

    options = {"xatol": 1e-7, "fatol": 1e-13, "maxiter": 5000, "maxfev": 5000}
    expected = minimize(loss, np.zeros(4), method="Nelder-Mead", options=options).x
    assert fitted.weights == pytest.approx(expected, abs=5e-3)
    assert np.abs(expected[1:]).max() > 0.02
    temperatures = np.exp(-(expected[0] + standard.numpy() @ expected[1:]))
    assert fitted.temperatures(images).numpy() == pytest.approx(temperatures, rel=2e-2)


def test_images_of_a_batch_have_temperatures_of_their_own(small, fitted):
    images, logits = validation_of(small)
    together = fitted(logits, images)
    for i in (0, 5):
        alone = fitted(logits[i : i + 1], images[i : i + 1])
        # Distances are divided by small deviations, which enlarges rounding.
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-3, atol=1e-4)
        ratio = logits[i] / together[i]
        torch.testing.assert_close(ratio, torch.full_like(ratio, ratio.mean().item()))


@pytest.mark.parametrize("copies", [1, 12])
def test_without_a_difference_between_images_it_is_one_temperature(small, copies):
    """Of one image, or the same in two batches, which round their features otherwise."""
    same = [0] * copies
    data = replace(small.data, validation=Subset(small.data.validation, same))
    counts = small.counts[np.array(same)]
    fitted = density_of(replace(small, data=data, validate=lambda _: counts))
    assert fitted.weights[1:].tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert fitted.deviations.tolist() == [1, 1, 1]
    value = Temperature().fit(counts).value.item()
    image = small.data.validation[0][0][None]
    assert fitted.temperatures(image).item() == pytest.approx(value, rel=1e-5)
    assert f"T = {value:.3f} at mean distances, times 1.00, 1.00, 1.00" in fitted.describe()


def test_a_temperature_stays_in_the_range_however_far_an_image_lies(small, fitted):
    images, logits = validation_of(small)
    for sign, end in ((-1, 100.0), (1, 0.01)):
        weights, means = (0.0, sign * 10.0, 0.0, 0.0), (-1.0, 0.0, 0.0)
        far = Density(5, weights, means, fitted.deviations, references=fitted.references)
        far.attach(small.network, small.network.pooled_features)
        np.testing.assert_allclose(far.temperatures(images), end, rtol=1e-9)
    right = Counts.from_probabilities(torch.sigmoid(logits), (logits > 0).float())
    with pytest.warns(RuntimeWarning, match="0.01 is used"):
        separate = density_of(replace(small, validate=lambda _: right))
    np.testing.assert_allclose(separate.temperatures(images), 0.01, rtol=1e-9)


def test_training_images_are_seen_as_validation_images_are(small, monkeypatch):
    """Evenly spread over the set, without augmentation, and at their size, of which a training set
    may have another; all are neighbours, where there are fewer than asked for."""
    monkeypatch.setattr("aslp_lib.training.recalibrate.REFERENCES", 4)
    for size in (48, 40, 64):
        train = Shapes("train", 12, 0, size=size, augment=True)
        data = replace(small.data, train=train)
        fitted = density_of(replace(small, data=data), neighbours=99)
        images = torch.stack([train.load(i)[0] for i in (0, 4, 7, 11)])
        expected = directions(small.network, resize(images, [48, 48], antialias=True))
        for ours, theirs in zip(fitted.references, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_it_compares_ten_neighbours_of_500_images_and_one_may_be_enough():
    assert (Density().neighbours, recalibrate.REFERENCES) == (10, 500)
    assert Density(neighbours=1).describe() == IDENTITY


def test_networks_without_features_and_sets_without_images_are_refused(small, fitted):
    with pytest.raises(ValueError, match="Linear names no features to measure"):
        replace(small, network=torch.nn.Linear(1, 1)).fit(Density)
    nothing = replace(small.data, train=Subset(small.data.train, []))
    with pytest.raises(ValueError, match="references for 0 stages"):
        replace(small, data=nothing).fit(Density)
    with pytest.raises(ValueError, match=r"is \['groups'\]; expected references"):
        Density().fit(small.counts.with_columns(groups=np.arange(12)))
    images, logits = validation_of(small)
    other = networks.build("mobilenet_v2").eval()
    with pytest.raises(ValueError, match="number of channels by stage is"):
        copy(fitted).attach(other, other.pooled_features)(logits, images)
    with pytest.raises(TypeError, match="'density' has no network with features; expected"):
        copy(fitted).attach(torch.nn.Identity())(logits, images)


def test_a_file_without_the_references_of_a_stage_is_refused(tmp_path, fitted):
    path = tmp_path / "density.safetensors"
    fitted.save(path)
    tensors, facts = load_tensors(path)
    for wrong in ({"colour": torch.zeros(1)}, {"reference_5": torch.zeros(1, 1)}):
        save_tensors(path, tensors | wrong, facts)
        with pytest.raises(ValueError, match=r"density.safetensors cannot be used as the"):
            Density.load(path)
