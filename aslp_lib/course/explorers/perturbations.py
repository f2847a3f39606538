"""Explorer: networks trained at a level, fixed or moved by a rule, beside a temperature on BCE."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from aslp_lib.course import recorded
from aslp_lib.course.explorers.base import Explorer, choice, number, slider
from aslp_lib.course.figures.panels import GAP, Panels, mosaic
from aslp_lib.course.recorded import perturbations
from aslp_lib.course.recorded.perturbations import PERTURBATIONS, PICKS, TARGETS, Outcome
from aslp_lib.data.base import DataSplits
from aslp_lib.data.shapes import SIZE, Shapes
from aslp_lib.evaluation.figures.style import BLUE, GREEN, ORANGE, PINK
from aslp_lib.metrics import calibration

PARTS = {"test": "test", "shifted": "shifted", "textures": "textures"}
BINS = {0: "none"} | {low: f"{low} to {low + 10} %" for low in range(50, 100, 10)}
IMAGES = {1: "first", 2: "second", 3: "third", 4: "fourth"}
RULES = {"measured_gap": ("measured gap", GREEN), "calibration": ("MC", BLUE)}
"""Rules whose networks are shipped: what they are called here, and their colour."""
FIXED = {"expected": "expected targets (M)", "drawn": "drawn targets (hard inversion)"}
"""What the networks at a constant alpha were trained on."""

_ROWS = (
    "images, their labels outlined",
    "the truth: P(y = 1)",
    "the network trained at the level",
    "plain BCE, its logits divided by T",
)


def level_lab() -> Explorer:
    """Level, network, temperature and test set; a pixel that is asked, and a bin whose pixels are
    lit."""
    controls = {
        "level": slider(
            "level alpha*beta", PERTURBATIONS[0], PERTURBATIONS[-1], PERTURBATIONS[1], 0.2
        ),
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
        "BCE / T": perturbations.at_temperature(temperature, part),
    }


@cache
def _recorded(level: float, network: str, part: str) -> Outcome:
    if network in TARGETS:
        return perturbations.at_perturbation(level, part, network)
    return perturbations.of_rule(network, part)


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
) -> Figure:
    """The maps of both networks, their reliability diagrams, and where the level lies."""
    dataset, picks = _set(part), list(PICKS[part])
    both = _both(level, network, temperature, part)
    seen, errors = list(both.values()), []
    images = dataset.images[picks].double().mean(dim=1).numpy() / 255
    maps = (images, dataset.posterior[picks], *(each.maps for each in seen))
    panels = Panels(10.2, 7.5)
    rows = [
        panels.map(0.05, 6.5, mosaic(values[None]), title, top=0.26 + 1.86 * row)
        for row, (values, title) in enumerate(zip(maps, _ROWS, strict=True))
    ]
    labels = np.nan_to_num(mosaic(np.array([[dataset.mask(i) for i in picks]], float)))
    rows[0].contour(labels, levels=[0.5], colors=[ORANGE], linewidths=1.5)
    x = (SIZE + GAP) * (image - 1) + column
    for axis in rows:
        for colour, width in (("white", 5), (PINK, 2.5)):
            axis.plot(x, row, "s", ms=7, mfc="none", mec=colour, mew=width)
    for axis, each in zip(rows[2:], seen, strict=True):
        if lit:
            bright = np.where(lights(each.maps, lit), 1, np.nan)
            axis.imshow(mosaic(bright[None]), cmap=ListedColormap([ORANGE]), aspect="auto")
    _draw_strip(panels, landed().get(network, level))
    titles = {"at the level": "trained at the level", "BCE / T": _ROWS[-1]}
    for (name, each), bottom in zip(both.items(), (4.05, 0.5), strict=True):
        table = calibration.reliability(each.counts)
        diagram = panels.diagram(7.2, 2.8, table, titles[name], bottom, 1.9, lit)
        errors.append(f"{name}: ECE {100 * calibration.ece(each.counts):.1f} %")
    diagram.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.15), frameon=False)
    panels.figure.set_label(
        f"Four images of {part}, their true probability, and the maps of the network trained at a "
        f"level ({_called(level, network)}) and of BCE at T = {temperature:.1f}, with both "
        f"reliability diagrams. {'; '.join(errors)}."
    )
    return panels.figure


def _draw_strip(panels: Panels, level: float) -> None:
    """Draw a level on the scale of all levels, and the levels at which the rules ended."""
    title = "the level, and where rules' own ended"
    strip = panels.plot(7.2, 2.8, ("", PERTURBATIONS[::2]), ("", (0, 1)), title, 6.95, 0.15)
    strip.set_yticks([])
    for (name, colour), ended in zip(RULES.values(), landed().values(), strict=True):
        strip.axvline(ended, color=colour, linewidth=3, label=name)
    strip.plot(level, 1, "v", color=PINK, markersize=11, clip_on=False)
    strip.legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, -1.5), ncols=2, frameon=False)


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
    here, there = seen = list(_both(level, network, temperature, part).values())
    ece = [_tenths(calibration.ece(each.counts)) for each in seen]
    sure = [_tenths(calibration.confidence(each.counts)) for each in seen]
    i = PICKS[part][image - 1]
    at = (image - 1, row, column)
    said = [
        _whole(p) for p in (here.maps[at], there.maps[at], _set(part).posterior[i, row, column])
    ]
    shares = [calibration.reliability(each.counts).share[lit // 10] for each in seen]
    of_bin = f" {BINS[lit]} sure: {_tenths(shares[0])} and {_tenths(shares[1])} of the pixels."
    return (
        f"ECE {ece[0]} ({_called(level, network)}) and {ece[1]} (BCE, T = "
        f"{temperature:.1f}); mean confidence {sure[0]} and {sure[1]}."
        f"{of_bin if lit else ''} Pixel ({row}, {column}) of the {IMAGES[image]} image of {part}: "
        f"P(y = 1) is {said[0]} and {said[1]}, in truth {said[2]}; its label is "
        f"{_set(part).mask(i)[row, column]}."
    )


def _tenths(share: float) -> str:
    return f"{100 * share:.1f} %"


def _whole(probability: float) -> str:
    return f"{100 * probability:.0f} %"


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
