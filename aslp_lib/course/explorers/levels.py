"""Explorer: networks trained at a level, fixed or moved by a rule, beside a temperature on BCE."""

from __future__ import annotations

from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from aslp_lib.course import recorded
from aslp_lib.course.explorers.base import Explorer, choice, number, slider
from aslp_lib.course.figures.canvas import (
    BLACK,
    LETTERS,
    WHITE,
    Drawing,
    Plot,
    font,
    grey_map,
    in_palette,
    index,
    reliability_diagram,
)
from aslp_lib.course.recorded import levels
from aslp_lib.course.recorded.levels import LEVELS, PICKS, TARGETS, Outcome
from aslp_lib.data.base import DataSplits
from aslp_lib.data.shapes import SIZE, Shapes
from aslp_lib.evaluation.figures.style import BLUE, GREEN, ORANGE, PINK
from aslp_lib.metrics import calibration
from aslp_lib.metrics.score import ScoreFunction

PARTS = {"test": "test", "shifted": "shifted", "textures": "textures"}
BINS = {0: "none"} | {low: f"{low} to {low + 10} %" for low in range(50, 100, 10)}
IMAGES = {1: "first", 2: "second", 3: "third", 4: "fourth"}
RULES = {"measured_gap": ("measured gap", GREEN), "calibration": ("MC", BLUE)}
"""Rules whose networks are shipped: what they are called here, and their colour."""
FIXED = {"expected": "expected targets (M)", "drawn": "drawn targets (hard inversion)"}
"""What the networks at a fixed level were trained on."""

WIDTH, HEIGHT, SCALE = 1280, 912, 4
_TILE, _ROW = SIZE * SCALE, SIZE * SCALE + 36
_TOPS = [30 + i * _ROW for i in range(4)]
_LEFTS = [4 + i * (_TILE + 8) for i in range(4)]
_SHARE = {0.0: "0", 0.5: "50", 1.0: "100 %"}
_SURE = {0.5: "50", 0.6: "60", 0.7: "70", 0.8: "80", 0.9: "90", 1.0: "100 %"}
_STRIP = Plot(
    (872, 56, 1242, 70),
    {s: "" if n % 2 else f"{s:g}" for n, s in enumerate(LEVELS)},
    {0: "", 1: ""},
)
_DIAGRAMS = {
    "at the level": Plot((872, 196, 1242, 430), _SURE, _SHARE, "trained at the level"),
    "BCE / T": Plot((872, 630, 1242, 864), _SURE, _SHARE, "BCE, its logits divided by T"),
}
_LEGEND = ("bars: accuracy in the bin", "blue: its gap to the confidence", "grey: share of pixels")


def level_lab() -> Explorer:
    """Level, network, temperature and test set; a pixel that is asked, and a bin whose pixels are
    lit."""
    controls = {
        "level": slider("level alpha*beta", LEVELS[0], LEVELS[-1], LEVELS[1], 0.2),
        "network": choice("network", networks(), "expected"),
        "temperature": slider("temperature T", 1.0, 9.0, 0.1, 1.0),
        "part": choice("images", PARTS, "test"),
        "image": choice("pixel of the image", IMAGES, 3),
        "row": number("pixel row", 0, SIZE - 1, 12),
        "column": number("pixel column", 0, SIZE - 1, 26),
        "lit": choice("light the pixels that are sure by", BINS, 0),
    }
    return Explorer(controls, compose, readout, idle=idle, table=table, lines=3)


def networks() -> dict[str, str]:
    """As shown: trained at the slider's level on one of `TARGETS`, or at levels a rule moved."""
    return FIXED | {rule: _called(0, rule) for rule in RULES}


def idle(network: str, **others: object) -> tuple[str, ...]:
    """Which controls have no say: levels that a rule moved are not the slider's."""
    return () if network in TARGETS else ("level",)


@cache
def landed() -> dict[str, float]:
    """Where the levels of `RULES` ended, mean alpha * beta."""
    beta = recorded.SETTINGS.hyperparameters.aslp.perturbation.beta
    return {rule: beta * recorded.load_log(rule)[-1]["alpha_mean"] for rule in RULES}


@lru_cache(maxsize=8)
def _both(level: float, network: str, temperature: float, part: str) -> dict[str, Outcome]:
    return {
        "at the level": _recorded(level, network, part),
        "BCE / T": levels.at_temperature(temperature, part),
    }


@cache
def _recorded(level: float, network: str, part: str) -> Outcome:
    if network in TARGETS:
        return levels.at_level(level, part, network)
    return levels.of_rule(network, part)


def _called(level: float, network: str) -> str:
    if network in TARGETS:
        return f"level {level:.2f}, {network}"
    return f"{RULES[network][0]}, level {landed()[network]:.2f}"


@cache
def _set(part: str) -> Shapes:
    dataset: Any = data().tests[part]
    return dataset


@cache
def data() -> DataSplits:
    """The embedded sets, on which all that is shipped was trained and tested."""
    return recorded.SETTINGS.load_data()


@cache
def _background(part: str) -> Image.Image:
    """All that stays while controls move: images, truth, axes and what is written."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw, dataset, letters = ImageDraw.Draw(picture), _set(part), font(LETTERS)
    titles = (
        "images, their labels outlined",
        "the truth: P(y = 1)",
        "the network trained at the level",
        "plain BCE, its logits divided by T",
    )
    for top, title in zip(_TOPS, titles, strict=True):
        draw.text((4, top - 6), title, "black", letters, anchor="ls")
    for left, i in zip(_LEFTS, PICKS[part], strict=True):
        pixels = dataset.images[i].permute(1, 2, 0).numpy()
        shown = Image.fromarray(pixels).resize((_TILE, _TILE), Image.Resampling.NEAREST)
        # Grey, as the picture's few colours are for what is said of the images.
        picture.paste(shown.convert("L").convert("RGB"), (left, _TOPS[0]))
        edge = _edge(dataset.mask(i))
        outline = Image.fromarray((255 * edge.repeat(SCALE, 0).repeat(SCALE, 1)).astype(np.uint8))
        picture.paste(ORANGE, (left, _TOPS[0]), outline)
        truth = np.rint(255 * dataset.posterior[i]).astype(np.uint8)
        truth = truth.repeat(SCALE, 0).repeat(SCALE, 1)
        picture.paste(Image.fromarray(truth).convert("RGB"), (left, _TOPS[1]))
    draw.text((872, 24), "the level, and where rules' own ended", "black", letters, anchor="ls")
    for (name, colour), level in zip(RULES.values(), landed().values(), strict=True):
        place, left = _STRIP.across(level), level < 0.27  # names on both sides, as levels are near
        # Not through the numbers between.
        draw.line((place, 46, place, 74), fill=colour, width=4)
        draw.line((place, 100, place, 124), fill=colour, width=4)
        at = (place - 8 if left else place + 8, 121)
        draw.text(at, name, "black", letters, anchor="rs" if left else "ls")
    _STRIP.frame(draw)
    for plot in _DIAGRAMS.values():
        plot.frame(draw)
        draw.text((1057, plot.box[3] + 45), "confidence", "black", letters, anchor="ms")
    for line, text in enumerate(_LEGEND):
        draw.text((872, 520 + 24 * line), text, "black", letters, anchor="ls")
    return in_palette(picture)


def _edge(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: foreground with a neighbour of the other class, or none on one side."""
    inside = np.pad(mask.astype(bool), 1)
    kept = inside[1:-1, 1:-1]
    neighbours = (inside[:-2, 1:-1], inside[2:, 1:-1], inside[1:-1, :-2], inside[1:-1, 2:])
    return kept & ~np.logical_and.reduce(neighbours)


def lights(maps: np.ndarray, low: int) -> np.ndarray:
    """Which pixels' confidence lies in a bin `(low, low + 10]`, in percent; its lower end belongs
    to the least."""
    sure = np.maximum(maps, 1 - maps)
    under = sure >= 0.5 if low == 50 else sure > low / 100
    return under & (sure <= (low + 10) / 100)


def compose(
    level: float,
    network: str,
    temperature: float,
    part: str,
    image: int,
    row: int,
    column: int,
    lit: int,
) -> Drawing:
    """The maps of both networks, their reliability diagrams, and where the level lies."""
    picture = _background(part).copy()
    draw, said = ImageDraw.Draw(picture), []
    both = _both(level, network, temperature, part)
    for (name, seen), top in zip(both.items(), _TOPS[2:], strict=True):
        shown = lights(seen.maps, lit) if lit else np.zeros(seen.maps.shape, bool)
        for left, values, bright in zip(_LEFTS, seen.maps, shown, strict=True):
            picture.paste(grey_map(values, SCALE, bright), (left, top))
        reliability_diagram(draw, _DIAGRAMS[name], calibration.reliability(seen.counts), lit)
        said.append(f"{name}: ECE {100 * calibration.ece(seen.counts):.1f} %")
    for top in _TOPS:
        x, y = _LEFTS[image - 1] + SCALE * column, top + SCALE * row
        for margin, colour in ((5, WHITE), (3, BLACK), (1, index(PINK))):
            far = SCALE - 1 + margin
            draw.rectangle((x - margin, y - margin, x + far, y + far), None, colour, 2)
    _STRIP.triangle(draw, landed().get(network, level), PINK)
    return Drawing(
        picture,
        f"Four images of {part}, their true probability, and the maps of the network trained at a "
        f"level ({_called(level, network)}) and of BCE at T = {temperature:.1f}, with both "
        f"reliability diagrams. {'; '.join(said)}.",
    )


def readout(
    level: float,
    network: str,
    temperature: float,
    part: str,
    image: int,
    row: int,
    column: int,
    lit: int,
) -> str:
    """Both errors, how sure both are, the lit bin and the pixel."""
    here, there = _both(level, network, temperature, part).values()
    ece, sure = (partial(_percent, score) for score in (calibration.ece, calibration.confidence))
    i = PICKS[part][image - 1]
    at = (image - 1, row, column)
    said = [
        _whole(p) for p in (here.maps[at], there.maps[at], _set(part).posterior[i, row, column])
    ]
    shares = [calibration.reliability(seen.counts).share[lit // 10] for seen in (here, there)]
    of_bin = f" {BINS[lit]} sure: {_tenths(shares[0])} and {_tenths(shares[1])} of the pixels."
    return (
        f"ECE {ece(here)} ({_called(level, network)}) and {ece(there)} (BCE, T = "
        f"{temperature:.1f}); mean confidence {sure(here)} and {sure(there)}."
        f"{of_bin if lit else ''} Pixel ({row}, {column}) of the {IMAGES[image]} image of {part}: "
        f"P(y = 1) is {said[0]} and {said[1]}, in truth {said[2]}; its label is "
        f"{_set(part).mask(i)[row, column]}."
    )


def _tenths(share: float) -> str:
    return f"{100 * share:.1f} %"


def _whole(probability: float) -> str:
    return f"{100 * probability:.0f} %"


def _percent(score: ScoreFunction, seen: Outcome) -> str:
    return _tenths(score(seen.counts))


COLUMNS = {
    "ECE": calibration.ece,
    "OE": calibration.oe,
    "Brier": calibration.brier,
    "accuracy": calibration.accuracy,
    "sure": calibration.confidence,
}


def table(level: float, network: str, temperature: float, part: str, **others: object) -> str:
    """The scores of both, in percent, and how sure of toss-ups and background: two rows."""
    both = _both(level, network, temperature, part)
    heads = [*COLUMNS, "toss-ups", "background"]
    # On one line, whatever the network: else the picture below would move.
    name = _called(level, network) if network in TARGETS else RULES[network][0]
    rows = {
        name: _scores(both["at the level"]),
        f"BCE, T = {temperature:.1f}": _scores(both["BCE / T"]),
    }
    style = 'style="text-align: right; padding: 0 4px; font-size: 0.95em"'
    left = 'style="width: 12em; white-space: nowrap; text-align: left; padding: 0"'
    corner = f"<td {left}>in %</td>"
    head = "".join(f'<th scope="col" {style}>{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row" {left}>{name}</th>'
        + "".join(f"<td {style}>{cell}</td>" for cell in cells)
        + "</tr>"
        for name, cells in rows.items()
    )
    return f'<table style="table-layout: fixed; width: 100%"><tr>{corner}{head}</tr>{body}</table>'


def _scores(seen: Outcome) -> list[str]:
    values = [score(seen.counts) for score in COLUMNS.values()]
    values += [seen.toss_ups, seen.background]
    return ["none" if np.isnan(value) else f"{100 * value:.1f}" for value in values]
