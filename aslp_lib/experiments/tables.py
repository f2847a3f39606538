"""Tables of scores over seeds: means, standard deviations, paired differences and verdicts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import get_args

import numpy as np
import pandas as pd

from aslp_lib.evaluation.notes import FACTS, few_images, of_maps, one_class
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.evaluation.tables import (
    COMPARED,
    PaperOptions,
    PaperTable,
    first_sentence,
    markdown_table,
)
from aslp_lib.experiments.records import by_label
from aslp_lib.experiments.seed_statistics import Difference, Verdict, difference, holm, verdicts
from aslp_lib.metrics import SCORES, Score, Visibility

Groups = Mapping[str, Mapping[str, pd.DataFrame]]
"""Set -> label of a method -> its records, one per seed."""
Compared = dict[str, dict[str, tuple[Difference, Verdict]]]
"""Score -> label of a method -> its difference from the first one, and the verdict on it."""

SMALLEST = 0.01
"""The smallest difference that matters: 0.01 nats of NLL, or 1 percentage point of ECE."""
COLUMNS = tuple(
    SCORES[name] for name in ("ece", "ece_floor", "oe", "gap", "nll", "accuracy", "brier", "mae")
)
"""Scores in the columns of tables, if none are chosen."""
MEANS = "Mean ± standard deviation over seeds"
"""Explanation of cells."""
INTERVALS = ", and in brackets the 95 % interval over images, averaged over seeds"
"""Explanation of intervals in cells."""
INDIVIDUAL = (
    "The intervals are individual 95 % intervals; better and worse are decided with Holm's "
    "correction over the methods."
)
"""Explanation of several differences."""
BOLD = (
    "In bold the method of a set that is better than every other one by paired t-tests over seeds, "
    "with Holm's correction over the other methods at the level 0.05."
)
"""Explanation of bold cells."""


def of_records(records: pd.DataFrame) -> Groups:
    """Group the records of an experiment by set and label."""
    return {name: by_label(records, name) for name in records["set"].unique()}


def of_evaluations(evaluations: Sequence[Evaluation]) -> Groups:
    """Group the scores of evaluations, one per seed, by set and method.

    >>> import numpy as np
    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 0]]), np.uint8([[1, 1]]))
    >>> groups = of_evaluations([Evaluation.of({"SOD": {"BCE": counts}})] * 2)
    >>> groups["SOD"]["BCE"][["seed", "accuracy"]].values.tolist()
    [[0.0, 0.5], [1.0, 0.5]]

    Args:
        evaluations: evaluations of the same sets and methods. Those scores that the first one has
            intervals of have them in the records, too.
    """

    def record(seed: int, name: str, method: str) -> dict[str, float]:
        evaluation = evaluations[seed]
        row = {"seed": seed, **evaluation.scores[name][method], **evaluation.facts[name, method]}
        row["images"] = len(evaluation.counts[name][method])
        for key in evaluation.names:
            found = evaluation.interval(name, method, SCORES[key])
            row |= {f"{key}_low": found.low, f"{key}_high": found.high}
        return row

    seeds = range(len(evaluations))
    return {
        name: {m: pd.DataFrame([record(seed, name, m) for seed in seeds]) for m in methods}
        for name, methods in evaluations[0].counts.items()
    }


def notes(groups: Groups, *, intervals: bool = True) -> list[str]:
    """Return the notes on the intervals over images of each set, and on the methods' maps.

    Args:
        groups: records by set and label. Records of earlier versions have no notes on maps.
        intervals: intervals over images are shown.
    """
    texts, sizes = [], {}
    for name, methods in groups.items():
        parts = [part.reindex(columns=["ece_low", "units", "images"]) for part in methods.values()]
        rows = [row for part in parts for row in part.to_numpy(float) if math.isfinite(row[0])]
        if rows and intervals:  # Records of earlier versions have no number of units.
            sizes[name] = np.min([[np.fmin(*row[1:]), row[2]] for row in rows], axis=0)
        for label, part in methods.items():
            texts += of_maps(name, label, _facts(part))
    return few_images(sizes) + texts


def _facts(records: pd.DataFrame) -> list[dict[str, float]]:
    """Return the facts on the maps of each seed; NaN if they are unknown."""
    return records.reindex(columns=["seed", *FACTS]).to_dict("records")


def table(groups: Groups, name: str, columns: Sequence[Score] = COLUMNS) -> str:
    """Format the scores on a set as a Markdown table.

    A cell shows mean ± standard deviation over seeds, and in brackets the 95 % interval over
    images, with each end averaged over seeds.

    Args:
        groups: records by set and label.
        name: name of the set.
        columns: scores in the columns.
    """
    methods = groups[name].items()
    rows = [[label, *(cell(score, part) for score in columns)] for label, part in methods]
    return markdown_table([name, *(score.heading for score in columns)], rows)


def cell(score: Score, records: pd.DataFrame, *, with_interval: bool = True) -> str:
    """Format a score of one record per seed; a dash if it is undefined or unknown for one."""
    names = [score.name, f"{score.name}_low", f"{score.name}_high"]
    value, low, high = records.reindex(columns=names).mean(skipna=False)
    text = score.text(value)
    if len(records) > 1 and math.isfinite(value):
        text += f" ± {score.text(records[score.name].std())}"
    has_interval = with_interval and math.isfinite(value + low)
    return f"{text} {score.interval_text(low, high)}" if has_interval else text


def compare_with_first(
    methods: Mapping[str, pd.DataFrame], scores: Sequence[Score] = COMPARED
) -> Compared:
    """Compare each method of a set with the first one, paired by seed.

    Methods with other seeds than the first one, or for which the score is undefined for a seed, are
    left out; so are those that predict one class (`notes.one_class`), and all if the first one
    does. Holm's correction is over the methods. Only for the scores of `COMPARED` is there a
    smallest difference that matters.

    >>> first, second = (pd.DataFrame({"seed": range(3), "ece": x}) for x in ([2, 3, 4], [1, 2, 3]))
    >>> compared = compare_with_first({"BCE": first, "ASLP": second}, [SCORES["ece"]])
    >>> paired, verdict = compared["ece"]["ASLP"]
    >>> paired.value, verdict
    (-1.0, 'better')

    Args:
        methods: label -> records, one per seed.
        scores: the scores.
    """
    first, *others = methods
    compared: Compared = {}
    for score in scores:
        paired = _differences(methods, first, others, score)
        smallest = SMALLEST if score.visibility == Visibility.COMPARED else 0
        words = verdicts(list(paired.values()), smallest, score.better)
        found = zip(paired.values(), words, strict=True)
        compared[score.name] = dict(zip(paired, found, strict=True))
    return compared


def best(methods: Mapping[str, pd.DataFrame], score: Score) -> str | None:
    """Return the method that is better than every other one by the corrected verdicts, or None.

    Methods that predict one class are left out.

    >>> first, second = (pd.DataFrame({"seed": range(3), "ece": x}) for x in ([2, 3, 4], [1, 2, 3]))
    >>> best({"BCE": first, "ASLP": second}, SCORES["ece"])
    'ASLP'

    Args:
        methods: label -> records, one per seed.
        score: the score.
    """
    methods = {label: part for label, part in methods.items() if not _collapsed(part)}
    costs = {
        label: records.assign(**{score.name: score.cost(records[score.name])})
        for label, records in methods.items()
        if score.better is not None and score.name in records
    }
    if len(costs) < max(2, len(methods)):
        return None
    first, *others = sorted(costs, key=lambda label: costs[label][score.name].mean())
    paired = _differences(costs, first, others, score)
    found = verdicts(list(paired.values()), smallest=0)
    return first if found == ["worse"] * len(others) else None


def _differences(
    methods: Mapping[str, pd.DataFrame], first: str, others: Sequence[str], score: Score
) -> dict[str, Difference]:
    """Return the differences of other methods from the first one, where they can be paired."""
    key, reference = score.name, methods[first]

    def paired(records: pd.DataFrame) -> bool:
        if _collapsed(records) or _collapsed(reference):
            return False
        defined = all(key in part and part[key].notna().all() for part in (records, reference))
        return defined and {*records.seed} == {*reference.seed}

    return {k: difference(methods[k], reference, key) for k in others if paired(methods[k])}


def _collapsed(records: pd.DataFrame) -> bool:
    """Return whether a method predicts one class with any seed."""
    return any(map(one_class, _facts(records)))


def sentences(
    methods: Mapping[str, pd.DataFrame], compared: Compared, scores: Sequence[Score] = COMPARED
) -> Iterator[tuple[str, str]]:
    """Yield a sentence for each score and verdict on it, as its beginning and its rest.

    Args:
        methods: label -> records of a set.
        compared: differences of the methods from the first one, see `compare_with_first`.
        scores: the scores.
    """
    first = next(iter(methods))
    for label, records in methods.items():
        if _collapsed(records):
            yield "Not compared", f", because it predicts one class: {label}."
    for score, verdict in product(scores, get_args(Verdict)):
        found = [
            f"{label} ({paired.text(score, '+')})"
            for label, (paired, its_verdict) in compared[score.name].items()
            if its_verdict == verdict
        ]
        if found:
            yield f"{score.heading}, {verdict}", f", compared with {first}: {', '.join(found)}."


def terminal_text(groups: Groups, options: PaperOptions) -> str:
    """Format a table and the verdicts on each set, as Markdown for the terminal.

    Args:
        groups: records by set and label.
        options: the chosen scores and digits.
    """
    columns = options.columns(COLUMNS)
    judged = [score for score in options.columns(COMPARED) if score.better is not None]
    parts = []
    for name, methods in groups.items():
        found = sentences(methods, compare_with_first(methods, judged), judged)
        parts += [table(groups, name, columns), "\n".join(map("".join, found))]
    if judged and any(len(methods) > 2 for methods in groups.values()):
        parts.append(INDIVIDUAL)
    return "\n\n".join(filter(None, parts))


def paper_table(groups: Groups, options: PaperOptions) -> PaperTable:
    """Return a table of means and standard deviations over seeds, with the best methods in bold.

    Args:
        groups: records by set and label.
        options: scores and digits, and whether cells have intervals, as far as they are known.
    """

    def text(name: str, method: str, score: Score) -> str:
        return cell(score, groups[name][method], with_interval=options.intervals)

    columns = options.columns(COLUMNS)
    cells = (text(name, m, score) for name in groups for m in groups[name] for score in columns)
    intervals = any("[" in cell for cell in cells)
    texts = map(first_sentence, notes(groups, intervals=intervals))
    note = " ".join([f"{MEANS}{INTERVALS * intervals}. {BOLD}", *texts])
    return PaperTable(
        groups,
        options.columns(COLUMNS),
        text,
        lambda name, score: best(groups[name], score),
        note,
        lambda: flat(groups, options.scores),
    )


def flat(groups: Groups, names: Sequence[str] = ()) -> tuple[list[str], list[list[object]]]:
    """Return the header and the rows of a CSV file.

    Each score has its mean over seeds; the standard deviation (`ece_sd`); the ends of the 95 %
    interval over images, averaged over seeds (`ece_low`, `ece_high`); and the difference from the
    first method, paired by seed (`ece_difference`), with Student's 95 % interval
    (`ece_difference_low`, `ece_difference_high`) and the p-value with Holm's correction over the
    methods (`ece_p`). Columns without any number are left out.

    >>> first, second = (pd.DataFrame({"seed": range(3), "ece": x}) for x in ([2, 3, 4], [2, 2, 2]))
    >>> header, rows = flat({"SOD": {"BCE": first, "ASLP": second}})
    >>> print(*header)
    set method seeds ece ece_sd ece_difference ece_difference_low ece_difference_high ece_p
    >>> rows[0]
    ['SOD', 'BCE', 3, 3.0, 1.0, None, None, None, None]

    Args:
        groups: records by set and label.
        names: names of the scores; by default, all that the records have.
    """
    rows = []
    for name, methods in groups.items():
        known = [key for key in SCORES if any(key in frame for frame in methods.values())]
        keys = names or known
        compared = compare_with_first(methods, [SCORES[k] for k in keys if SCORES[k].better])
        for label, records in methods.items():
            row = {"set": name, "method": label, "seeds": len(records)}
            for key in keys:
                family = compared.get(key, {})
                p_values = holm([paired.p_value for paired, _ in family.values()])
                paired, _ = family.get(label, (Difference(math.nan), ""))
                columns = [key, f"{key}_low", f"{key}_high"]
                mean = records.reindex(columns=columns).mean(skipna=False)
                deviation = records.get(key, pd.Series()).std()
                row |= {key: mean[key], f"{key}_sd": deviation, **mean.to_dict()}
                ends = {"": paired.value, "_low": paired.low, "_high": paired.high}
                row |= {f"{key}_difference{side}": value for side, value in ends.items()}
                row[f"{key}_p"] = dict(zip(family, p_values, strict=True)).get(label)
            rows.append(row)
    frame = pd.DataFrame(rows).replace([-math.inf, math.inf], math.nan)
    frame = frame.dropna(axis="columns", how="all").astype(object)
    return list(frame), frame.where(frame.notna(), None).to_numpy().tolist()
