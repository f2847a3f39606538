"""A temperature for each image, against scipy's distances and another solver of the same loss."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.spatial.distance import cdist
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.transforms.v2.functional import resize

from aslp_lib import networks
from aslp_lib.course import recorded
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Density, Temperature, Trained
from aslp_lib.tensors import load_tensors, save_tensors


class Given(SaliencySet):
    """Images and masks that are there."""

    def __init__(self, images, masks):
        super().__init__("given", [f"{i}" for i in range(len(images))])
        self.images, self.masks = images, masks

    def load(self, index):
        return self.images[index], self.masks[index]


def trained(train=30, validation=12, size=16, seed=0):
    """The shipped network on noise of differing contrast, with labels that are drawn from what it
    says divided by a temperature that grows with contrast."""
    generator = torch.Generator().manual_seed(seed)
    network = recorded.load("bce")

    def images(n, contrasts):
        noise = torch.randn(n, 3, size, size, generator=generator)
        return (128 + 25 * contrasts.view(-1, 1, 1, 1) * noise).clamp(0, 255).to(torch.uint8)

    contrasts = torch.linspace(0.5, 3, validation)
    shown = images(validation, contrasts)
    with torch.inference_mode():
        logits = network(shown)
    true = logits / (1 + contrasts.view(-1, 1, 1, 1))
    labels = torch.bernoulli(torch.sigmoid(true), generator=generator)
    data = DataSplits(
        "noise",
        Given(images(train, torch.ones(train)), torch.zeros(train, 1, size, size).byte()),
        Given(shown, labels.byte()),
        {},
    )

    def validate(dataset):
        return Counts.from_probabilities(torch.sigmoid(logits), labels)

    return Trained(network, data, validate), logits, labels


def by_scipy(network, own, train, neighbours):
    """(N, stages) mean distance to the nearest, by sorting all."""
    columns = []
    for mine, theirs in zip(*(network.pooled_features(each) for each in (own, train)), strict=True):
        mine, theirs = (each / each.norm(dim=1, keepdim=True) for each in (mine, theirs))
        columns.append(np.sort(cdist(mine, theirs), axis=1)[:, :neighbours].mean(axis=1))
    return np.stack(columns, axis=1)


def test_weights_are_another_solver_s_of_the_logits_themselves():
    made, logits, labels = trained()
    fitted = Density(neighbours=5).fit_on_images(made)
    distances = by_scipy(made.network, made.data.validation.images, made.data.train.images, 5)
    means, deviations = distances.mean(axis=0), distances.std(axis=0)
    assert fitted.means == pytest.approx(means, rel=1e-4)
    assert fitted.deviations == pytest.approx(deviations, rel=1e-3)
    standard = torch.from_numpy((distances - means) / deviations)

    def loss(weights):
        exponent = weights[0] + standard @ torch.from_numpy(weights[1:])
        scaled = logits.double() * exponent.exp().view(-1, 1, 1, 1)
        nll = binary_cross_entropy_with_logits(scaled, labels.double()).item()
        return nll + (weights[1:] ** 2).sum() / (2 * len(logits))

    options = {"xatol": 1e-7, "fatol": 1e-13, "maxiter": 5000, "maxfev": 5000}
    expected = minimize(loss, np.zeros(4), method="Nelder-Mead", options=options).x
    assert fitted.weights == pytest.approx(expected, abs=5e-3)
    temperatures = fitted.temperatures(made.data.validation.images, made.network)
    assert temperatures.numpy() == pytest.approx(
        np.exp(-(expected[0] + standard.numpy() @ expected[1:])), rel=2e-2
    )
    assert temperatures[-1] > 1.5 * temperatures[0]  # as the labels were drawn


def test_images_of_a_batch_have_temperatures_of_their_own():
    made, logits, _ = trained()
    fitted = Density().fit_on_images(made)
    images = made.data.validation.images
    together = fitted.apply_on_images(logits, images, made.network)
    for i in (0, 5):
        alone = fitted.apply_on_images(logits[i : i + 1], images[i : i + 1], made.network)
        # Distances are divided by small deviations, which enlarges rounding.
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-3, atol=1e-4)
        ratio = logits[i] / together[i]
        torch.testing.assert_close(ratio, torch.full_like(ratio, ratio.mean().item()))


@pytest.mark.parametrize("copies", [1, 12])
def test_without_a_difference_between_images_it_is_one_temperature(copies):
    """Of one image, or the same in two batches, which round their features otherwise."""
    made, logits, labels = trained()
    image, logits, labels = (
        each[:1].repeat_interleave(copies, 0)
        for each in (made.data.validation.images, logits, labels)
    )
    one = replace(
        made,
        data=replace(made.data, validation=Given(image, labels)),
        validate=lambda _: Counts.from_probabilities(torch.sigmoid(logits), labels),
    )
    fitted = Density().fit_on_images(one)
    assert fitted.weights[1:] == pytest.approx([0, 0, 0], abs=1e-6)
    assert fitted.deviations == (1, 1, 1)
    value = Temperature().fit(one.counts).value
    assert math.exp(-fitted.weights[0]) == pytest.approx(value, rel=1e-5)
    images = one.data.validation[0][0][None]
    assert fitted.temperatures(images, one.network).item() == pytest.approx(value, rel=1e-5)


def test_a_temperature_stays_in_the_range_however_far_an_image_lies():
    made, _, _ = trained()
    fitted = Density().fit_on_images(made)
    for sign, end in ((-1, 100.0), (1, 0.01)):
        far = replace(fitted, weights=(0.0, sign * 10.0, 0.0, 0.0), means=(-1.0, 0.0, 0.0))
        images = made.data.validation.images
        np.testing.assert_allclose(far.temperatures(images, made.network), end, rtol=1e-9)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_fitted(label):
    made, logits, labels = trained()
    table = Counts.from_probabilities(torch.sigmoid(logits), torch.full_like(labels, label))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of all foreground T is as large as can be
        fitted = Density().fit_on_images(replace(made, validate=lambda _: table))
    changed = fitted.apply_on_images(logits, made.data.validation.images, made.network)
    assert torch.isfinite(changed).all() and torch.equal(changed > 0, logits > 0)


def test_separate_labels_take_an_end_and_say_so():
    made, logits, _ = trained()
    right = Counts.from_probabilities(torch.sigmoid(logits), (logits > 0).float())
    with pytest.warns(RuntimeWarning, match="0.01 is taken"):
        fitted = Density().fit_on_images(replace(made, validate=lambda _: right))
    temperatures = fitted.temperatures(made.data.validation.images, made.network)
    np.testing.assert_allclose(temperatures, 0.01, rtol=1e-9)


def test_training_images_are_seen_as_validation_images_are():
    """Without augmentation, and at their size, of which a training set may have another."""
    made, _, _ = trained()
    train = Given(made.data.train.images, made.data.train.masks)
    train.augment = lambda image, mask: (torch.zeros_like(image), mask)
    same = replace(made, data=replace(made.data, train=train))
    plain, augmented = (Density().fit_on_images(each) for each in (made, same))
    for one, two in zip(plain.references, augmented.references, strict=True):
        assert torch.equal(one, two)
    noise = torch.randint(0, 256, (9, 3, 40, 40), generator=torch.Generator().manual_seed(1))
    large = Given(noise.to(torch.uint8), made.data.train.masks[:9])
    resized = Density().fit_on_images(replace(made, data=replace(made.data, train=large)))
    expected = made.network.pooled_features(resize(large.images, [16, 16], antialias=True))
    for one, two in zip(resized.references, expected, strict=True):
        torch.testing.assert_close(one, two / two.norm(dim=1, keepdim=True), rtol=0, atol=0.01)


def test_references_are_spread_over_the_training_set(monkeypatch):
    made, _, _ = trained()
    monkeypatch.setattr("aslp_lib.recalibration.density.REFERENCES", 4)
    fitted = Density(neighbours=99).fit_on_images(made)  # more than there are
    some = made.data.train.images[[0, 10, 19, 29]]
    for kept, pooled in zip(fitted.references, made.network.pooled_features(some), strict=True):
        torch.testing.assert_close(kept, pooled / pooled.norm(dim=1, keepdim=True))


def test_networks_without_features_and_sets_without_images_are_refused():
    made, logits, _ = trained()
    with pytest.raises(ValueError, match="Linear names no features to measure"):
        Density().fit_on_images(replace(made, network=torch.nn.Linear(1, 1)))
    nothing = replace(made.data, train=Given([], []))
    with pytest.raises(ValueError, match="there are no training images"):
        Density().fit_on_images(replace(made, data=nothing))
    fitted, images = Density().fit_on_images(made), made.data.validation.images
    for other in (torch.nn.Identity(), networks.build("mobilenet_v2").eval()):
        with pytest.raises(ValueError, match="fitted on other features than those of"):
            fitted.apply_on_images(logits, images, other)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("weights", lambda t: t[:-1], "there must be one more weight"),
        ("weights", lambda t: t.float(), "must be lists in float64"),
        ("weights", lambda t: t * math.nan, "weight is nan"),
        ("weights", lambda t: 99 + 0 * t, "weights are .99.* but must be 10 at most"),
        ("means", lambda t: t[None], "must be lists in float64"),
        ("deviations", lambda t: -t, "not positive"),
        ("references.1", lambda t: t.double(), "references are torch.float64"),
        ("references.1", lambda t: t[0], "references are torch.float32 of shape"),
        ("references.2", lambda t: t * math.inf, "NaN or infinity"),
        ("references.3", lambda t: torch.ones(2, 2), "there must be one more weight"),
        ("colour", lambda t: torch.ones(2, 2), "references.3"),
    ],
)
def test_a_file_of_other_tensors_is_refused(tmp_path, name, change, message):
    path = tmp_path / "density.safetensors"
    Density().fit_on_images(trained()[0]).save(path)
    tensors, facts = load_tensors(path)
    save_tensors(path, tensors | {name: change(tensors.get(name))}, facts)
    with pytest.raises(ValueError, match=message) as refused:
        Density.load(path)
    assert "density.safetensors cannot be used" in str(refused.value)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"version": 2}, "of version 2"),
        ({"kind": "temperature"}, "holds the recalibration 'temperature'"),
        ({"neighbours": 0}, "there are 0 neighbours"),
        ({"neighbours": True}, "neighbours are True"),
        ({"colour": 1}, "colour"),
    ],
)
def test_a_file_that_says_otherwise_is_refused(tmp_path, facts, message):
    path = tmp_path / "density.safetensors"
    Density().save(path)
    tensors, said = load_tensors(path)
    save_tensors(path, tensors, said | facts)
    with pytest.raises(ValueError, match=message):
        Density.load(path)
