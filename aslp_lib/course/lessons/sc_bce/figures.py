"""Figures of SC-BCE: the loss over the logit, what less confidence corrects, and areas."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from scipy.special import entr, expit, logit

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, Technique
from aslp_lib.aslp.theory import expected_confidence, minimiser
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import (
    GREEN,
    OF_METHODS,
    directions,
    ink,
    legend_below,
    new_figure,
    themed,
)


def expected_loss(f: np.ndarray, alpha: float, technique: Technique) -> np.ndarray:
    """Compute the expected SC-BCE of foreground pixels at probabilities f in [0, 1], in nats."""
    logits = torch.logit(torch.from_numpy(f), eps=1e-9).unsqueeze(1)
    labels = torch.ones_like(logits)
    loss = sc_bce_with_logits(
        logits, labels, alpha, technique, use_expected_targets=True, reduction="none"
    )
    return loss.squeeze(1).numpy()


@themed
def loss_over_logit(doses: Sequence[float], pixels: Mapping[str, float]) -> Figure:
    """Plot the expected loss of a foreground pixel, and its slope, over the logit at each dose.

    Dots are minimisers.

    Args:
        doses: d = alpha*beta, in [0, 2); 0 is BCE, which has no minimiser.
        pixels: name -> prediction f of a pixel, where a line compares the slopes.
    """
    z, ticks = np.linspace(-4, 6, 201), np.arange(-4, 7, 2)
    figure = new_figure(8.6, 4)
    axes = figure.subplots(1, 2)
    notes = []
    for dose in doses:
        target = 1 - dose / 2
        colour = GREEN if dose else OF_METHODS["BCE"]
        for axis, curve in zip(
            axes, (np.logaddexp(0, z) - target * z, expit(z) - target), strict=True
        ):
            axis.plot(z, curve, color=colour, linewidth=1.6 + dose)
            last = np.flatnonzero(curve < 1.95)[-1]
            axis.annotate(
                f" d = {dose:g}", (z[last], curve[last]), va="center", annotation_clip=False
            )
        if dose:
            best, floor = logit(target), entr(target) + entr(1 - target)
            for axis, height in zip(axes, (floor, 0), strict=True):
                axis.plot(best, height, "o", color=colour, mec=ink(), ms=8)
            notes.append(f"{floor:.2f} nats at z = {best:.1f} and the dose {dose:g}")
    axes[1].axhline(0, color=ink(), linewidth=0.8)
    for name, f in pixels.items():
        axes[1].axvline(logit(f), color=ink(), linestyle=":", linewidth=1)
        axes[1].text(logit(f), 0.66, name, ha="center")
    shares = [f"{p:.2f}" if p < 0.995 else f"{p:.3f}" for p in expit(ticks)]
    labels = [f"{tick}\n{p}".replace("-", "−") for tick, p in zip(ticks, shares, strict=True)]
    below = {"xlim": (-4, 6), "xticks": ticks, "xticklabels": labels}
    for axis, title, ends in (
        (axes[0], "expected loss, nats", (0, 2)),
        (axes[1], "slope, nats per unit of z", (-1, 0.65)),
    ):
        axis.set(**below, ylim=ends, xlabel="logit z, and f")
        axis.set_title(title, pad=18)
    figure.set_label(
        f"Expected loss of a foreground pixel over its logit at the doses "
        f"{', '.join(f'{dose:g}' for dose in doses)}. All curves cross at z = 0; the larger the "
        f"dose, the more they are tilted to the left. They are lowest, {'; '.join(notes)}. Their "
        f"slopes are parallel curves, half a dose apart."
    )
    return figure


@themed
def areas_of_images(truth: np.ndarray, readings: Mapping[str, np.ndarray], dose: float) -> Figure:
    """Plot the area of foreground that a network finds in images over the true area.

    A line in the first panel shows what a network that predicts the minimiser would find. Each
    panel gives the mean of the areas and the mean of their absolute errors.

    Args:
        truth: (images,) share of foreground in the labels.
        readings: title of the panel -> (images,) share that is found; as trained first.
        dose: d = alpha*beta of the training.
    """
    figure, axes = new_panels(len(readings), 3.3, 3.7, sharey=True)
    ends, notes = np.array([0, 100]), []
    for axis, (title, found) in zip(axes, readings.items(), strict=True):
        axis.plot(100 * truth, 100 * found, "o", color=GREEN, ms=4, label="crop")
        axis.plot(ends, ends, color=ink(), linewidth=0.8, label="correct")
        axis.set(xlabel="area in the labels, %", title=title, xlim=(0, 80), ylim=(0, 80))
        mean, error = 100 * found.mean(), 100 * abs(found - truth).mean()
        words = f"mean {mean:.0f} %", f"mean error {error:.0f} points"
        axis.text(4, 77, "\n".join(words), va="top")
        notes.append(f"{title}: {', '.join(words)}")
    line = (1 - dose) * ends + 50 * dose
    axes[0].plot(ends, line, color=GREEN, label="a network that predicts $f^*$")
    axes[0].set(ylabel="area by the network, %")
    legend_below(figure, axes[0])
    figure.set_label(
        f"Area found in {len(truth)} images over that of their labels. Labels: mean "
        f"{100 * truth.mean():.0f} %; {'; '.join(notes)}. A network that predicts the minimiser "
        f"would find {50 * dose:.0f} % in an empty image."
    )
    return figure


@themed
def less_confidence(posterior: float) -> Figure:
    """Plot confidence and accuracy over the dose, for two networks on ambiguous pixels.

    One network generalises: it predicts the minimiser of the expected loss for every pixel. The
    other memorises: it predicts the expected target of the label of each pixel. The accuracy is
    that on new labels of the same pixels.

    Args:
        posterior: pi = P(y = 1) of all pixels, above 1/2.
    """
    strength = np.linspace(0, 1, 101)
    alphas = torch.from_numpy(strength)  # alpha * beta, as moderation has beta = 1
    generalises = minimiser(posterior, alphas, MODERATION).numpy()
    memorises = expected_confidence(alphas, MODERATION).numpy()
    agreement = posterior**2 + (1 - posterior) ** 2
    figure = new_figure(8.6, 4)
    axes = figure.subplots(1, 2, sharey=True)
    over, under = directions()
    for axis, title, confidence, accuracy, best in (
        (axes[0], "a network that generalises", generalises, posterior, 0),
        (axes[1], "a network that memorises", memorises, agreement, 2 * (1 - agreement)),
    ):
        axis.plot(strength, 100 * confidence, color=ink(), linewidth=2, label="confidence")
        # At 1 all probabilities are 1/2, so that no decision is left.
        ends = [0, 0.985], [100 * accuracy, 100 * accuracy]
        axis.plot(*ends, color=ink(), linestyle="--", label="accuracy")
        label = f"calibrated at d = {best:.2g}"
        axis.plot(best, 100 * accuracy, "o", color=ink(), ms=8, clip_on=False)
        axis.annotate(label, (best, 100 * accuracy), (8, 8), textcoords="offset points")
        for wrong, colour, label in (
            (confidence > accuracy, over, "overconfident"),
            (confidence < accuracy, under, "underconfident"),
        ):
            low, high = 100 * confidence, 100 * accuracy
            axis.fill_between(
                strength, low, high, wrong, interpolate=True, color=colour, alpha=0.6, label=label
            )
        axis.set(xlabel="dose d", title=title, xlim=(0, 1))
    axes[0].set(ylabel="confidence, accuracy, %", ylim=(50, 101))
    legend_below(figure, axes[1])
    figure.set_label(
        f"Confidence and accuracy over the dose d for pixels with pi = {posterior:g}. A network "
        f"that generalises starts with confidence {100 * posterior:.0f} %, which is its accuracy, "
        f"and becomes underconfident. A network that memorises starts with 100 % and has an "
        f"accuracy of {100 * agreement:.0f} %; the lines cross at {2 * (1 - agreement):.2f}."
    )
    return figure
