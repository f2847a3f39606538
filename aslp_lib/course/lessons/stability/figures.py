"""Figures of perturbation levels: over margins, beside their bound, and in a simulated loop."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.course.figures.panels import Panels, new_panels
from aslp_lib.course.simulation import Trace
from aslp_lib.evaluation.figures.style import GREY, OF_METHODS, ink, legend_below, looks, themed

ASLP = OF_METHODS["ASLP"]


@themed
def steps_of_gains(paths: Mapping[float, Sequence[float]]) -> Figure:
    """Plot the excess of an alpha over its explicit steps, one panel per gain.

    Args:
        paths: gain -> excess over the bound at each step, in units of eta * grad.
    """
    figure, panels = new_panels(len(paths), 3.0, 3.0, sharey=True)
    for axis, (gain, path) in zip(panels, paths.items(), strict=True):
        axis.axhline(0, color=ink(), linewidth=1, label="bound")
        axis.axhline(1 / gain, color=GREY, linestyle="--", label="fixed point")
        axis.plot(path, "o-", color=ASLP, markersize=4, label="alpha")
        axis.set(xlabel="step", title=f"gain {gain:g}")
    panels[0].set(ylabel="excess / (eta grad)")
    legend_below(figure, panels[0])
    notes = "; ".join(
        f"gain {gain:g}: the last three are {', '.join(f'{e:.1f}' for e in path[-3:])}, the fixed "
        f"point is {1 / gain:.2f}"
        for gain, path in paths.items()
    )
    figure.set_label(f"Excess over the bound in units of eta grad, over steps. {notes}.")
    return figure


@themed
def alphas_over_margins(traces: Mapping[str, Trace]) -> Figure:
    """Plot the last alpha of each image over its margin, one panel per simulation.

    A rug on the left shows the distribution of the alphas.

    Args:
        traces: label -> the simulation.
    """
    import seaborn  # takes a second, which other notebooks need not wait for

    figure, panels = new_panels(len(traces), 3.3, 3.3, sharex=True, sharey=True)
    alphas = {title: trace.alpha[-1] for title, trace in traces.items()}
    for axis, (title, alpha) in zip(panels, alphas.items(), strict=True):
        is_small = len(alpha) < 500
        axis.axhline(traces[title].bound[-1], color=ink(), linewidth=1)
        axis.plot(traces[title].margins, alpha, ".", color=ASLP, markersize=5 if is_small else 2)
        seaborn.rugplot(y=alpha, ax=axis, color=ASLP, alpha=0.3 if is_small else 0.03, height=0.04)
        axis.set(xlabel="margin with plain labels, nats", title=title)
    all_alphas = np.concatenate([*alphas.values()])
    low, top = all_alphas.min(), max(all_alphas.max(), 0.01)
    # The axis starts at 0, unless that would leave half of it empty.
    margin = 0.1 * (top - low)
    bottom = 0 if low < top / 2 else low - margin
    panels[0].set(ylabel="perturbation level alpha", ylim=(bottom, top + margin))
    notes = "; ".join(
        f"{title}: mean {alpha.mean():.2f}, the alphas {_describe_spread(alpha)}"
        for title, alpha in alphas.items()
    )
    figure.set_label(f"Alphas over the margins of the images. {notes}.")
    return figure


@themed
def excess_over_bound(
    excess: Mapping[str, Sequence[float]], predicted: Mapping[str, Sequence[float]]
) -> Figure:
    """Plot the excess of the alphas over MC's bound and its predicted maximum, joined for each run.

    Args:
        excess: technique -> mean alpha minus the bound, one per seed.
        predicted: technique -> the largest predicted excess for each of these seeds.
    """
    figure, (axis,) = new_panels(1, 5.6, 3.6)
    notes = []
    for place, name in enumerate(excess):
        ends = place - 0.2, place + 0.2
        looks = ("o", ASLP, "measured, one per run"), ("D", GREY, "largest predicted")
        for end, values, look in zip(ends, (excess[name], predicted[name]), looks, strict=True):
            mark, colour, label = look
            label = label if place == 0 else ""
            axis.plot([end] * len(values), values, mark, color=colour, label=label)
        for pair in zip(excess[name], predicted[name], strict=True):
            axis.plot(ends, pair, color=GREY, linewidth=1, zorder=1)
        notes.append(f"{name}: {np.mean(excess[name]):.3f}, {np.mean(predicted[name]):.3f}")
    axis.axhline(0, color=ink(), linewidth=1)
    axis.annotate("bound", (len(excess) - 0.6, 0), (0, 4), textcoords="offset points")
    top = 1.5 * max(max(values) for values in (*excess.values(), *predicted.values()))
    axis.set(xlabel="technique", ylabel="alpha minus the bound", ylim=(-0.1 * top, top))
    axis.set(xticks=range(len(excess)), xticklabels=excess, xlim=(-0.5, len(excess) - 0.3))
    axis.legend(loc="upper right", ncols=2)
    figure.set_label(
        "Alpha minus the bound, measured and largest predicted for each run. Means over the runs: "
        f"{'; '.join(notes)}."
    )
    return figure


@themed
def feedback_loop(trace: Trace, title: str) -> Figure:
    """Plot alphas over the epochs, accuracy and confidence, and the last alphas over the margins.

    Args:
        trace: the simulation; the alphas of three images are drawn.
        title: name of the rule.
    """
    panels, epochs = Panels(10.2), len(trace.alpha)
    # Few ends of the axis, so that similar settings can be compared.
    top = next(top for top in (0.1, 0.2, 0.5, 1.0) if top >= trace.alpha.max())
    epoch = np.arange(1, epochs + 1)
    time = ("epoch", (0, epochs // 2, epochs))
    alphas = ("perturbation level alpha", [top * tick / 5 for tick in range(6)])
    left = panels.plot((0.65, 0.5, 2.9, 2.55), time, alphas, f"{title}: three images")
    left.plot(epoch, trace.bound, color=ink(), linewidth=1, label="bound")
    for name, (colour, line, _) in looks(trace.examples).items():
        left.plot(epoch, trace.alpha[:, trace.examples[name]], line, color=colour, label=name)
    is_high = trace.alpha[-10:].mean() > top / 2
    left.legend(loc="lower right" if is_high else "upper right")
    percentages = ("validation, % of pixels", (50, 75, 100))
    middle = panels.plot((4.25, 0.5, 2.4, 2.55), time, percentages, "network")
    middle.plot(epoch, 100 * trace.confidence, color=ASLP, label="confidence")
    middle.plot(epoch, 100 * trace.accuracy, ":", color=ink(), label="accuracy")
    middle.legend(loc="lower right")
    nats = ("margin with plain labels, nats", (-5, 5, 15))
    right = panels.plot((7.4, 0.5, 2.5, 2.55), nats, alphas, f"all images, epoch {epochs}")
    right.plot(trace.margins, trace.alpha[-1], ".", color=ASLP, markersize=3)
    right.axhline(trace.bound[-1], color=ink(), linewidth=1)
    panels.figure.set_label(
        f"{title}. Alphas of three images over {epochs} epochs with their bound, in the last 10 "
        f"with a mean of {trace.alpha[-10:].mean():.2f} over all images; confidence "
        f"{100 * trace.confidence[-1]:.0f} % and accuracy {100 * trace.accuracy[-1]:.0f} % at the "
        "end; the last alphas over the margins of the images."
    )
    return panels.figure


def _describe_spread(alpha: np.ndarray) -> str:
    """Describe the 10 to 90 % range of the alphas in words.

    Of chaotic alphas only the mean has reproducible digits.
    """
    ratio = np.ptp(np.quantile(alpha, [0.1, 0.9])) / max(alpha.mean(), 1e-9)
    return "hardly differ" if ratio < 0.1 else "differ" if ratio < 0.4 else "differ widely"
