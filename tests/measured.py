"""The numbers of CLAIMS.md, read from the records of the benchmarks and of the trial.

Each function that claims.yaml names returns a `Measured`.
"""

from __future__ import annotations

import math
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import comparison
import pandas

from aslp_lib.course import trial
from aslp_lib.experiments import records
from aslp_lib.experiments.records import NONE, one_per_seed
from aslp_lib.experiments.seed_statistics import (
    difference,
    rank_correlation_with_posterior_error,
)
from aslp_lib.metrics import SCORES

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
TOLERANCE = 0.01
"""A score that changes by less is unchanged."""
read = cache(records.read)  # one reading takes half a second
chosen = cache(lambda: comparison.chosen(read(RESULTS / comparison.GRID_FILE)))


class Measured(NamedTuple):
    """The numbers that decide a claim.

    Args:
        text: the numbers.
        holds: whether the claim is true; None if the numbers do not resolve it.
    """

    text: str
    holds: bool | None = True


def scores_of(source: str, part: str, way: str) -> pandas.DataFrame:
    """The scores on a set, one record per seed, of a method or of "method + recalibration".

    Args:
        source: a preset of the comparison, demo or small.
        part: the set.
        way: the method, with the hyperparameters that the comparison has chosen.
    """
    method, _, recalibration = way.partition(" + ")
    options = chosen()[method].options
    results = read(RESULTS / comparison.FILES[source])
    return one_per_seed(results, part, method, recalibration or NONE, **options)


def change(
    score: str, source: str, part: str, before: str, after: str, low: float, high: float
) -> Measured:
    """Compare a score of two methods on a set, paired by the seeds that both have."""
    return verdict(score, *(scores_of(source, part, way) for way in (before, after)), low, high)


def verdict(
    score: str, before: pandas.DataFrame, after: pandas.DataFrame, low: float, high: float
) -> Measured:
    """Whether the change of a score lies between two numbers.

    It does if its whole 95 % interval does, and does not if the interval lies outside. Otherwise
    the verdict is None.
    """
    seeds = set(before.seed) & set(after.seed)
    before, after = (runs[runs.seed.isin(seeds)] for runs in (before, after))
    result, title = difference(after, before, score), SCORES[score]
    means = " → ".join(title.text(runs[score].mean()) for runs in (before, after))
    interval = result.text(title, "+")
    text = f"{title.title} {means} {title.unit} ({interval}), {len(seeds)} seeds"
    if result.high < low or result.low > high:
        return Measured(text, False)
    return Measured(text, True if low <= result.low and result.high <= high else None)


falls = partial(change, low=-math.inf, high=0.0)
stays = partial(change, low=-TOLERANCE, high=TOLERANCE)
does_not_rise = partial(change, low=-math.inf, high=TOLERANCE)


@cache
def primary_effects() -> dict[str, dict[str, trial.Effect | None]]:
    """The effects of the primary contrasts of the trial on each data set."""
    names = ("shapes", "nuclei")
    return {n: trial.effects(trial.read(n), confidence=trial.SIMULTANEOUS) for n in names}


def primary(contrast: str, data: str) -> Measured:
    """Whether the first method of a primary contrast of the trial is better than the second.

    The text has the trial's verdict, which is corrected within a data set. The page claims the
    contrasts of both data sets, so the verdict that decides is corrected over both.
    """
    families = primary_effects()
    effect, within = families[data][contrast], trial.verdicts(families[data])[contrast]
    both = {f"{name} {label}": e for name in families for label, e in families[name].items()}
    over_both = trial.verdicts(both)[f"{data} {contrast}"]
    borderline = "" if over_both == within else f" (borderline: {over_both} over both data sets)"
    interval = trial.interval_text(effect, "nll")
    text = f"{contrast}: {interval} nats, {within}{borderline}, {effect.seeds} seeds"
    holds = {"better": True, "worse": False, "too small to matter": False}
    return Measured(text, holds.get(over_both))


def memorisation() -> Measured:
    """Whether the sampled switch prevents, and a frozen one allows, that labels are memorised."""
    records = trial.read("mechanism")
    last = trial.excess(records, records.epoch.max())
    cells = (f"{arm} {mean:.2f} [{low:.2f}, {high:.2f}]" for arm, (mean, low, high) in last.items())
    text = f"excess of p(y): {', '.join(cells)}, {len(trial.MECHANISM_SEEDS)} seeds"
    return Measured(text, trial.memorisation_verdict(records) == "supported")


def ranks() -> Measured:
    """Whether NLL ranks networks by their posterior error better than ECE does."""
    runs = read(RESULTS / comparison.TECHNIQUE_FILE)
    ranked = {
        part: rank_correlation_with_posterior_error(runs, part)
        for part in ("test", "shifted", "textures")
    }
    cells = (f"{part}: NLL {r['nll']:.2f}, ECE {r['ece']:.2f}" for part, r in ranked.items())
    holds = all(r["nll"] > r["ece"] for r in ranked.values())
    return Measured(f"rank correlation on {'; '.join(cells)}", holds)


def alphas_of_images() -> Measured:
    """Whether alphas differ between photographs at the end of a training with MC."""
    runs = scores_of("small", "validation", "aslp_mc")
    low, high = runs.alpha_p10.mean(), runs.alpha_p90.mean()
    text = f"80 % of alphas within {low:.3f} to {high:.3f}, {len(runs)} seeds"
    return Measured(text, high > low)


def entropy_ends_at_zero() -> Measured:
    """Whether ME leaves no perturbation at the end of a training on synthetic data."""
    runs = read(RESULTS / comparison.TECHNIQUE_FILE)
    alphas = {
        name: one_per_seed(runs, "test", "aslp_me", technique=name).alpha_mean
        for name in ("M", "SI", "HI")
    }
    largest = ", ".join(f"{name} {max(means):.3f}" for name, means in alphas.items())
    return Measured(
        f"largest mean alpha at the end over 5 seeds: {largest}", max(alphas["M"]) < 1e-3
    )
