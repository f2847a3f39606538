"""A training loop as anyone might have it, in plain PyTorch, with the lines that ASLP adds.

Notebook 08 writes it out once; here it stands to be called for several cures. It uses nothing of
`aslp_lib.training`.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import HARD_INVERSION, Technique
from aslp_lib.course.models.microscopy import UNLABELLED, Cells
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts

EPOCHS = 90
BATCH = 8
LEARNING_RATE = 5e-3


@dataclass
class Trained:
    """What a training left.

    Args:
        network: with the weights of the last epoch.
        stopped: with those of the epoch of least validation NLL.
        log: a row an epoch: "nll", "accuracy" and "confidence" of the validation images.
    """

    network: nn.Module
    stopped: nn.Module
    log: list[dict[str, float]] = field(default_factory=list)


def batches(cells: Cells, seed: int = 0) -> DataLoader[tuple[Tensor, ...]]:
    """Batches (images, masks, index), in an order that the seed fixes, another each epoch; index
    says which images these are."""
    named = TensorDataset(cells.images, cells.masks, torch.arange(len(cells)))
    return DataLoader(named, BATCH, shuffle=True, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def count(network: nn.Module, cells: Cells) -> Counts:
    """Counts of what a network says of the labelled pixels."""
    probabilities = network(cells.images).sigmoid()
    return Counts.from_probabilities(probabilities, cells.masks, ignore_index=UNLABELLED)


def labelled(values: Tensor, cells: Cells) -> Tensor:
    """(N, P): an image's P labelled pixels, of values (N, 1, S, S); the field of view is the same
    in all images."""
    return values[cells.labelled].view(len(cells), -1)


def train(
    start: nn.Module,
    cells: Cells,
    validation: Cells,
    alphas: AdaptiveAlpha | float = 0.0,
    technique: Technique = HARD_INVERSION,
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
) -> Trained:
    """A training of a copy of `start` by Adam, whose rate falls to 0 along a cosine.

    Args:
        start: the network before it is trained; it stays as it is.
        alphas: levels that adapt, which are moved, or one level for all images: 0 is plain BCE.
        technique: how labels are perturbed.
        seed: of the order of the images, and of the switches.
    """
    trained = Trained(deepcopy(start), deepcopy(start))
    network, loader = trained.network, batches(cells, seed)
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    adaptive, level = (alphas, 0.0) if isinstance(alphas, AdaptiveAlpha) else (None, alphas)
    torch.manual_seed(seed)
    for _ in range(epochs):
        for images, masks, index in loader:
            logits = network(images)
            own = level if adaptive is None else adaptive[index]
            loss = sc_bce_with_logits(logits, masks, own, technique, ignore_index=UNLABELLED)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if adaptive is not None:
                adaptive.update(index, logits.detach(), masks, ignore_index=UNLABELLED)
        slower.step()
        row = scores(count(network, validation), names=("nll", "accuracy", "confidence"))
        if adaptive is not None:
            adaptive.observe(row["accuracy"], row["confidence"])
        if not trained.log or row["nll"] < min(each["nll"] for each in trained.log):
            trained.stopped.load_state_dict(network.state_dict())
        trained.log.append(row)
    return trained
