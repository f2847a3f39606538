"""Verdicts by set, and what ASLP changes on each shifted set."""

from collections.abc import Callable, Mapping, Sequence

import pandas

from aslp_lib.course import second_trial
from aslp_lib.course.second_trial import Judged


def by_set(
    regimes: Mapping[str, pandas.DataFrame],
    judge: Callable[[pandas.DataFrame, str], Sequence[Judged]],
) -> dict[str, Judged]:
    """Judge a family of each regime whose contrasts differ by the test set.

    Args:
        regimes: name of a regime -> its records.
        judge: `second_trial.insurance`, or another function that judges a family.

    Returns:
        The verdicts by regime and set, such as "nuclei: rare formats".
    """
    return {
        f"{regime}: {judged.contrast.question.split(' of ')[1].replace('_', ' ')}": judged
        for regime, frame in regimes.items()
        for judged in judge(frame, regime)
    }


def on_shifted_sets(regimes: Mapping[str, pandas.DataFrame]) -> pandas.DataFrame:
    """Compare ASLP with BCE as trained on each shifted set.

    Args:
        regimes: name of a regime -> its records.

    Returns:
        A row per set: regime, set, gap (overconfidence of BCE in points), change (of the NLL, ASLP
        minus BCE, in % of BCE's), low and high, its individual 95 % interval, and word, the verdict
        of Holm's test.
    """
    rows = []
    for regime, frame in regimes.items():
        for contrast, _, word in second_trial.paper(frame, regime)[1:]:
            name = contrast.question.removeprefix("nll of ")
            how = "as trained", "as trained"
            effect = second_trial.individual(frame, contrast, how, name)
            gap = second_trial.select(frame, "B", "as trained", name).gap.mean()
            nll = second_trial.table(frame, "B", "as trained", name).mean(axis=None)
            shares = (100 * x / nll for x in effect[:3])
            rows.append((regime, name, 100 * gap, *shares, word))
    columns = ["regime", "set", "gap", "change", "low", "high", "word"]
    return pandas.DataFrame(rows, columns=columns)
