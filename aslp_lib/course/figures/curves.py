"""Figures of curves over a common variable, and of alphas over epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import new_panels
from aslp_lib.course.simulation import Trace
from aslp_lib.evaluation.figures.style import ink, legend_below, looks, themed


@themed
def curves(
    x: Sequence[float], panels: Mapping[str, Mapping[str, Sequence[float]]], xlabel: str, title: str
) -> Figure:
    """Plot curves over a common variable, with one panel per quantity.

    Args:
        x: values of the variable.
        panels: label of the vertical axis -> label of a curve -> its values.
        xlabel: label of the horizontal axes.
    """
    figure, axes = new_panels(len(panels), 6.2 if len(panels) == 1 else 4.2, 3.4, title)
    notes = []
    for axis, (ylabel, lines) in zip(axes, panels.items(), strict=True):
        ends = []
        for (name, values), (colour, line, mark) in zip(lines.items(), looks(), strict=False):
            spacing = max(1, len(values) // 12)
            axis.plot(x, values, line, marker=mark, markevery=spacing, color=colour, label=name)
            ends.append(f"{name} from {values[0]:.3g} to {values[-1]:.3g}")
        notes.append(f"{ylabel}: {', '.join(ends)}".replace("\n", " "))
        axis.set(xlabel=xlabel, ylabel=ylabel)
    legend_below(figure, axes[0])
    figure.set_label(f"{title}. Over {xlabel} from {x[0]:g} to {x[-1]:g}: {'; '.join(notes)}.")
    return figure


@themed
def alphas_over_epochs(traces: Mapping[str, Trace]) -> Figure:
    """Plot the alphas of three images over the epochs with their bound, one panel per simulation.

    Args:
        traces: label -> the simulation, all of the same images.
    """
    figure, panels = new_panels(len(traces), 3.9, 3.5, sharey=True)
    images = next(iter(traces.values())).examples
    notes = []
    for axis, (title, trace) in zip(panels, traces.items(), strict=True):
        epoch = np.arange(1, len(trace.alpha) + 1)
        axis.plot(epoch, trace.bound, color=ink(), linewidth=1, label="bound")
        for (name, image), (colour, line, _) in zip(images.items(), looks(), strict=False):
            axis.plot(epoch, trace.alpha[:, image], line, color=colour, label=name)
        axis.set(xlabel="epoch", title=title)
        tail = trace.alpha[-10:, list(images.values())]
        # An oscillation is described in words, because its extremes differ between processors.
        oscillates = np.ptp(tail, axis=0).max() > 0.2 * tail.mean()
        state = "oscillate" if oscillates else f"lie from {tail.min():.3f} to {tail.max():.3f}"
        notes.append(f"{title}: in the last 10 epochs they {state}, bound {trace.bound[-1]:.3f}")
    top = max(trace.alpha.max() for trace in traces.values())
    panels[0].set(ylabel="perturbation level alpha", ylim=(0, 1.1 * top))
    legend_below(figure, panels[0])
    figure.set_label(
        f"Alphas of {len(images)} images ({', '.join(images)}) over epochs. {'; '.join(notes)}."
    )
    return figure
