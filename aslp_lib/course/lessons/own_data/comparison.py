"""Comparison of several methods, trained on synthetic cells in a plain PyTorch loop.

The loop uses nothing of `aslp_lib.training`. `examples/aslp.py` contains it as a separate script.
"""

import json
import math
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import HARD_INVERSION, Technique, label_smoothing
from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.lessons.own_data.microscopy import UNLABELLED, Cells, draw_cells
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.temperature import scaled_nll
from aslp_lib.recalibration import Recalibration, Temperature

EPOCHS = 90
BATCH_SIZE = 8
LEARNING_RATE = 5e-3
GREY_LEVELS = 1024
"""Number of grey levels at which probabilities are counted. It is small, as every epoch counts."""
IMAGES = {"train": 16, "validation": 40, "test": 100}
"""Number of images of each set."""
MANY = 10
"""Factor by which the row "more images" has more training images and fewer epochs."""
MISS = 10
"""Cost of a missed pixel in the recorded bills; a check costs 1."""
DEARER_MISS = 20
"""A higher cost of a missed pixel, for the bills "dearer_expected" and "dearer_paid"."""
RECORDED = Path(__file__).with_name("cells.json")

Results = Mapping[str, pd.DataFrame]
"""Method -> its scores, one mapping per seed."""


class Training(NamedTuple):
    """A finished training: its networks, and its validation scores by epoch.

    Args:
        network: the network after the last epoch.
        stopped: the network of the epoch with the lowest `scaled_nll` (early stopping).
        log: "accuracy", "confidence" and "scaled_nll", the NLL after temperature scaling, on the
            validation images after each epoch.
    """

    network: nn.Module
    stopped: nn.Module
    log: list[dict[str, float]]


def new_network(seed: int) -> nn.Module:
    """Create a small untrained network, which predicts blocks of 4 x 4 pixels from their vicinity.

    Double precision makes a run end alike on every processor.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(16, 24, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(24, 24, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(24, 16, 3, padding=1),
            nn.PixelShuffle(4),
        ).double()


def draw_sets(seed: int) -> dict[str, Cells]:
    """Draw the training, validation and test images of a seed; the sets have `IMAGES` images."""
    return {name: draw_cells(n, 10 * seed + k) for k, (name, n) in enumerate(IMAGES.items())}


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
    switches = torch.Generator().manual_seed(0)
    for _ in range(epochs):
        for images, masks, index in loader:
            logits = network(images)
            alpha = alphas[index] if isinstance(alphas, AdaptiveAlpha) else alphas
            loss = sc_bce_with_logits(
                logits, masks, alpha, technique, ignore_index=UNLABELLED, generator=switches
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if isinstance(alphas, AdaptiveAlpha):
                alphas.update(index, logits.detach(), masks, ignore_index=UNLABELLED)
        schedule.step()
        counts = count(network, validation)
        log.append(scores(counts, names=("accuracy", "confidence")))
        log[-1]["scaled_nll"] = scaled_nll(counts)
        if isinstance(alphas, AdaptiveAlpha):
            alphas.observe(log[-1]["accuracy"], log[-1]["confidence"])
        if log[-1]["scaled_nll"] < min((row["scaled_nll"] for row in log[:-1]), default=math.inf):
            stopped.load_state_dict(network.state_dict())
    return Training(network, stopped, log)


@torch.no_grad()
def predict(network: nn.Module, cells: Cells, fit: Recalibration | None = None) -> Tensor:
    """Predict the foreground probability of each pixel, recalibrated by `fit` if it is given."""
    logits = network(cells.images)
    return (fit(logits) if fit else logits).sigmoid()


def count(network: nn.Module, cells: Cells, fit: Recalibration | None = None) -> Counts:
    """Count the predictions of the labelled pixels, recalibrated by `fit` if it is given."""
    probabilities = predict(network, cells, fit)
    return Counts.from_probabilities(
        probabilities, cells.masks, GREY_LEVELS, ignore_index=UNLABELLED
    )


def posterior_error(probabilities: Tensor, cells: Cells) -> float:
    """Compute the mean squared difference from the true posterior over the labelled pixels."""
    return (probabilities - cells.posterior)[cells.labelled].square().mean().item()


def compare(seeds: Iterable[int], alpha: float, epochs: int = EPOCHS) -> Results:
    """Train with every method on the cells of each seed, and score the predictions.

    Args:
        alpha: the constant perturbation level. Label smoothing has the same expected perturbation.
        epochs: number of epochs of each training.

    Returns:
        Method -> one row per seed, with "seed"; "ece", "oe", "nll" and "posterior_error" on the
        test images; "scaled_nll", the test NLL after temperature scaling; "empty_ece", the ECE on
        images without a cell; "temperature", fitted to the validation images; and after temperature
        scaling, except for "BCE": "final_ece", the ECE on the test images; "expected" and "paid",
        the bill of the test images per pixel if a miss costs `MISS`, or, with "dearer_" before the
        name, `DEARER_MISS`; and "empty_paid", the bill of images without a cell, which is
        "empty_trained" before temperature scaling.
    """
    results: dict[str, list[dict[str, float]]] = {}
    for seed in seeds:
        sets, start = draw_sets(seed), new_network(seed)
        empty = draw_cells(IMAGES["test"], 10 * seed + 3, cells=(0, 0))
        known, test = (sets["train"], sets["validation"]), sets["test"]
        smoothed = label_smoothing(alpha * HARD_INVERSION.beta)
        more = draw_cells(MANY * IMAGES["train"], 10 * seed + 4)
        run = partial(train, start, epochs=epochs)
        bce = run(*known)
        rows = {
            "BCE": bce.network,
            "BCE + temperature scaling": bce.network,
            "early stopping": bce.stopped,
            "more images": run(more, known[1], epochs=epochs // MANY).network,
            "label smoothing": run(*known, *smoothed).network,
            "constant alpha": run(*known, alpha).network,
            "ASLP (MC)": run(*known, adaptive("aslp_mc")).network,
            "ASLP (measured gap)": run(*known, adaptive("aslp_gap")).network,
        }
        for label, network in rows.items():
            fitted = Temperature().fit(count(network, sets["validation"]))
            fit = fitted if "temperature" in label else None
            row = scores(count(network, test, fit), names=("ece", "oe", "nll"))
            row["posterior_error"] = posterior_error(predict(network, test, fit), test)
            row["scaled_nll"] = calibration.nll(count(network, test, fitted))
            row["empty_ece"] = calibration.ece(count(network, empty, fit))
            row["temperature"] = float(fitted.value)
            final = None if label == "BCE" else fitted
            counts = count(network, test, final)
            row["final_ece"] = calibration.ece(counts)
            for prefix, miss in {"": MISS, "dearer_": DEARER_MISS}.items():
                costs = bill(counts, miss)
                row[f"{prefix}expected"], row[f"{prefix}paid"] = costs.expected, costs.paid
            row["empty_paid"] = bill(count(network, empty, final), MISS).paid
            row["empty_trained"] = bill(count(network, empty), MISS).paid
            results.setdefault(label, []).append({"seed": seed, **row})
    return {label: pd.DataFrame(rows) for label, rows in results.items()}


def recorded() -> Results:
    """Read the recorded results of `compare(range(1, 6), alpha=0.05)`.

    `python -m aslp_lib.course.lessons.own_data` (or `make weights`) records them again, in a
    minute.
    """
    rows_by_label = json.loads(RECORDED.read_text(encoding="utf-8"))
    return {label: pd.DataFrame(rows) for label, rows in rows_by_label.items()}


def adaptive(rule: str, constraint_weight: float = 200.0) -> AdaptiveAlpha:
    """Create the perturbation levels of the training images, for hard inversion and a rule."""
    return AdaptiveAlpha(
        IMAGES["train"],
        HARD_INVERSION,
        rule=rule,
        alpha_step_size=0.005,
        constraint_weight=constraint_weight,
    )
