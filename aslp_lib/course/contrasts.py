"""Paired differences of two methods, and their verdicts, as both trials compute them.

A method is an arm with one of its two sets of weights: "M" is arm M with the weights of the last
epoch, "M_ES" with those of the selected epoch. Records are data frames with a row per run, kept
weights, recalibration and set. Differences are paired by seed, first minus second, so a negative
difference in NLL favours the first method.

Where the test images are the same for each seed, a difference must hold over other seeds and over
other groups of images: the squared standard error is the sum of that over seeds and that over
groups.
"""

import math
from collections.abc import Collection
from typing import Literal, NamedTuple

import pandas

from aslp_lib.experiments.seed_statistics import (
    SIGNIFICANCE,
    equivalence_p_value,
    holm,
    student_interval,
    student_p_value,
)

MARGIN = 0.01
"""Smallest difference in NLL that matters, in nats."""

Verdict = Literal["better", "worse", "too small to matter", "not resolved", "not tested"]


class Contrast(NamedTuple):
    """Two methods whose difference answers a question."""

    first: str
    second: str
    question: str

    @property
    def label(self) -> str:
        """The difference in symbols."""
        return f"{self.first} - {self.second}"


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


def verdict(mean: float, p_value: float, equivalence: float) -> Verdict:
    """Judge the first method of a contrast from adjusted p-values of its difference in NLL.

    >>> verdict(-0.02, 0.01, 0.9), verdict(-0.004, 0.01, 0.01), verdict(0.01, 0.2, 0.2)
    ('better', 'too small to matter', 'not resolved')
    """
    if equivalence <= SIGNIFICANCE:
        return "too small to matter"
    if p_value <= SIGNIFICANCE:
        return "better" if mean < 0 else "worse"
    return "not resolved"


def verdicts(effects: Collection[Effect | None], *, equivalence: bool = True) -> list[Verdict]:
    """Judge a family of contrasts together, with Holm's correction.

    The differences and the equivalences are two families. A contrast that was not tested counts in
    both with a p-value of 1, so that their sizes do not depend on the data.

    Args:
        effects: the effect of each contrast, or None if it was not tested.
        equivalence: also judge equivalence.
    """
    different = holm([1.0 if e is None else e.p_value for e in effects])
    equal = holm([1.0 if e is None or not equivalence else e.equivalence for e in effects])
    return [
        "not tested" if effect is None else verdict(effect.mean, *p_values)
        for effect, *p_values in zip(effects, different, equal, strict=True)
    ]
