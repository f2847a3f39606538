"""Training with pixels to ignore: the gradient is that of the mean loss over the others."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.config import Settings
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.maps.read import IGNORED
from aslp_lib.training import loop
from aslp_lib.training.batches import Batches, accelerator_for, in_batches
from aslp_lib.training.validation import validate

SETTINGS = Settings(device="cpu", size=16, batch_size=4, epochs=1)


class Bordered(ImageSet):
    """Random images; the labels of a column are to be ignored, and all those of image 1."""

    ignored = IGNORED

    def load(self, index):
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (3, 16, 16), generator=generator, dtype=torch.uint8)
        mask = (image[:1] > 128).to(torch.uint8)
        mask[..., index] = IGNORED
        if self.name == "train" and index == 1:
            mask[:] = IGNORED
        return image, mask


@pytest.mark.parametrize(("method", "batch_size"), [("aslp_mc", 4), ("bce", 1)])
def test_gradients_and_the_logged_loss_are_those_of_the_labelled_pixels(
    monkeypatch, method, batch_size
):
    """In batches of one image, the logged loss is the mean over the three images with labels."""
    settings, train = replace(SETTINGS, batch_size=batch_size), Bordered("train", "abcd")
    accelerator, gradients = accelerator_for(settings), []

    def take_no_step():
        gradients.append([parameter.grad.clone() for parameter in state.network.parameters()])

    state = loop.prepare(settings, method, 4, accelerator)
    monkeypatch.setattr(state.optimizer, "step", take_no_step)
    again = loop.prepare(settings, method, 4, accelerator).network
    with loop.tqdm(disable=True) as bar:
        loss, _ = loop.run_epoch(0, settings, Batches(train, 0, accelerator), state, bar)
    images, labels = (torch.stack([train[j][i] for j in range(4)]) for i in (0, 1))
    order = loop._order_and_draws(4, settings.seed, 0)[0]
    losses = []
    for rows, ours in zip(in_batches(order, batch_size), gradients, strict=True):
        logits, labelled = again(images[rows]), ~labels[rows].isnan()
        if labelled.any():
            oracle = F.binary_cross_entropy_with_logits(logits[labelled], labels[rows][labelled])
            expected = torch.autograd.grad(oracle, again.parameters())
            torch.testing.assert_close(ours, list(expected), rtol=1e-3, atol=1e-6)
            losses.append(oracle.item())
        else:
            assert not any(gradient.any() for gradient in ours)
    assert loss == pytest.approx(sum(losses) / len(losses), rel=1e-4)


def test_a_validation_counts_the_labelled_pixels_or_names_an_image_without():
    network = loop.prepare(SETTINGS, "bce", 4, accelerator_for(SETTINGS)).network
    for where in ("network", "image"):
        settings = Settings(device="cpu", size=16, validate_at=where)
        assert validate(network, Bordered("validation", "abcd"), settings).pixels == 4 * 16 * 15
        with pytest.raises(ValueError, match="every pixel of the mask of b in the set train is to"):
            validate(network, Bordered("train", "abcd"), settings)


@pytest.mark.parametrize("method", ["aslp_mc", "svls", "mixup"])
def test_a_whole_training(method):
    data = DataSplits("here", Bordered("train", "abcd"), Bordered("validation", "abcd"), tests={})
    settings = Settings(device="cpu", size=16, batch_size=4, epochs=2)
    settings = settings.tuned(aslp={"alpha_warm_up": 0, "alpha_step_size": 0.1})
    state = loop.train(settings, data, method, progress=False)
    assert all(parameter.isfinite().all() for parameter in state.network.parameters())
    if method == "aslp_mc":
        assert state.method.alphas.alpha[1] == 0  # without labels, it never moves
        assert state.method.alphas.alpha.any()
