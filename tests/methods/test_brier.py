import pytest
import torch
from sklearn.metrics import brier_score_loss

from aslp_lib.methods import Draws
from aslp_lib.methods.base import NoOptions
from aslp_lib.methods.brier import Brier

NONE = Draws(torch.zeros(5), range(5), lambda image: image)


def loss(logits, labels):
    return Brier(5, NoOptions()).loss(logits, labels, torch.arange(5), NONE)


def test_it_is_scikit_learn_s():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 6, 6, generator=generator, dtype=torch.float64)
    labels = (torch.rand(5, 1, 6, 6, generator=generator) < 0.4).double()
    mean = brier_score_loss(labels.numpy().ravel(), torch.sigmoid(logits).numpy().ravel())
    assert loss(logits, labels).item() == pytest.approx(mean * labels.numel(), rel=1e-9)


def test_a_soft_label_and_its_gradient_by_hand():
    logits = torch.zeros(1, 1, 1, 1, requires_grad=True)
    found = loss(logits, torch.full((1, 1, 1, 1), 0.2))
    assert found.item() == pytest.approx(0.3**2)
    assert torch.autograd.grad(found, logits)[0].item() == pytest.approx(2 * 0.3 * 0.25)
