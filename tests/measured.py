"""What the records under benchmarks/results say of a claim, and what the library computes of one.

Nothing here is typed by hand: CLAIMS.md changes when the records do (`python tests/claims.py`).
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

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
DYNAMICS = ("stable", "release")
KEPT = 0.01
"""A change of less is none: accuracy that stays."""


class Measured(NamedTuple):
    """What was found of a claim.

    Args:
        text: the numbers.
        holds: whether the claim is true of them; None: they do not settle it.
    """

    text: str
    holds: bool | None = True


@cache
def held(name: str):
    """What a record holds."""
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


def records() -> str:
    """Markdown: what is recorded, by what, with how many seeds, when and on what."""
    lines = ["| record | made by | seeds | date | torch | machine |", "|---" * 6 + "|"]
    for path in sorted(RESULTS.glob("*.json")):
        whole = held(path.name)
        runs = whole if isinstance(whole, list) else whole.get("runs") or whole.get("records", [])
        facts = whole[0] if isinstance(whole, list) else whole.get("embedded", whole)
        seeds = {run["seed"] for run in runs if "seed" in run}
        torch_is = re.search(r"torch'?:? '?(\d[\d.]+)", str(facts))
        cells = (
            f"[{path.name}](benchmarks/results/{path.name})",
            f"`{_maker(path.stem)}`",
            str(len(seeds) or "-"),
            facts.get("date", ""),
            torch_is[1] if torch_is else "",
            facts.get("machine", facts.get("device", "")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _maker(record: str) -> str:
    """What makes a record: the script of its name, or what calls several."""
    others = {
        "comparison_embedded": "make comparison",
        "comparison_grid": "make comparison",
        "comparison_real": "benchmarks/comparison.py --preset small",
        "letters_embedded": "make comparison",
        "letters_real": "benchmarks/comparison.py --preset small",
        "gpu": "benchmarks/gpu_check.sh",
    }
    return others.get(record, f"benchmarks/{record}.py")


# Over seeds, paired


def embedded(method: str, part: str) -> list[dict]:
    """Of `embedded.json`: the rule as preset `demo` has it, a record a seed."""
    runs = [run for run in held("embedded.json")["runs"] if run["method"] == method]
    return [{"seed": run["seed"], **run["scores"][part]} for run in runs]


def real(variant: str, part: str) -> list[dict]:
    """Of `real.json`: preset `small` on photographs, a record a seed."""
    runs = [run for run in held("real.json") if run["variant"] == variant]
    return [{"seed": run["seed"], **run["scores"][part]} for run in runs]


@cache
def _comparison(preset: str = "demo"):
    """The benchmark's own module, what it recorded with a preset, and what validation chose."""
    sys.path.append(str(ROOT / "benchmarks"))  # scripts there import each other
    try:
        import comparison
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    found = read(RESULTS / comparison.FILES[preset])
    return comparison, found, comparison.chosen(read(RESULTS / comparison.GRID_FILE))


def compared(
    method: str, part: str, recalibration: str | None = None, *, preset: str = "demo"
) -> list[dict]:
    """Of the comparison: a method as validation chose it, a record a seed."""
    _, found, best = _comparison(preset)
    return of(found, part, method, recalibration, **best[method].options)


def smoothed(part: str, recalibration: str | None = None, *, preset: str = "demo") -> list[dict]:
    """Of the comparison: label smoothing of the fixed level's strength."""
    module, found, best = _comparison(preset)
    strength = module.strength_of(best["fixed_level"])
    return of(found, part, "label_smoothing", recalibration, epsilon=strength)


def change(
    before: Sequence[dict], after: Sequence[dict], score: str, low: float, high: float
) -> Measured:
    """How a score differs, paired by the seeds of both: the claim holds if all of the 95 % interval
    lies between `low` and `high`, and does not if all of it lies outside."""
    both = {record["seed"] for record in before} & {record["seed"] for record in after}
    before, after = ([r for r in own if r["seed"] in both] for own in (before, after))
    found = difference(after, before, score)
    shown = SCORES[score]
    first, last = (
        shown.text(float(np.mean([record[score] for record in own]))) for own in (before, after)
    )
    mean, *bounds = (shown.text(each, "+") for each in (found.mean, found.low, found.high))
    text = (
        f"{shown.title} {first} → {last} {shown.unit} ({mean} [{', '.join(bounds)}]), "
        f"{len(before)} seeds"
    )
    inside = low <= found.low and found.high <= high
    outside = found.high < low or found.low > high
    return Measured(text, True if inside else False if outside else None)


falls = partial(change, low=-math.inf, high=0.0)
stays = partial(change, low=-KEPT, high=KEPT)
keeps_to = partial(change, low=-math.inf, high=KEPT)


def levels_of_images() -> Measured:
    """Whether levels differ between images, and follow the margins, on photographs."""
    runs = [run for run in held("real.json") if run["variant"] == "ASLP (MC)"]
    low, high = (np.mean([run["alpha"][name] for run in runs]) for name in ("p10", "p90"))
    rank = [run["correlation"] for run in runs]
    text = (
        f"80 % of levels within {low:.3f} to {high:.3f}, rank correlation with the margin "
        f"{np.mean(rank):.2f}, {len(runs)} seeds"
    )
    return Measured(text, high > low and min(rank) > 0.5)


def entropy_ends_at_zero() -> Measured:
    runs = [run for run in held("embedded.json")["runs"] if run["method"] == "entropy"]
    most = max(run["alpha"] for run in runs)
    return Measured(f"largest mean level at the end {most:.3f}, {len(runs)} seeds", most < 1e-3)


def ranks() -> Measured:
    """Which score ranks networks by their posterior error."""
    found = _comparison()[0].of_preset("demo")
    own = {
        name: rank_correlation_with_posterior_error(found, name)
        for name in ("test", "shifted", "textures")
    }
    cells = (f"{name}: NLL {each['nll']:.2f}, ECE {each['ece']:.2f}" for name, each in own.items())
    return Measured(
        "rank correlation on " + "; ".join(cells),
        all(each["nll"] > each["ece"] for each in own.values()),
    )


def contributes(letter: str, preset: str, sets: Sequence[str]) -> Measured:
    """Whether a letter of ASLP lowers the NLL of temperature-scaled networks: in all contrasts and
    sets, in none but raises some, or neither."""
    found = _comparison(preset)[0].of_preset(preset)
    family = [
        difference(*letters.paired(found, name, each, "temperature"), "nll")
        for each in letters.contrasts(found)[letter]
        for name in sets
    ]
    told = verdicts(family, letters.SMALLEST)
    means = [each.mean for each in family]
    text = (
        f"NLL {min(means):+.3f} to {max(means):+.3f} nats in {len(family)} differences on "
        f"{' and '.join(sets)}: "
        + ", ".join(f"{told.count(verdict)} {verdict}" for verdict in dict.fromkeys(told))
        + f" (Holm), {family[0].seeds} seeds"
    )
    none_lower = "smaller" not in told and "larger" in told
    return Measured(text, True if {*told} == {"smaller"} else False if none_lower else None)


# Speed, as recorded


def reading() -> Measured:
    """Every score against decoding the PNGs, and against others' ECE alone."""
    found = held("evaluation.json")["contenders"]
    ours, other = found["ours"]["ratio"], found["torchmetrics_ece"]["ratio"]
    text = f"{ours:.2f} times decoding; torchmetrics' ECE alone {other:.2f}"
    return Measured(text, ours < other)


def training_speed() -> Measured:
    """On CPUs: `gpu_check.sh` records cards in the same file."""
    rows = [row for row in held("training.json") if not row["device"].startswith("NVIDIA")]
    rates = [(r["network"], r["images_per_second"]) for r in rows]
    ratios = {name: rate["ours"] / rate["plain"] for name, rate in rates}
    text = ", ".join(f"{ratio:.2f} times as fast ({name})" for name, ratio in ratios.items())
    return Measured(text, min(ratios.values()) > 1)


def levels_cost() -> Measured:
    most = max(record["alpha_share"] for record in held("training.json"))
    return Measured(f"at most {100 * most:.2f} % of a step", most < 0.01)


def on_a_gpu() -> Measured | None:
    """What `gpu_check.sh` recorded; None before it ran."""
    if not (RESULTS / "gpu.json").exists():
        return None
    found = held("gpu.json")
    return Measured(f"{found['device']}, {found['date']}", found["passed"])


# What the library computes


def labels() -> Measured:
    """Perturbed background and foreground of each technique."""
    two = torch.tensor([[0.0, 1.0]])
    cells = {name: perturb(two, TECHNIQUES[name])[0].tolist() for name in ("HI", "SI", "M")}
    return Measured(", ".join(f"{name} {low:g} / {high:g}" for name, (low, high) in cells.items()))


def strengths() -> Measured:
    kept = [t for t in TECHNIQUES.values() if t is not RELEASE]
    return Measured(", ".join(f"{t.name} {t.beta:g}" for t in kept))


def noise() -> Measured:
    half = DYNAMIC_MODERATION.noise
    spread = math.sqrt(DYNAMIC_MODERATION.noise_variance)
    return Measured(f"within ±{half:g}, standard deviation {spread:.3f}")


def at(function: Callable, words: str) -> Measured:
    """A function of alpha and technique, at moderation of level 0.2."""
    return Measured(f"{words} {float(function(0.2, MODERATION)):.3f} at alpha beta = 0.2")


def ambiguous() -> Measured:
    found = float(theory.minimiser(0.7, 0.2, MODERATION))
    return Measured(f"{found:.2f} where P(y=1) = 0.7, at alpha beta = 0.2", found > 0.5)


def limits() -> Measured:
    kept = [t for t in TECHNIQUES.values() if t is not RELEASE]
    return Measured(", ".join(f"{t.name} {t.alpha_limit:.3g}" for t in kept))


def network_size() -> Measured:
    with torch.device("meta"):
        network = networks.build("resnet50")
    parameters = sum(each.numel() for each in network.parameters())
    flops = forward_flops(network, 384)
    return Measured(f"{parameters:,} parameters, {flops / 1e9:.1f} GFLOP an image")


def split() -> Measured:
    images = SIZES[TRAIN.name]
    held = round(VALIDATION_SHARE * images)
    return Measured(f"{images - held:,} to train, {held:,} to validate")


def last_rate() -> Measured:
    """Of the paper's documented schedule, and as the release computes it."""
    own = {name: 2.5e-5 * schedule(name, 29, 30) for name in ("step", "release")}
    text = f"{own['release']:.1e} in epoch 30, documented {own['step']:.2e}"
    return Measured(text, own["release"] == own["step"])


def release_targets() -> Measured:
    two = perturb(torch.tensor([[0.0, 1.0]]), RELEASE)[0].tolist()
    return Measured(f"targets {two[0]:g} and {two[1]:g}", min(two) >= 0 and max(two) <= 1)


def release_quotient() -> Measured:
    z, y = torch.tensor([[5.0, 3.0, -2.0, 2.0]]), torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    ratio = (release_gradient(z, y, RELEASE) / alpha_gradient(z, y, RELEASE)).item()
    return Measured(f"{ratio:.2f} of the gradient at its default", ratio == 1)


@cache
def _ranks_at_rest() -> dict[str, float]:
    """Rank correlation of levels and margins after 60 epochs of 4,000 images that do not answer."""
    ways = {
        name: AdaptiveAlpha(4000, HARD_INVERSION, dynamics=name) for name in ("stable", "release")
    }
    return {name: simulate(own, Crowd(response=0.0), 60).correlation for name, own in ways.items()}


def step_at_rest(dynamics: str) -> Measured:
    rank = _ranks_at_rest()[dynamics]
    words = "under 0.1" if abs(rank) < 0.1 else f"{rank:.2f}"
    return Measured(f"simulation: rank correlation with the margin {words}", rank > 0.5)


def recorded_by_the_authors() -> Measured:
    """Of the table in notebook 06."""
    path = ROOT / "notebooks" / "06_evaluating_calibration.ipynb"
    text = "\n".join("".join(c["source"]) for c in json.loads(path.read_text())["cells"])
    (row,) = re.findall(r"^\| DUTS-TE \| (\.\d+) \| (\.\d+) \|", text, re.M)
    return Measured(f"DUTS-TE: MAE {row[0]}, max F {row[1]}")
