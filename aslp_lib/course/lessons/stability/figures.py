"""Figures of perturbation levels: over epochs and margins, and of lists.

The explicit step has the colour of the text, the stable step that of ASLP.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.curves import SIZE, label_ends
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.simulation import Trace
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, themed

ASLP = OF_METHODS["ASLP"]


@themed
def swinging_alphas(trace: Trace, images: Mapping[str, int]) -> Figure:
    """Plot the alphas of single images over the epochs with their bound, one panel per image.

    Args:
        trace: the simulation.
        images: title of a panel -> index of its image.
    """
    figure, panels = new_panels(len(images), 4.2, 3.3, "Alphas with the explicit step", sharey=True)
    epoch = np.arange(1, len(trace.alpha) + 1)
    notes = []
    for axis, (name, image) in zip(panels, images.items(), strict=True):
        alpha = trace.alpha[:, image]
        axis.plot(epoch, trace.bound, color=GREY, linewidth=1)
        axis.plot(epoch, alpha, color=ink())
        axis.set(xlabel="epoch", title=name)
        # An oscillation is described in words, because its extremes differ between processors.
        still = np.ptp(alpha[-10:]) < 0.1 * alpha[-10:].mean()
        course = "hardly changes" if still else "oscillates"
        notes.append(f"{name}: in the last 10 epochs alpha {course}")
    top = 1.3 * trace.alpha[:, [*images.values()]].max()
    panels[0].set(ylabel="alpha", ylim=(0, top))
    falls = int(np.argmax(trace.bound < top))  # where the bound enters the panel
    panels[0].annotate(
        "MC's bound", (epoch[falls], 0.93 * top), (6, 0), textcoords="offset points", va="center"
    )
    figure.set_label(
        f"Alphas of images over epochs, with MC's bound, at the end {trace.bound[-1]:.3f}. "
        f"{'; '.join(notes)}."
    )
    return figure


@themed
def steps_of_gains(paths: Mapping[float, Sequence[float]]) -> Figure:
    """Plot the excess of an alpha over its explicit steps, one panel per gain.

    Args:
        paths: gain -> excess over the bound at each step, in units of eta * grad.
    """
    figure, panels = new_panels(len(paths), 3.2, 3.2, sharey=True)
    notes = []
    for axis, (gain, path) in zip(panels, paths.items(), strict=True):
        fixed_point = 1 / gain
        axis.axhline(0, color=GREY, linewidth=1)
        axis.axhline(fixed_point, color=GREY, linestyle="--", linewidth=1)
        axis.plot(path, "o-", color=ink(), markersize=4)
        axis.set(xlabel="step", title=f"gain {gain:g}")
        notes.append(
            f"gain {gain:g}: the last three are {', '.join(f'{e:.1f}' for e in path[-3:])}, the "
            f"fixed point is {fixed_point:.2f}"
        )
    right = {"xycoords": ("axes fraction", "data"), "ha": "right"}
    panels[0].set(ylabel="excess, in units of η·grad", ylim=(-3.3, 2.6))
    panels[0].annotate("MC's bound", (1, -0.08), va="top", **right)
    panels[0].annotate("fixed point", (1, 1 / next(iter(paths)) + 0.08), va="bottom", **right)
    figure.set_label(f"Excess over the bound in units of η·grad, over steps. {'; '.join(notes)}.")
    return figure


@themed
def lists_over_epochs(
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    across: Mapping[str, float],
    ylabel: str,
    title: str,
    last: Mapping[str, float] | None = None,
    means: Mapping[str, tuple[int, float]] | None = None,
) -> Figure:
    """Plot what lists of the smallest alphas contain, over the epochs, with lines of reference.

    Args:
        epochs: the epochs.
        lines: label -> the number or share that the list contains after each epoch, of one or two
            lists.
        across: label -> the number or share of a list that is a reference.
        ylabel: what is counted.
        title: title of the figure.
        last: label -> the number or share of a list that exists after the last epoch only, of one
            to three lists; those of BCE are grey.
        means: label -> the first epoch of a mean over all later ones, and the number or share of
            the list by this mean.
    """
    figure, (axis,) = new_panels(1, 7.0, 3.5, title)
    notes, labelled = [], []
    for (name, values), colour in zip(lines.items(), (ASLP, ink()), strict=False):
        labelled += axis.plot(epochs, values, color=colour, label=name)
        notes.append(f"{name}: first {values[0]:.0f}, highest {max(values):.0f}")
    for name, height in across.items():
        labelled.append(axis.axhline(height, color=GREY, ls="--", linewidth=1, label=name))
    for (name, height), shape in zip((last or {}).items(), "os^", strict=False):
        mark = {"fillstyle": "none", "ms": 8, "mew": 1.5, "clip_on": False, "label": name}
        colour = GREY if "BCE" in name else ASLP
        labelled += axis.plot(epochs[-1], height, shape, color=colour, **mark)
        notes.append(f"{name}: {height:.0f} in the last epoch")
    for name, (first, height) in (means or {}).items():
        ends, thick = (first, epochs[-1]), {"linewidth": 4, "solid_capstyle": "butt"}
        labelled += axis.plot(ends, (height, height), color=ASLP, label=name, **thick)
        notes.append(f"{name}: {height:.0f}")
    top = 1.12 * max(*(max(values) for values in lines.values()), *across.values())
    axis.set(xlabel="epoch", ylabel=ylabel, ylim=(0, top), xlim=(0, epochs[-1]))
    label_ends(axis, labelled)
    references = ", ".join(f"{name}: {height:.0f}" for name, height in across.items())
    figure.set_label(f"{title}: {ylabel}, over epochs. {'; '.join(notes)}. {references}.")
    return figure


def hits_over_epochs(
    epochs: Sequence[int], lists: Mapping[str, Sequence[float]], by_mean: float
) -> Figure:
    """Plot how many of the 400 hardest images are on lists of 400, over the epochs.

    Args:
        epochs: the epochs.
        lists: label -> number of hardest images on the list after each epoch.
        by_mean: their number on the list by each alpha's mean over epochs 31 to 60.
    """
    means = {"stable step, mean of epochs 31 to 60": (31, by_mean)}
    title, ylabel = "How good is the list of 400?", "hardest images on the list"
    return lists_over_epochs(epochs, lists, {"by chance": 40}, ylabel, title, means=means)


def recorded_list(
    epochs: Sequence[int],
    listed: Sequence[float],
    improbable: np.ndarray,
    last: Mapping[str, float],
    size: int = 16,
) -> Figure:
    """Plot the share of improbable labels in the lists of a recorded run over the epochs.

    Args:
        epochs: the epochs.
        listed: % of the pixels of the listed images, after each epoch.
        improbable: % of the pixels of each image.
        last: label -> the percentage of a list that exists after the last epoch only.
        size: number of images in a list.
    """
    references = {
        f"{size} images at random": improbable.mean(),
        f"the worst {size} images": np.sort(improbable)[-size:].mean(),
    }
    lines, ylabel = {f"{size} smallest alphas": listed}, "pixels with an improbable label, %"
    title = f"Improbable labels in lists of {size} images"
    return lists_over_epochs(epochs, lines, references, ylabel, title, last)


@themed
def alphas_over_margins(traces: Mapping[str, Trace], hardest: int = 400) -> Figure:
    """Plot the last alpha of each image over its plain margin, one panel per simulation.

    The axis shows the alphas around and above the bound; triangles mark images below it.

    Args:
        traces: label -> the simulation.
        hardest: number of images to the left of the vertical line, and below the line of the list.
    """
    figure, panels = new_panels(len(traces), 4.6, 3.8, sharex=True, sharey=True)
    notes = []
    bound = next(iter(traces.values())).bound[-1]
    top = max(trace.alpha[-1].max() for trace in traces.values())
    low, high = bound - 0.15 * abs(top - bound), top + 0.1 * abs(top - bound)
    beside = {"textcoords": "offset points", "fontsize": SIZE}
    for axis, (title, trace) in zip(panels, traces.items(), strict=True):
        alpha = trace.alpha[-1]
        cut, smallest = (float(np.sort(x)[:hardest][-1]) for x in (trace.margins, alpha))
        axis.axhline(trace.bound[-1], color=GREY, linewidth=1)
        axis.plot(trace.margins, alpha, ".", color=ASLP, markersize=2)
        below = trace.margins[alpha < low]
        axis.plot(below, np.full(len(below), low), "v", color=ASLP, ms=5, clip_on=False)
        axis.axvline(cut, color=ink(), linestyle="--", linewidth=1)
        axis.axhline(smallest, color=ink(), linestyle="--", linewidth=1)
        axis.annotate(
            f"{hardest} hardest ←", (cut, 1), (-4, -2), ha="right", va="top",
            xycoords=("data", "axes fraction"), **beside,
        )  # fmt: skip
        axis.annotate(
            f"list of {hardest} ↓", (0, smallest), (4, 4), va="bottom",
            xycoords=("axes fraction", "data"), **beside,
        )  # fmt: skip
        axis.annotate(
            "MC's bound", (1, trace.bound[-1]), (0, 3), ha="right", va="bottom",
            xycoords=("axes fraction", "data"), **beside,
        )  # fmt: skip
        if len(below):
            axis.annotate(
                "▼ below the frame", (1, 0), (0, 3), ha="right", va="bottom",
                xycoords="axes fraction", **beside,
            )  # fmt: skip
        axis.set(xlabel="plain margin, nats", title=title, xticks=(0, 5, 10, 15))
        notes.append(
            f"{title}: mean {alpha.mean():.2f}, the alphas {_describe_spread(alpha)}, and "
            f"{round((trace.margins[alpha.argsort()[:hardest]] <= cut).sum(), -1)} of the "
            f"{hardest} smallest belong to the hardest images"
        )
    panels[0].set(ylabel="alpha after the last epoch", ylim=(low, high))
    figure.set_label(
        f"Alphas over the plain margins of the images; {hardest} images have a plain margin below "
        f"{cut:.1f}. {'; '.join(notes)}. Triangles mark images below the frame."
    )
    return figure


def _describe_spread(alpha: np.ndarray) -> str:
    """Describe the 10 to 90 % range of the alphas in words.

    Of chaotic alphas only the mean has reproducible digits.
    """
    ratio = np.ptp(np.quantile(alpha, [0.1, 0.9])) / max(alpha.mean(), 1e-9)
    return "hardly differ" if ratio < 0.1 else "differ" if ratio < 0.4 else "differ widely"
