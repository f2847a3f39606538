import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.methods.kept_weights import EMA, EMAOptions
from aslp_lib.metrics import calibration
from aslp_lib.runs import MethodFolder, load_tensors
from aslp_lib.training import loop
from aslp_lib.training.validation import validate

SHORT = replace(PRESETS["demo"], epochs=3, limit=20, size=16, batch_size=5, device="cpu")


def averaged(weights, decay):
    """Of the first and of those after each step, in double precision."""
    average = weights[0].double()
    for n, now in enumerate(weights[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        average = d * average + (1 - d) * now.double()
    return average


@pytest.mark.parametrize("decay", [0.0, 0.25, 0.999])
def test_weights_and_running_statistics_are_averaged(decay):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    method = EMA(4, EMAOptions(decay))
    method.begin(network)
    states = [{k: v.clone() for k, v in network.state_dict().items()}]
    for step in range(1, 6):
        with torch.no_grad():
            network[0].weight.add_(torch.randn_like(network[0].weight))
        network(step + torch.randn(2, 1, 5, 5))
        states.append({k: v.clone() for k, v in network.state_dict().items()})
        method.after_update(network)
    assert method.validated(network) is method.kept
    trained = network[0].weight.clone()
    assert torch.equal(trained, states[-1]["0.weight"])  # it is looked at alone
    method.finish(network)
    for name in ("0.weight", "1.running_mean", "1.running_var"):
        expected = averaged([state[name] for state in states], decay).float()
        torch.testing.assert_close(network.state_dict()[name], expected, rtol=1e-4, atol=1e-5)
    assert network[1].num_batches_tracked == 5
    assert torch.equal(network[0].weight, trained) == (decay == 0)


def test_training_is_bce_s_and_leaves_the_average(tmp_path, monkeypatch):
    """Each step's weights are seen in a training with BCE."""
    settings, data = SHORT.tuned(ema={"decay": 0.7}), SHORT.load_data()
    steps, prepare, take = [], loop.prepare, loop.optimization.take_step

    def keep(network):
        steps.append({k: v.detach().clone() for k, v in network.state_dict().items()})

    def prepared(*arguments):
        found = prepare(*arguments)
        keep(found[0])
        return found

    def step(accelerator, network, *rest):
        take(accelerator, network, *rest)
        keep(network)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "prepare", prepared)
        patch.setattr(loop.optimization, "take_step", step)
        loop.train(settings, data, "bce", MethodFolder(tmp_path / "bce"), progress=False)
    folder = MethodFolder(tmp_path / "ema")
    trained = loop.train(settings, data, "ema", folder, progress=False)
    raw = load_tensors(folder.checkpoint)[0]
    assert len(steps) == 1 + 3 * 4
    for name, value in trained.network.state_dict().items():
        assert torch.equal(raw[f"network.{name}"], steps[-1][name])
        if value.is_floating_point():
            expected = averaged([each[name] for each in steps], 0.7).float()
            torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-6)
    assert not torch.equal(trained.network.state_dict()["head.weight"], steps[-1]["head.weight"])
    weights = load_tensors(folder.weights)[0]
    assert all(torch.equal(weights[k], v) for k, v in trained.network.state_dict().items())
    # The log's last row is of the weights that are left.
    counts = validate(trained.network, data.validation, settings)
    assert trained.log[-1]["ece"] == calibration.ece(counts)
    assert trained.log[-1]["accuracy"] == calibration.accuracy(counts)


def test_steps_that_gather_batches_are_averaged_once():
    settings = replace(SHORT, accumulation_steps=2, epochs=1)
    trained = loop.train(settings, settings.load_data(), "ema", progress=False)
    assert trained.method.updates == 2


@pytest.mark.parametrize("decay", [-0.1, 1.0, math.nan])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"decay is {decay}, but must lie in"):
        EMAOptions(decay)
    assert EMAOptions() == EMAOptions(0.999)
