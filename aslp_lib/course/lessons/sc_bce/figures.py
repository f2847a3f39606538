"""Figures of SC-BCE: BCE over its target, what less confidence corrects, and how to undo it."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, Technique
from aslp_lib.aslp.theory import expected_confidence, minimiser
from aslp_lib.evaluation.figures.style import (
    GREEN,
    directions,
    ink,
    legend_below,
    looks,
    new_figure,
    themed,
)
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.unperturb import undone_logits


def expected_loss(f: np.ndarray, alpha: float, technique: Technique) -> np.ndarray:
    """Compute the expected SC-BCE of foreground pixels at probabilities f in [0, 1], in nats."""
    logits = torch.logit(torch.from_numpy(f), eps=1e-9).unsqueeze(1)
    labels = torch.ones_like(logits)
    loss = sc_bce_with_logits(
        logits, labels, alpha, technique, use_expected_targets=True, reduction="none"
    )
    return loss.squeeze(1).numpy()


@themed
def bce_over_target(f: float, alpha: float) -> Figure:
    """Plot BCE over the prediction and over the target, and its mean over the switch.

    The pixel is foreground under hard inversion. The left panel shows its loss over the prediction
    with the switch off and on, and their mean, which is the loss at the expected target. The right
    panel fixes the prediction at f; its points are the points of the three curves at f.

    Args:
        f: the fixed prediction of the right panel, in (0, 1).
        alpha: probability of the switch.
    """
    axis, expected = np.union1d(np.linspace(0.005, 0.995, 199), f), 1 - alpha
    off, on, mean = (-t * np.log(axis) - (1 - t) * np.log(1 - axis) for t in (1, 0, expected))
    curves = (1, off, "switch off"), (0, on, "switch on"), (expected, mean, "mean over the switch")
    at = int(np.searchsorted(axis, f))
    figure = new_figure(8.6, 3.8)
    valley, straight = figure.subplots(1, 2, sharey=True)
    straight.plot([0, 1], [on[at], off[at]], color=ink(), linewidth=2)
    for (target, loss, label), (colour, line, mark) in zip(curves, looks(), strict=False):
        look = {"marker": mark, "color": colour, "mec": ink(), "ms": 9}
        valley.plot(axis, loss, linestyle=line, linewidth=2, markevery=[at], label=label, **look)
        straight.plot(target, loss[at], linestyle="none", **look)
    valley.axvline(f, color=ink(), linestyle=":", linewidth=1, zorder=0)
    floor = -expected * np.log(expected) - alpha * np.log(alpha)
    valley.annotate(
        f"lowest at f = {expected:g}", (expected, floor), (0.5, 1.45), ha="center",
        arrowprops={"arrowstyle": "-", "color": ink(), "linestyle": ":"},
    )  # fmt: skip
    title = f"target fixed at t = 1, 0 and {expected:g}"
    valley.set(xlabel="predicted P(y=1), f", ylabel="BCE, nats", title=title, ylim=(0, 2))
    straight.set(xlabel="target t", title=f"prediction fixed at f = {f:g}")
    off, on, mean = off[at], on[at], mean[at]
    legend_below(figure, valley)
    figure.set_label(
        f"BCE over the prediction falls with the switch off, rises with the switch on, and is a "
        f"valley on average, lowest at {expected:g}. Over the target, at the prediction {f:g}, it "
        f"is a straight line from {on:.2f} nats at t = 0, with the switch on, to {off:.2f} at "
        f"t = 1, with the switch off. Their mean at alpha = {alpha:g}, {mean:.2f} nats, lies on "
        f"the line at t = {expected:g}."
    )
    return figure


@themed
def less_confidence(posterior: float) -> Figure:
    """Plot confidence and accuracy over alpha*beta, for two networks on ambiguous pixels.

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
        label = rf"calibrated at $\alpha\beta$ = {best:.2g}"
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
        axis.set(xlabel=r"dose $\alpha\beta$", title=title, xlim=(0, 1))
    axes[0].set(ylabel="confidence, accuracy, %", ylim=(50, 101))
    legend_below(figure, axes[1])
    figure.set_label(
        f"Confidence and accuracy over alpha*beta for pixels with pi = {posterior:g}. A network "
        f"that generalises starts with confidence {100 * posterior:.0f} %, which is its accuracy, "
        f"and becomes underconfident. A network that memorises starts with 100 % and has an "
        f"accuracy of {100 * agreement:.0f} %; the lines cross at {2 * (1 - agreement):.2f}."
    )
    return figure


@themed
def undone_perturbation(dose: float, temperature: float, tested: Mapping[str, Counts]) -> Figure:
    """Plot how often pixels are foreground over their predictions, before and after two remedies.

    The left panel is computed for a network that predicts the minimiser of every pixel, and shows
    the posterior. The right panel shows the share of foreground in ten bins of predictions.

    Args:
        dose: d = alpha*beta of the training.
        temperature: temperature T with which the network is scaled.
        tested: label -> counts of the network as trained, temperature-scaled and undone, in this
            order.
    """
    pi = np.linspace(0, 1, 201)
    z = torch.logit(minimiser(torch.from_numpy(pi), dose, MODERATION))
    ideal = z, z / temperature, undone_logits(z, dose)
    figure = new_figure(8.6, 3.8)
    theory, practice = figure.subplots(1, 2, sharey=True)
    notes = []
    for (label, counts), logits, line in zip(tested.items(), ideal, ("-", "--", ":"), strict=True):
        look = {"linestyle": line, "color": GREEN, "linewidth": 2, "label": label}
        predicted = logits.sigmoid().numpy()
        theory.plot(predicted, pi, **look)
        table = calibration.reliability(counts, of="foreground")
        f, share = np.array([table.confidence, table.accuracy])[:, table.pixels > 0]
        practice.plot(f, share, marker="o", ms=5, clip_on=False, **look)
        points = ", ".join(
            f"{100 * x:.0f} and {100 * y:.0f}" for x, y in zip(f, share, strict=True)
        )
        notes.append(
            f"{label}: {predicted[0]:.2f} for a posterior of 0 and {predicted[60]:.2f} for "
            f"{pi[60]:g}; measured, {points} %"
        )
    for axis, title in ((theory, "a network that predicts $f^*$"), (practice, "a trained network")):
        axis.plot([0, 1], [0, 1], color=ink(), linewidth=0.8, zorder=0, label="calibrated")
        axis.set(xlabel="predicted P(y=1)", title=title, xlim=(0, 1), ylim=(0, 1))
    theory.set(ylabel=r"true P(y=1), $\pi$")
    practice.set(ylabel="share of foreground")
    legend_below(figure, theory)
    figure.set_label(
        f"Predictions of a network that predicts the minimiser at the dose {dose:g}, and, in bins "
        f"of a trained network, the mean prediction and the share of foreground. "
        f"{'. '.join(note[0].upper() + note[1:] for note in notes)}."
    )
    return figure
