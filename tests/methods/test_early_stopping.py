from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.methods.base import NoOptions
from aslp_lib.methods.early_stopping import EarlyStopping
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder, load_tensors, read_log
from aslp_lib.training import checkpoints, loop

# A rate so high that the validation's NLL goes up and down.
SHORT = replace(PRESETS["demo"], epochs=7, limit=20, size=16, batch_size=5, device="cpu")
ROUGH = replace(SHORT, learning_rate=5e-3, schedule="constant")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = MethodFolder(tmp_path_factory.mktemp("early"))
    return loop.train(ROUGH, ROUGH.load_data(), "early_stopping", folder, progress=False), folder


def test_it_leaves_bce_s_weights_of_the_epoch_of_the_least_nll(trained, monkeypatch):
    """Epochs are judged by scikit-learn, from each one's probabilities."""
    data, epochs, run = ROUGH.load_data(), [], loop.run_epoch
    images = torch.stack([item[0] for item in data.validation])
    labels = torch.stack([item[1] for item in data.validation]).numpy().ravel()

    def epoch(*arguments):
        found = run(*arguments)
        network = arguments[5].network.eval()
        with torch.no_grad():
            f = torch.sigmoid(network(images)).numpy().ravel()
        state = {k: v.clone() for k, v in network.state_dict().items()}
        epochs.append((log_loss(labels, f), state))
        return found

    monkeypatch.setattr(loop, "run_epoch", epoch)
    loop.train(ROUGH, data, "bce", progress=False)
    nll = [each[0] for each in epochs]
    best = int(np.argmin(nll))
    assert 0 < best < len(nll) - 1
    (state, folder), log = trained, read_log(trained[1].log)
    for name, value in load_tensors(folder.weights)[0].items():
        assert torch.equal(value, epochs[best][1][name])
        assert torch.equal(value, state.network.state_dict()[name])
    # Counts cut probabilities at half a level: pixels that are sure and wrong count a little less.
    assert [row["nll"] for row in log] == pytest.approx(nll, rel=0.03)
    assert [row["best_epoch"] for row in log] == [
        1 + int(np.argmin(nll[: i + 1])) for i in range(len(nll))
    ]


@pytest.mark.parametrize("after", [2, 5, 7])
def test_a_training_goes_on_to_the_same_weights_wherever_it_was_cut(
    trained, after, tmp_path, monkeypatch
):
    """Before the best epoch, after it, and when all that was left was to write the weights."""
    whole, cut, save, data = (
        trained[1],
        MethodFolder(tmp_path),
        checkpoints.save,
        ROUGH.load_data(),
    )

    def save_and_stop(folder, settings, state, optimizer):
        save(folder, settings, state, optimizer)
        if len(state.log) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoints, "save", save_and_stop)
        loop.train(ROUGH, data, "early_stopping", cut, progress=False)
    assert not cut.weights.exists()
    loop.train(ROUGH, data, "early_stopping", cut, progress=False)
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
