"""Contrasts between training runs that isolate what each part of ASLP contributes.

The chain from BCE to ASLP adds one part at a time: label perturbation (LP) on average, which is
label smoothing; the stochastic switch (S), which samples the targets; and adaptive perturbation
levels (A). `verdict` puts the chain into a sentence.

The two configurations of a contrast differ in one respect. *Stochastic* contrasts compare sampling
the Bernoulli switch with training on expected targets, which have the same expected loss. They also
compare techniques with a larger variance of the sampled targets with those with a smaller one, at
the same expected perturbation. *Adaptive* contrasts compare perturbation levels that a rule learns
for each training image with one constant for all images. A constant is comparable with a rule only
at a matched perturbation, so MC is compared with three constants: the one with the lowest
validation NLL, and those whose validation NLL and mean confidence are nearest to MC's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aslp_lib.aslp.perturbation import TECHNIQUES
from aslp_lib.course.recorded import read_results
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.experiment import RunConfiguration
from aslp_lib.experiments.records import Record, one_per_seed
from aslp_lib.experiments.seed_statistics import Difference, Verdict, difference, verdicts
from aslp_lib.methods import METHODS

SMALLEST = 0.01
"""Smallest relevant difference in NLL, in nats. It was chosen before training."""
RULES = {"calibration": "MC", "entropy": "ME", "measured_gap": "measured gap"}
TRAINED = ("HI", "SI", "M")
"""Techniques with which every rule is trained."""
STRENGTH = 0.2
"""Expected perturbation alpha * beta at which every technique is trained with a constant alpha."""


def aslp(rule: str, technique: str, *, expected: bool = False) -> RunConfiguration:
    """Configure a rule with a technique, trained on sampled or on expected targets."""
    targets = {"use_expected_targets": True} if expected else {}
    return RunConfiguration(rule, {"technique": technique, **targets})


def constant(alpha: float, technique: str = "HI") -> RunConfiguration:
    """Configure training on sampled targets with one constant alpha for all images."""
    return RunConfiguration("constant_alpha", {"technique": technique, "alpha": round(alpha, 6)})


def smoothing(strength: float) -> RunConfiguration:
    """Configure label smoothing: training on expected targets with alpha * beta = `strength`."""
    return RunConfiguration("label_smoothing", {"epsilon": round(strength, 6)})


def at_strength(technique: str) -> RunConfiguration:
    """Configure training with the constant alpha whose expected perturbation is `STRENGTH`."""
    return constant(STRENGTH / TECHNIQUES[technique].beta, technique)


def design(alphas: Sequence[float], *, every_technique: bool) -> list[RunConfiguration]:
    """List the run configurations that the contrasts need.

    Args:
        alphas: constant alphas to train with hard inversion.
        every_technique: train all rules and constants with every technique, instead of MC and the
            measured gap with hard inversion only.
    """
    rules = RULES if every_technique else ("calibration", "measured_gap")
    techniques = TRAINED if every_technique else TRAINED[:1]
    configurations = [RunConfiguration("bce"), aslp("calibration", "HI", expected=True)]
    configurations += [aslp(rule, technique) for rule in rules for technique in techniques]
    for alpha in alphas:
        configurations += [constant(alpha), smoothing(alpha * TECHNIQUES["HI"].beta)]
    if every_technique:
        configurations += map(at_strength, ("HI", "SI", "M", "DM"))
        configurations.append(smoothing(STRENGTH))
    return [*{configuration.name: configuration for configuration in configurations}.values()]


@dataclass(frozen=True)
class Contrast:
    """Two run configurations that differ in one respect; a difference is first minus second."""

    label: str
    first: RunConfiguration
    second: RunConfiguration


def records_of(
    records: Sequence[Record], name: str, training: RunConfiguration, recalibration: str | None
) -> list[Record]:
    """Select the records of a configuration on a set, one per seed; empty if there are none."""
    switch = "use_expected_targets"
    default = {switch: False} if hasattr(METHODS[training.method].Options, switch) else {}
    options = {**default, **training.options}
    try:
        return one_per_seed(records, name, training.method, recalibration, **options)
    except ValueError:
        return []


def paired(
    records: Sequence[Record], name: str, contrast: Contrast, recalibration: str | None
) -> tuple[list[Record], list[Record]]:
    """Select the records of a contrast's configurations on a set, for the seeds that both have."""
    first = records_of(records, name, contrast.first, recalibration)
    second = records_of(records, name, contrast.second, recalibration)
    seeds = {record["seed"] for record in first} & {record["seed"] for record in second}
    return [r for r in first if r["seed"] in seeds], [r for r in second if r["seed"] in seeds]


def contrasts(records: Sequence[Record]) -> dict[str, list[Contrast]]:
    """Return the contrasts of each letter that were recorded with at least two common seeds."""
    mc, mc_expected = aslp("calibration", "HI"), aslp("calibration", "HI", expected=True)
    sampled = {alpha: constant(alpha) for alpha in constants(records)}
    expected = {alpha: smoothing(alpha * TECHNIQUES["HI"].beta) for alpha in sampled}
    switch = "sampled - expected targets"
    stochastic = [Contrast(f"MC, HI: {switch}", mc, mc_expected)]
    for alpha, run in sampled.items():
        stochastic.append(Contrast(f"constant alpha {alpha:g}, HI: {switch}", run, expected[alpha]))
    for name in ("SI", "M", "DM"):
        run = at_strength(name)
        label = f"constant alpha {run.options['alpha']:.3g}, {name}: {switch}"
        stochastic.append(Contrast(label, run, smoothing(STRENGTH)))
    for name in TRAINED[1:]:
        stochastic.append(Contrast(f"MC: HI - {name}", mc, aslp("calibration", name)))
    adaptive = []
    for label, reference, choices, per_alpha in (
        ("MC, HI - constant alpha", mc, sampled, 1),
        ("MC, expected targets - label smoothing", mc_expected, expected, 2),
    ):
        for alpha, reasons in matched(records, reference, choices).items():
            name = f"{label} {per_alpha * alpha:g} ({' and '.join(reasons)})"
            adaptive.append(Contrast(name, reference, choices[alpha]))
    rules = [
        Contrast(f"{RULES[rule]} - MC, {name}", aslp(rule, name), aslp("calibration", name))
        for rule in ("entropy", "measured_gap")
        for name in TRAINED
    ]
    groups = {"S": stochastic, "A": adaptive, "rule": rules}
    return {
        letter: [pair for pair in group if len(paired(records, "validation", pair, None)[0]) > 1]
        for letter, group in groups.items()
    }


def constants(records: Sequence[Record]) -> list[float]:
    """List the constant alphas that were trained with hard inversion, in ascending order."""
    options = (record["options"] for record in records if record["method"] == "constant_alpha")
    return sorted({option["alpha"] for option in options if option["technique"] == "HI"})


def matched(
    records: Sequence[Record],
    reference: RunConfiguration,
    choices: Mapping[float, RunConfiguration],
) -> dict[float, list[str]]:
    """Find the constant alphas that match a reference training on the validation set.

    Validation scores are means over seeds, before any recalibration.

    Args:
        choices: constant alpha -> its training; those without records are left out.

    Returns:
        Constant alpha -> the respects in which it matches; empty if the reference was not recorded.
    """

    def means(training: RunConfiguration) -> tuple[float, ...]:
        """Return the mean NLL and confidence of a configuration; nothing if it was not recorded."""
        selected = records_of(records, "validation", training, None)
        pairs = [(record["nll"], record["accuracy"] + record["gap"]) for record in selected]
        return tuple(np.mean(pairs, axis=0)) if pairs else ()

    scores = {alpha: pair for alpha, training in choices.items() if (pair := means(training))}
    target = means(reference)
    if not scores or not target:
        return {}
    nll, confidence = target
    nearest = {
        "lowest validation NLL": min(scores, key=lambda alpha: scores[alpha][0]),
        "MC's validation NLL": min(scores, key=lambda alpha: abs(scores[alpha][0] - nll)),
        "MC's mean confidence": min(scores, key=lambda alpha: abs(scores[alpha][1] - confidence)),
    }
    return {alpha: [r for r, a in nearest.items() if a == alpha] for alpha in nearest.values()}


def chain(records: Sequence[Record]) -> list[Contrast]:
    """Return the steps from BCE to ASLP (MC) with hard inversion, and the whole difference.

    The constant alpha is the one whose validation NLL is nearest to MC's.
    """
    mc, bce = aslp("calibration", "HI"), RunConfiguration("bce")
    reasons = matched(records, mc, {alpha: constant(alpha) for alpha in constants(records)})
    alpha = next(alpha for alpha, names in reasons.items() if "MC's validation NLL" in names)
    strength = alpha * TECHNIQUES["HI"].beta
    smoothed, sampled = smoothing(strength), constant(alpha)
    return [
        Contrast(f"LP: label smoothing {strength:g} - BCE", smoothed, bce),
        Contrast(f"S: constant alpha {alpha:g} - label smoothing {strength:g}", sampled, smoothed),
        Contrast(f"A: ASLP (MC) - constant alpha {alpha:g}", mc, sampled),
        Contrast("LP + S + A: ASLP (MC) - BCE", mc, bce),
    ]


def chain_differences(data: str, name: str, score: str = "nll") -> dict[str, Difference]:
    """Compute the paired differences of the chain, and that of early stopping from BCE.

    All networks are temperature-scaled.

    Args:
        data: "embedded" for the synthetic data, "real" for the photographs.
        name: name of the set.
        score: key of a score in the records.
    """
    compared, of_letters = read_results(f"comparison_{data}"), read_results(f"letters_{data}")
    # The records of the letters repeat those of the comparison on the synthetic data only.
    records = of_letters if data == "embedded" else compared + of_letters
    stopping = Contrast(
        "early stopping - BCE", RunConfiguration("early_stopping"), RunConfiguration("bce")
    )
    steps = differences(records, chain(records), name, score)
    return steps | differences(compared, [stopping], name, score)


def differences(
    records: Sequence[Record], contrasts: Sequence[Contrast], name: str, score: str = "nll"
) -> dict[str, Difference]:
    """Compute the paired differences of contrasts, of temperature-scaled networks.

    Args:
        name: name of the set.
        score: key of a score in the records.

    Returns:
        Label of the contrast -> first minus second.
    """
    return {
        contrast.label: difference(*paired(records, name, contrast, "temperature_scaling"), score)
        for contrast in contrasts
    }


SUBJECTS = {
    "LP": "training on expected instead of plain targets (LP)",
    "S": "sampling the targets with the switch (S)",
    "A": "learning alpha for each image instead of choosing a constant (A)",
    "ASLP (MC)": "ASLP (MC) as a whole",
    "early stopping": "early stopping",
}
"""The differences of `chain_differences` as subjects of a sentence, by short name."""


def verdict() -> str:
    """Write the sentence that says what each part of ASLP contributes, with 95 % intervals."""
    synthetic = list(chain_differences("embedded", "test").values())
    effects = [
        f"{subject} {_effect(change, word)}"
        for subject, change, word in zip(
            SUBJECTS.values(), synthetic, verdicts(synthetic, SMALLEST), strict=True
        )
    ]
    effects[0] = effects[0].replace(" it ", " the test NLL ")
    photographs = list(chain_differences("real", "validation").values())
    names: dict[str, list[str]] = {}
    for name, word in zip(SUBJECTS, verdicts(photographs, SMALLEST), strict=True):
        names.setdefault(word, []).append(name)
    on_photographs = " and ".join(
        f"the effects of {_listed(group)} are {word}" for word, group in names.items()
    )
    return (
        "Exploratory results, which support no recommendation: on the synthetic data "
        f"({synthetic[0].seeds} seeds, all networks temperature-scaled), "
        f"{_listed(effects)}; on photographs ({photographs[0].seeds} seeds), {on_photographs}."
    )


def _listed(items: Sequence[str]) -> str:
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _effect(change: Difference, word: Verdict) -> str:
    """Describe a difference in test NLL with its interval, as the verb of a sentence."""
    if word == "smaller":
        return f"lowers it by {-change.mean:.3f} nats [{-change.high:.3f}, {-change.low:.3f}]"
    ends = f"{change.mean:+.3f} nats [{change.low:+.3f}, {change.high:+.3f}]"
    if word == "larger":
        return f"raises it by {ends.replace('+', '')}"
    return f"changes it by {ends} ({word})"


def table(
    records: Sequence[Record],
    group: Sequence[Contrast],
    sets: Sequence[str],
    score: str = "nll",
    recalibration: str | None = "temperature_scaling",
    smallest: float = SMALLEST,
) -> str:
    """Format paired differences over seeds as Markdown, a row per contrast and a column per set.

    A cell holds the mean difference, its individual 95 % interval, and the verdict after Holm's
    correction over the whole table.

    Args:
        sets: names of the sets.
        score: key of a score in the records.
        smallest: smallest relevant difference of the score; 0 if none was chosen beforehand, in
            which case no difference is called equivalent.
    """
    differences = [
        difference(*paired(records, name, contrast, recalibration), score)
        for contrast in group
        for name in sets
    ]
    cells = [
        f"{change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}] {verdict}"
        for change, verdict in zip(differences, verdicts(differences, smallest), strict=True)
    ]
    starts = range(0, len(differences), len(sets))
    rows = [
        [contrast.label, str(differences[start].seeds), *cells[start : start + len(sets)]]
        for contrast, start in zip(group, starts, strict=True)
    ]
    return markdown_table([f"difference in {score.replace('_', ' ')}", "seeds", *sets], rows, "lrl")
