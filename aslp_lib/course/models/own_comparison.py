"""Comparison of several methods, trained on the cells of notebook 08 in a plain PyTorch loop.

The loop uses nothing of `aslp_lib.training`. `examples/aslp.py` contains it as a separate script.
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
"""Label -> a network, and the recalibration fitted to it, if any."""


class Training(NamedTuple):
    """A finished training: its networks, and its validation scores by epoch.

    Args:
        network: the network after the last epoch.
        stopped: the network of the epoch with the lowest validation NLL (early stopping).
        log: "nll", "accuracy" and "confidence" on the validation images after each epoch.
    """

    network: nn.Module
    stopped: nn.Module
    log: list[dict[str, float]]


def batches(cells: Cells) -> DataLoader[tuple[Tensor, ...]]:
    """Return a loader of batches `(images, masks, index)`.

    The order of the images differs between epochs, but not between loaders.
    """
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
    """Train a copy of `start` with Adam and a cosine schedule.

    Args:
        start: the untrained network, which is left unchanged.
        alphas: adaptive perturbation levels, or one constant for all images: 0 is plain BCE.
        technique: technique of the label perturbation.
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
    """Return the counts of a network's predictions for the labelled pixels."""
    probabilities = network(cells.images).sigmoid()
    return Counts.from_probabilities(probabilities, cells.masks, ignore_index=UNLABELLED)


def labelled(values: Tensor, cells: Cells) -> Tensor:
    """Select the labelled pixels (N, P) of values (N, 1, S, S).

    All images have equally many, because the field of view is the same in all of them.
    """
    return values[cells.labelled].view(len(cells), -1)


@torch.no_grad()
def answers(ways: Ways, cells: Cells) -> dict[str, Tensor]:
    """Predict the foreground probability of each labelled pixel: label -> (N, P)."""
    probabilities = {}
    for label, (network, fit) in ways.items():
        # Image-wise shrinkage computes features of all pixels that it is given: labelled ones only.
        logits = labelled(network(cells.images), cells)
        probabilities[label] = (logits if fit is None else fit.apply(logits)).sigmoid()
    return probabilities


def counts_of(predictions: Mapping[str, Tensor], cells: Cells) -> dict[str, Counts]:
    """Count the predictions that `answers` returns: label -> counts."""
    labels = labelled(cells.masks, cells)
    return {label: Counts.from_probabilities(p, labels) for label, p in predictions.items()}


def posterior_absolute_error(predictions: Mapping[str, Tensor], cells: Cells) -> dict[str, float]:
    """Compute the mean absolute difference between the predictions and the true posterior.

    Args:
        predictions: label -> (N, P), as `answers` returns them.
    """
    truth = labelled(cells.posterior, cells)
    return {label: (p - truth).abs().mean().item() for label, p in predictions.items()}


def table(counted: Mapping[str, Counts], errors: Mapping[str, float], title: str) -> str:
    """Format scores as Markdown, a row per method, with 95 % intervals over images in brackets.

    Args:
        counted: label -> counts.
        errors: label -> posterior error, as `posterior_absolute_error` returns it.
        title: heading of the first column.
    """
    rows = []
    for label, counts in counted.items():
        bounds, cells = error_bounds(counts), [label]
        for score, value in (("ece", calibration.ece(counts)), ("oe", calibration.oe(counts))):
            low, high = bounds[score]
            cells.append(f"{100 * value:z.1f} [{100 * low:z.1f}, {100 * high:z.1f}]")
        cells.append(f"{100 * calibration.accuracy(counts):.1f}")
        rows.append([*cells, f"{calibration.nll(counts):.2f}", f"{errors[label]:.2f}"])
    return markdown_table([title, "ECE %", "OE %", "right %", "NLL", "off the truth"], rows)


def write_maps(folder: Path, maps: Mapping[str, Tensor]) -> None:
    """Write 8-bit maps as `folder/LABEL/000.png` and so on.

    Args:
        maps: label -> (N, 1, H, W) in [0, 1]; masks may be among them.
    """
    for label, grey_maps in maps.items():
        (folder / label).mkdir(parents=True)
        for number, grey_map in enumerate((255 * grey_maps).round().to(torch.uint8)):
            (folder / label / f"{number:03}.png").write_bytes(to_png(grey_map[0].numpy()))
