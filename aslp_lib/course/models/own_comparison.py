"""Several methods trained on the cells of notebook 08 in a plain PyTorch loop, and compared.

The loop uses nothing of `aslp_lib.training`. `examples/aslp.py` has it as a script of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import HARD_INVERSION, Technique
from aslp_lib.course.models.microscopy import UNLABELLED, Cells
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.bootstrap import error_bounds
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import to_png
from aslp_lib.recalibration import Recalibration

EPOCHS = 90
BATCH_SIZE = 8
LEARNING_RATE = 5e-3

Ways = Mapping[str, tuple[nn.Module, Recalibration | None]]
"""By label: a network, and what was fitted after it, if anything was."""


class Training(NamedTuple):
    """A finished training: its networks, and its validation scores by epoch.

    Args:
        network: the network after the last epoch.
        stopped: the network of the epoch with the least validation NLL (early stopping).
        log: "nll", "accuracy" and "confidence" on the validation images after each epoch.
    """

    network: nn.Module
    stopped: nn.Module
    log: list[dict[str, float]]


def batches(cells: Cells) -> DataLoader[tuple[Tensor, ...]]:
    """Return a loader of batches `(images, masks, index)`. The order of the images differs between
    epochs, but not between loaders."""
    items = TensorDataset(cells.images, cells.masks, torch.arange(len(cells)))
    order = torch.Generator().manual_seed(0)
    return DataLoader(items, BATCH_SIZE, shuffle=True, generator=order)


def train(
    start: nn.Module,
    cells: Cells,
    validation: Cells,
    alphas: AdaptiveAlpha | float = 0.0,
    technique: Technique = HARD_INVERSION,
    *,
    epochs: int = EPOCHS,
) -> Training:
    """Train a copy of `start` by Adam with a cosine schedule.

    Args:
        start: the untrained network, which is left unchanged.
        alphas: perturbation levels that adapt, or one constant for all images: 0 is plain BCE.
        technique: how labels are perturbed.
    """
    network, stopped, log = deepcopy(start), deepcopy(start), []
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    loader = batches(cells)
    torch.manual_seed(0)  # Bernoulli switches
    for _ in range(epochs):
        for images, masks, index in loader:
            logits = network(images)
            alpha = alphas[index] if isinstance(alphas, AdaptiveAlpha) else alphas
            loss = sc_bce_with_logits(logits, masks, alpha, technique, ignore_index=UNLABELLED)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if isinstance(alphas, AdaptiveAlpha):
                alphas.update(index, logits.detach(), masks, ignore_index=UNLABELLED)
        schedule.step()
        log.append(scores(count(network, validation), names=("nll", "accuracy", "confidence")))
        if isinstance(alphas, AdaptiveAlpha):
            alphas.observe(log[-1]["accuracy"], log[-1]["confidence"])
        if log[-1]["nll"] < min((row["nll"] for row in log[:-1]), default=float("inf")):
            stopped.load_state_dict(network.state_dict())
    return Training(network, stopped, log)


@torch.no_grad()
def count(network: nn.Module, cells: Cells) -> Counts:
    """Return the counts of a network's predictions of the labelled pixels."""
    probabilities = network(cells.images).sigmoid()
    return Counts.from_probabilities(probabilities, cells.masks, ignore_index=UNLABELLED)


def labelled(values: Tensor, cells: Cells) -> Tensor:
    """Return the labelled pixels (N, P) of values (N, 1, S, S). All images have equally many,
    because the field of view is the same in all of them."""
    return values[cells.labelled].view(len(cells), -1)


@torch.no_grad()
def answers(ways: Ways, cells: Cells) -> dict[str, Tensor]:
    """(N, P) probability of each labelled pixel, by each way."""
    said = {}
    for label, (network, fit) in ways.items():
        # Labelled pixels alone: image-wise shrinkage looks at the whole map that it is given.
        logits = labelled(network(cells.images), cells)
        said[label] = (logits if fit is None else fit.apply(logits)).sigmoid()
    return said


def counts_of(said: Mapping[str, Tensor], cells: Cells) -> dict[str, Counts]:
    """Counts of each way's `answers`."""
    labels = labelled(cells.masks, cells)
    return {label: Counts.from_probabilities(p, labels) for label, p in said.items()}


def posterior_error_of(said: Mapping[str, Tensor], cells: Cells) -> dict[str, float]:
    """Mean distance of each way's `answers` to the true probability."""
    truth = labelled(cells.posterior, cells)
    return {label: (p - truth).abs().mean().item() for label, p in said.items()}


def table(counted: Mapping[str, Counts], off: Mapping[str, float], title: str) -> str:
    """A Markdown table, a row a way; in brackets 95 % intervals over images.

    Args:
        off: of each way, as `posterior_error_of`.
        title: above the ways.
    """
    rows = []
    for label, counts in counted.items():
        bounds, cells = error_bounds(counts), [label]
        for score, value in (("ece", calibration.ece(counts)), ("oe", calibration.oe(counts))):
            low, high = bounds[score]
            cells.append(f"{100 * value:z.1f} [{100 * low:z.1f}, {100 * high:z.1f}]")
        cells.append(f"{100 * calibration.accuracy(counts):.1f}")
        rows.append([*cells, f"{calibration.nll(counts):.2f}", f"{off[label]:.2f}"])
    return markdown_table([title, "ECE %", "OE %", "right %", "NLL", "off the truth"], rows)


def write_maps(folder: Path, maps: Mapping[str, Tensor]) -> None:
    """8-bit maps as `folder/LABEL/000.png` and so on.

    Args:
        maps: label -> (N, 1, H, W) in [0, 1]; masks too.
    """
    for label, values in maps.items():
        (folder / label).mkdir(parents=True)
        for number, each in enumerate((255 * values).round().to(torch.uint8)):
            (folder / label / f"{number:03}.png").write_bytes(to_png(each[0].numpy()))
