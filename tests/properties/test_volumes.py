"""A volume (N, 1, D, H, W) is an image of more pixels."""

from functools import partial

import pytest
import torch

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import RECALIBRATIONS


def volumes():
    """Logits, labels with ignored ones, and alphas."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(3, 1, 2, 4, 5, generator=generator, dtype=torch.float64)
    labels = (logits + torch.randn(logits.shape, generator=generator) > 0).long()
    labels[:, :, :, 0] = 255
    return logits, labels, torch.tensor([0.0, 0.2, 0.4], dtype=torch.float64)


def loss(logits, labels, alpha):
    options = {"uniform": torch.tensor([0.9, 0.1, 0.5]), "ignore_index": 255}
    return sc_bce_with_logits(logits, labels, alpha, HARD_INVERSION, **options)


def moved(logits, labels, _):
    alphas = AdaptiveAlpha(3, HARD_INVERSION, warm_up=0).double()
    alphas.observe(0.9)
    alphas.update(torch.arange(3), logits, labels, ignore_index=255)
    assert alphas.alpha.any()
    return alphas.alpha


def scored(logits, labels, _):
    counts = Counts.from_probabilities(torch.sigmoid(logits), labels, ignore_index=255)
    return torch.tensor(list(scores(counts).values()))


def recalibrated(name, logits, *_):
    z, labels, _ = volumes()
    counts = Counts.from_probabilities(torch.sigmoid(z), labels, ignore_index=255)
    return RECALIBRATIONS[name]().fit(counts)(logits).flatten()


ON_COUNTS = [name for name, kind in RECALIBRATIONS.items() if kind.needs != "images"]


@pytest.mark.parametrize(
    "function", [loss, moved, scored, *(partial(recalibrated, name) for name in ON_COUNTS)]
)
def test_volumes_are_images_of_more_pixels(function):
    logits, labels, alpha = volumes()
    flat = [values.flatten(2, 3) for values in (logits, labels)]  # (N, 1, D * H, W)
    expected = function(*flat, alpha)
    torch.testing.assert_close(function(logits, labels, alpha), expected, equal_nan=True)
