"""Analysis of the trial: what each part of ASLP contributes, by the rules of `docs/trial.md`.

Records are data frames with a row per run, kept weights, recalibration, set and field of view. A
method is an arm with one of its two sets of weights: "M" is arm M with the weights of the last
epoch, "M_ES" with those of the epoch of the lowest temperature-scaled validation NLL. All
differences are paired by seed, first minus second, so a negative difference in NLL favours the
first method.

The shapes are new for each seed, so seeds are the only sample. The test fields of the nuclei are
few and the same for each seed, so a difference there must hold over other seeds and other fields:
the squared standard error is the sum of that over seeds and that over fields.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

import pandas

from aslp_lib.checks import explained
from aslp_lib.course.recorded import FOLDER
from aslp_lib.evaluation.tables import MARKDOWN, markdown_table
from aslp_lib.experiments.records import LIMITS, check_numbers
from aslp_lib.experiments.seed_statistics import (
    SIGNIFICANCE,
    equivalence_p_value,
    holm,
    student_interval,
    student_p_value,
)
from aslp_lib.metrics import SCORES

MARGIN = 0.01
"""Smallest difference in NLL that matters, in nats."""
FIRST_SEED = 100
"""First seed of the trial."""
SIZES = (40, 160, 640)
"""Numbers of training images. The main arms have 160; the others are arms such as "B@40"."""
FEW_SEEDS = {"P_h": 10, "F": 10} | {f"{arm}@{size}": 10 for arm in "BCL" for size in (40, 640)}
"""Arms of the first seeds of the trial only -> number of these seeds."""
OPTIONAL = ("M_h", "P_h")
"""Arms that may not exist: images may not differ enough at any lambda, and P_h needs shapes."""

Verdict = Literal["better", "worse", "too small to matter", "not resolved", "not tested"]
Column = tuple[str, str, str]
"""Score, recalibration and set of a difference."""
SCALED: Column = ("nll", "temperature_scaling", "test")
"""The score of the primary family."""
RUN = ["seed", "arm"]
PART = ["arm", "weights", "recalibration", "set", "field"]


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
    Contrast("B_ES", "B", "Does early stopping help?"),
    Contrast("L*", "B", "LP: do expected targets help, at their best strength?"),
    Contrast("C", "L", "S: does sampling help at the same expected target?"),
    Contrast("C", "L*", "S: is sampling better than the best label smoothing?"),
    Contrast("R", "K", "Does the ramp of alpha help at the same mean alpha?"),
    Contrast("M_h", "R_h", "A: do differences of alpha between images help?"),
    Contrast("M", "B_ES", "Is ASLP better than early stopping?"),
    Contrast("C_ES", "B_ES", "Does sampling add anything to early stopping?"),
)
"""The eight contrasts that are tested together on each data set."""
SECONDARY = (
    Contrast("M", "C", "Is ASLP better than a tuned constant alpha?"),
    Contrast("C", "B_ES", "Is a tuned constant alpha better than early stopping?"),
    Contrast("L*", "B_ES", "Is the best label smoothing better than early stopping?"),
    Contrast("M", "B", "Is ASLP better than BCE?"),
    Contrast("M", "R", "Do the small differences of alpha between images in ASLP help?"),
    Contrast("M_ES", "B_ES", "Does ASLP add anything to early stopping?"),
    Contrast("M_h", "P_h", "Does it matter which image has which alpha?"),
)
"""Further contrasts, which have individual intervals and no verdict."""
BY_SIZE = (
    PRIMARY[2],
    Contrast("L", "B", "LP: do expected targets help, at the expected perturbation of C?"),
)
"""The contrasts that are repeated with fewer and with more training images."""
MECHANISM_ARMS = ("B", "L", "C", "F")
MECHANISM_SEEDS = range(FIRST_SEED, FIRST_SEED + FEW_SEEDS["F"])
NOT_TESTABLE: Mapping[str, Collection[str]] = {
    "shapes": ("B_ES - B", "C - L"),
    "nuclei": (
        "B_ES - B", "L* - B", "C - L", "C - L*", "R - K", "M - B_ES", "C_ES - B_ES",
    ),
}  # fmt: skip
"""Primary contrasts whose equivalence the trial can show with a power of less than 50 %, in the
worst case of Holm's correction. The second freeze declared them before the first run."""
FAMILY = len(PRIMARY)
SIMULTANEOUS = 1 - SIGNIFICANCE / FAMILY
"""Coverage of each printed primary interval, 99.375 %, which makes all eight hold at 95 %."""


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


def read(name: str) -> pandas.DataFrame:
    """Read records of the trial: "shapes", "nuclei" or "mechanism".

    Raises:
        FileNotFoundError: the trial has no such records yet.
        ValueError: a number is out of its range; the message names the file and the value.
    """
    path = FOLDER / f"trial_{name}.csv"
    expected = "a file that benchmarks/trial.py wrote. Restore it."
    with explained(f"{path} holds no records of the trial", expected):
        frame = pandas.read_csv(path, keep_default_na=False, na_values=["", "nan"])
        check_numbers(frame, frame.columns.intersection(["seed", "images", "temperature", *SCORES]))
    return frame


def complete_seeds(
    frame: pandas.DataFrame, arms: Collection[str] | None = None
) -> pandas.DataFrame:
    """Select the records of the seeds that have every arm; other seeds are never analysed.

    A seed has an arm if it has every set, field, recalibration and kept weights that the arm has at
    any seed. The arms in `FEW_SEEDS` are asked of the first seeds only.

    Args:
        arms: the arms; all those in the records by default.

    Raises:
        ValueError: an arm or every complete seed is missing, or a record occurs twice.
    """
    if frame.duplicated(["seed", *PART]).any():
        twice = frame[frame.duplicated(["seed", *PART])].iloc[0]
        raise ValueError(
            f"two records of arm {twice.arm}, seed {twice.seed}, set {twice['set']}; expected one. "
            "Delete the run that is not part of the trial."
        )
    arms = sorted(set(frame.arm) if arms is None else arms)
    needed = frame.drop_duplicates(PART).groupby("arm").size()
    rows = frame.groupby(RUN).size()
    lacking = {
        seed: [
            arm
            for arm in arms
            if rows.get((seed, arm), 0) < needed.get(arm, 1)
            and seed - FIRST_SEED < FEW_SEEDS.get(arm, math.inf)
        ]
        for seed in sorted(set(frame.seed))
    }
    complete = [seed for seed, missing in lacking.items() if not missing]
    if not complete:
        raise ValueError(
            f"no seed has all arms; arms missing by seed: {lacking}; expected {arms} at one seed "
            "or more. Run the trial to the end of a unit."
        )
    return frame[frame.seed.isin(complete) & frame.arm.isin(arms)]


def scores(
    frame: pandas.DataFrame, method: str, column: Column = SCALED, *, pooled: bool = False
) -> pandas.DataFrame:
    """Return a score of a method, seeds x fields; a single column 0 for a set without fields.

    Arm C stands for C_ES if its alpha is the best one for both kinds of weights.

    Args:
        pooled: return the score of the whole set, in a single column, even if it has fields.

    Raises:
        ValueError: the method has no such records, or the score is undefined or out of its range
            at a seed.
    """
    score, recalibration, name = column
    arm = method.removesuffix("_ES")
    weights = "last" if arm == method else "best"
    if method in set(frame.arm):
        arm = method
    rows = frame[
        (frame.arm == arm)
        & (frame.weights == weights)
        & (frame.recalibration == recalibration)
        & (frame["set"] == name)
    ]
    rows = rows[rows.field.notna() == (rows.field.notna().any() and not pooled)]
    low, high = LIMITS.get(score, (0, 1))
    invalid = rows[~rows[score].between(low, high)]
    if rows.empty or len(invalid):
        seeds = sorted(set(frame.seed if rows.empty else invalid.seed))
        values = sorted(map(str, set(invalid[score]))) or ["no record"]
        raise ValueError(
            f"no {score} of arm {arm}, weights {weights!r}, recalibration {recalibration!r}, set "
            f"{name!r}, at seeds {seeds}: {', '.join(values)}; expected numbers from {low} to "
            f"{high}. Run this arm at these seeds."
        )
    rows = rows.fillna({"field": 0}).set_index(["seed", "field"])
    return rows[score].unstack()  # noqa: PD010 - twice as fast as a pivot table


def differences(
    frame: pandas.DataFrame, contrast: Contrast, column: Column = SCALED
) -> pandas.DataFrame:
    """Return the paired differences of a contrast, seeds x fields, over the seeds of both arms."""
    first, second = (scores(frame, method, column) for method in contrast[:2])
    seeds = first.index.intersection(second.index)
    if seeds.empty or not first.columns.equals(second.columns):
        raise ValueError(
            f"{contrast.label} has no pairs: seeds {[*first.index]} and {[*second.index]}, fields "
            f"{[*first.columns]} and {[*second.columns]}; expected common seeds and equal fields. "
            "Run the missing arm."
        )
    return first.loc[seeds] - second.loc[seeds]


def effect(table: pandas.DataFrame, confidence: float = 1 - SIGNIFICANCE) -> Effect:
    """Test a mean difference over seeds and, if there are several fields, over fields as well.

    With fields, Student's t has the squared standard error `s_seeds^2 / n + s_fields^2 / m`, where
    s_seeds is the standard deviation of the n means over fields, and s_fields that of the m means
    over seeds. The degrees of freedom are the smaller of n - 1 and m - 1. The variance that seeds
    and fields have in common counts twice, so the test is conservative.

    >>> table = pandas.DataFrame([[0.01, 0.03], [0.02, 0.04], [0.03, 0.05]])
    >>> [round(x, 3) for x in effect(table)[:3]]  # 0.03 ± 12.706 * sqrt(0.0001 / 3 + 0.0002 / 2)
    [0.03, -0.117, 0.177]

    Args:
        table: differences, seeds x fields.
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


def effects(
    frame: pandas.DataFrame,
    contrasts: Sequence[Contrast] = PRIMARY,
    column: Column = SCALED,
    confidence: float = 1 - SIGNIFICANCE,
) -> dict[str, Effect | None]:
    """Compute the effect of each contrast, by label, over the complete seeds.

    It is None if an arm in `OPTIONAL` was not made.
    """
    frame = complete_seeds(frame)
    absent = set(OPTIONAL) - set(frame.arm)
    # Only once, because comparing strings takes most of the time.
    frame = frame[(frame.recalibration == column[1]) & (frame["set"] == column[2])]
    return {
        contrast.label: None
        if absent.intersection(contrast[:2])
        else effect(differences(frame, contrast, column), confidence)
        for contrast in contrasts
    }


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


def verdicts(family: Mapping[str, Effect | None]) -> dict[str, Verdict]:
    """Judge the contrasts of the primary family together, with Holm's correction.

    The differences and the equivalences are two families. A contrast that was not tested counts in
    both with a p-value of 1, so that their sizes do not depend on the data.
    """
    adjusted = (
        holm([1.0 if change is None else change[place] for change in family.values()])
        for place in (Effect._fields.index("p_value"), Effect._fields.index("equivalence"))
    )
    return {
        label: "not tested" if change is None else verdict(change.mean, *p_values)
        for (label, change), p_values in zip(
            family.items(), zip(*adjusted, strict=True), strict=True
        )
    }


def verdict_table(
    frames: Mapping[str, pandas.DataFrame],
    untestable: Mapping[str, Collection[str]] = NOT_TESTABLE,
) -> str:
    """Format the primary family as Markdown, with the effects on raw ECE and accuracy beside it.

    Intervals of the NLL are simultaneous (99.375 %), those of ECE and accuracy individual (95 %).

    Args:
        frames: name of the data set -> its records.
        untestable: name of the data set -> labels of the contrasts for which equivalence was
            declared not testable before the trial.
    """
    head, columns = ["difference", "question"], []
    for name, frame in frames.items():
        family = effects(frame, confidence=SIMULTANEOUS)
        cells = []
        for label, word in verdicts(family).items():
            not_testable = word == "not resolved" and label in untestable.get(name, ())
            note = " (equivalence not testable)" if not_testable else ""
            cells.append(f"{word}{note}: {interval_text(family[label], 'nll')}".rstrip(": "))
        seeds = max(change.seeds for change in family.values() if change)
        head.append(f"{name}, {seeds} seeds: NLL, nats")
        columns.append(cells)
    for name, frame in frames.items():
        for score in ("ece", "accuracy"):
            beside = effects(frame, column=(score, "none", "test")).values()
            head.append(f"{name}: {SCORES[score].title}, points")
            columns.append([interval_text(change, score) for change in beside])
    names = [(c.label.translate(MARKDOWN), c.question.translate(MARKDOWN)) for c in PRIMARY]
    rows = [[*pair, *cells] for pair, *cells in zip(names, *columns, strict=True)]
    return markdown_table(head, rows, "l")


def effect_table(
    frame: pandas.DataFrame,
    columns: Mapping[str, Column],
    contrasts: Sequence[Contrast] = (*PRIMARY, *SECONDARY),
) -> str:
    """Format secondary effects as Markdown: means with individual 95 % intervals, no verdicts.

    Args:
        columns: heading -> score, recalibration and set.
    """
    cells = [
        [interval_text(change, column[0]) for change in effects(frame, contrasts, column).values()]
        for column in columns.values()
    ]
    labels = [contrast.label.translate(MARKDOWN) for contrast in contrasts]
    return markdown_table(["difference", *columns], zip(labels, *cells, strict=True), "lr")


def training_set_size(
    frame: pandas.DataFrame, column: Column = SCALED
) -> dict[str, dict[int, Effect]]:
    """Compute the contrasts of `BY_SIZE` at each number of training images, at the same seeds.

    Returns:
        Label -> number of training images -> effect, with individual 95 % intervals.
    """
    small = [arm for arm in FEW_SEEDS if "@" in arm]
    frame = frame[frame.seed - FIRST_SEED < FEW_SEEDS[small[0]]]
    frame = complete_seeds(frame, {*frame.arm, *small})

    def at(size: int, contrast: Contrast) -> Effect:
        first, second = (f"{arm}@{size}".removesuffix("@160") for arm in contrast[:2])
        return effect(differences(frame, Contrast(first, second, contrast.question), column))

    return {contrast.label: {size: at(size, contrast) for size in SIZES} for contrast in BY_SIZE}


def excess(frame: pandas.DataFrame, epoch: int) -> dict[str, tuple[float, float, float]]:
    """Return how far each arm exceeds what its targets ask for at an epoch, over ten seeds.

    The excess of a run is the mean of p(y) - q over the training pixels whose label y is unlikely:
    the network's probability of y minus that of the arm's targets on average.

    Args:
        frame: the records of the mechanism.

    Returns:
        Arm -> mean, and the ends of its 95 % interval.

    Raises:
        ValueError: an arm lacks one of the ten seeds, or has it twice.
    """
    intervals = {}
    for arm in MECHANISM_ARMS:
        rows = frame[(frame.arm == arm) & (frame.epoch == epoch) & frame.seed.isin(MECHANISM_SEEDS)]
        if sorted(rows.seed[rows.excess.notna()]) != [*MECHANISM_SEEDS]:
            raise ValueError(
                f"seeds of arm {arm} at epoch {epoch} are {sorted(rows.seed)}; expected each of "
                f"{[*MECHANISM_SEEDS]} once, with an excess. Run this arm at the missing seeds."
            )
        intervals[arm] = (float(rows.excess.mean()), *student_interval(rows.excess.to_numpy()))
    return intervals


def memorisation_verdict(frame: pandas.DataFrame) -> Literal["supported", "not supported"]:
    """Judge the claim that a label that changes cannot be memorised, at the last epoch.

    It is supported if the interval of C, whose switch is sampled in each epoch, lies below half of
    BCE's mean, and that of F, whose switch is frozen, lies above it.
    """
    last = excess(frame, frame.epoch.max())
    half = last["B"][0] / 2
    return "supported" if last["C"][2] < half < last["F"][1] else "not supported"


def text(value: float, score: str, sign: Literal["", "+"] = "") -> str:
    """Format a score: nats for the NLL, percent for all others, which are shares."""
    return SCORES["nll" if score == "nll" else "ece"].text(value, sign)


def interval_text(change: Effect | None, score: str) -> str:
    """Format a difference with its interval; empty if there is none.

    >>> interval_text(Effect(-0.02, -0.03, -0.01, 0.001, 0.9, 20), "ece")
    '-2.00 [-3.00, -1.00]'
    """
    if change is None:
        return ""
    mean, low, high = (text(x, score, "+") for x in change[:3])
    return f"{mean} [{low}, {high}]"
