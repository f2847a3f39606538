"""The loop of Your own data: with alpha = 0 it is plain training with BCE, written out here."""

from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from aslp_lib import HARD_INVERSION, AdaptiveAlpha
from aslp_lib.aslp.perturbation import label_smoothing
from aslp_lib.course.lessons.own_data.comparison import LEARNING_RATE, batches, count, train
from aslp_lib.course.lessons.own_data.microscopy import draw_cells
from aslp_lib.metrics import calibration
from aslp_lib.metrics.temperature import scaled_nll

CELLS, VALIDATION = draw_cells(10, 0, size=16), draw_cells(4, 1, size=16)
EPOCHS = 7


@pytest.fixture
def start():
    torch.manual_seed(0)
    layers = nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.Conv2d(6, 1, 3, padding=1)
    return nn.Sequential(*layers).double()


def assert_same(first: nn.Module, second: nn.Module) -> None:
    for own, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(own, other)


def by_hand(start, target):
    """A plain loop whose targets of the labelled pixels are `target(y)`."""
    network = deepcopy(start)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    loader = batches(CELLS)
    for _ in range(EPOCHS):
        for images, masks, _ in loader:
            z, kept = network(images), masks != 255
            loss = F.binary_cross_entropy_with_logits(z[kept], target(masks[kept].double()))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        slower.step()
    return network


def test_alpha_0_is_plain_bce(start):
    trained = train(start, CELLS, VALIDATION, epochs=EPOCHS)
    assert_same(trained.network, by_hand(start, lambda y: y))


def test_alpha_1_is_label_smoothing(start):
    trained = train(start, CELLS, VALIDATION, *label_smoothing(0.2), epochs=EPOCHS)
    assert_same(trained.network, by_hand(start, lambda y: 0.8 * y + 0.1))


def test_the_stopped_network_has_the_lowest_scaled_nll_of_the_log(start):
    trained = train(start, CELLS, VALIDATION, epochs=EPOCHS)
    nll = [row["scaled_nll"] for row in trained.log]
    assert len(nll) == EPOCHS
    assert scaled_nll(count(trained.stopped, VALIDATION)) == min(nll)
    found = count(trained.network, VALIDATION)
    last = (calibration.accuracy(found), calibration.confidence(found), scaled_nll(found))
    assert tuple(trained.log[-1].values()) == last


def test_alphas_are_updated_and_observe_each_validation(start):
    alphas = AdaptiveAlpha(len(CELLS), HARD_INVERSION, alpha_step_size=0.1, warm_up=2)
    trained = train(start, CELLS, VALIDATION, alphas, epochs=5)
    assert alphas.rule.accuracy.item() == pytest.approx(trained.log[-1]["accuracy"])
    assert (alphas.alpha > 0).all()
