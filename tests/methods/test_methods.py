"""What holds of every method of the registry."""

from dataclasses import is_dataclass, replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from aslp_lib.config import PRESETS
from aslp_lib.methods import METHODS, Draws
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import MethodFolder
from aslp_lib.training import checkpoints, loop

SHORT = replace(PRESETS["demo"], epochs=2, limit=20, size=16, device="cpu").tuned(
    aslp={"alpha_warm_up": 1, "alpha_step_size": 0.1, "constraint_weight": 1.0}
)


def draws(images=4):
    generator = torch.Generator().manual_seed(0)
    return Draws(torch.rand(images, generator=generator), range(images), lambda image: image)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(4, 1, 6, 6, generator=generator, dtype=torch.float64)
    return logits, (torch.rand(4, 1, 6, 6, generator=generator) < 0.5).double(), torch.arange(4)


@pytest.mark.parametrize("name", METHODS)
class TestEvery:
    def test_it_is_registered_by_its_own_name_and_has_a_label_of_its_own(self, name):
        method = METHODS[name]
        assert method.name == name
        assert sum(other.label == method.label for other in METHODS.values()) == 1
        assert is_dataclass(method.Options)
        assert method.__doc__

    def test_its_loss_is_a_sum_over_images(self, name, batch):
        """So that several processes' losses of their own rows are one process's."""
        logits, labels, index = batch
        method = SHORT.method(name, 4)
        network = nn.Conv2d(1, 1, 1)
        method.begin(network)
        method.after_validation(Counts(np.full((1, 2, 4), 5, np.int64)), network)
        method.after_step(index, logits, labels)
        whole, parts = method.loss(logits, labels, index, draws()), []
        for i in (slice(0, 1), slice(1, 4)):
            own = Draws(draws().uniform[i], range(4)[i], draws().seed)
            parts.append(method.loss(logits[i], labels[i], index[i], own))
        torch.testing.assert_close(parts[0] + parts[1], whole)

    def test_sure_pixels_have_finite_gradients(self, name):
        """Where probabilities round to 0 or 1, right or wrong, and where all are alike."""
        method, index = SHORT.method(name, 4), torch.arange(4)
        for logit, label in product((-1e4, -200.0, 0.0, 200.0, 1e4), (0.0, 0.3, 1.0)):
            logits = torch.full((4, 1, 6, 6), logit, requires_grad=True)
            loss = method.loss(logits, torch.full((4, 1, 6, 6), label), index, draws())
            assert torch.isfinite(loss), (logit, label)
            assert torch.isfinite(torch.autograd.grad(loss, logits)[0]).all(), (logit, label)

    def test_a_resumed_training_is_the_unbroken_one(self, name, tmp_path, monkeypatch):
        data, save = SHORT.load_data(), checkpoints.save

        def save_and_stop(*arguments):
            save(*arguments)
            raise KeyboardInterrupt

        whole, cut = (MethodFolder(tmp_path / folder) for folder in ("whole", "cut"))
        loop.train(SHORT, data, name, whole, progress=False)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(checkpoints, "save", save_and_stop)
            loop.train(SHORT, data, name, cut, progress=False)
        loop.train(SHORT, data, name, cut, progress=False)
        for file in whole.path.iterdir():
            assert (cut.path / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_method_has_its_options_and_no_other_type_to_choose():
    with pytest.raises(TypeError, match="not a generic class"):
        METHODS["bce"][int]


def test_bce_is_torch_s(batch):
    logits, labels, index = batch
    loss = SHORT.method("bce", 4).loss(logits, labels, index, draws())
    torch.testing.assert_close(
        loss, F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
    )


def test_each_image_draws_its_own_numbers_wherever_it_lies():
    seen = draws().of_each(lambda generator: torch.rand(3, generator=generator))
    other = Draws(torch.zeros(1), [2], lambda image: image)
    torch.testing.assert_close(other.of_each(lambda g: torch.rand(3, generator=g))[0], seen[2])
