"""What the letters of ASLP contribute: recorded trainings that differ in one respect.

*Stochastic*: the Bernoulli switch against expected targets, which have the same expected loss, and
techniques whose sampled targets have a larger variance against those with a smaller one, at the
same expected perturbation. *Adaptive*: perturbation levels that a rule learns for each training
image against one constant for all images. Constants are comparable only at a matched strength, so
MC is compared with three: the constant of the lowest validation NLL, and those whose validation NLL
and mean confidence are nearest to MC's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from aslp_lib.aslp.perturbation import TECHNIQUES
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.experiment import RunConfiguration
from aslp_lib.experiments.records import Record, one_per_seed
from aslp_lib.experiments.seed_statistics import difference, verdicts
from aslp_lib.methods import METHODS

SMALLEST = 0.01
"""Smallest difference in NLL that matters, in nats. It was named before the trainings were made."""
RULES = {"calibration": "MC", "entropy": "ME", "measured_gap": "measured gap"}
TRAINED = ("HI", "SI", "M")
"""Techniques with which every rule was trained."""
STRENGTH = 0.2
"""Expected perturbation alpha * beta at which every technique was trained with a constant alpha."""


def aslp(rule: str, technique: str, *, expected: bool = False) -> RunConfiguration:
    """The training under a rule and a technique, on sampled or on expected targets."""
    more = {"use_expected_targets": True} if expected else {}
    return RunConfiguration(rule, {"technique": technique, **more})


def constant(alpha: float, technique: str = "HI") -> RunConfiguration:
    """The training on sampled targets at one perturbation level for all images."""
    return RunConfiguration("constant_alpha", {"technique": technique, "alpha": round(alpha, 6)})


def smoothing(strength: float) -> RunConfiguration:
    """Label smoothing, which trains on the expected targets of alpha * beta = strength."""
    return RunConfiguration("label_smoothing", {"epsilon": round(strength, 6)})


def at_strength(technique: str) -> RunConfiguration:
    """The training at a constant alpha of the expected perturbation `STRENGTH`."""
    return constant(STRENGTH / TECHNIQUES[technique].beta, technique)


def design(alphas: Sequence[float], *, every_technique: bool) -> list[RunConfiguration]:
    """The trainings that the contrasts need.

    Args:
        alphas: constants of hard inversion.
        every_technique: train all rules and constants with every technique, not MC and the measured
            gap with hard inversion alone.
    """
    rules = RULES if every_technique else ("calibration", "measured_gap")
    trainings = [RunConfiguration("bce"), aslp("calibration", "HI", expected=True)]
    trainings += [
        aslp(rule, technique)
        for rule in rules
        for technique in (TRAINED if every_technique else TRAINED[:1])
    ]
    for alpha in alphas:
        trainings += [constant(alpha), smoothing(alpha * TECHNIQUES["HI"].beta)]
    if every_technique:
        trainings += map(at_strength, ("HI", "SI", "M", "DM"))
        trainings.append(smoothing(STRENGTH))
    return [*{each.name: each for each in trainings}.values()]


@dataclass(frozen=True)
class Contrast:
    """Two trainings that differ in one respect; a difference is the first's score minus the
    second's."""

    label: str
    first: RunConfiguration
    second: RunConfiguration


def records_of(
    found: Sequence[Record], name: str, training: RunConfiguration, recalibration: str | None
) -> list[Record]:
    """The records of a training on a set, one per seed; empty if it was not recorded."""
    defaults = asdict(METHODS[training.method].Options())
    switch = {key: each for key, each in defaults.items() if key == "use_expected_targets"}
    try:
        return one_per_seed(
            found, name, training.method, recalibration, **{**switch, **training.options}
        )
    except ValueError:
        return []


def paired(
    found: Sequence[Record], name: str, contrast: Contrast, recalibration: str | None
) -> tuple[list[Record], list[Record]]:
    """The records of a contrast's trainings on a set, of the seeds that both were recorded with."""
    first, second = (
        records_of(found, name, training, recalibration)
        for training in (contrast.first, contrast.second)
    )
    both = {record["seed"] for record in first} & {record["seed"] for record in second}
    return [r for r in first if r["seed"] in both], [r for r in second if r["seed"] in both]


def contrasts(found: Sequence[Record]) -> dict[str, list[Contrast]]:
    """The contrasts of each letter that two seeds or more were recorded of."""
    mc, mc_expected = aslp("calibration", "HI"), aslp("calibration", "HI", expected=True)
    switch = [Contrast("MC, HI: sampled - expected targets", mc, mc_expected)]
    for alpha in (alphas := constants(found)):
        label = f"constant alpha {alpha:g}, HI: sampled - expected targets"
        switch.append(Contrast(label, constant(alpha), smoothing(alpha * TECHNIQUES["HI"].beta)))
    for name in ("SI", "M", "DM"):
        sampled, alpha = at_strength(name), STRENGTH / TECHNIQUES[name].beta
        label = f"constant alpha {alpha:.3g}, {name}: sampled - expected targets"
        switch.append(Contrast(label, sampled, smoothing(STRENGTH)))
    switch += [Contrast(f"MC: HI - {name}", mc, aslp("calibration", name)) for name in TRAINED[1:]]
    adaptive = [
        Contrast(f"MC, HI - constant alpha {alpha:g} ({' and '.join(why)})", mc, constant(alpha))
        for alpha, why in matched(found, mc, {each: constant(each) for each in alphas}).items()
    ]
    smooth = {each: smoothing(each * TECHNIQUES["HI"].beta) for each in alphas}
    adaptive += [
        Contrast(
            f"MC, expected targets - label smoothing {2 * alpha:g} ({' and '.join(why)})",
            mc_expected,
            smooth[alpha],
        )
        for alpha, why in matched(found, mc_expected, smooth).items()
    ]
    rules = [
        Contrast(f"{RULES[rule]} - MC, {name}", aslp(rule, name), aslp("calibration", name))
        for rule in ("entropy", "measured_gap")
        for name in TRAINED
    ]
    groups = {"S": switch, "A": adaptive, "rule": rules}
    return {
        letter: [each for each in group if len(paired(found, "validation", each, None)[0]) > 1]
        for letter, group in groups.items()
    }


def constants(found: Sequence[Record]) -> list[float]:
    """The constant alphas that were trained with hard inversion, ascending."""
    trained = (record["options"] for record in found if record["method"] == "constant_alpha")
    return sorted({own["alpha"] for own in trained if own["technique"] == "HI"})


def matched(
    found: Sequence[Record], reference: RunConfiguration, choices: Mapping[float, RunConfiguration]
) -> dict[float, list[str]]:
    """Which of several constants match a training on the validation set, and in what.

    Validation scores are of the networks as trained, means over seeds.

    Args:
        choices: constant alpha -> its training; those without records are left out.

    Returns:
        Constant -> what it matches; empty where the reference was not recorded.
    """

    def means(training: RunConfiguration) -> tuple[float, float]:
        own = records_of(found, "validation", training, None)
        nll = float(np.mean([record["nll"] for record in own]))
        return nll, float(np.mean([record["accuracy"] + record["gap"] for record in own]))

    there = {
        alpha: means(training)
        for alpha, training in choices.items()
        if records_of(found, "validation", training, None)
    }
    if not there or not records_of(found, "validation", reference, None):
        return {}
    nll, confidence = means(reference)
    nearest = {
        "lowest validation NLL": min(there, key=lambda alpha: there[alpha][0]),
        "MC's validation NLL": min(there, key=lambda alpha: abs(there[alpha][0] - nll)),
        "MC's mean confidence": min(there, key=lambda alpha: abs(there[alpha][1] - confidence)),
    }
    why: dict[float, list[str]] = {}
    for reason, alpha in nearest.items():
        why.setdefault(alpha, []).append(reason)
    return why


def table(
    found: Sequence[Record],
    group: Sequence[Contrast],
    sets: Sequence[str],
    score: str = "nll",
    recalibration: str | None = "temperature_scaling",
    smallest: float = SMALLEST,
) -> str:
    """Markdown of paired differences over seeds, a row per contrast and a column per set.

    A cell holds the mean, the individual 95 % interval, and the verdict after Holm's correction
    over the whole table.

    Args:
        score: a key of the records.
        smallest: the smallest difference in it that matters; 0 if none was named beforehand, and
            then no difference is called equivalent.
    """
    cells = [
        difference(*paired(found, name, each, recalibration), score)
        for each in group
        for name in sets
    ]
    texts = [
        f"{each.mean:+.3f} [{each.low:+.3f}, {each.high:+.3f}] {verdict}"
        for each, verdict in zip(cells, verdicts(cells, smallest), strict=True)
    ]
    starts = range(0, len(cells), len(sets))
    rows = [
        [each.label, str(cells[start].seeds), *texts[start : start + len(sets)]]
        for each, start in zip(group, starts, strict=True)
    ]
    return markdown_table([f"difference in {score.replace('_', ' ')}", "seeds", *sets], rows, "lrl")
