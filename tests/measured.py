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

from aslp_lib.course import first_trial, second_trial
from aslp_lib.experiments import records
from aslp_lib.experiments.records import NONE, one_per_seed
from aslp_lib.experiments.seed_statistics import (
    difference,
    rank_correlation_with_posterior_error,
    student_interval,
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
def regime(name: str) -> pandas.DataFrame:
    """The records of a regime of the trial."""
    records = second_trial.read()
    return records[records.regime == name]


def primary(contrast: str, data: str) -> Measured:
    """Whether the first method of a primary contrast of the trial is better than the second."""
    return judged(second_trial.primary(regime(data), data), contrast, "nll")


def as_trained(score: str, part: str, data: str) -> Measured:
    """Whether ASLP (MC) as trained has a lower score than BCE as trained."""
    family = second_trial.paper(regime(data), data)
    family = [j for j in family if j.contrast.question == f"{score} of {part}"]
    return judged(family, "M - B", score)


def insured(part: str, data: str) -> Measured:
    """Whether ASLP (MC) has a lower NLL than BCE at a temperature of equal cost."""
    family = second_trial.insurance(regime(data), data)
    family = [j for j in family if j.contrast.question == f"nll of {part}"]
    return judged(family, "M - B at a temperature", "nll")


def judged(family: list[second_trial.Judged], label: str, score: str) -> Measured:
    """The verdict of a contrast; one that is not resolved decides nothing."""
    (_, effect, word), *_ = [each for each in family if each.contrast.label == label]
    unit = "nats" if score == "nll" else "points"
    interval = second_trial.interval_text(effect, score)
    text = f"{label}: {interval} {unit}, {word}, {effect.seeds} seeds"
    return Measured(text, None if word == "not resolved" else word == "better")


def memorisation() -> Measured:
    """Whether the sampled switch prevents, and a frozen one allows, that labels are memorised.

    The excess of a run is the mean of p(y) - q over the training pixels whose label y is unlikely:
    the network's probability of y minus that of the arm's targets on average. The claim holds if
    the interval of C lies below half of BCE's mean, and that of F, whose switch is frozen, above.
    """
    records = first_trial.read("mechanism")
    runs = records[records.epoch == records.epoch.max()].groupby("arm").excess
    ends = {arm: (runs.mean()[arm], *student_interval(runs.get_group(arm))) for arm in "BLCF"}
    cells = (f"{arm} {mean:.2f} [{low:.2f}, {high:.2f}]" for arm, (mean, low, high) in ends.items())
    text = f"excess of p(y): {', '.join(cells)}, {runs.count()['B']} seeds"
    return Measured(text, bool(ends["C"][2] < ends["B"][0] / 2 < ends["F"][1]))


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
