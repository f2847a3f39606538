"""Figures of SC-BCE: its expected loss, and gradient descent on it."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import Technique
from aslp_lib.aslp.theory import loss_floor, minimiser
from aslp_lib.evaluation.figures.style import ink, looks, new_figure, themed


def expected_loss(f: np.ndarray, alpha: float, technique: Technique) -> np.ndarray:
    """Compute the expected SC-BCE of foreground pixels at probabilities f in [0, 1], in nats."""
    logits = torch.logit(torch.from_numpy(f), eps=1e-9).unsqueeze(1)
    labels = torch.ones_like(logits)
    loss = sc_bce_with_logits(
        logits, labels, alpha, technique, use_expected_targets=True, reduction="none"
    )
    return loss.squeeze(1).numpy()


@themed
def loss_curves(alphas: Sequence[float], technique: Technique) -> Figure:
    """Plot the expected loss of a foreground pixel over f for each alpha, with its minimum."""
    figure = new_figure(6.4, 3.8, f"Expected SC-BCE of a foreground pixel, {technique.name}")
    axis = figure.subplots()
    f = np.linspace(0.002, 0.998, 499)
    notes = []
    for alpha, (colour, line, mark) in zip(alphas, looks(), strict=False):
        best, floor = float(minimiser(1.0, alpha, technique)), float(loss_floor(alpha, technique))
        label = f"alpha = {alpha:g}"
        axis.plot(f, expected_loss(f, alpha, technique), line, color=colour, label=label)
        axis.plot(best, floor, mark, color=colour, ms=8, mec=ink(), clip_on=False)
        notes.append(f"{label}: lowest at f = {best:.2f}, {floor:z.2f} nats")
    axis.set(xlabel="f, predicted P(y=1)", ylabel="expected loss, nats", xlim=(0, 1), ylim=(0, 3))
    axis.legend(loc="upper center")
    figure.set_label(
        f"Expected loss of a foreground pixel over f, {technique.name}. {'; '.join(notes)}."
    )
    return figure


@themed
def descent(traces: Mapping[str, np.ndarray], predicted: float) -> Figure:
    """Plot the probability of one-logit models over training steps, and its predicted limit.

    The left panel shows the first model. The right panel shows mean and standard deviation over the
    second half of the steps of all models.

    Args:
        traces: label -> (steps, models) f after each step.
        predicted: the minimiser of the expected loss.
    """
    figure = new_figure(8.6, 3.6, "One logit trained on sampled targets")
    path, end = figure.subplots(1, 2, width_ratios=(2, 1))
    notes = []
    for (label, trace), (colour, line, mark) in zip(traces.items(), looks(), strict=False):
        step, second_half = np.arange(1, len(trace) + 1), trace[len(trace) // 2 :]
        path.plot(step, trace[:, 0], line, color=colour, label=label, linewidth=1.5)
        mean, spread = second_half.mean(), second_half.std()
        end.errorbar([label], mean, spread, fmt=mark, color=colour, mec=ink(), ms=8, capsize=6)
        notes.append(f"{label}: {mean:.2f} ± {spread:.3f}")
    for axis in (path, end):  # behind the curves, one of which may coincide with it
        label = f"minimiser {predicted:.2f}"
        axis.axhline(predicted, color=ink(), linewidth=0.8, label=label, zorder=0)
    reach = 5 * max(trace[len(trace) // 2 :].std() for trace in traces.values())
    limits = (predicted - 1.5 * reach, min(predicted + reach, 1))
    path.set(xlabel="step", ylabel="f, predicted P(y=1)", ylim=limits, title="one model")
    path.legend(loc="lower right", ncols=3)
    end.set(xlabel="technique", ylabel="f, mean ± standard deviation", title="all models")
    end.set_xlim(-0.5, len(traces) - 0.5)
    figure.set_label(
        f"One logit trained on SC-BCE, whose minimiser is {predicted:.2f}. Second half of the "
        f"steps, mean and standard deviation over all models, {'; '.join(notes)}."
    )
    return figure
