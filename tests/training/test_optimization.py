import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from aslp_lib import networks
from aslp_lib.config import PRESETS, Schedule
from aslp_lib.training import loop, optimization
from aslp_lib.training.batches import Batches, accelerator_for
from aslp_lib.training.optimization import SCHEDULES


@pytest.mark.parametrize(
    ("name", "done_and_share"),
    [
        ("constant", {7: 1}),
        ("cosine", {0: 1, 5: 0.5, 10: 0}),
        ("one_cycle", {0: 0.04, 1.5: 0.52, 3: 1, 6.5: 0.5, 10: 0}),
        ("step", {0: 1, 9.99: 1, 10: 0.95, 19: 0.95, 20: 0.9025}),  # as the release documents it
    ],
)
def test_schedules_of_ten_epochs(name, done_and_share):
    for done, share in done_and_share.items():
        assert SCHEDULES[name](done, 10) == pytest.approx(share)


def test_the_settings_know_every_schedule():
    assert set(get_args(Schedule)) == SCHEDULES.keys()


@pytest.mark.claim(
    "release",
    "The authors' learning rate decays faster than documented",
    "release: 4. What would have found them?",
    numbers="5.4e-06 in epoch 30, documented 2.26e-05",
)
def test_the_release_s_schedule_compounds():
    """Its loop: after epoch 1, 2, ... the rate is multiplied by 0.95 ** (epoch // 10)."""
    rate = 2.5e-5
    for epoch in range(1, 31):
        assert 2.5e-5 * SCHEDULES["release"](epoch - 1, 30) == pytest.approx(rate)
        assert 2.5e-5 * SCHEDULES["release"](epoch - 0.5, 30) == pytest.approx(rate)
        last = rate
        rate *= 0.95 ** (epoch // 10)
    assert last == pytest.approx(5.4e-6, rel=0.01)


def test_the_rate_of_every_group_follows_its_peak():
    network = networks.build("mobilenet_v2")
    optimizer = optimization.adam(network, PRESETS["small"], fused=True)
    share = optimization.set_rate(optimizer, PRESETS["small"], done=3)
    assert share == pytest.approx(1)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-3, 1e-4])
    held = sum(len(group["params"]) for group in optimizer.param_groups)
    assert held == len(list(network.parameters()))


def flat(tensors):
    return torch.cat([tensor.detach().flatten() for tensor in tensors])


@pytest.mark.parametrize("clip", [None, 0.01, 1e6])
def test_a_step_is_no_longer_than_its_clip(clip):
    settings = replace(
        PRESETS["demo"], limit=4, device="cpu", schedule="constant", max_grad_norm=clip
    )
    accelerator, train = accelerator_for(settings), settings.load_data().train
    state = loop.prepare(settings, "bce", 4, accelerator)
    weights = list(state.network.parameters())
    state.optimizer = torch.optim.SGD([{"params": weights, "peak": 1.0}])
    start, (images, labels, _) = flat(weights), next(iter(DataLoader(train, 4)))
    loss = F.binary_cross_entropy_with_logits(state.network(images), labels)
    length = flat(torch.autograd.grad(loss, weights)).norm().item()
    with loop.tqdm(disable=True) as bar:
        loop.run_epoch(0, settings, Batches(train, 0, accelerator), state, bar)
    step = (flat(weights) - start).norm().item()
    assert step == pytest.approx(min(length, clip or math.inf), rel=1e-3)
    assert length > 0.1
    assert all(weight.grad is None for weight in weights)
