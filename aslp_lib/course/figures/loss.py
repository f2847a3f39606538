"""Figures of SC-BCE: the loss over f, its minimum, gradient descent on it, and gradient noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import loss_floor, minimiser
from aslp_lib.course.figures.panels import new_panels
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, looks


def expected_loss(f: np.ndarray, alpha: float, technique: Technique) -> np.ndarray:
    """Compute the expected SC-BCE of foreground pixels at probabilities f in [0, 1], in nats."""
    logits = torch.logit(torch.from_numpy(f), eps=1e-9).unsqueeze(1)
    labels = torch.ones_like(logits)
    loss = sc_bce_with_logits(
        logits, labels, alpha, technique, use_expected_targets=True, reduction="none"
    )
    return loss.squeeze(1).numpy()


def loss_curves(alphas: Sequence[float], technique: Technique) -> Figure:
    """Plot the expected loss of a foreground pixel over f for each alpha, with its minimum."""
    figure, (axis,) = new_panels(1, 6, 3.8)
    f = np.linspace(0.002, 0.998, 499)
    notes = []
    for alpha, (colour, line, _) in zip(alphas, looks(), strict=False):
        best, floor = float(minimiser(1.0, alpha, technique)), float(loss_floor(alpha, technique))
        label = f"alpha = {alpha:g}"
        axis.plot(f, expected_loss(f, alpha, technique), line, color=colour, label=label)
        axis.plot(best, floor, "o", color=colour, ms=8, markeredgecolor="black", clip_on=False)
        notes.append(f"{label}: least at f = {best:.2f}, {floor:z.2f} nats")
    axis.set(xlabel="f, predicted P(y=1)", ylabel="expected loss, nats", xlim=(0, 1), ylim=(0, 3))
    axis.legend(fontsize=9, loc="upper center")
    figure.set_label(
        f"Expected loss of a foreground pixel over f, {technique.name}. {'; '.join(notes)}."
    )
    return figure


def loss_surface(technique: Technique) -> Figure:
    """Plot the expected loss over alpha and f, and the loss along its minimiser.

    The left panel shows the minimiser as a line, the right panel the loss along that line.
    """
    figure, (left, right) = new_panels(2, 4.1, 3.8, width_ratios=(5, 4))
    f, alphas = np.linspace(0.01, 0.99, 197), np.linspace(0, technique.alpha_limit, 101)
    loss = np.stack([expected_loss(f, alpha, technique) for alpha in alphas], axis=1)
    nats = np.linspace(0, 3, 13)
    shades = left.contourf(alphas, f, loss, levels=nats, cmap="cividis_r", extend="max")
    figure.colorbar(shades, ax=left, label="expected loss, nats")
    best = minimiser(1.0, torch.from_numpy(alphas), technique).numpy()
    left.plot(alphas, best, color="white", linewidth=4)
    left.plot(alphas, best, color="black", linewidth=2, label="minimiser")
    left.set(xlabel="alpha", ylabel="f, predicted P(y=1)")
    left.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1))
    floor = loss_floor(torch.from_numpy(alphas), technique).numpy()
    right.plot(alphas, floor, color=BLUE, label="loss at the minimiser")
    right.axhline(np.log(2), color=GREY, linestyle="--", label="log 2, a fair coin")
    right.set(xlabel="alpha", ylabel="least expected loss, nats", ylim=(0, 0.75))
    right.legend(fontsize=9, loc="lower right")
    figure.set_label(
        f"Expected loss of a foreground pixel over alpha and f, {technique.name}. The minimiser "
        f"falls from {best[0]:.2f} to {best[-1]:.2f}, and the loss there rises from "
        f"{floor[0]:z.2f} to {floor[-1]:.2f} nats."
    )
    return figure


def descent(traces: Mapping[str, np.ndarray], predicted: float) -> Figure:
    """Plot the probability of a one-parameter model over training steps, and its predicted limit.

    The left panel shows the first model. The right panel shows mean and standard deviation over the
    second half of the steps of all models.

    Args:
        traces: label -> (steps, models) f after each step.
        predicted: the minimiser of the expected loss.
    """
    figure, (path, end) = new_panels(2, 4.1, 3.6, width_ratios=(2, 1))
    notes = []
    for (label, trace), (colour, line, _) in zip(traces.items(), looks(), strict=False):
        step, tail = np.arange(1, len(trace) + 1), trace[len(trace) // 2 :]
        path.plot(step, trace[:, 0], line, color=colour, label=label, linewidth=1)
        mean, spread = tail.mean(), tail.std()
        end.errorbar([label], mean, spread, fmt="o", color=colour, mec="black", ms=8, capsize=6)
        notes.append(f"{label}: {mean:.2f} ± {spread:.3f}")
    for axis in (path, end):
        axis.axhline(predicted, color="black", linewidth=1, label=f"predicted {predicted:.2f}")
    path.set(xlabel="step", ylabel="f, predicted P(y=1)", ylim=(0.5, 1))
    path.legend(fontsize=9, loc="lower right")
    end.set(xlabel="technique", ylabel="f, second half of the steps")
    end.set_xlim(-0.5, len(traces) - 0.5)
    figure.set_label(
        f"One logit trained on SC-BCE, predicted to end at {predicted:.2f}. Second half of the "
        f"steps, mean and standard deviation, {'; '.join(notes)}."
    )
    return figure


def gradient_noise(rows: Mapping[str, tuple[float, float]]) -> Figure:
    """Plot the variance of the gradient with respect to one logit, measured and by the formula.

    Args:
        rows: label -> (measured, formula).
    """
    figure, (axis,) = new_panels(1, 5.2, 3.4)
    names = list(rows)
    measured, formula = zip(*rows.values(), strict=True)
    axis.bar(names, measured, 0.6, color=BLUE, label="measured")
    axis.plot(names, formula, "D", color=ORANGE, ms=9, markeredgecolor="black", label="formula")
    axis.set(ylabel="variance of the gradient", xlabel="technique")
    axis.legend(fontsize=9, loc="upper right")
    notes = "; ".join(f"{label}: {m:z.3f}, {v:.3f}" for label, (m, v) in rows.items())
    figure.set_label(f"Variance of the gradient in a logit, measured and by the formula. {notes}.")
    return figure


def posterior_lines(strengths: Sequence[float]) -> Figure:
    """Plot the minimiser over the true posterior, one line per alpha*beta.

    All lines pass through (1/2, 1/2).
    """
    figure, (axis,) = new_panels(1, 4.4, 4.2)
    posterior = torch.linspace(0, 1, 101)
    notes = []
    for strength, (colour, line, _) in zip(strengths, looks(), strict=False):
        best = minimiser(posterior, 1.0, Technique("fixed", strength))
        label = f"alpha*beta = {strength:g}"
        axis.plot(posterior, best, line, color=colour, label=label)
        notes.append(f"{label}: from {best[0]:.2f} to {best[-1]:.2f}")
    axis.plot(0.5, 0.5, "o", color="black", ms=7)
    axis.set(xlabel="true P(y=1)", ylabel="f* that minimises SC-BCE", xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize=9, loc="upper left")
    figure.set_label(
        f"Minimiser over the true probability; every line passes (1/2, 1/2). {'; '.join(notes)}."
    )
    return figure
