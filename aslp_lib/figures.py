"""Every plot of the course and the report. Each function returns a figure whose label describes it.

`alt(figure)` is that description, for readers who cannot see the picture; `show` and `to_png` keep
it with the image. Colours are Okabe and Ito's, safe for colour-blind readers, and differ in
lightness.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from aslp_lib.data.base import SaliencySet
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import BINS, Reliability
from aslp_lib.metrics.counts import Counts

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#767676"
METHOD_COLOURS = (BLUE, ORANGE, GREEN, PINK)


def alt(figure: Figure) -> str:
    """What a figure shows, in words."""
    return figure.get_label()


def to_png(figure: Figure, dpi: int = 90) -> bytes:
    """A figure as PNG, with its description in the file's metadata."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Description": alt(figure)})
    return buffer.getvalue()


def show(figure: Figure):
    """A figure for a notebook: a picture with alt text, and the text alone without a screen."""
    from IPython.display import Image

    image = Image(to_png(figure), alt=alt(figure))
    # The plain form of a cell's output: stable, and readable where pictures are not.
    image.__class__ = type("Picture", (Image,), {"__repr__": lambda self: self.alt})
    return image


def reliability_diagrams(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Reliability diagrams side by side, each over its histogram of confidence.

    Bars: accuracy of the bin's pixels. Line: perfect calibration. Hatched: confidence beyond
    accuracy. Below: the bins' shares of all pixels, with mean confidence and accuracy marked.

    Args:
        methods: label -> counts of the same set.
    """
    figure = _figure(3.4 * len(methods) + 0.4, 4.6, title)
    top, bottom = figure.subplots(2, len(methods), sharex=True, squeeze=False, height_ratios=(3, 1))
    notes = []
    for column, (label, counts) in enumerate(methods.items()):
        table = calibration.reliability(counts, bins)
        ece, oe = calibration.ece(counts, bins), calibration.oe(counts, bins)
        _draw_reliability(top[column], table)
        top[column].set_title(f"{label}\nECE {100 * ece:.1f} %, OE {100 * oe:.1f} %", fontsize=10)
        _draw_histogram(bottom[column], table, counts)
        notes.append(
            f"{label}: ECE {100 * ece:.1f} %, OE {100 * oe:.1f} %, mean confidence "
            f"{100 * calibration.confidence(counts):.1f} %, accuracy "
            f"{100 * calibration.accuracy(counts):.1f} %"
        )
    top[0].set_ylabel("accuracy in the bin")
    bottom[0].set_ylabel("share of pixels")
    figure.set_label(f"Reliability diagrams, {title}. " + "; ".join(notes) + ".")
    return figure


def joint_density(methods: Mapping[str, Counts], title: str, bins: int = BINS) -> Figure:
    """Density of the bins' (confidence, accuracy), weighted by pixels, as the release draws it."""
    figure = _figure(3.4 * len(methods) + 0.4, 3.8, title)
    axes = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axis, (label, counts) in zip(axes, methods.items(), strict=True):
        table = calibration.reliability(counts, bins)
        full = table.pixels > 0
        x, y, weights = table.confidence[full], table.accuracy[full], table.share[full]
        if _spreads(x, y, weights):
            sns.kdeplot(
                x=x, y=y, weights=weights, fill=True, cmap="Blues", levels=20, ax=axis,
                clip=((0.5, 1), (0, 1)), bw_adjust=0.7,
            )  # fmt: skip
        axis.scatter(x, y, s=300 * weights + 6, color=BLUE, edgecolor="white", linewidth=0.6)
        axis.plot([0.5, 1], [0.5, 1], "--", color=GREY, linewidth=1)
        axis.set(xlim=(0.5, 1), ylim=(0, 1), xlabel="confidence", title=label)
    axes[0].set_ylabel("accuracy")
    figure.set_label(
        f"Joint density of confidence and accuracy over {bins} bins, {title}, for "
        f"{' and '.join(methods)}. Mass under the dashed diagonal is over-confident."
    )
    return figure


def training_history(logs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Over epochs: validation accuracy and confidence, validation ECE, and the alphas.

    Args:
        logs: label -> log rows, as `training.Trained.log`.
    """
    figure = _figure(10.5, 3.4, "Training")
    share, error, level = figure.subplots(1, 3)
    for colour, (label, log) in zip(METHOD_COLOURS, logs.items(), strict=False):
        column = {key: np.array([row[key] for row in log]) for key in log[0]}
        epoch = column["epoch"]
        share.plot(epoch, 100 * column["confidence"], color=colour, label=f"{label}, confidence")
        share.plot(epoch, 100 * column["accuracy"], ":", color=colour, label=f"{label}, accuracy")
        error.plot(epoch, 100 * column["ece"], color=colour, label=label)
        level.plot(epoch, column["alpha_mean"], color=colour, label=label)
        level.fill_between(epoch, column["alpha_p10"], column["alpha_p90"], color=colour, alpha=0.3)
    share.set(xlabel="epoch", ylabel="validation, % of pixels", title="confidence and accuracy")
    error.set(xlabel="epoch", ylabel="validation ECE, %", title="calibration error", ylim=(0, None))
    level.set(xlabel="epoch", ylabel="alpha", title="alphas: mean, 10 to 90 %", ylim=(0, None))
    share.legend(fontsize=7)
    level.legend(fontsize=7)
    last = "; ".join(
        f"{label} ends at validation ECE {100 * log[-1]['ece']:.1f} % and mean alpha "
        f"{log[-1]['alpha_mean']:.3f}"
        for label, log in logs.items()
    )
    figure.set_label(f"Accuracy, confidence, ECE and alpha over training. {last}.")
    return figure


def gallery(
    dataset: SaliencySet, indices: Sequence[int], maps: Mapping[str, Sequence[np.ndarray]]
) -> Figure:
    """One row an image: the image, its mask, its true posterior where known, and maps of it.

    Args:
        indices: which images of the set.
        maps: label -> (H, W) uint8 maps, in the order of `indices`.
    """
    columns: dict[str, list[np.ndarray]] = {
        "image": [dataset.load(i)[0].permute(1, 2, 0).numpy() for i in indices],
        "mask": [dataset.mask(i) for i in indices],
    }
    if (posterior := getattr(dataset, "posterior", None)) is not None:
        columns["true P(y=1)"] = [posterior[i] for i in indices]
    columns |= {label: [m / 255 for m in stack] for label, stack in maps.items()}
    rows = len(indices)
    figure = _figure(1.5 * len(columns), 1.45 * rows + 0.5, None)
    grid = figure.subplots(rows, len(columns), squeeze=False)
    for axes, (title, pictures) in zip(grid.T, columns.items(), strict=True):
        axes[0].set_title(title, fontsize=9)
        for axis, picture in zip(axes, pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set_axis_off()
    figure.set_label(
        f"{rows} images of {dataset.name}, a row each, from left to right: {', '.join(columns)}. "
        "White is foreground; the greyer a map, the less sure."
    )
    return figure


def _figure(width: float, height: float, title: str | None) -> Figure:
    """A figure outside pyplot's global list, so that nothing needs closing."""
    figure = Figure(figsize=(width, height), layout="constrained")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure


def _spreads(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> bool:
    """Whether weighted points lie on no line, so that they have a density in the plane."""
    if len(x) < 3:
        return False
    return bool(np.linalg.det(np.cov(x, y, aweights=weights)) > 1e-12)


def _draw_reliability(axis: Axes, table: Reliability) -> None:
    left, width = table.edges[:-1], np.diff(table.edges)
    accuracy, confidence = np.nan_to_num(table.accuracy), np.nan_to_num(table.confidence)
    axis.bar(left, accuracy, width, align="edge", color=BLUE, edgecolor="white", label="accuracy")
    over = np.maximum(confidence - accuracy, 0)
    axis.bar(
        left, over, width, accuracy, align="edge", color="none", edgecolor=ORANGE, hatch="///",
        linewidth=1, label="over-confidence",
    )  # fmt: skip
    axis.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="calibrated")
    axis.set(xlim=(0.5, 1), ylim=(0, 1))
    axis.legend(fontsize=7, loc="upper left")


def _draw_histogram(axis: Axes, table: Reliability, counts: Counts) -> None:
    left, width = table.edges[:-1], np.diff(table.edges)
    axis.bar(left, table.share, width, align="edge", color=GREY, edgecolor="white")
    axis.axvline(calibration.confidence(counts), color=ORANGE, label="mean confidence")
    axis.axvline(calibration.accuracy(counts), color=BLUE, linestyle=":", label="accuracy")
    axis.set(xlabel="confidence", ylim=(0, 1))
    axis.legend(fontsize=7, loc="upper left")
