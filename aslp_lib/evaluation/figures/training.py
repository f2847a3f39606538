"""Figures of a training run over its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from aslp_lib.evaluation.figures.style import looks, new_figure, themed


@themed
def training_history(logs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Draw validation accuracy, confidence and ECE, and the alphas if there are any, over epochs.

    >>> from aslp_lib.evaluation.figures import alt
    >>> row = {"epoch": 1, "confidence": 0.9, "accuracy": 0.8, "ece": 0.1}
    >>> alt(training_history({"BCE": [row]}))
    'Accuracy, confidence, ECE and alpha over training. BCE ends at validation ECE 10.0 %.'

    Args:
        logs: label -> rows of the training log, see `TrainingState.log`.
    """
    figure = new_figure(10.5, 3.9, "Training")
    share, error, alphas = figure.subplots(1, 3)
    for (label, log), (colour, _, mark) in zip(logs.items(), looks(), strict=False):
        column = {key: np.array([row[key] for row in log]) for key in log[0]}
        epoch = column["epoch"]
        look: Any = {"color": colour, "marker": mark, "markevery": max(1, len(log) // 6)}
        share.plot(epoch, 100 * column["confidence"], label=f"{label}, confidence", **look)
        share.plot(epoch, 100 * column["accuracy"], ":", label=f"{label}, accuracy", **look)
        error.plot(epoch, 100 * column["ece"], **look)
        if "alpha_mean" in column:
            low, high = column["alpha_p10"], column["alpha_p90"]
            alphas.plot(epoch, column["alpha_mean"], **look)
            alphas.fill_between(epoch, low, high, color=colour, alpha=0.3)
    share.set(xlabel="epoch", ylabel="validation, % of pixels", title="confidence and accuracy")
    error.set(xlabel="epoch", ylabel="validation ECE, %", title="calibration error", ylim=(0, None))
    alphas.set(xlabel="epoch", ylabel="alpha", ylim=(0, None))
    alphas.set_title("alphas: mean, 10th to 90th percentile")
    figure.legend(ncols=min(len(logs), 4), loc="outside lower center")
    last = "; ".join(
        f"{label} ends at validation ECE {100 * log[-1]['ece']:.1f} %"
        + (f" and mean alpha {log[-1]['alpha_mean']:.3f}" if "alpha_mean" in log[-1] else "")
        for label, log in logs.items()
    )
    figure.set_label(f"Accuracy, confidence, ECE and alpha over training. {last}.")
    return figure
