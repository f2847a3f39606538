"""Analysis of the trial: what each part of ASLP contributes, by the rules of `docs/trial.md`.

A record is a row per run, kept weights, recalibration, set and field of view; `contrasts` says what
a method is. The selected epoch has the lowest temperature-scaled validation NLL.

The shapes are new for each seed, so seeds are the only sample. The test fields of the nuclei are
few and the same for each seed, so a difference there must hold over other seeds and other fields.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas

from aslp_lib.checks import explained
from aslp_lib.course import contrasts
from aslp_lib.course.contrasts import MARGIN as MARGIN
from aslp_lib.course.contrasts import Contrast, Effect, Verdict, effect, paired, select
from aslp_lib.course.recorded import FOLDER
from aslp_lib.experiments.seed_statistics import SIGNIFICANCE, student_interval
from aslp_lib.metrics import SCORES

SIZES = (40, 160, 640)
"""Numbers of training images. The main arms have 160; the others are arms such as "B@40"."""
OPTIONAL = ("M_h", "P_h")
"""Arms that may not exist: images may not differ enough at any lambda, and P_h needs shapes."""

Column = tuple[str, str, str]
"""Score, recalibration and set of a difference."""
SCALED: Column = ("nll", "temperature_scaling", "test")
"""The score of the primary family."""

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
MECHANISM_SEEDS = range(100, 110)
"""Seeds of the mechanism and of the other numbers of training images, the first of the trial."""
SIMULTANEOUS = 1 - SIGNIFICANCE / len(PRIMARY)
"""Coverage of each printed primary interval, 99.375 %, which makes all eight hold at 95 %."""


def read(name: str) -> pandas.DataFrame:
    """Read records of the trial: "shapes", "nuclei" or "mechanism".

    Raises:
        FileNotFoundError: the trial has no such records yet.
        ValueError: the file holds no table; the message names it.
    """
    path = FOLDER / f"trial_{name}.csv"
    expected = "the committed file. Restore it."
    with explained(f"{path} holds no records of the trial", expected):
        return pandas.read_csv(path, keep_default_na=False, na_values=["", "nan"])


def scores(
    frame: pandas.DataFrame, method: str, column: Column = SCALED, *, pooled: bool = False
) -> pandas.DataFrame:
    """Return a score of a method, seeds x fields; a single column 0 for a set without fields.

    Args:
        pooled: return the score of the whole set, in a single column, even if it has fields.

    Raises:
        ValueError: the method has no such records, or the score is undefined at a seed.
    """
    score, *place = column
    rows = select(frame, method, *place)
    rows = rows[rows.field.notna() == (rows.field.notna().any() and not pooled)]
    if undefined := sorted(set(rows.seed[rows[score].isna()])):
        raise ValueError(
            f"{score} of {method} is undefined at the seeds {undefined}; expected numbers. Restore "
            "the records."
        )
    rows = rows.fillna({"field": 0}).set_index(["seed", "field"])
    return rows[score].unstack()  # noqa: PD010 - twice as fast as a pivot table


def differences(
    frame: pandas.DataFrame, contrast: Contrast, column: Column = SCALED
) -> pandas.DataFrame:
    """Return the paired differences of a contrast, seeds x fields, over the seeds of both arms."""
    return paired(*(scores(frame, method, column) for method in contrast[:2]))


def effects(
    frame: pandas.DataFrame,
    contrasts: Sequence[Contrast] = PRIMARY,
    column: Column = SCALED,
    confidence: float = 1 - SIGNIFICANCE,
) -> dict[str, Effect | None]:
    """Compute the effect of each contrast, by label; None if an arm in `OPTIONAL` was not made."""
    absent = set(OPTIONAL) - set(frame.arm)
    # Only once, because comparing strings takes most of the time.
    frame = frame[(frame.recalibration == column[1]) & (frame["set"] == column[2])]
    return {
        contrast.label: None
        if absent.intersection(contrast[:2])
        else effect(differences(frame, contrast, column), confidence)
        for contrast in contrasts
    }


def verdicts(family: Mapping[str, Effect | None]) -> dict[str, Verdict]:
    """Judge the contrasts of the primary family together, with Holm's correction."""
    return dict(zip(family, contrasts.verdicts(family.values()), strict=True))


def training_set_size(
    frame: pandas.DataFrame, column: Column = SCALED
) -> dict[str, dict[int, Effect]]:
    """Compute the contrasts of `BY_SIZE` at each number of training images, at the same seeds.

    Returns:
        Label -> number of training images -> effect, with individual 95 % intervals.
    """
    frame = frame[frame.seed.isin(MECHANISM_SEEDS)]

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
    """
    rows = frame[frame.epoch == epoch]
    by_arm = {arm: rows.excess[rows.arm == arm] for arm in MECHANISM_ARMS}
    return {
        arm: (float(values.mean()), *student_interval(values.to_numpy()))
        for arm, values in by_arm.items()
    }


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
