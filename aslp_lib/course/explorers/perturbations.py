"""Explorer of networks trained at an expected perturbation, beside temperature-scaled BCE."""

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
from aslp_lib.data.shapes import SIZE
from aslp_lib.evaluation.figures.style import BLUE, GREEN, ORANGE, PINK
from aslp_lib.metrics import calibration

BINS = {0: "none"} | {low: f"{low} to {low + 10} %" for low in range(50, 100, 10)}
IMAGES = {1: "first", 2: "second", 3: "third", 4: "fourth"}
RULES = {"measured_gap": ("measured gap", GREEN), "calibration": ("MC", BLUE)}
"""Rules whose networks are shipped, with their labels and colours."""
CONSTANT = {"expected": "expected targets (M)", "sampled": "sampled targets (HI)"}
"""Targets of the networks trained at a constant alpha, with their labels."""

_ROWS = (
    "images with their labels outlined",
    "true posterior P(y = 1)",
    "network trained with label perturbation",
    "BCE, logits divided by T",
)


def perturbation_lab() -> Explorer:
    """Make the explorer: perturbation, network, temperature and test set, and what to highlight.

    The user can read the probabilities of a pixel, and highlight the pixels of a confidence bin.
    """
    smallest, largest = PERTURBATIONS[1], PERTURBATIONS[-1]
    controls = {
        "perturbation": slider("expected perturbation alpha*beta", 0.0, largest, smallest, 0.2),
        "network": choice("network", networks(), "expected"),
        "temperature": slider("temperature T", 1.0, 9.0, 0.1, 1.0),
        "part": choice("test set", {part: part for part in PICKS}, "test"),
        "image": choice("image of the pixel", IMAGES, 3),
        "row": number("pixel row", 0, SIZE - 1, 12),
        "column": number("pixel column", 0, SIZE - 1, 26),
        "highlighted": choice("highlight pixels with a confidence of", BINS, 0),
    }
    return Explorer(controls, compose, readout, idle=idle, table=table, lines=3)


def networks() -> dict[str, str]:
    """Return the choices of network: trained on one of `TARGETS`, or with alphas set by a rule."""
    return CONSTANT | {rule: _network_name(0, rule) for rule in RULES}


def idle(network: str, **others: object) -> tuple[str, ...]:
    """Return the controls without effect: the slider does not set alphas that a rule adapted."""
    return () if network in TARGETS else ("perturbation",)


@cache
def final_perturbations() -> dict[str, float]:
    """Return the final mean alpha * beta of each of `RULES`."""
    beta = recorded.SETTINGS.hyperparameters.aslp.perturbation.beta
    return {rule: beta * recorded.load_log(rule)[-1]["alpha_mean"] for rule in RULES}


@lru_cache(maxsize=8)  # shared by the figure, the readout and the table of the same values
def _outcomes(
    perturbation: float, network: str, temperature: float, part: str
) -> tuple[Outcome, Outcome]:
    """Return the predictions of the trained network, and of BCE at the temperature."""
    return _recorded(perturbation, network, part), perturbations.at_temperature(temperature, part)


def _recorded(perturbation: float, network: str, part: str) -> Outcome:
    if network in TARGETS:
        return perturbations.at_perturbation(perturbation, part, network)
    return perturbations.of_rule(network, part)


def _network_name(perturbation: float, network: str) -> str:
    if network in TARGETS:
        return f"alpha*beta {perturbation:.2f}, {network} targets"
    return f"ASLP, {RULES[network][0]}, alpha*beta {final_perturbations()[network]:.2f}"


def _test_set(part: str) -> Any:
    return data().tests[part]


@cache
def data() -> DataSplits:
    """Load the synthetic sets, on which all shipped networks were trained and tested."""
    return recorded.SETTINGS.load_data()


def pixels_in_bin(maps: np.ndarray, low: int) -> np.ndarray:
    """Return which pixels have a confidence in the bin `(low, low + 10]`, in percent.

    The lowest bin, from 50 %, includes its lower end.
    """
    confidence = np.maximum(maps, 1 - maps)
    return ((confidence > low / 100) | (low == 50)) & (confidence <= (low + 10) / 100)


def compose(
    perturbation: float, network: str, temperature: float, part: str, highlighted: int, **pixel: int
) -> Figure:
    """Draw the maps and reliability diagrams of both networks, and the scale of alpha*beta.

    Args:
        pixel: the "image" of a pixel, counted from 1, its "row" and its "column".
    """
    dataset, picks = _test_set(part), list(PICKS[part])
    outcomes = _outcomes(perturbation, network, temperature, part)
    images = dataset.images[picks].double().mean(dim=1).numpy() / 255
    maps = (images, dataset.posterior[picks], *(outcome.maps for outcome in outcomes))
    panels = Panels(10.2, 7.5)
    rows = [
        panels.map(0.05, 6.5, mosaic(values[None]), title, top=0.26 + 1.86 * row)
        for row, (values, title) in enumerate(zip(maps, _ROWS, strict=True))
    ]
    labels = np.nan_to_num(mosaic(np.array([[dataset.mask(i) for i in picks]], float)))
    rows[0].contour(labels, levels=[0.5], colors=[ORANGE], linewidths=1.5)
    x = (SIZE + GAP) * (pixel["image"] - 1) + pixel["column"]
    for axis in rows:
        for colour, width in (("white", 5), (PINK, 2.5)):
            axis.plot(x, pixel["row"], "s", ms=7, mfc="none", mec=colour, mew=width)
    _draw_scale(panels, final_perturbations().get(network, perturbation))
    titles = ("trained with label perturbation", _ROWS[-1])
    for outcome, axis, title, bottom in zip(outcomes, rows[2:], titles, (4.05, 0.5), strict=True):
        if highlighted:
            bright = np.where(pixels_in_bin(outcome.maps, highlighted), 1, np.nan)
            axis.imshow(mosaic(bright[None]), cmap=ListedColormap([ORANGE]), aspect="auto")
        reliability = calibration.reliability(outcome.counts)
        diagram = panels.diagram((7.2, bottom, 2.8, 1.9), reliability, title, highlighted)
    diagram.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1.15), frameon=False)
    ece = [_percent(calibration.ece(outcome.counts)) for outcome in outcomes]
    panels.figure.set_label(
        f"Four images of {part}, their true posterior, and the maps of the trained network "
        f"({_network_name(perturbation, network)}) and of BCE at T = {temperature:.1f}, with both "
        f"reliability diagrams. Trained network: ECE {ece[0]}; BCE / T: ECE {ece[1]}."
    )
    return panels.figure


def _draw_scale(panels: Panels, perturbation: float) -> None:
    """Draw a value of alpha*beta on its scale, and the values at which the rules ended."""
    axis = panels.plot((7.2, 6.95, 2.8, 0.15), ("", PERTURBATIONS[::2]), ("", (0, 1)), "")
    axis.set_yticks([])
    final = final_perturbations().values()
    for (name, colour), ended in zip(RULES.values(), final, strict=True):
        axis.axvline(ended, color=colour, linewidth=3, label=name)
    axis.plot(perturbation, 1, "v", color=PINK, markersize=11, clip_on=False)
    title = "alpha*beta, and where the rules ended"
    axis.set_title(title, fontsize=10, pad=14)  # above the marker
    axis.legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, -1.5), ncols=2, frameon=False)


def readout(
    perturbation: float, network: str, temperature: float, part: str, highlighted: int, **pixel: int
) -> str:
    """Write ECE and mean confidence of both networks, the highlighted bin, and the pixel."""
    trained, scaled = outcomes = _outcomes(perturbation, network, temperature, part)
    ece = [_percent(calibration.ece(outcome.counts)) for outcome in outcomes]
    confidence = [_percent(calibration.confidence(outcome.counts)) for outcome in outcomes]
    image, place = pixel["image"], (pixel["row"], pixel["column"])
    dataset, index = _test_set(part), PICKS[part][image - 1]
    maps = (trained.maps[image - 1], scaled.maps[image - 1], dataset.posterior[index])
    p = [f"{100 * values[place]:.0f} %" for values in maps]
    shares = [calibration.reliability(o.counts).share[highlighted // 10] for o in outcomes]
    in_bin = f" {_percent(shares[0])} and {_percent(shares[1])} of the pixels have a confidence of "
    return (
        f"ECE {ece[0]} ({_network_name(perturbation, network)}) and {ece[1]} (BCE, T = "
        f"{temperature:.1f}); mean confidence {confidence[0]} and {confidence[1]}."
        f"{f'{in_bin}{BINS[highlighted]}.' if highlighted else ''} Pixel {place} of the "
        f"{IMAGES[image]} image of {part}: P(y = 1) is {p[0]} and {p[1]}, its true posterior is "
        f"{p[2]} and its label {dataset.mask(index)[place]}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


COLUMNS = {
    "ECE": calibration.ece,
    "OE": calibration.oe,
    "Brier": calibration.brier,
    "accuracy": calibration.accuracy,
    "confidence": calibration.confidence,
}


def table(
    perturbation: float, network: str, temperature: float, part: str, **others: object
) -> str:
    """Write two rows of scores in percent, one per network.

    The last two columns are the mean confidence on ambiguous pixels and on background.
    """
    # The name must fit on one line, or the figure below would move.
    name = f"alpha*beta {perturbation:.2f}" if network in TARGETS else RULES[network][0]
    style = 'style="text-align: right; padding: 0 4px; font-size: 0.95em"'
    left = 'style="width: 12em; white-space: nowrap; text-align: left; padding: 0"'
    heads = [*COLUMNS, "ambiguous", "background"]
    cells = "".join(f'<th scope="col" {style}>{head}</th>' for head in heads)
    rows = f"<tr><td {left}>in %</td>{cells}</tr>"
    names = (name, f"BCE, T = {temperature:.1f}")
    outcomes = _outcomes(perturbation, network, temperature, part)
    for name, outcome in zip(names, outcomes, strict=True):
        scores = [score(outcome.counts) for score in COLUMNS.values()]
        scores += [outcome.ambiguous, outcome.background]
        texts = ("none" if np.isnan(score) else f"{100 * score:.1f}" for score in scores)
        cells = "".join(f"<td {style}>{text}</td>" for text in texts)
        rows += f'<tr><th scope="row" {left}>{name}</th>{cells}</tr>'
    return f'<table style="table-layout: fixed; width: 100%">{rows}</table>'
