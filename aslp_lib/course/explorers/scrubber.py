"""Explorer: recorded trainings, epoch by epoch."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from aslp_lib.course import recorded
from aslp_lib.course.explorers.base import Explorer, choice, player, slider, sureness
from aslp_lib.course.figures.canvas import (
    BLACK,
    LIGHT_BLUE,
    LIGHT_GREY,
    Drawing,
    Plot,
    font,
    grey_map,
    in_palette,
    index,
    lettering,
    reliability_diagram,
)
from aslp_lib.course.recorded import epochs
from aslp_lib.course.recorded.epochs import EPOCHS, PICKS
from aslp_lib.data.shapes import SIZE, Shapes
from aslp_lib.evaluation.figures.style import BLUE, GREEN, GREY, ORANGE, PINK

RULES = {"bce": "BCE", "calibration": "MC", "entropy": "ME", "measured_gap": "measured gap"}
MARKS = (GREEN, ORANGE)
"""Of the training images whose maps are shown: of their frames, and of their levels."""

WIDTH, HEIGHT, SCALE, LETTERS = 1440, 758, 3, 21
_TIME = {float(epoch): str(epoch) for epoch in range(0, EPOCHS[-1] + 1, 20)}
_SHARE = {0.0: "0", 0.5: "50", 1.0: "100 %"}
_SURE = {n / 10: f"{10 * n}" for n in range(5, 11)}
_LEVEL = {n / 10: f"{n / 10:g}" for n in range(5)}
_CURVES = Plot((78, 72, 490, 332), dict.fromkeys(_TIME, ""), _SURE | {1.0: "100 %"}, size=LETTERS)
_LEVELS = Plot((78, 430, 490, 690), _TIME, _LEVEL, size=LETTERS)
_DIAGRAM = Plot((576, 72, 800, 332), _SURE, _SHARE, size=LETTERS)
_SORTED = Plot((576, 430, 800, 690), {1: "1", 80: "80", 160: "160"}, _LEVEL, size=LETTERS)
_WORDS = {
    (78, 60, "ls"): ("confidence", BLUE),
    (204, 60, "ls"): ("accuracy", "black"),
    (500, 60, "rs"): ("training accuracy", GREY),
    (688, 60, "ms"): ("reliability", "black"),
    (688, 388, "ms"): ("confidence, %", "black"),
    (284, 418, "ms"): ("levels of training images", "black"),
    (688, 418, "ms"): ("levels, sorted", "black"),
    (284, 748, "ms"): ("epoch", "black"),
    (688, 748, "ms"): ("training images", "black"),
}
_TILE = SIZE * SCALE
_LEFTS = [832 + i * (_TILE + 9) for i in range(4)]
_TOPS = {"train": (72, 72 + _TILE + 9), "validation": (430, 430 + _TILE + 9)}
_PARTS = {"train": "training images", "validation": "validation images, never trained on"}
_HEADS = ("image", "label", "truth", "network")


def training_scrubber() -> Explorer:
    """Rule, and epoch, which can run by itself."""
    controls = {
        "rule": choice("rule", RULES, "calibration"),
        "epoch": slider("epoch", EPOCHS[0], EPOCHS[-1], EPOCHS.step, 60),
    }
    return Explorer(controls, compose, readout, lines=3, play=player(controls["epoch"]))


@cache
def _background() -> Image.Image:
    """All that stays while controls move: axes, images, labels, truth and what is written."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, letters = ImageDraw.Draw(picture), font(LETTERS)
    for plot in (_CURVES, _LEVELS, _DIAGRAM, _SORTED):
        plot.frame(draw)
    for (x, y, anchor), (text, colour) in _WORDS.items():
        draw.text((x, y), text, colour, letters, anchor=anchor)
    for left, head in zip(_LEFTS, _HEADS, strict=True):
        draw.text((left + _TILE // 2, 26), head, "black", letters, anchor="ms")
    for part, said in _PARTS.items():
        draw.text((_LEFTS[0], _TOPS[part][0] - 12), said, "black", letters, anchor="ls")
    for top, colour in zip(_TOPS["train"], MARKS, strict=True):
        draw.rectangle((_LEFTS[0] - 5, top - 5, _LEFTS[0] + _TILE + 4, top + _TILE + 4), colour)
    done, data = in_palette(picture), _sets()
    for part, tops in _TOPS.items():
        for top, i in zip(tops, PICKS[part], strict=True):
            image = data[part].images[i].float().mean(dim=0).numpy() / 255
            for left, tile in zip(
                _LEFTS, (image, data[part].mask(i), data[part].posterior[i]), strict=False
            ):
                done.paste(grey_map(tile, SCALE), (left, top))
    return done


@cache
def _sets() -> dict[str, Shapes]:
    data: Any = recorded.SETTINGS.load_data()
    return {"train": data.train, "validation": data.validation}


@cache
def _whole(rule: str) -> Image.Image:
    """The background, with the curves of a training to its end."""
    picture = _background().copy()
    draw = ImageDraw.Draw(picture)
    learnt, unseen = ([epochs.seen(rule, epoch, part) for epoch in EPOCHS] for part in _PARTS)
    sure, right = [each.confidence for each in unseen], [each.accuracy for each in unseen]
    _CURVES.area(draw, EPOCHS, sure, right, LIGHT_BLUE)
    _CURVES.line(draw, EPOCHS, [each.accuracy for each in learnt], GREY, 3)
    _CURVES.line(draw, EPOCHS, right, BLACK, 3)
    _CURVES.line(draw, EPOCHS, sure, BLUE, 5)
    if rule != "bce":
        _paths(draw, epochs.levels(rule))
    return picture


def _paths(draw: ImageDraw.ImageDraw, alphas: np.ndarray) -> None:
    """A line for each image; thicker ones for those whose maps are shown."""
    for alpha in alphas.T:
        _LEVELS.line(draw, EPOCHS, alpha, LIGHT_GREY, 1)
    for i, colour in zip(PICKS["train"], MARKS, strict=True):
        _LEVELS.line(draw, EPOCHS, alphas[:, i], colour, 4)


def compose(rule: str, epoch: int) -> Drawing:
    """Curves up to an epoch; diagram, levels and maps after it."""
    picture, until = _background().copy(), _CURVES.across(epoch)
    past = (_CURVES.box[0], 0, until, HEIGHT)
    picture.paste(_whole(rule).crop(past), past)
    draw = ImageDraw.Draw(picture)
    for plot in (_CURVES, _LEVELS):
        draw.line((until, plot.box[1], until, plot.box[3]), index(PINK), 3)
    picture.paste(lettering(f"{RULES[rule]}, epoch {epoch}", 28), (_CURVES.box[0], 4))
    reliability_diagram(draw, _DIAGRAM, epochs.seen(rule, epoch).reliability)
    if rule == "bce":
        picture.paste(lettering("BCE has no levels", LETTERS), (_SORTED.box[0] + 24, 545))
    else:
        _sorted(draw, epochs.levels(rule)[EPOCHS.index(epoch)])
    for part, tops in _TOPS.items():
        for top, values in zip(tops, epochs.seen(rule, epoch, part).maps, strict=True):
            picture.paste(grey_map(values, SCALE), (_LEFTS[-1], top))
    return Drawing(picture, _alt(rule, epoch))


def _sorted(draw: ImageDraw.ImageDraw, alphas: np.ndarray) -> None:
    """A dot for each image, over its rank; larger ones for those whose maps are shown."""
    marked = dict(zip(PICKS["train"], MARKS, strict=True))
    order = alphas.argsort(kind="stable").tolist()
    for i in sorted(order, key=lambda i: i in marked):
        x, y = _SORTED.across(1 + order.index(i)), _SORTED.up(alphas[i])
        far = 6 if i in marked else 1
        draw.ellipse((x - far, y - far, x + far, y + far), index(marked.get(i, GREY)))


def _alt(rule: str, epoch: int) -> str:
    return (
        f"{RULES[rule]} at epoch {epoch}: confidence and accuracy up to it, the reliability "
        "diagram, the levels of all training images over time and sorted, and the network's maps "
        "of two training and two validation images beside label and truth; "
        f"{_gap(rule, epoch)}."
    )


def readout(rule: str, epoch: int) -> str:
    """How sure and how right the network is, and where the levels are."""
    return f"{RULES[rule]}, epoch {epoch}: {_gap(rule, epoch)}. {_levels(rule, epoch)}"


def _gap(rule: str, epoch: int) -> str:
    learnt, unseen = (epochs.seen(rule, epoch, part) for part in _PARTS)
    return (
        f"confidence {100 * unseen.confidence:.1f} %, accuracy {100 * unseen.accuracy:.1f} % on "
        f"validation images, {sureness(unseen.confidence - unseen.accuracy)}; ECE "
        f"{100 * unseen.ece:.1f} %; accuracy on training images {100 * learnt.accuracy:.1f} %"
    )


def _levels(rule: str, epoch: int) -> str:
    if rule == "bce":
        return "BCE has no levels."
    alphas = epochs.levels(rule)[EPOCHS.index(epoch)]
    low, high = np.quantile(alphas, [0.1, 0.9])
    green, orange = alphas[list(PICKS["train"])]
    return (
        f"Mean level {alphas.mean():.3f}, 10 % to 90 % of the images from {low:.3f} to "
        f"{high:.3f}; of the two training images shown {green:.3f} and {orange:.3f}."
    )
