"""Figures of images from elsewhere, of temperatures, and of what remedies change."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from aslp_lib.course.figures import pictures
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.image_set import ImageSet
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import GREY, ink, themed
from aslp_lib.experiments.seed_statistics import Difference, verdicts
from aslp_lib.metrics import SCORES, calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import grey_level_maps
from aslp_lib.recalibration import Temperature

MARGIN = 0.01
"""Smallest difference of the NLL that matters, in nats."""


def crops(
    sets: Mapping[str, Nuclei],
    chosen: Sequence[int],
    description: str,
    networks: Mapping[str, nn.Module] | None = None,
    tones: Sequence[float] = (),
) -> Figure:
    """Show crops of each set, without labels; with networks, also their maps and the masks.

    Args:
        description: what is to be seen, for the alt text.
        networks: label of a row -> the network whose maps it shows.
        tones: limits of f between equally spaced tones, instead of f itself.
    """
    rows = {"image": [part.crops[i] / 255 for part in sets.values() for i in chosen]}
    for label, network in (networks or {}).items():
        maps = (grey_level_maps(network, part, chosen) for part in sets.values())
        rows[label] = [one / 255 for several in maps for one in several]
        if tones:
            rows[label] = [np.digitize(f, tones, right=True) / len(tones) for f in rows[label]]
    if networks:
        rows["mask"] = [part.mask(i) for part in sets.values() for i in chosen]
    return pictures(rows, description, [f"{name} {i}" for name in sets for i in chosen])


def corrupted(dataset: ImageSet, index: int, kinds: Sequence[str], description: str) -> Figure:
    """Show an image and corrupted copies of it, see `crops`."""
    copies = [dataset, *(Corrupted(dataset, kind) for kind in kinds)]
    images = [copy.loaded(index)[0][0].numpy() / 255 for copy in copies]
    return pictures({"image": images}, description, ["as it is", *kinds])


@themed
def nll_over_temperature(sets: Mapping[str, Counts], fitted: Mapping[str, float]) -> Figure:
    """Plot the NLL over T, with the best T of each set and the NLL of constants.

    Args:
        sets: name -> counts; the constants are those of the last set.
        fitted: temperatures that are marked on the curve of the last set.
    """
    figure, (axis,) = new_panels(1, 6.2, 3.6, "NLL of one network under three microscopes")
    grid, notes = np.geomspace(1, 16, 49), []
    looks = zip((0.45, 0.7, 1), (3, -26, 6), strict=True)
    for (name, c), (dark, height) in zip(sets.items(), looks, strict=True):
        one = c.as_one_image()
        best = float(Temperature().fit(one).value)
        *nll, lowest = (calibration.nll(Temperature(t).apply_counts(one)) for t in (*grid, best))
        axis.plot(grid, nll, color=ink(), alpha=dark)
        axis.plot(best, lowest, "o", color=ink(), alpha=dark, fillstyle="none", ms=9, mew=1.6)
        label = f"{name}, best T = {best:.2g}"
        axis.annotate(label, (grid[4], nll[4]), (4, height), textcoords="offset points")
        notes.append(f"{name} falls from {nll[0]:.2f} to {lowest:.2f} at T = {best:.2g}")
    for mark, (label, t) in zip("sD", fitted.items(), strict=False):
        there = calibration.nll(Temperature(t).apply_counts(one))
        axis.plot(t, there, mark, color=ink(), label=f"T of {label}")
        notes.append(f"with the T of {label}, {t:.1f}, {name} has {there:.2f}")
    share = one.pooled[1].sum() / one.pixels
    constant = -share * np.log(share) - (1 - share) * np.log(1 - share)
    for label, height in (("f = 1/2 everywhere", np.log(2)), (f"f = {share:.2f}", constant)):
        axis.axhline(height, color=GREY, linewidth=1, linestyle=":")
        axis.annotate(label, (1.02, height), (0, 3), textcoords="offset points")
        notes.append(f"{label} has {height:.2f}")
    axis.set(xlabel="temperature T", ylabel="NLL, nats per pixel", xscale="log", yscale="log")
    axis.set(xticks=(1, 2, 4, 8, 16), yticks=(0.1, 0.2, 0.5, 1, 2), ylim=(0.09, 2.2))
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_formatter("{x:g}")
    axis.minorticks_off()
    axis.legend(loc="upper right")
    figure.set_label(f"NLL over the temperature T. {'; '.join(notes)}.")
    return figure


@themed
def changes(groups: Mapping[str, Mapping[str, Difference]]) -> Figure:
    """Draw differences in NLL in groups, with each seed, the 95 % interval and the verdict.

    Args:
        groups: set -> remedy -> its difference from the T of validation.
    """
    figure, axes = new_panels(1, 7.2, 1.2 + 0.85 * len(groups), "Photographs: three seeds")
    axis = axes[0]
    family = [one for group in groups.values() for one in group.values()]
    found, notes, rows = iter(verdicts(family, MARGIN)), [], []
    for name, group in groups.items():
        rows.append(f"{name}:")
        for remedy, one in group.items():
            row, verdict = len(rows), next(found)
            rows.append(remedy)
            axis.plot([one.low, one.high], [row, row], "-", color=ink(), linewidth=1.5)
            axis.plot(one.values, [row] * len(one.values), "o", color=ink(), mfc="none", ms=7)
            axis.annotate(verdict, (1.02, row), xycoords=("axes fraction", "data"), va="center")
            notes.append(f"{name}, {remedy}: {one.text(SCORES['nll'], '+')}, {verdict}")
    axis.axvline(0, color=ink(), linestyle="--", linewidth=1)
    axis.axvspan(-MARGIN, MARGIN, color=GREY, alpha=0.2, linewidth=0)
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(axis="y", length=0)
    label = "NLL minus NLL with the T of validation, nats per pixel"
    axis.set(ylim=(len(rows) - 0.4, -0.6), xlabel=label)
    figure.set_label(f"NLL minus NLL with the T of validation, paired by seed. {'; '.join(notes)}.")
    return figure
