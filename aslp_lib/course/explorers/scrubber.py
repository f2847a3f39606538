"""Explorer that shows recorded training runs epoch by epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aslp_lib.course.explorers.base import Explorer, choice, describe_gap, player, slider
from aslp_lib.course.explorers.perturbations import data
from aslp_lib.course.figures.panels import CONFIDENCE, GAP, LIGHT_BLUE, Panels, mosaic
from aslp_lib.course.recorded import epochs
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.data.shapes import SIZE
from aslp_lib.evaluation.figures.style import BLUE, GREEN, GREY, ORANGE, PINK

RULES = {"bce": "BCE", "calibration": "MC", "entropy": "ME", "measured_gap": "measured gap"}
MARKS = (GREEN, ORANGE)
"""Colours that mark the two displayed training images, in their frames and their alphas."""

_EPOCH_TICKS = range(0, EPOCHS[-1] + 1, 20)
_PARTS = {"train": "training images", "validation": "validation images"}


def training_scrubber() -> Explorer:
    """Create the explorer; its controls are the rule and the epoch, which a player can advance."""
    controls = {
        "rule": choice("rule", RULES, "calibration"),
        "epoch": slider("epoch", EPOCHS[0], EPOCHS[-1], EPOCHS.step, 20),
    }
    return Explorer(controls, compose, readout, lines=3, play=player(controls["epoch"]))


def compose(rule: str, epoch: int) -> Figure:
    """Draw curves up to an epoch, and the reliability diagram, alphas and maps after that epoch."""
    panels, past = Panels(10.2, 5.6), EPOCHS[: EPOCHS.index(epoch) + 1]
    training, validation = ([epochs.seen(rule, number, part) for number in past] for part in _PARTS)
    confidence, accuracy = [e.confidence for e in validation], [e.accuracy for e in validation]
    title, shares = f"{RULES[rule]}, epoch {epoch}", "share of the pixels"
    curves = panels.plot((0.6, 3.3, 2.55, 1.95), ("", _EPOCH_TICKS), (shares, CONFIDENCE), title)
    curves.fill_between(past, confidence, accuracy, color=LIGHT_BLUE)
    curves.plot(past, [e.accuracy for e in training], color=GREY, label="training accuracy")
    curves.plot(past, accuracy, color="black", label="validation accuracy")
    curves.plot(past, confidence, color=BLUE, linewidth=3, label="validation confidence")
    curves.legend(fontsize=9, loc="lower right")
    diagram = panels.diagram((3.85, 3.3, 1.8, 1.95), validation[-1].reliability, "reliability")
    diagram.set_ylabel("accuracy (grey: pixels)")
    alphas, title = ("alpha", (0.0, 0.1, 0.2, 0.3, 0.4)), "alphas of training images"
    paths = panels.plot((0.6, 0.5, 2.55, 1.95), ("epoch", _EPOCH_TICKS), alphas, title)
    images = ("training images", (1, 80, 160))
    ordered = panels.plot((3.85, 0.5, 1.8, 1.95), images, alphas, "alphas, sorted")
    if rule == "bce":
        ordered.text(80, 0.2, "BCE has no alphas", ha="center", fontsize=10)
    else:
        _draw_alphas(paths, ordered, epochs.levels(rule)[: len(past)])
    for axis in (curves, paths):
        axis.axvline(epoch, color=PINK, linewidth=2)
    for top, (part, title) in zip((0.35, 3.15), _PARTS.items(), strict=True):
        dataset: Any = getattr(data(), part)
        picks = list(PICKS[part])
        tiles = (
            dataset.images[picks].double().mean(dim=1).numpy() / 255,
            dataset.masks[picks, 0].numpy(),
            dataset.posterior[picks],
            epochs.seen(rule, epoch, part).maps,
        )
        axis = panels.map(6.0, 4.15, mosaic(np.stack(tiles, axis=1)), title, top)
        middles = (SIZE + GAP) * np.arange(4) + SIZE / 2
        axis.set_xticks(middles, ("image", "label", "posterior", "network"))
        axis.tick_params(length=0)
        for i, colour in enumerate(MARKS if part == "train" else ()):
            place = (-0.5, (SIZE + GAP) * i - 0.5)
            axis.add_patch(Rectangle(place, SIZE, SIZE, fill=False, ec=colour, lw=4, clip_on=False))
    panels.figure.set_label(
        f"{RULES[rule]} at epoch {epoch}: confidence and accuracy up to it, the reliability "
        "diagram, the alphas of all training images over time and sorted, and the network's maps "
        "of two training and two validation images beside label and true posterior; "
        f"{_scores_text(rule, epoch)}."
    )
    return panels.figure


def _draw_alphas(paths: Axes, ordered: Axes, alphas: np.ndarray) -> None:
    """Draw (epochs, images) alphas over time, and those of the last epoch in ascending order.

    The two displayed training images are highlighted.
    """
    past, rank = EPOCHS[: len(alphas)], 1 + alphas[-1].argsort(kind="stable").argsort()
    # One line with breaks is drawn faster than one line per image.
    breaks = np.full((1, alphas.shape[1]), np.nan)
    values = np.concatenate([alphas, breaks]).T.ravel()
    paths.plot(np.tile([*past, np.nan], len(rank)), values, color="#B9B9B9", linewidth=0.5)
    ordered.plot(rank, alphas[-1], ".", color=GREY, markersize=2)
    for i, colour in zip(PICKS["train"], MARKS, strict=True):
        paths.plot(past, alphas[:, i], color=colour, linewidth=2.5)
        ordered.plot(rank[i], alphas[-1, i], "o", color=colour, markersize=8)


def readout(rule: str, epoch: int) -> str:
    """Describe confidence, accuracy and ECE of the network, and the distribution of its alphas."""
    return f"{RULES[rule]}, epoch {epoch}: {_scores_text(rule, epoch)}. {_alphas_text(rule, epoch)}"


def _scores_text(rule: str, epoch: int) -> str:
    training, validation = (epochs.seen(rule, epoch, part) for part in _PARTS)
    return (
        f"confidence {100 * validation.confidence:.1f} %, accuracy {100 * validation.accuracy:.1f} "
        f"% on validation images, {describe_gap(validation.confidence - validation.accuracy)}; ECE "
        f"{100 * validation.ece:.1f} %; accuracy on training images {100 * training.accuracy:.1f} %"
    )


def _alphas_text(rule: str, epoch: int) -> str:
    if rule == "bce":
        return "BCE has no alphas."
    alphas = epochs.levels(rule)[EPOCHS.index(epoch)]
    low, high = np.quantile(alphas, [0.1, 0.9])
    green, orange = alphas[list(PICKS["train"])]
    return (
        f"Mean alpha {alphas.mean():.3f}; 10 % and 90 % quantiles {low:.3f} and {high:.3f}; alphas "
        f"of the two training images {green:.3f} (green) and {orange:.3f} (orange)."
    )
