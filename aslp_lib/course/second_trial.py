"""Analysis of the second trial, by the rules of `docs/second_trial.md`.

A method is an arm with one of its two sets of weights: "M" is arm M with the weights of the last
epoch, "M_ES" with those of the selected epoch. A record is a row per regime, seed, arm, kept
weights, recalibration and set. Differences are paired by seed, first minus second, so a negative
difference in NLL favours the first method.

On the synthetic sets, seeds are the only sample. The other regimes have test images that are the
same for each seed, in groups: fields of view of the nuclei, 50 groups of photographs. There, a
difference must hold over other seeds and over other groups: the squared standard error is the sum
of that over seeds and that over groups.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pandas

from aslp_lib.course.recorded import FOLDER
from aslp_lib.experiments.seed_statistics import (
    SIGNIFICANCE,
    equivalence_p_value,
    holm,
    student_interval,
    student_p_value,
)
from aslp_lib.metrics import SCORES

RECORDS = FOLDER / "second_trial.csv"
CRITERION = "(d, T)"
"""The recalibration by which the primary family is judged."""
MARGIN = 0.01
"""Smallest difference in NLL that matters, in nats."""


class Contrast(NamedTuple):
    """Two methods whose difference answers a question."""

    first: str
    second: str
    question: str

    @property
    def label(self) -> str:
        """The difference in symbols."""
        return f"{self.first} - {self.second}"


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
LEAST_SPREAD = 0.2
"""Smallest (p90 - p10) / mean of M's alphas at which M - R is judged."""


class Effect(NamedTuple):
    """A mean difference with its interval and tests.

    Args:
        mean: mean difference.
        low, high: interval of the mean.
        p_value: p-value of a mean of zero.
        equivalence: p-value of a mean beyond `MARGIN` (TOST); of interest for the NLL only.
        seeds: number of seeds.
    """

    mean: float
    low: float
    high: float
    p_value: float
    equivalence: float
    seeds: int


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


def select(frame: pandas.DataFrame, method: str, recalibration: str, name: str) -> pandas.DataFrame:
    """Select the records of a method on a set.

    An arm "C_ES" is C with an alpha of its own for the selected epoch. Without such an arm, C_ES
    is the selected epoch of C.

    Raises:
        ValueError: there are none.
    """
    arm, weights = method.removesuffix("_ES"), "best" if method.endswith("_ES") else "last"
    arm = method if method in set(frame.arm) else arm
    rows = frame[
        (frame.arm == arm)
        & (frame.weights == weights)
        & (frame.recalibration == recalibration)
        & (frame["set"] == name)
    ]
    if rows.empty:
        raise ValueError(
            f"no records of arm {arm}, weights {weights}, recalibration {recalibration}, set "
            f"{name}; expected one for each seed. Run this arm."
        )
    return rows


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


def paired(first: pandas.DataFrame, second: pandas.DataFrame) -> pandas.DataFrame:
    """Subtract scores, seeds x groups, at the seeds of both tables.

    Raises:
        ValueError: there are fewer than two such seeds, or the groups differ.
    """
    seeds = first.index.intersection(second.index)
    if len(seeds) < 2 or not first.columns.equals(second.columns):
        raise ValueError(
            f"the seeds are {[*first.index]} and {[*second.index]}, the groups {[*first.columns]} "
            f"and {[*second.columns]}; expected two common seeds or more, and equal groups. Run "
            "what is missing."
        )
    return first.loc[seeds] - second.loc[seeds]


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


def effect(table: pandas.DataFrame, confidence: float = 1 - SIGNIFICANCE) -> Effect:
    """Test a mean difference over seeds and, if there are several groups, over groups as well.

    With groups, Student's t has the squared standard error `s_seeds^2 / n + s_groups^2 / m`, where
    s_seeds is the standard deviation of the n means over groups, and s_groups that of the m means
    over seeds. The degrees of freedom are the smaller of n - 1 and m - 1. The variance that seeds
    and groups have in common counts twice, so the test is conservative.

    >>> table = pandas.DataFrame([[0.01, 0.03], [0.02, 0.04], [0.03, 0.05]])
    >>> [round(x, 3) for x in effect(table)[:3]]  # 0.03 ± 12.706 * sqrt(0.0001 / 3 + 0.0002 / 2)
    [0.03, -0.117, 0.177]

    Args:
        table: differences, seeds x groups.
        confidence: coverage of the interval.
    """
    samples = [table.mean(axis=axis).to_numpy() for axis in (1, 0)][: min(table.shape[1], 2)]
    sample = min(samples, key=len)
    errors = [values.var(ddof=1) / len(values) for values in samples]
    if sample.var() > 0:  # the sample is stretched until its standard error is that of both
        stretch = math.sqrt(sum(errors) / (sample.var(ddof=1) / len(sample)))
        sample = sample.mean() + (sample - sample.mean()) * stretch
    return Effect(
        float(sample.mean()),
        *student_interval(sample, confidence),
        student_p_value(sample),
        equivalence_p_value(sample, MARGIN),
        len(table),
    )


def verdict(mean: float, p_value: float, equivalence: float) -> str:
    """Judge the first method of a contrast from adjusted p-values of its difference in NLL.

    >>> verdict(-0.02, 0.01, 0.9), verdict(-0.004, 0.01, 0.01), verdict(0.01, 0.2, 0.2)
    ('better', 'too small to matter', 'not resolved')
    """
    if equivalence <= SIGNIFICANCE:
        return "too small to matter"
    if p_value <= SIGNIFICANCE:
        return "better" if mean < 0 else "worse"
    return "not resolved"


def judge(
    tables: Mapping[Contrast, pandas.DataFrame], *, equivalence: bool = False
) -> list[Judged]:
    """Judge a family of contrasts together, with Holm's correction.

    Args:
        tables: contrast -> its differences, seeds x groups.
        equivalence: also judge equivalence within 0.01 nats, a family of its own.
    """
    effects = [effect(each, 1 - SIGNIFICANCE / len(tables)) for each in tables.values()]
    different = holm([each.p_value for each in effects])
    equal = holm([each.equivalence if equivalence else 1.0 for each in effects])
    return [
        Judged(contrast, each, verdict(each.mean, *p_values))
        for contrast, each, *p_values in zip(tables, effects, different, equal, strict=True)
    ]


def family(regime: str) -> Sequence[Contrast]:
    """Return the primary family of a regime."""
    return PRIMARY[:-1] if regime == "photos" else PRIMARY


def primary(
    frame: pandas.DataFrame,
    regime: str,
    recalibration: str = CRITERION,
    score: str = "nll",
) -> list[Judged]:
    """Judge the primary family of a regime: test NLL after a recalibration.

    Args:
        frame: the records of the regime.
        score: "nll", or the NLL with another clip, see `table`.
    """
    how = (recalibration, recalibration)
    tables = {each: differences(frame, each, how, score=score) for each in family(regime)}
    judged = judge(tables, equivalence=True)
    *others, last = judged
    resolved = last.word in ("better", "worse")
    if last.contrast.second == "R" and not resolved and alpha_spread(frame) < LEAST_SPREAD:
        return [*others, last._replace(word="alphas hardly differ")]
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


def text(value: float, score: str, sign: Literal["", "+"] = "") -> str:
    """Format a score: nats for the NLL, percent for all others, which are shares."""
    return SCORES["nll" if score == "nll" else "ece"].text(value, sign)


def interval_text(change: Effect, score: str) -> str:
    """Format a difference with its interval.

    >>> interval_text(Effect(-0.02, -0.03, -0.01, 0.001, 0.9, 20), "ece")
    '-2.00 [-3.00, -1.00]'
    """
    mean, low, high = (text(x, score, "+") for x in change[:3])
    return f"{mean} [{low}, {high}]"
