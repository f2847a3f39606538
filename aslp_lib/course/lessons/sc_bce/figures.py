"""Figures of SC-BCE: gradient descent on it, and what less confidence corrects."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure

from aslp_lib.aslp.loss import sc_bce_with_logits
from aslp_lib.aslp.perturbation import MODERATION, Technique
from aslp_lib.aslp.theory import expected_confidence, minimiser
from aslp_lib.evaluation.figures.style import directions, ink, looks, new_figure, themed


def expected_loss(f: np.ndarray, alpha: float, technique: Technique) -> np.ndarray:
    """Compute the expected SC-BCE of foreground pixels at probabilities f in [0, 1], in nats."""
    logits = torch.logit(torch.from_numpy(f), eps=1e-9).unsqueeze(1)
    labels = torch.ones_like(logits)
    loss = sc_bce_with_logits(
        logits, labels, alpha, technique, use_expected_targets=True, reduction="none"
    )
    return loss.squeeze(1).numpy()


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
    figure = new_figure(8.6, 3.6)
    axes = figure.subplots(1, 2, sharey=True)
    over, under = directions()
    for axis, title, confidence, accuracy in (
        (axes[0], "a network that generalises", generalises, posterior),
        (axes[1], "a network that memorises", memorises, agreement),
    ):
        axis.plot(strength, 100 * confidence, color=ink(), linewidth=2, label="confidence")
        axis.axhline(100 * accuracy, color=ink(), linestyle="--", label="accuracy")
        for wrong, colour, label in (
            (confidence > accuracy, over, "overconfident"),
            (confidence < accuracy, under, "underconfident"),
        ):
            low, high = 100 * confidence, 100 * accuracy
            axis.fill_between(
                strength, low, high, wrong, interpolate=True, color=colour, alpha=0.6, label=label
            )
        axis.set(xlabel="expected perturbation alpha*beta", title=title, xlim=(0, 1))
    axes[0].set(ylabel="confidence, accuracy, %", ylim=(50, 101))
    axes[1].legend(loc="lower left")
    figure.set_label(
        f"Confidence and accuracy over alpha*beta for pixels with pi = {posterior:g}. A network "
        f"that generalises starts with confidence {100 * posterior:.0f} %, which is its accuracy, "
        f"and becomes underconfident. A network that memorises starts with 100 % and has an "
        f"accuracy of {100 * agreement:.0f} %; the lines cross at {2 * (1 - agreement):.2f}."
    )
    return figure
