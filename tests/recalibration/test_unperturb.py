"""Undone perturbations against arithmetic in float64, and against a search for the best dose."""

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from torch import nn

from aslp_lib.metrics.temperature import best_temperature
from aslp_lib.recalibration import Recalibrated, Unperturb, UnperturbTemperature
from aslp_lib.recalibration.unperturb import best_dose, clip_of

DOSES = (1e-6, 0.001, 0.24, 0.9, 0.99)


@pytest.mark.parametrize("dose", DOSES)
def test_posteriors_are_recovered(dose):
    z = torch.linspace(-12, 12, 301, dtype=torch.float64)
    p = ((z.sigmoid() - dose / 2) / (1 - dose)).clamp(clip_of(dose), 1 - clip_of(dose))
    torch.testing.assert_close(Unperturb(dose)(z).sigmoid(), p, rtol=1e-9, atol=1e-12)
    single = Unperturb(dose)(z.float()).sigmoid()
    torch.testing.assert_close(single.double(), p, rtol=0, atol=1e-6 / (1 - dose))


@pytest.mark.fault
@pytest.mark.parametrize("dose", [0.0, 5e-324, 1e-300, 1e-40, 1e-20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_and_gradients_stay_finite_with_the_smallest_doses(dose, dtype):
    z = torch.tensor([-1000.0, -100, 0, 100, 1000], dtype=dtype, requires_grad=True)
    after = Unperturb(dose)(z)
    assert after.isfinite().all() and torch.equal(after.sign(), z.sign())
    (gradient,) = torch.autograd.grad(after.sum(), z)
    assert gradient.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("method", [Unperturb(0.24), UnperturbTemperature(0.24, 2.0), Unperturb()])
def test_networks_with_an_undone_perturbation_are_exported(method):
    """torch.export, which the ONNX exporter uses, cannot branch on the value of a buffer."""
    images = torch.randn(2, 1, 4, 4)
    network = Recalibrated(nn.Conv2d(1, 1, 1), method).eval()
    exported = torch.export.export(network, (images,))
    torch.testing.assert_close(exported.module()(images), network(images))


def profile(dose, share, margins):
    """NLL with a dose and the best temperature."""
    limit = 1 - 2 * clip_of(dose)
    undone = 2 * np.arctanh((np.tanh(margins / 2) / (1 - dose)).clip(-limit, limit))
    return share @ np.logaddexp(0, -undone / best_temperature(share, undone))


@pytest.mark.parametrize("seed", range(8))
def test_no_dose_of_a_grid_is_better_than_the_fit(seed):
    """Seed 3 is an underconfident network with wrong labels, whose best dose is the largest."""
    rng = np.random.default_rng(seed)
    dose, factor, deviation = rng.uniform(0, 0.7), np.exp(rng.normal(0, 0.7)), rng.uniform(1, 6)
    pixels = np.random.default_rng(seed)
    posterior = pixels.normal(-1, deviation, 20_000)
    labels = pixels.random(20_000) < expit(posterior)
    labels ^= (rng.random(20_000) < 0.05) & (seed % 3 == 0)
    z = logit((1 - dose) * expit(factor * posterior) + dose / 2) * (3 if seed % 4 == 1 else 1)
    margins, share = np.where(labels, z, -z), np.full(20_000, 1 / 20_000)
    *_, nll = best_dose(share, margins)
    assert nll <= min(profile(d, share, margins) for d in np.geomspace(1e-4, 0.9, 40)) + 1e-5
