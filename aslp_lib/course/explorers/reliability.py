"""Explorer that compares estimators of the calibration error, drawn in a reliability diagram."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.explorers.base import Explorer, choice, describe_gap, slider
from aslp_lib.course.figures.panels import CONFIDENCE, SHARE, Panels
from aslp_lib.evaluation.figures.style import GREY, directions
from aslp_lib.metrics import calibration
from aslp_lib.metrics.calibration import BINS, Reliability
from aslp_lib.metrics.counts import Counts


def _sweep_diagram(counts: Counts, bins: int) -> Reliability:
    """Compute the reliability diagram with the number of bins that the ECE sweep selects."""
    return calibration.reliability_equal_mass(counts, calibration.sweep_bins(counts))


def _sweep(counts: Counts, bins: int) -> float:
    return calibration.ece_sweep(counts)


ESTIMATORS: dict[
    str, tuple[str, Callable[[Counts, int], float], Callable[[Counts, int], Reliability]]
] = {
    "ece": ("ECE, bins of equal width", calibration.ece, calibration.reliability),
    "equal mass": (
        "ECE, bins of equal mass",
        calibration.ece_equal_mass,
        calibration.reliability_equal_mass,
    ),
    "sweep": ("ECE sweep", _sweep, _sweep_diagram),
    "debiased": ("debiased error (rms)", calibration.ece_debiased, calibration.reliability),
    "oe": ("overconfidence error OE", calibration.oe, calibration.reliability),
    "mce": ("maximum error MCE", calibration.mce, calibration.reliability),
}
"""Title, estimator and reliability diagram, by name; the latter two take counts and bins."""


def estimators(counts: Counts | Mapping[str, Counts]) -> Explorer:
    """Create the explorer; its controls are the estimator and the number of bins.

    Args:
        counts: counts of one set of predictions, or counts of several sets by label. With several
            sets, a further control selects the set.
    """
    sets = {"": counts} if isinstance(counts, Counts) else counts
    # The images are pooled once, so that each figure is computed within milliseconds.
    sets = {label: Counts(set_counts.pooled[None]) for label, set_counts in sets.items()}
    controls = {
        "which": choice("predictions", {label: label for label in sets}, next(iter(sets))),
        "estimator": choice("estimator", {k: v[0] for k, v in ESTIMATORS.items()}, "ece"),
        "bins": slider("bins", 1, 50, 1, BINS),
    }
    default = {} if len(sets) > 1 else {"which": controls.pop("which").value}
    return Explorer(
        controls,
        partial(_picture, sets, **default),
        partial(_readout, sets, **default),
        idle=lambda estimator, **_: ("bins",) if estimator == "sweep" else (),
    )


def _picture(sets: Mapping[str, Counts], which: str, estimator: str, bins: int) -> Figure:
    """Plot a reliability diagram with the gaps that an estimator counts, and the bins' shares.

    Orange gaps are overconfidence, blue ones underconfidence.
    """
    title, _, bins_of = ESTIMATORS[estimator]
    title = f"{which}: {title}" if which else title
    table = bins_of(sets[which], bins)
    full = counted = table.pixels > 0
    if estimator == "oe":
        counted = table.gap > 0
    elif estimator == "mce":
        counted = full & (np.arange(len(full)) == np.argmax(np.abs(table.gap)))
    panels, x = Panels(8.6), ("confidence", CONFIDENCE)
    diagram = panels.plot((0.6, 0.5, 3.5, 2.55), x, ("accuracy in the bin", SHARE), title)
    percent = ("% of the pixels", SHARE)
    shares = panels.plot((5.0, 0.5, 3.4, 2.55), x, percent, "where the pixels are")
    left, width = table.edges[:-1], np.diff(table.edges)
    diagram.bar(
        left[full], table.accuracy[full], width[full], align="edge", color=GREY, alpha=0.35,
        edgecolor="white", linewidth=0.5, label="accuracy",
    )  # fmt: skip
    diagram.plot([0.5, 1], [0.5, 1], "--", color="black", linewidth=1, label="calibrated")
    colours = np.where(table.gap > 0, *directions())
    for mask, thickness, label in (
        (counted, 5, "gap, counted"),
        (full & ~counted, 1, "gap, not counted"),
    ):
        if mask.any():
            ends = table.confidence[mask], table.accuracy[mask], table.confidence[mask]
            diagram.vlines(*ends, color=colours[mask], linewidth=thickness, label=label)
    confidence, share = table.confidence[full], table.share[full]
    diagram.plot(confidence, table.accuracy[full], ".", color="black", markersize=5)
    diagram.legend(fontsize=9, loc="lower right")
    # Stems at the bins' mean confidence: equal-mass bins may be too thin for bars.
    shares.vlines(confidence, 0, share, color=GREY, linewidth=2.5)
    shares.plot(confidence, share, ".", color="black", markersize=4)
    shares.set_yticklabels([f"{100 * tick:.0f}" for tick in SHARE])
    panels.figure.set_label(
        f"Reliability diagram, {title}: accuracy against confidence in {len(full)} bins, "
        f"{full.sum()} of them with pixels; the gaps of {counted.sum()} are counted. Beside it, "
        "the share of pixels in each bin."
    )
    return panels.figure


def _readout(sets: Mapping[str, Counts], which: str, estimator: str, bins: int) -> str:
    title, estimate, bins_of = ESTIMATORS[estimator]
    counts = sets[which]
    pixels = bins_of(counts, bins).pixels
    bin_count, occupied = len(pixels), int((pixels > 0).sum())
    occupied_text = "" if occupied == bin_count else f" ({occupied} of them with pixels)"
    squared = calibration.squared_error_debiased(counts, bins)
    remark = {
        "sweep": " The sweep selects the number of bins, so the slider has no effect.",
        "debiased": f" The unbiased estimate is its square, {squared:z.5f}, which may be negative.",
        "oe": " Only bins whose confidence exceeds their accuracy count.",
        "mce": " Only the bin with the largest gap counts, however few pixels it has.",
    }.get(estimator, "")
    return (
        f"{which}{': ' if which else ''}{title}, {bin_count} {'bin' if bin_count == 1 else 'bins'}"
        f"{occupied_text}: {100 * estimate(counts, bins):.2f} %.{remark} Mean confidence "
        f"{100 * calibration.confidence(counts):.1f} %, accuracy "
        f"{100 * calibration.accuracy(counts):.1f} %: {describe_gap(calibration.gap(counts))}."
    )
