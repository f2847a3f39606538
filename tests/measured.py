"""The numbers of CLAIMS.md: each function that claims.yaml names returns a `Measured`.

The functions read the records under benchmarks/results or compute with the library.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch

from aslp_lib import networks
from aslp_lib.aslp import theory
from aslp_lib.aslp.alphas import AdaptiveAlpha, alpha_gradient, release_gradient
from aslp_lib.aslp.perturbation import (
    DYNAMIC_MODERATION,
    HARD_INVERSION,
    MODERATION,
    RELEASE,
    TECHNIQUES,
    perturb,
)
from aslp_lib.course.models import letters
from aslp_lib.course.models.costs import forward_flops
from aslp_lib.course.models.simulation import Crowd, simulate
from aslp_lib.data.check import SIZES
from aslp_lib.data.folders import TRAIN, VALIDATION_SHARE
from aslp_lib.experiments.records import of, read
from aslp_lib.experiments.seed_statistics import (
    difference,
    rank_correlation_with_posterior_error,
    verdicts,
)
from aslp_lib.metrics import SCORES
from aslp_lib.training.optimization import schedule

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
TOLERANCE = 0.01
"""A score that changes by less is unchanged."""
MADE_BY = {
    "comparison_embedded": "make comparison",
    "comparison_grid": "make comparison",
    "comparison_real": "benchmarks/comparison.py --preset small",
    "letters_embedded": "make comparison",
    "letters_real": "benchmarks/comparison.py --preset small",
    "gpu": "benchmarks/gpu_check.sh",
}
"""Record -> what makes it, if that is not the script of the same name."""


class Measured(NamedTuple):
    """The numbers that decide a claim.

    Args:
        text: the numbers.
        holds: whether the claim is true; None if the numbers leave it open.
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


@cache
def comparison() -> ModuleType:
    """The script of the comparison; the scripts of benchmarks/ import each other."""
    sys.path.append(str(ROOT / "benchmarks"))
    try:
        import comparison
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return comparison


def scores_of(source: str, part: str, way: str) -> list[dict]:
    """The scores of a training method on a set, one record per seed.

    Args:
        source: embedded or real, the record of that name; or a preset of the comparison.
        part: the set.
        way: a method, or in the comparison "method + recalibration". "matched_smoothing" is label
            smoothing with the expected perturbation of the fixed level.
    """
    if source in ("embedded", "real"):
        content = record(f"{source}.json")
        runs, key = (content, "variant") if source == "real" else (content["runs"], "method")
        return [{"seed": run["seed"], **run["scores"][part]} for run in runs if run[key] == way]
    method, _, recalibration = way.partition(" + ")
    script = comparison()
    chosen = script.chosen(read(RESULTS / script.GRID_FILE))
    if method == "matched_smoothing":
        method = "label_smoothing"
        options = {"epsilon": script.strength_of(chosen["fixed_level"])}
    else:
        options = chosen[method].options
    return of(read(RESULTS / script.FILES[source]), part, method, recalibration or None, **options)


def change(
    source: str, part: str, score: str, before: str, after: str, low: float, high: float
) -> Measured:
    """The difference of a score, paired by the seeds that both have.

    The claim holds if the 95 % interval lies between `low` and `high`, and it does not if the
    interval lies outside.
    """
    first, second = (scores_of(source, part, way) for way in (before, after))
    seeds = {run["seed"] for run in first} & {run["seed"] for run in second}
    first, second = ([run for run in runs if run["seed"] in seeds] for runs in (first, second))
    result, title = difference(second, first, score), SCORES[score]
    means = (title.text(float(np.mean([run[score] for run in runs]))) for runs in (first, second))
    mean, *bounds = (title.text(value, "+") for value in (result.mean, result.low, result.high))
    text = (
        f"{title.title} {' → '.join(means)} {title.unit} ({mean} [{', '.join(bounds)}]), "
        f"{len(seeds)} seeds"
    )
    inside = low <= result.low and result.high <= high
    outside = result.high < low or result.low > high
    return Measured(text, True if inside else False if outside else None)


falls = partial(change, low=-math.inf, high=0.0)
stays = partial(change, low=-TOLERANCE, high=TOLERANCE)
does_not_rise = partial(change, low=-math.inf, high=TOLERANCE)


def contributes(letter: str, preset: str, parts: Sequence[str]) -> Measured:
    """Whether a letter of ASLP lowers the NLL of temperature-scaled networks in all contrasts and
    sets; it does not if it raises some and lowers none."""
    runs = comparison().of_preset(preset)
    family = [
        difference(*letters.paired(runs, part, contrast, "temperature"), "nll")
        for contrast in letters.contrasts(runs)[letter]
        for part in parts
    ]
    results = verdicts(family, letters.SMALLEST)
    means = [each.mean for each in family]
    text = (
        f"NLL {min(means):+.3f} to {max(means):+.3f} nats in {len(family)} differences on "
        f"{' and '.join(parts)}: "
        + ", ".join(f"{results.count(verdict)} {verdict}" for verdict in dict.fromkeys(results))
        + f" (Holm), {family[0].seeds} seeds"
    )
    only_raises = "smaller" not in results and "larger" in results
    return Measured(text, True if {*results} == {"smaller"} else False if only_raises else None)


def ranks() -> Measured:
    """Which score ranks networks by their posterior error."""
    runs = comparison().of_preset("demo")
    ranked = {
        part: rank_correlation_with_posterior_error(runs, part)
        for part in ("test", "shifted", "textures")
    }
    cells = (f"{part}: NLL {r['nll']:.2f}, ECE {r['ece']:.2f}" for part, r in ranked.items())
    holds = all(r["nll"] > r["ece"] for r in ranked.values())
    return Measured(f"rank correlation on {'; '.join(cells)}", holds)


def levels_of_images() -> Measured:
    """Whether alphas differ between photographs and follow the margins."""
    runs = [run for run in record("real.json") if run["variant"] == "ASLP (MC)"]
    low, high = (np.mean([run["alpha"][name] for run in runs]) for name in ("p10", "p90"))
    rank = [run["correlation"] for run in runs]
    text = (
        f"80 % of levels within {low:.3f} to {high:.3f}, rank correlation with the margin "
        f"{np.mean(rank):.2f}, {len(runs)} seeds"
    )
    return Measured(text, high > low and min(rank) > 0.5)


def entropy_ends_at_zero() -> Measured:
    runs = [run for run in record("embedded.json")["runs"] if run["method"] == "entropy"]
    most = max(run["alpha"] for run in runs)
    return Measured(f"largest mean level at the end {most:.3f}, {len(runs)} seeds", most < 1e-3)


# Speed, as recorded.


def reading() -> Measured:
    """Every score, and another library's ECE alone, compared with decoding the PNGs."""
    contenders = record("evaluation.json")["contenders"]
    ours, other = contenders["ours"]["ratio"], contenders["torchmetrics_ece"]["ratio"]
    text = f"{ours:.2f} times decoding; torchmetrics' ECE alone {other:.2f}"
    return Measured(text, ours < other)


def training_speed() -> Measured:
    """On CPUs: `gpu_check.sh` adds cards to the same record."""
    rows = [row for row in record("training.json") if not row["device"].startswith("NVIDIA")]
    rates = [(row["network"], row["images_per_second"]) for row in rows]
    ratios = {network: rate["ours"] / rate["plain"] for network, rate in rates}
    text = ", ".join(f"{ratio:.2f} times as fast ({network})" for network, ratio in ratios.items())
    return Measured(text, min(ratios.values()) > 1)


def levels_cost() -> Measured:
    most = max(row["alpha_share"] for row in record("training.json"))
    return Measured(f"at most {100 * most:.2f} % of a step", most < 0.01)


def on_a_gpu() -> Measured | None:
    """The record of `gpu_check.sh`; None before it ran."""
    if not (RESULTS / "gpu.json").exists():
        return None
    content = record("gpu.json")
    return Measured(f"{content['device']}, {content['date']}", content["passed"])


def recorded_by_the_authors() -> Measured:
    """The table in notebook 06."""
    text = (ROOT / "notebooks" / "06_evaluating_calibration.ipynb").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| DUTS-TE \| (\.\d+) \| (\.\d+) \|", text)
    return Measured(f"DUTS-TE: MAE {row[0]}, max F {row[1]}")


# What the library computes.


def perturbed(technique: str) -> list[float]:
    """The perturbed labels of background and foreground."""
    return perturb(torch.tensor([[0.0, 1.0]]), TECHNIQUES[technique])[0].tolist()


def labels() -> Measured:
    cells = ("{} {:g} / {:g}".format(name, *perturbed(name)) for name in ("HI", "SI", "M"))
    return Measured(", ".join(cells))


def of_techniques(attribute: str) -> Measured:
    """A number of each technique of the paper."""
    paper = [technique for technique in TECHNIQUES.values() if technique is not RELEASE]
    return Measured(", ".join(f"{each.name} {getattr(each, attribute):.3g}" for each in paper))


def noise() -> Measured:
    half, variance = DYNAMIC_MODERATION.noise, DYNAMIC_MODERATION.noise_variance
    return Measured(f"within ±{half:g}, standard deviation {math.sqrt(variance):.3f}")


def at(function: str, words: str) -> Measured:
    """A function of alpha and the technique, for moderation with alpha = 0.2."""
    label = [1.0] if function == "minimiser" else []
    value = float(getattr(theory, function)(*label, 0.2, MODERATION))
    return Measured(f"{words} {value:.3f} at alpha beta = 0.2")


def ambiguous() -> Measured:
    value = float(theory.minimiser(0.7, 0.2, MODERATION))
    return Measured(f"{value:.2f} where P(y=1) = 0.7, at alpha beta = 0.2", value > 0.5)


def network_size() -> Measured:
    with torch.device("meta"):
        network = networks.build("resnet50")
    parameters = sum(parameter.numel() for parameter in network.parameters())
    flops = forward_flops(network, 384)
    return Measured(f"{parameters:,} parameters, {flops / 1e9:.1f} GFLOP an image")


def split() -> Measured:
    images = SIZES[TRAIN.name]
    validation = round(VALIDATION_SHARE * images)
    return Measured(f"{images - validation:,} to train, {validation:,} to validate")


def last_rate() -> Measured:
    """The last learning rate of the documented schedule and of the release."""
    step, release = (2.5e-5 * schedule(name, 29, 30) for name in ("step", "release"))
    return Measured(f"{release:.1e} in epoch 30, documented {step:.2e}", release == step)


def release_targets() -> Measured:
    low, high = sorted(perturbed(RELEASE.name))
    return Measured(f"targets {high:g} and {low:g}", low >= 0 and high <= 1)


def release_quotient() -> Measured:
    z, y = torch.tensor([[5.0, 3.0, -2.0, 2.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    ratio = (release_gradient(z, y, RELEASE) / alpha_gradient(z, y, RELEASE)).item()
    return Measured(f"{ratio:.2f} of the gradient at its default", ratio == 1)


def step_at_rest(dynamics: str) -> Measured:
    """Rank correlation of alphas and margins after 60 epochs of 4,000 simulated images whose
    network does not react to the labels."""
    alphas = AdaptiveAlpha(4000, HARD_INVERSION, dynamics=dynamics)
    rank = simulate(alphas, Crowd(response=0.0), 60).correlation
    words = "under 0.1" if abs(rank) < 0.1 else f"{rank:.2f}"
    return Measured(f"simulation: rank correlation with the margin {words}", rank > 0.5)
