"""Tables of the trial that `docs/trial.md` alone shows: its tuning, its power, and every method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas
from scipy.special import chdtri, ndtr, stdtrit

from aslp_lib.course.trial import (
    FAMILY,
    MARGIN,
    OPTIONAL,
    PRIMARY,
    complete_seeds,
    differences,
    scores,
    text,
)
from aslp_lib.evaluation.tables import MARKDOWN, markdown_table
from aslp_lib.experiments.seed_statistics import SIGNIFICANCE

TEST_FIELDS = 10
"""Number of fields of view of the test set of nuclei."""


class Power(NamedTuple):
    """Probabilities that a test finds what is true.

    Args:
        difference: of a significant difference, if the true difference is the margin.
        equivalence: of a significant equivalence, if the true difference is zero.
    """

    difference: float
    equivalence: float


def power(table: pandas.DataFrame, seeds: int, level: float, margin: float = MARGIN) -> Power:
    """Compute the power of both tests of a contrast, if its differences are normal.

    Variances are estimated by the analysis of variance of the given differences, d_sf = mean +
    a_s + b_f + e_sf for seed s and field f. The mean, the variance over seeds and that over fields
    are then independent, so that the power given the two variances is averaged over a grid of
    their quantiles. The estimates from a few tuning seeds, and therefore the powers, are rough.

    If the seeds have different fields, which are missing values at other seeds, e cannot be told
    from b. It is counted as b, and the trial is assumed to have 10 fields.

    Args:
        table: differences at the tuning seeds, seeds x fields.
        seeds: number of seeds of the trial.
        level: level of each test; 0.05 / 8 is the worst case of Holm's correction for eight tests.
        margin: the true difference to find, and the margin of equivalence, in nats.
    """
    values = table.to_numpy()
    tuning, fields = values.shape
    over_seeds = np.nanmean(values, axis=1).var(ddof=1)
    samples, shared = [(seeds, over_seeds)], 0.0
    if np.isnan(values).any():
        within, fields = np.nanvar(values, axis=1, ddof=1).mean(), TEST_FIELDS
        over_seeds -= within / (~np.isnan(values)).sum(axis=1).mean()
        samples = [(seeds, max(over_seeds, 0)), (fields, within)]
    elif fields > 1:
        by_seed, by_field = values.mean(axis=1), values.mean(axis=0)
        residuals = values - by_seed[:, None] - by_field + values.mean()
        noise = (residuals**2).sum() / ((tuning - 1) * (fields - 1))
        over_fields = max(by_field.var(ddof=1) - noise / tuning, 0) + noise / seeds
        samples = [(seeds, max(over_seeds, noise / fields)), (fields, over_fields)]
        shared = noise / (seeds * fields)
    error = math.sqrt(sum(variance / n for n, variance in samples) - shared)
    tails, freedom = (np.arange(1000) + 0.5) / 1000, min(n for n, _ in samples) - 1
    squares = [spread / n * chdtri(n - 1, tails) / (n - 1) for n, spread in samples]
    errors = np.sqrt(np.add.outer(*squares) if len(squares) > 1 else squares[0])
    half = stdtrit(freedom, 1 - level / 2) * errors
    found = ndtr((margin - half) / error) + ndtr((-margin - half) / error)
    within_margin = 2 * ndtr((margin - stdtrit(freedom, 1 - level) * errors) / error) - 1
    return Power(float(found.mean()), float(np.maximum(within_margin, 0).mean()))


def power_table(frames: Mapping[str, pandas.DataFrame], seeds: Mapping[str, int]) -> str:
    """Format the power of each primary contrast as Markdown, from records of tuning seeds.

    Args:
        frames: name of the data set -> records of its tuning seeds.
        seeds: name of the data set -> number of seeds of the trial.
    """
    levels = {"5 % / 8": SIGNIFICANCE / FAMILY, "5 %": SIGNIFICANCE}
    head = ["data", "difference", "SD over seeds"]
    head += [f"power for {test} at {level}" for level in levels for test in Power._fields]
    rows = []
    for name, frame in frames.items():
        for contrast in PRIMARY:
            cells = ["not made"]
            if not {*contrast[:2]} & ({*OPTIONAL} - {*frame.arm}):
                table = differences(frame, contrast)
                cells = [f"{table.mean(axis=1).std():.4f}"]
                for level in levels.values():
                    cells += [f"{100 * x:.0f} %" for x in power(table, seeds[name], level)]
            rows.append([name, contrast.label.translate(MARKDOWN), *cells])
    return markdown_table(head, rows, "llr")


def tuning_table(frame: pandas.DataFrame, chosen: Mapping[str, float]) -> str:
    """Format the tuning of a data set as Markdown: means over the seeds, what was chosen in bold.

    Args:
        frame: a row per run and kept weights.
        chosen: arm -> value, with "C_ES" for the alpha of C that the selected epoch chose.
    """
    rows = []
    for (arm, value), runs in frame.groupby(["arm", "value"]):
        means, cells = runs.groupby("weights").mean(numeric_only=True), []
        for weights, name in (("last", arm), ("best", f"{arm}_ES")):
            cell = text(means.scaled_nll[weights], "nll")
            cells.append(f"**{cell}**" if chosen.get(name) == value else cell)
        alpha = means.alpha_mean["last"]
        spread = (means.alpha_p90["last"] - means.alpha_p10["last"]) / alpha
        cells.append("" if math.isnan(alpha) else f"{alpha:.3f}, {spread:.2f}")
        parameter = "" if arm == "B" else f"{value:g}"
        rows.append([arm.translate(MARKDOWN), parameter, str(runs.seed.nunique()), *cells])
    head = ["arm", "value", "seeds", "NLL, last epoch", "NLL, selected epoch"]
    return markdown_table([*head, "final alphas: mean, (p90 - p10) / mean"], rows, "lr")


def method_table(frame: pandas.DataFrame, name: str = "test") -> str:
    """Format the scores of every method on a set as Markdown: mean ± SD over the complete seeds.

    On the nuclei, scores are means over fields, except the ECE, which is that of the whole set,
    because it stands beside the noise floor of the whole set.
    """
    frame = complete_seeds(frame)
    frame = frame[frame["set"] == name]
    raw, scaled = "none", "temperature_scaling"
    columns = [
        ("NLL nats", "nll", raw), ("NLL nats, scaled", "nll", scaled), ("ECE %", "ece", raw),
        ("ECE %, scaled", "ece", scaled), ("OE %", "oe", raw), ("accuracy %", "accuracy", raw),
        ("Brier %", "brier", raw), ("posterior error %", "posterior_error", raw),
    ]  # fmt: skip
    if frame.posterior_error.isna().all():
        columns.pop()

    def cell(method: str, score: str, recalibration: str) -> str:
        pooled = score == "ece"
        column = (score, recalibration, name)
        by_seed = scores(frame, method, column, pooled=pooled).mean(axis=1)
        entry = f"{text(by_seed.mean(), score)} ± {text(by_seed.std(), score)}"
        if pooled:
            floor = scores(frame, method, ("ece_floor", *column[1:]), pooled=True).to_numpy()
            entry += f" (floor {text(floor.mean(), score)})"
        return entry

    arms = [arm for arm in dict.fromkeys(frame.arm) if arm != "C_ES"]
    rows = [
        [
            method.translate(MARKDOWN),
            str(frame.seed[frame.arm == arm].nunique()),
            *(cell(method, *column[1:]) for column in columns),
        ]
        for arm in arms
        for method in (arm, f"{arm}_ES")
    ]
    return markdown_table(["method", "seeds", *(column[0] for column in columns)], rows, "lr")
