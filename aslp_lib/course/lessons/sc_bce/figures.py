"""Figures of SC-BCE: BCE over its target, and what less confidence corrects."""

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, Technique
from aslp_lib.aslp.theory import expected_confidence, minimiser
from aslp_lib.evaluation.figures.style import (
    directions,
    ink,
    legend_below,
    looks,
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
def bce_over_target(f: float, alpha: float) -> Figure:
    """Plot BCE over the prediction and over the target, and its mean over the switch.

    The right panel fixes the prediction at f. Its points are the losses of a foreground pixel under
    hard inversion with the switch off and on, and their mean, which is the loss at the expected
    target. The left panel fixes the target at this expected target, so that the mean is a point of
    its curve, too.

    Args:
        f: the fixed prediction of the right panel, in (0, 1).
        alpha: probability of the switch.
    """
    axis, expected = np.linspace(0.005, 0.995, 199), 1 - alpha
    figure = new_figure(8.6, 3.8)
    valley, straight = figure.subplots(1, 2, sharey=True)
    curve = -expected * np.log(axis) - alpha * np.log(1 - axis)
    valley.plot(axis, curve, color=ink(), linewidth=2)
    title = f"target fixed at t = {expected:g}"
    valley.set(xlabel="predicted P(y=1), f", ylabel="BCE, nats", title=title)
    off, on = -np.log(f), -np.log(1 - f)
    mean = (1 - alpha) * off + alpha * on
    straight.plot([0, 1], [on, off], color=ink(), linewidth=2)
    points = (1, off, "switch off"), (0, on, "switch on"), (expected, mean, "mean over the switch")
    for (target, loss, label), (colour, _, mark) in zip(points, looks(), strict=False):
        straight.plot(target, loss, mark, color=colour, mec=ink(), ms=9, label=label)
    valley.plot(f, mean, mark, color=colour, mec=ink(), ms=9)
    for panel, at in ((valley, f), (straight, expected)):
        panel.vlines(at, 0, mean, color=ink(), linestyle=":", linewidth=1, zorder=0)
        panel.set(xlim=(-0.03, 1.03), ylim=(0, 2))
    straight.set(xlabel="target t", title=f"prediction fixed at f = {f:g}")
    legend_below(figure, straight)
    figure.set_label(
        f"BCE over the prediction, at the target {expected:g}, is a valley that is lowest at "
        f"{expected:g}. Over the target, at the prediction {f:g}, it is a straight line from "
        f"{on:.2f} nats at t = 0, with the switch on, to {off:.2f} at t = 1, with the switch off. "
        f"Their mean at alpha = {alpha:g}, {mean:.2f} nats, lies on the line at t = {expected:g}, "
        f"and on the valley at f = {f:g}."
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
        axis.set(xlabel=r"expected perturbation $\alpha\beta$", title=title, xlim=(0, 1))
    axes[0].set(ylabel="confidence, accuracy, %", ylim=(50, 101))
    legend_below(figure, axes[1])
    figure.set_label(
        f"Confidence and accuracy over alpha*beta for pixels with pi = {posterior:g}. A network "
        f"that generalises starts with confidence {100 * posterior:.0f} %, which is its accuracy, "
        f"and becomes underconfident. A network that memorises starts with 100 % and has an "
        f"accuracy of {100 * agreement:.0f} %; the lines cross at {2 * (1 - agreement):.2f}."
    )
    return figure
