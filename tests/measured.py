"""The numbers of CLAIMS.md, read from the records of the benchmarks and of the trial.

Each function that claims.yaml names returns a `Measured`.
"""

from __future__ import annotations

import json
import math
import re
import sys
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas

sys.path.append(
    str(Path(__file__).parents[1] / "benchmarks")
)  # the scripts there import each other

import comparison

from aslp_lib.course import trial
from aslp_lib.experiments.records import NONE, one_per_seed, read
from aslp_lib.experiments.seed_statistics import (
    difference,
    rank_correlation_with_posterior_error,
)
from aslp_lib.metrics import SCORES

read = comparison.read = cache(read)  # one reading takes half a second
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TOLERANCE = 0.01
"""A score that changes by less is unchanged."""
MADE_BY = dict.fromkeys(
    ("comparison_shapes", "comparison_grid", "techniques_shapes"), "make comparison"
)
MADE_BY["comparison_photographs"] = "benchmarks/comparison.py --preset small"
MADE_BY["gpu"] = "benchmarks/gpu_check.sh"
MADE_BY["float_maps"] = "benchmarks/float_maps.py of e2b3fd50"
"""Record -> what makes it, if that is not the script of the same name."""


class Measured(NamedTuple):
    """The numbers that decide a claim.

    Args:
        text: the numbers.
        holds: whether the claim is true; None if the numbers do not resolve it.
    """

    text: str
    holds: bool | None = True


@cache
def record(name: str) -> Any:
    """The content of a record."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def records() -> list[tuple[str, ...]]:
    """Each record with what made it, the number of seeds, the date, torch and the machine."""
    rows = []
    for path in sorted(RESULTS.glob("*.json")):
        content = record(path.name)
        is_list = isinstance(content, list)
        runs = content if is_list else content.get("runs") or content.get("records", [])
        facts = content[0] if is_list else content.get("embedded", content)
        seeds = {run["seed"] for run in runs if "seed" in run}
        torch_version = re.search(r"torch'?:? '?(\d[\d.]+)", str(facts))
        rows.append(
            (
                f"[{path.name}](benchmarks/results/{path.name})",
                f"`{MADE_BY.get(path.stem, f'benchmarks/{path.stem}.py')}`",
                str(len(seeds) or "-"),
                facts.get("date", ""),
                torch_version[1] if torch_version else "",
                facts.get("machine", facts.get("device", "")),
            )
        )
    return rows


# Differences over seeds.


def scores_of(source: str, part: str, way: str) -> pandas.DataFrame:
    """The scores of a training method on a set, one record per seed.

    Args:
        source: a preset of the comparison, demo or small.
        part: the set.
        way: a method, or "method + recalibration". "matched_smoothing" is label
            smoothing with the expected perturbation of the constant alpha.
    """
    method, _, recalibration = way.partition(" + ")
    chosen = comparison.chosen(read(RESULTS / comparison.GRID_FILE))
    if method == "matched_smoothing":
        method = "label_smoothing"
        options = {"epsilon": comparison.strength_of(chosen["constant_alpha"])}
    else:
        options = chosen[method].options
    return one_per_seed(
        read(RESULTS / comparison.FILES[source]), part, method, recalibration or NONE, **options
    )


def change(
    source: str, part: str, score: str, before: str, after: str, low: float, high: float
) -> Measured:
    """Compare a score of two training methods, paired by the seeds that both have.

    The claim holds if the 95 % interval lies between `low` and `high`, is contradicted if the
    interval lies outside, and is not resolved otherwise.
    """
    first, second = (scores_of(source, part, way) for way in (before, after))
    seeds = set(first.seed) & set(second.seed)
    first, second = (runs[runs.seed.isin(seeds)] for runs in (first, second))
    result, title = difference(second, first, score), SCORES[score]
    means = (title.text(runs[score].mean()) for runs in (first, second))
    text = (
        f"{title.title} {' → '.join(means)} {title.unit} ({result.text(title, '+')}), "
        f"{len(seeds)} seeds"
    )
    inside = low <= result.low and result.high <= high
    outside = result.high < low or result.low > high
    return Measured(text, True if inside else False if outside else None)


falls = partial(change, low=-math.inf, high=0.0)
stays = partial(change, low=-TOLERANCE, high=TOLERANCE)
does_not_rise = partial(change, low=-math.inf, high=TOLERANCE)


@cache
def records_of_trial(name: str) -> pandas.DataFrame:
    """The records of the trial on a data set, or of its mechanism."""
    return trial.read(name)


def primary(contrast: str, data: str) -> Measured:
    """Whether the first method of a primary contrast of the trial is better than the second.

    The text has the trial's verdict, which is corrected within a data set. The page claims the
    contrasts of both data sets, so the verdict that decides is corrected over both.
    """
    families = {
        name: trial.effects(records_of_trial(name), confidence=trial.SIMULTANEOUS)
        for name in ("shapes", "nuclei")
    }
    both = {
        f"{name}: {label}": effect
        for name, family in families.items()
        for label, effect in family.items()
    }
    effect = families[data][contrast]
    verdict = trial.verdicts(families[data])[contrast]
    decisive = trial.verdicts(both)[f"{data}: {contrast}"]
    borderline = "" if decisive == verdict else f" (borderline: {decisive} over both data sets)"
    text = (
        f"{contrast}: {trial.interval_text(effect, 'nll')} nats, {verdict}{borderline}, "
        f"{effect.seeds} seeds"
    )
    holds = {"better": True, "worse": False, "too small to matter": False}
    return Measured(text, holds.get(decisive))


def memorisation() -> Measured:
    """Whether the sampled switch prevents, and a frozen one allows, that labels are memorised."""
    records = records_of_trial("mechanism")
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
    runs = scores_of("small", "validation", "calibration")
    low, high = runs.alpha_p10.mean(), runs.alpha_p90.mean()
    text = f"80 % of alphas within {low:.3f} to {high:.3f}, {len(runs)} seeds"
    return Measured(text, high > low)


def entropy_ends_at_zero() -> Measured:
    """Whether ME leaves no perturbation at the end of a training on synthetic data."""
    runs = read(RESULTS / comparison.TECHNIQUE_FILE)
    alphas = {
        name: one_per_seed(runs, "test", "entropy", technique=name).alpha_mean
        for name in ("M", "SI", "HI")
    }
    largest = ", ".join(f"{name} {max(means):.3f}" for name, means in alphas.items())
    return Measured(
        f"largest mean alpha at the end over 5 seeds: {largest}", max(alphas["M"]) < 1e-3
    )
