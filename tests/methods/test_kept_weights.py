"""Methods that do not end with the last weights: an average, and those of an earlier epoch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.methods.kept_weights import EMA, EMAOptions
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder, read_log
from aslp_lib.tensors import load_tensors
from aslp_lib.training import loop
from aslp_lib.training.validation import validate

SHORT = replace(PRESETS["demo"], epochs=2, limit=20, size=16, batch_size=5, device="cpu")


def state_of(network):
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def averaged(weights, decay):
    """The average of the first weights and of those after each step, in double precision."""
    average = weights[0].double()
    for n, current in enumerate(weights[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        average = d * average + (1 - d) * current.double()
    return average.float()


@pytest.mark.parametrize("decay", [0.0, 0.25, 0.999])
def test_weights_and_running_statistics_are_averaged(decay):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    method = EMA(4, EMAOptions(decay))
    method.begin(network)
    states = [state_of(network)]
    for step in range(1, 6):
        with torch.no_grad():
            network[0].weight.add_(torch.randn_like(network[0].weight))
        network(step + torch.randn(2, 1, 5, 5))
        states.append(state_of(network))
        method.after_update(network)
    assert method.validated(network) is method.kept
    assert torch.equal(network[0].weight, states[-1]["0.weight"])  # the network itself is unchanged
    method.finish(network)
    for name in ("0.weight", "1.running_mean", "1.running_var"):
        expected = averaged([state[name] for state in states], decay)
        torch.testing.assert_close(network.state_dict()[name], expected, rtol=1e-4, atol=1e-5)
    assert network[1].num_batches_tracked == 5


def test_training_is_bce_s_and_leaves_the_average(tmp_path):
    """A step that accumulates several batches is averaged once."""
    settings, data = replace(SHORT, accumulation_steps=2), SHORT.load_data()
    folder = MethodFolder(tmp_path)
    trained = loop.train(settings, data, "ema", folder, progress=False)
    bce = loop.train(settings, data, "bce", progress=False).network.state_dict()
    raw = load_tensors(folder.checkpoint)[0]
    assert trained.method.updates == 2 * 2
    for name, value in trained.network.state_dict().items():
        assert torch.equal(raw[f"network.{name}"], bce[name])
        assert torch.equal(value, trained.method.kept.state_dict()[name])
    assert not torch.equal(trained.network.state_dict()["head.weight"], bce["head.weight"])
    # The last row of the log is that of the final weights.
    counts = validate(trained.network, data.validation, settings)
    assert trained.log[-1]["ece"] == calibration.ece(counts)


VALIDATIONS = ((150, 13), (170, 15), (254, 18), (200, 16), (217, 17), (254, 18))
"""Grey level of the 20 pixels in each epoch's validation, and how many of them are foreground."""
BEST = 3  # The first of the highest accuracy; as trained, epoch 5 has the lowest NLL.
ERROR_RATES = np.array([(20 - foreground) / 20 for _, foreground in VALIDATIONS])
SCALED_NLL = -ERROR_RATES * np.log(ERROR_RATES) - (1 - ERROR_RATES) * np.log(1 - ERROR_RATES)
"""With one grey level, the best temperature makes the confidence equal to the accuracy."""


def counts_of(grey_level, foreground):
    table = np.zeros((1, 2, 256))
    table[0, :, grey_level] = 20 - foreground, foreground
    return Counts(table)


def train(monkeypatch, method, folder=None, **options):
    """Train with prescribed validations of the network in training."""
    validations, settings = iter(VALIDATIONS), replace(SHORT, epochs=len(VALIDATIONS))
    validated = set()

    def given(network, *_):
        validated.add(network)
        return counts_of(*next(validations))

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", given)
        data = settings.load_data()
        state = loop.train(settings, data, method, folder, progress=False, **options)
    assert validated == {state.network}
    return state


def test_it_leaves_bce_s_weights_of_the_epoch_of_least_scaled_nll(tmp_path, monkeypatch):
    epochs, folder = [], MethodFolder(tmp_path)
    train(monkeypatch, "bce", after_epoch=lambda state: epochs.append(state_of(state.network)))
    state, log = train(monkeypatch, "early_stopping", folder), read_log(folder.log)
    for name, value in load_tensors(folder.weights)[0].items():
        assert torch.equal(value, epochs[BEST - 1][name])
        assert torch.equal(value, state.network.state_dict()[name])
    assert [row["scaled_nll"] for row in log] == pytest.approx(SCALED_NLL, 1e-5)
    raw = [calibration.nll(counts_of(*validation)) for validation in VALIDATIONS]
    assert np.argmin(raw) + 1 != BEST
    assert [row["best_epoch"] for row in log] == [1, 2, *[BEST] * 4]
