"""Figures of SC-BCE: the loss over f, its minimum, gradient descent on it, and gradient noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import loss_floor, minimiser
from aslp_lib.evaluation.figures.style import BLUE, GREY, ORANGE, looks, new_figure


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
    figure = new_figure(6.4, 3.8, None)
    axis = figure.subplots()
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
    figure = new_figure(8.6, 3.8, None)
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    f, alphas = np.linspace(0.01, 0.99, 197), np.linspace(0, technique.alpha_limit, 101)
    loss = np.stack([expected_loss(f, alpha, technique) for alpha in alphas], axis=1)
    shades = left.contourf(alphas, f, loss, levels=np.linspace(0, 3, 13), cmap="cividis_r",
                           extend="max")  # fmt: skip
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
    figure = new_figure(8.6, 3.6, None)
    path, end = figure.subplots(1, 2, width_ratios=(2, 1))
    tails = {label: trace[len(trace) // 2 :] for label, trace in traces.items()}
    for i, ((label, trace), (colour, line, _)) in enumerate(
        zip(traces.items(), looks(), strict=False)
    ):
        step = np.arange(1, len(trace) + 1)
        path.plot(step, trace[:, 0], line, color=colour, label=label, linewidth=1)
        end.errorbar(
            i, tails[label].mean(), tails[label].std(), fmt="o", color=colour, ms=8, capsize=6,
            markeredgecolor="black",
        )  # fmt: skip
    for axis in (path, end):
        axis.axhline(predicted, color="black", linewidth=1, label=f"predicted {predicted:.2f}")
    path.set(xlabel="step", ylabel="f, predicted P(y=1)", ylim=(0.5, 1))
    path.legend(fontsize=9, loc="lower right")
    end.set_xticks(range(len(traces)), traces)
    end.set(
        xlabel="technique", ylabel="f, second half of the steps", xlim=(-0.5, len(traces) - 0.5)
    )
    summary = "; ".join(f"{label}: {f.mean():.2f} ± {f.std():.3f}" for label, f in tails.items())
    figure.set_label(
        f"One logit trained on SC-BCE, predicted to end at {predicted:.2f}. Second half of the "
        f"steps, mean and standard deviation, {summary}."
    )
    return figure


def gradient_noise(rows: Mapping[str, tuple[float, float]]) -> Figure:
    """Plot the variance of the gradient with respect to one logit, measured and by the formula.

    Args:
        rows: label -> (measured, formula).
    """
    figure = new_figure(5.6, 3.4, None)
    axis = figure.subplots()
    measured, formula = np.array(list(rows.values())).T
    axis.bar(range(len(rows)), measured, 0.6, color=BLUE, label="measured")
    axis.plot(
        range(len(rows)), formula, "D", color=ORANGE, ms=9, markeredgecolor="black", label="formula"
    )
    axis.set_xticks(range(len(rows)), rows)
    axis.set(ylabel="variance of the gradient", xlabel="technique")
    axis.legend(fontsize=9, loc="upper right")
    figure.set_label(
        "Variance of the gradient in a logit, measured and by the formula. "
        + "; ".join(f"{label}: {m:z.3f}, {v:.3f}" for label, (m, v) in rows.items())
        + "."
    )
    return figure


def posterior_lines(strengths: Sequence[float]) -> Figure:
    """Plot the minimiser over the true posterior, one line per alpha*beta.

    All lines pass through (1/2, 1/2).
    """
    figure = new_figure(4.8, 4.2, None)
    axis = figure.subplots()
    posterior = torch.linspace(0, 1, 101)
    notes = []
    for strength, (colour, line, _) in zip(strengths, looks(), strict=False):
        best = minimiser(posterior, 1.0, Technique("fixed", strength))
        axis.plot(posterior, best, line, color=colour, label=f"alpha*beta = {strength:g}")
        notes.append(f"alpha*beta = {strength:g}: from {best[0]:.2f} to {best[-1]:.2f}")
    axis.plot(0.5, 0.5, "o", color="black", ms=7)
    axis.set(xlabel="true P(y=1)", ylabel="f* that minimises SC-BCE", xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize=9, loc="upper left")
    figure.set_label(
        f"Minimiser over the true probability; every line passes (1/2, 1/2). {'; '.join(notes)}."
    )
    return figure
