from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.methods.base import NoOptions
from aslp_lib.methods.kept_weights import EarlyStopping
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder, load_tensors, read_log
from aslp_lib.training import loop

SHORT = replace(PRESETS["demo"], epochs=7, limit=20, size=16, batch_size=5, device="cpu")
CONFIDENCE = (150, 170, 160, 220, 200, 210, 180)
"""Grey level of all pixels in each epoch's validation, where all are foreground."""
BEST = 4


def train(monkeypatch, method, folder=None, done=0, **options):
    """Train on validations that are given, from the epoch after `done` on."""
    levels = iter(CONFIDENCE[done:])

    def validate(*_):
        table = np.zeros((1, 2, 256))
        table[0, 1, next(levels)] = 9
        return Counts(table)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", validate)
        return loop.train(SHORT, SHORT.load_data(), method, folder, progress=False, **options)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = MethodFolder(tmp_path_factory.mktemp("early"))
    with pytest.MonkeyPatch.context() as patch:
        return train(patch, "early_stopping", folder), folder


def test_it_leaves_bce_s_weights_of_the_epoch_of_the_least_nll(trained, monkeypatch):
    epochs = []

    def keep(state):
        epochs.append({k: v.clone() for k, v in state.network.state_dict().items()})

    train(monkeypatch, "bce", after_epoch=keep)
    (state, folder), log = trained, read_log(trained[1].log)
    for name, value in load_tensors(folder.weights)[0].items():
        assert torch.equal(value, epochs[BEST - 1][name])
        assert torch.equal(value, state.network.state_dict()[name])
    assert [row["nll"] for row in log] == pytest.approx(-np.log(np.array(CONFIDENCE) / 255), 1e-5)
    assert [row["best_epoch"] for row in log] == [1, 2, 2, BEST, BEST, BEST, BEST]


@pytest.mark.parametrize("after", [2, 5, 7])
def test_a_training_goes_on_to_the_same_weights_wherever_it_was_cut(
    trained, after, tmp_path, monkeypatch
):
    """Before the best epoch, after it, and when all that was left was to write the weights."""
    whole, cut = trained[1], MethodFolder(tmp_path)

    def stop(state):
        if len(state.log) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(monkeypatch, "early_stopping", cut, after_epoch=stop)
    assert not cut.weights.exists()
    train(monkeypatch, "early_stopping", cut, done=after)
    for file in whole.path.iterdir():
        assert (cut.path / file.name).read_bytes() == file.read_bytes(), file.name


def test_of_equal_epochs_the_first_is_kept():
    method, network = EarlyStopping(4, NoOptions()), nn.Linear(1, 1)
    method.begin(network)
    sure, unsure = (np.zeros((1, 2, 256)) for _ in range(2))
    sure[0, 1, 200], unsure[0, 1, 150] = 9, 9
    for weight, table in ((1, unsure), (2, sure), (3, sure), (4, unsure)):
        nn.init.constant_(network.weight, weight)
        method.after_validation(Counts(table), network)
    assert method.validated(network) is network
    assert (method.best_epoch, method.epochs) == (2, 4)
    assert method.log()["nll"].item() == pytest.approx(-np.log(150 / 255))
    method.finish(network)
    assert network.weight.item() == 2
