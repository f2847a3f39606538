"""Analysis of the second trial, by the rules of `docs/second_trial.md`.

A record is a row per regime, seed, arm, kept weights, recalibration and set; `contrasts` says what
a method is. On the synthetic sets, seeds are the only sample. The other regimes have test images
that are the same for each seed, in groups: fields of view of the nuclei, 50 groups of photographs.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import pandas

from aslp_lib.course.contrasts import Contrast, Effect, effect, paired, select, verdicts
from aslp_lib.course.recorded import FOLDER
from aslp_lib.experiments.seed_statistics import SIGNIFICANCE

RECORDS = FOLDER / "second_trial.csv"
CRITERION = "(d, T)"
"""The recalibration by which the primary family is judged."""
PRIMARY = (
    Contrast("C", "B", "Does the switch help at all?"),
    Contrast("C", "L", "Is it the sampling?"),
    Contrast("C", "B_ES", "Is sampling, corrected afterwards, better than early stopping?"),
    Contrast("N", "B_ES", "Is sampling, corrected within the loss, better than early stopping?"),
    Contrast("C_ES", "B_ES", "Does sampling add anything to early stopping?"),
    Contrast("M", "R", "Do differences of alpha between images help?"),
)
"""The contrasts that are tested together in each regime; `photos` has no R."""
ORACLE = (
    Contrast("O", "P", "Does it matter which image has which alpha?"),
    Contrast("O", "Q", "Are alphas that follow the ambiguity better than a constant?"),
)
MORE_IMAGES = Contrast("B+_ES", "B_ES", "Are validation images better used for training?")
SHIFTED: Mapping[str, Sequence[str]] = {
    "shapes": ("shifted", "textures"),
    "nuclei": ("fluorescence", "rare_formats", "brightfield"),
    "nuclei+": ("fluorescence", "rare_formats", "brightfield"),
    "photos": ("SOD", "DTD"),
}
"""The shifted test sets of each regime."""
TESTED: Mapping[str, tuple[int, int]] = {
    "shapes": (20, 1), "nuclei": (10, 10), "nuclei+": (10, 10), "photos": (10, 50)
}  # fmt: skip
"""Numbers of seeds and of groups of test images of each regime; 1 if there are no groups."""
LEAST_SPREAD = 0.2
"""Smallest (p90 - p10) / mean of M's alphas at which M - R is judged."""


class Judged(NamedTuple):
    """A contrast with its effect and its verdict.

    Args:
        contrast: the two methods and the question.
        effect: mean difference, interval and tests; the interval is simultaneous in its family.
        word: the verdict, with Holm's correction over the family.
    """

    contrast: Contrast
    effect: Effect
    word: str


def read() -> pandas.DataFrame:
    """Read the records of the trial."""
    return pandas.read_csv(RECORDS, dtype={"commit": str, "weights_hash": str})


def table(
    frame: pandas.DataFrame,
    method: str,
    recalibration: str = CRITERION,
    name: str = "test",
    score: str = "nll",
) -> pandas.DataFrame:
    """Return a score of a method, seeds x groups; a single column for a set without groups.

    Args:
        frame: the records of one regime.
        method: an arm for its last epoch, or with "_ES" for its selected one. C_ES is the arm of
            this name, or arm C where the regime has no alpha of its own for the selected epoch.
        recalibration, name: recalibration and set.
        score: "nll", "ece", "brier", "accuracy" or "posterior_error"; also "nll_0.001" and
            "nll_1e-06", the NLL after (d, T) with other clips. Shifted sets with groups have only
            their NLL by group.

    Raises:
        ValueError: there are no such records, or two of a seed.
    """
    rows = select(frame, method, recalibration, name)
    if rows.seed.duplicated().any():
        raise ValueError(
            f"{len(rows)} records of {method}, recalibration {recalibration}, set {name}; expected "
            "one for each seed. Remove the others."
        )
    rows = rows.set_index("seed").sort_index()
    if "nll_groups" not in rows or rows.nll_groups.isna().all():
        return rows[[score]]
    return rows[f"{score}_groups"].str.split(expand=True).astype(float)


def differences(
    frame: pandas.DataFrame,
    contrast: Contrast,
    recalibrations: tuple[str, str] = (CRITERION, CRITERION),
    name: str = "test",
    score: str = "nll",
    other: pandas.DataFrame | None = None,
) -> pandas.DataFrame:
    """Return the paired differences of a contrast, seeds x groups.

    Args:
        frame: the records of the first method's regime.
        recalibrations: those of the first and of the second method, such as ("undone",
            "temperature").
        name, score: set and score, see `table`.
        other: the records of the second method's regime, if it is another one.
    """
    (first, how), (second, instead) = zip(contrast[:2], recalibrations, strict=True)
    frames = frame, frame if other is None else other
    return paired(
        table(frames[0], first, how, name, score), table(frames[1], second, instead, name, score)
    )


def judge(
    tables: Mapping[Contrast, pandas.DataFrame], *, equivalence: bool = False
) -> list[Judged]:
    """Judge a family of contrasts together, with Holm's correction.

    Args:
        tables: contrast -> its differences, seeds x groups.
        equivalence: also judge equivalence within 0.01 nats, a family of its own.
    """
    effects = [effect(each, 1 - SIGNIFICANCE / len(tables)) for each in tables.values()]
    words = verdicts(effects, equivalence=equivalence)
    return [Judged(*row) for row in zip(tables, effects, words, strict=True)]


def family(regime: str) -> Sequence[Contrast]:
    """Return the primary family of a regime."""
    return PRIMARY[:-1] if regime == "photos" else PRIMARY


def primary(
    frame: pandas.DataFrame,
    regime: str,
    recalibration: str = CRITERION,
    score: str = "nll",
    untestable: Collection[str] = (),
) -> list[Judged]:
    """Judge the primary family of a regime: test NLL after a recalibration.

    Args:
        frame: the records of the regime.
        score: "nll", or the NLL with another clip, see `table`.
        untestable: labels of the contrasts that the second freeze declared untestable.
    """
    how = (recalibration, recalibration)
    tables = {each: differences(frame, each, how, score=score) for each in family(regime)}
    judged = judge(tables, equivalence=True)
    words = {label: ("untestable", ["not resolved"]) for label in untestable}
    if "R" in set(frame.arm) and alpha_spread(frame) < LEAST_SPREAD:
        words["M - R"] = "alphas hardly differ", ["not resolved", "too small to matter"]
    for place, each in enumerate(judged):
        word, instead_of = words.get(each.contrast.label, ("", []))
        if each.word in instead_of:
            judged[place] = each._replace(word=word)
    return judged


def paper(frame: pandas.DataFrame, regime: str) -> list[Judged]:
    """Judge the paper's claim in a regime, M minus B as trained.

    The family has the ECE in distribution and the NLL of each shifted set.
    """
    places = [("test", "ece"), *((name, "nll") for name in SHIFTED[regime])]
    tables = {}
    for name, score in places:
        contrast = Contrast("M", "B", f"{score} of {name}")
        tables[contrast] = differences(frame, contrast, ("as trained", "as trained"), name, score)
    return judge(tables)


def insurance(frame: pandas.DataFrame, regime: str) -> list[Judged]:
    """Judge M as trained minus B at the temperature that costs as much, on each shifted set.

    A temperature above the fitted one lowers the confidence, too. It is chosen for each seed so
    that B's validation NLL equals that of M as trained. "Better": ASLP is more robust than any
    temperature at its cost. "Worse": a temperature is the cheaper insurance.

    Raises:
        ValueError: a seed has no such temperature, so that the test is void.
    """
    insured = table(frame, "B", "insurance", "validation").index
    if missing := set(frame.seed) - set(insured):
        raise ValueError(
            f"the seeds {sorted(missing)} have no temperature of equal cost; expected one for each "
            "seed. The test is void."
        )
    tables = {}
    for name in SHIFTED[regime]:
        change = differences(frame, Contrast("M", "B", ""), ("as trained", "insurance"), name)
        tables[Contrast("M", "B at a temperature", f"nll of {name}")] = change
    return judge(tables)


def individual(frame: pandas.DataFrame, contrast: Contrast, *options: Any, **names: Any) -> Effect:
    """Compute a secondary difference, see `differences`, with an individual 95 % interval."""
    return effect(differences(frame, contrast, *options, **names))


def oracle(frame: pandas.DataFrame) -> dict[tuple[str, str], Effect]:
    """Compare oracle alphas with permuted and constant ones: test NLL at the last epoch.

    Returns:
        By label and recalibration, the difference with an individual 95 % interval.
    """
    return {
        (contrast.label, how): individual(frame, contrast, (how, how))
        for contrast in ORACLE
        for how in ("as trained", "(d, T) by kind")
    }


def alpha_spread(frame: pandas.DataFrame) -> float:
    """Return (p90 - p10) / mean of M's alphas at the last epoch, the mean over seeds."""
    rows = frame[(frame.arm == "M") & (frame.weights == "last")].drop_duplicates("seed")
    return float(((rows.alpha_p90 - rows.alpha_p10) / rows.alpha).mean())


def powers(frame: pandas.DataFrame, regime: str) -> dict[str, float]:
    """Estimate the power of each primary contrast from whole units on the tuning seeds.

    On `shapes`, they have test sets; elsewhere their validation sets stand for test sets, on which
    epoch, alpha, d and T were chosen, so that the power is optimistic.
    """
    name = "test" if regime == "shapes" else "validation"
    contrasts = family(regime)
    level = SIGNIFICANCE / len(contrasts)
    return {
        each.label: power(differences(frame, each, name=name), *TESTED[regime], level)
        for each in contrasts
    }


def power(
    differences: pandas.DataFrame, seeds: int, groups: int, level: float, true: float = 0.02
) -> float:
    """Estimate the power to find a true difference, with its sign, by the t test of a contrast.

    The variance within seeds is taken for that over groups, because each tuning seed may have other
    groups. The estimates from a few seeds, and therefore the power, are rough.

    Args:
        differences: differences of the tuning seeds, seeds x groups.
        seeds, groups: numbers of the trial; 1 group for a set without groups.
        level: significance level; 0.05 / 6 is the worst case of Holm's correction for six tests.
        true: the true difference in nats.
    """
    from scipy.stats import nct, t

    values = differences.to_numpy()
    over_seeds, variance = values.mean(axis=1).var(ddof=1), 0.0
    if groups > 1:
        within = values.var(axis=1, ddof=1).mean()
        over_seeds, variance = max(over_seeds - within / values.shape[1], 0), within / groups
    variance += over_seeds / seeds
    freedom = (seeds if groups == 1 else min(seeds, groups)) - 1
    centre = min(true / math.sqrt(variance), 30.0)  # beyond, SciPy's noncentral t is NaN
    return float(nct.sf(t.ppf(1 - level / 2, freedom), freedom, centre))
