"""Training with pixels to ignore: the gradient is that of the mean loss over the others."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.config import Settings
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.maps.read import IGNORED
from aslp_lib.training import loop, optimization
from aslp_lib.training.batches import Batches, accelerator_for
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


def test_the_gradient_is_that_of_the_labelled_pixels(monkeypatch):
    train = Bordered("train", "abcd")
    accelerator, found = accelerator_for(SETTINGS), []

    def kept(accelerator, network, optimizer, max_grad_norm):
        found.extend(parameter.grad.clone() for parameter in network.parameters())

    monkeypatch.setattr(optimization, "take_step", kept)
    state = loop.prepare(SETTINGS, "aslp_mc", 4, accelerator)
    batches = Batches(train, 0, accelerator)
    with loop.tqdm(disable=True) as bar:
        loss, _ = loop.run_epoch(0, SETTINGS, batches, state, bar)
    assert (state.method.alphas.alpha == 0).all()  # they wait

    again = loop.prepare(SETTINGS, "aslp_mc", 4, accelerator).network
    images, labels = (torch.stack([train[j][i] for j in range(4)]) for i in (0, 1))
    losses = F.binary_cross_entropy_with_logits(
        again(images), labels.nan_to_num(0), reduction="none"
    )
    expected = losses[~labels.isnan()].mean()
    gradients = torch.autograd.grad(expected, again.parameters())
    torch.testing.assert_close(found, list(gradients), rtol=1e-3, atol=1e-6)
    assert loss == pytest.approx(expected.item(), rel=1e-4)


def test_a_batch_without_labels_does_not_enter_the_logged_loss(monkeypatch):
    """In batches of one image: the mean is that of the losses of the three images with labels."""
    settings = replace(SETTINGS, batch_size=1)
    train, accelerator = Bordered("train", "abcd"), accelerator_for(settings)
    monkeypatch.setattr(optimization, "take_step", lambda *_: None)
    state = loop.prepare(settings, "bce", 4, accelerator)
    with loop.tqdm(disable=True) as bar:
        loss, _ = loop.run_epoch(0, settings, Batches(train, 0, accelerator), state, bar)
    losses = []
    for i in (0, 2, 3):
        image, labels, _ = train[i]
        labelled, logits = ~labels.isnan(), state.network(image[None])[0]
        losses.append(F.binary_cross_entropy_with_logits(logits[labelled], labels[labelled]).item())
    assert loss == pytest.approx(sum(losses) / 3, rel=1e-4)


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
