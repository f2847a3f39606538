"""Plain training loops, also those of the pages: in one process, and in two that share alphas."""

import re
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from processes import launch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler

from aslp_lib import (
    HARD_INVERSION,
    MODERATION,
    AdaptiveAlpha,
    alpha_gradient,
    sc_bce_with_logits,
    share_alphas,
)
from aslp_lib.config import PRESETS
from aslp_lib.data.shapes import Shapes
from aslp_lib.metrics.counts import Counts

PROJECT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> list[dict]:
    """Results of the functions below in each of two processes of one group."""
    folder = tmp_path_factory.mktemp("processes")
    launch(_one_of_two, folder)
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]


def _one_of_two(folder: Path) -> None:
    distributed.init_process_group("gloo")
    results = {work.__name__: work() for work in (by_hand, page_loop)}
    torch.save(results, folder / f"{distributed.get_rank()}.pt")
    distributed.destroy_process_group()


def loader_of(dataset, batch_size: int) -> DataLoader:
    """A loader of this process's images; `batch_size` counts the images of all processes."""
    count, rank = 1, 0
    if distributed.is_initialized():
        count, rank = distributed.get_world_size(), distributed.get_rank()
    sampler = DistributedSampler(dataset, count, rank, shuffle=True, seed=0)
    return DataLoader(dataset, batch_size // count, sampler=sampler)


def network_of(seed: int, dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(seed)
    network = nn.Conv2d(3, 1, 5, padding=2, dtype=dtype)
    return DistributedDataParallel(network) if distributed.is_initialized() else network


def by_hand() -> torch.Tensor:
    rank = distributed.get_rank()
    alphas = AdaptiveAlpha(5, MODERATION)
    alphas.alpha.copy_(torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5], [0.6, 0.7, 0.8, 0.9, 1.0]][rank]))
    alphas.updated[[[3, 0], [1, 3]][rank]] = 1
    share_alphas(alphas)
    assert not alphas.updated.any()
    return alphas.alpha


def blocks_of(page: str) -> list[str]:
    """The Python code of a page."""
    return re.findall(r"```python\n(.*?)```", (PROJECT / page).read_text(encoding="utf-8"), re.S)


def block_with(*texts: str) -> str:
    """The block of docs/own_loop.md that has all of these texts."""
    (block,) = (b for b in blocks_of("docs/own_loop.md") if all(text in b for text in texts))
    return block


LOOP = block_with("for epoch in", "share_alphas")


def page_loop(seed: int = 1, block: str = LOOP, network: nn.Module | None = None) -> dict:
    """The loop of the page for two classes, on images with unlabelled pixels.

    Args:
        seed: seed of the global generator, on which nothing should depend.
        block: the code to run instead of the page's.
        network: the network to train instead of a convolution.
    """
    shapes = {name: Shapes(name, 7, seed=1, size=16) for name in ("train", "validation")}
    for part in shapes.values():
        part.masks[..., 0] = 255
    train_set, validation = ([(x / 255, y, i) for x, y, i in part] for part in shapes.values())
    network = network or network_of(0)
    names = {"train_set": train_set, "network": network, "device": "cpu", "epochs": 7}
    names["train_loader"] = loader_of(train_set, 4)
    names["validation_loader"] = DataLoader([(x, y) for x, y, _ in validation], 3)
    names["optimizer"] = torch.optim.SGD(network.parameters(), lr=0.1)
    torch.manual_seed(seed)
    exec(block + block_with("undone ="), names)
    images, masks = (torch.stack([item[k] for item in validation]) for k in (0, 1))
    correct = (network(images) > 0) == (masks == 1)
    alphas = names["alphas"]
    return {
        "logits": network(images).detach(),
        "undone": names["undone"](images),
        "alpha": alphas.alpha,
        "loss": names["loss"].detach(),
        "dtype": names["logits"].dtype,
        "accuracy": correct[masks != 255].float().mean(),
        "observed": (alphas.observed, alphas.rule.accuracy),
        "settings": (alphas.alpha_step_size, alphas.constraint_weight, alphas.warm_up),
    }


@pytest.mark.slow
def test_two_processes_share_their_alphas(two):
    """For an image that both updated, the higher rank decides; for one that none did, rank 0."""
    for results in two:
        assert torch.equal(results["by_hand"], torch.tensor([0.1, 0.7, 0.3, 0.9, 0.5]))
        assert torch.equal(results["page_loop"]["alpha"], two[0]["page_loop"]["alpha"])


def test_the_lines_of_the_readme_are_a_step_of_the_loop():
    labels = torch.ones(2, 1, 4, 4)
    names = {"train_set": range(3), "index": torch.arange(2)}
    names |= {"logits": 4 * labels, "labels": labels}
    names["counts"] = Counts.from_map(np.uint8([[255, 0]]), np.uint8([[1, 0]]))
    exec("".join(blocks_of("README.md")), names)


def test_the_page_s_loop_observes_the_labelled_pixels_and_repeats_itself():
    """It repeats itself whatever the global generator gives, has the presets' settings, and ends
    with a network whose perturbation is undone."""
    results, again = (page_loop(seed) for seed in (1, 2))
    assert results["loss"].isfinite()
    assert results["alpha"].gt(0).any() and results["alpha"].isfinite().all()
    times, accuracy = results["observed"]
    assert times == 7
    torch.testing.assert_close(accuracy, results["accuracy"])
    for name in ("alpha", "loss"):
        assert torch.equal(results[name], again[name])
    dose = 2 * results["alpha"].mean()
    q = torch.sigmoid(results["undone"]) * (1 - dose) + dose / 2
    torch.testing.assert_close(q, torch.sigmoid(results["logits"]), rtol=1e-4, atol=1e-4)
    settings = results["settings"]
    for preset in ("demo", "small"):
        options = PRESETS[preset].hyperparameters.aslp
        assert settings[:2] == (options.alpha_step_size, options.constraint_weight)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch
def test_the_page_s_loop_runs_compiled_and_in_half_precision(monkeypatch):
    """With a network of another library, whose graph must not break."""
    smp = pytest.importorskip("segmentation_models_pytorch")
    options = {"backend": "eager", "fullgraph": True}  # needs no C++ compiler
    monkeypatch.setattr(torch, "compile", partial(torch.compile, **options))
    once, in_loop = block_with("autocast").split("\n", 1)
    step = "        logits = network(images)\n"
    assert LOOP.count(step) == 1
    torch.manual_seed(0)
    small = {"encoder_weights": None, "encoder_depth": 3, "decoder_channels": (16, 8, 8)}
    network = smp.Unet("resnet18", **small)
    loop = f"{once}\n{LOOP.replace(step, textwrap.indent(in_loop, 8 * ' '))}"
    results = page_loop(block=loop, network=network)
    assert results["dtype"] == torch.bfloat16 and results["loss"].dtype == torch.float32
    assert results["loss"].isfinite() and results["alpha"].gt(0).any()
    assert results["observed"][1] == results["accuracy"]
    # The loss in the block and after it.
    labels, alpha, uniform = torch.zeros(7, 1, 16, 16), torch.full((7,), 0.3), torch.rand(7)
    values = []
    for inside in (True, False):
        z = results["logits"].to(torch.bfloat16).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=inside):
            loss = sc_bce_with_logits(z, labels, alpha, HARD_INVERSION, uniform=uniform)
        values.append((loss, *torch.autograd.grad(loss, z)))
    torch.testing.assert_close(*values, rtol=0, atol=0)


def test_the_page_s_loop_for_k_classes_learns_and_moves_its_alphas():
    """The class of a pixel is its brightest colour."""
    torch.manual_seed(0)
    images = torch.rand(16, 3, 1, 2).repeat_interleave(16, dim=2).repeat_interleave(8, dim=3)
    labels = images.argmax(dim=1)
    labels[:, 0], labels[15] = 255, 255
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 3, 1))
    names = {"classes": 3, "network": network, "device": "cpu", "epochs": 12}
    names["train_set"] = [(images[i], labels[i], i) for i in range(16)]
    names["validation_set"] = [(images[i], labels[i]) for i in range(16)]
    block = block_with("for epoch in", "for_classes")
    assert block.count("lr=1e-3") == 1
    exec(block.replace("lr=1e-3", "lr=0.05"), names)
    alphas, loss = names["alphas"], names["loss"]
    assert alphas.observed == 12 and loss.isfinite()
    with torch.inference_mode():
        decisions = network(images).argmax(dim=1)
    accuracy = (decisions == labels)[labels != 255].float().mean()
    torch.testing.assert_close(alphas.rule.accuracy, accuracy)
    assert accuracy > 0.5
    assert alphas.alpha[:15].gt(0).any() and alphas.alpha[15] == 0  # nothing labelled
    assert alphas.alpha.max() <= alphas.technique.alpha_limit == 2 / 3


def test_the_page_s_class_k_against_the_rest_has_the_softmax_s_probability():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 5, generator=generator, dtype=torch.float64)
    names = {"torch": torch, "k": 2, "logits": logits}
    names["labels"] = torch.tensor([[0, 1, 2, 3, 255]])
    exec(block_with("labels == k") + block_with("logsumexp"), names)
    assert names["labels"].tolist() == [[0, 0, 1, 0, 255]]
    torch.testing.assert_close(names["logits"].sigmoid(), logits.softmax(dim=1)[:, 2:3])


def test_the_page_s_correction_updates_by_the_probability_in_the_loss():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 4, 4, generator=generator, dtype=torch.float64)
    labels = (logits > 0).double()
    labels[0, 0, 0] = 255
    alphas, oracle = (AdaptiveAlpha(5, HARD_INVERSION, warm_up=0).double() for _ in range(2))
    for levels in (alphas, oracle):
        levels.alpha.fill_(0.2)
    names = {"logits": logits, "labels": labels, "index": torch.tensor([4, 1]), "alphas": alphas}
    names |= {"HARD_INVERSION": HARD_INVERSION, "sc_bce_with_logits": sc_bce_with_logits}
    names["switches"] = torch.Generator().manual_seed(1)
    exec(block_with("logits_of_q"), names)
    q = 0.2 + 0.6 * torch.sigmoid(logits)
    oracle.update(names["index"], torch.logit(q), labels, ignore_index=255)
    torch.testing.assert_close(alphas.alpha, oracle.alpha)
    assert (alphas.alpha != 0.2).tolist() == [False, True, False, False, True]
    assert names["loss"].isfinite()


def test_the_page_s_patches_have_one_switch_and_one_gradient():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(6, 3, 4, 4, generator=generator, dtype=torch.float64)
    labels = (torch.rand(6, 1, 4, 4, generator=generator) > 0.5).double()
    network, index = network_of(0, torch.float64), torch.tensor([4, 4, 4, 1, 1, 1])
    names = {"network": network, "images": images, "labels": labels, "index": index, "samples": 3}
    exec(block_with("unflatten"), names)
    assert names["index"].tolist() == [4, 1]
    joined, patches = (names["logits"], names["labels"]), (network(images), labels)
    alpha = torch.tensor([1.0, 0.0])
    loss = sc_bce_with_logits(*joined, alpha, MODERATION)
    oracle = sc_bce_with_logits(*patches, alpha.repeat_interleave(3), MODERATION)
    torch.testing.assert_close(loss, oracle)
    gradient = alpha_gradient(*patches, MODERATION, index=index)[[0, 3]]
    torch.testing.assert_close(alpha_gradient(*joined, MODERATION), gradient)
