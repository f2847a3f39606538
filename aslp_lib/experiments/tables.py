"""Tables of scores over seeds: means, standard deviations, paired differences and verdicts."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aslp_lib.evaluation.notes import FACTS, few_images, first_sentence, of_maps, one_class
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.evaluation.tables import COMPARED, PaperOptions, aligned, main_table, verdict
from aslp_lib.experiments.records import by_label
from aslp_lib.experiments.seed_statistics import Difference, Verdict, difference, holm, verdicts
from aslp_lib.metrics import (
    ALL_SCORES,
    CLASS_SCORES,
    SCORES,
    Score,
    Visibility,
    visible_scores,
)

Compared = dict[str, dict[str, tuple[Difference, Verdict]]]
"""Score -> label of a method -> its difference from the first one, and the verdict on it."""

SMALLEST = 0.01
"""The smallest difference that matters: 0.01 nats of NLL, or 1 percentage point of ECE."""
COLUMNS = tuple(
    SCORES[name] for name in ("ece", "ece_floor", "oe", "gap", "nll", "accuracy", "brier", "mae")
)
"""Scores of two classes in the columns of tables, if none are chosen."""
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


@dataclass(frozen=True)
class SeedScores:
    """Scores of methods on sets over seeds, and what the seeds say about their differences.

    >>> first, second = (pd.DataFrame({"seed": range(3), "ece": x}) for x in ([2, 3, 4], [1, 2, 3]))
    >>> over_seeds = SeedScores({"SOD": {"BCE": first, "ASLP": second}})
    >>> over_seeds.best("SOD", SCORES["ece"])
    'ASLP'

    Args:
        methods: set -> label of a method -> its records, one per seed.
    """

    methods: Mapping[str, Mapping[str, pd.DataFrame]]

    @classmethod
    def of_records(cls, records: pd.DataFrame) -> SeedScores:
        """Group the records of an experiment by set and label."""
        return cls({name: by_label(records, name) for name in records["set"].unique()})

    @classmethod
    def of_evaluations(cls, evaluations: Sequence[Evaluation]) -> SeedScores:
        """Group the scores of evaluations of the same sets and methods, one per seed.

        >>> from aslp_lib.metrics.counts import Counts
        >>> counts = Counts.from_map(np.uint8([[255, 0]]), np.uint8([[1, 1]]))
        >>> evaluation = Evaluation({"SOD": {"BCE": counts}})
        >>> over_seeds = SeedScores.of_evaluations([evaluation, evaluation])
        >>> over_seeds.methods["SOD"]["BCE"][["seed", "accuracy"]].values.tolist()
        [[0.0, 0.5], [1.0, 0.5]]
        """
        records = pd.DataFrame(
            [
                {"seed": seed, **row, **evaluation.facts[str(row["set"]), str(row["method"])]}
                for seed, evaluation in enumerate(evaluations)
                for row in evaluation.rows()
            ]
        )
        names = ["set", "method"]
        records = records.astype(dict.fromkeys(records.columns.difference(names), float))
        methods: dict[str, dict[str, pd.DataFrame]] = {}
        for (name, method), part in records.groupby(names, sort=False):
            methods.setdefault(name, {})[method] = part
        return cls(methods)

    def notes(self, *, intervals: bool = True) -> list[str]:
        """Return the notes on the intervals over images of each set, and on the methods' maps.

        Records of earlier versions have neither numbers of units nor facts on maps.

        Args:
            intervals: intervals over images are shown.
        """
        texts, sizes = [], {}
        for name, methods in self.methods.items():
            parts = [
                part.reindex(columns=["ece_low", "units", "images"]) for part in methods.values()
            ]
            rows = pd.concat(parts).dropna(subset="ece_low").astype(float)
            if len(rows) and intervals:
                images = rows["images"].min()
                sizes[name] = np.fmin(rows["units"].min(), images), images
            for label, part in methods.items():
                texts += of_maps(name, label, _facts(part))
        return few_images(sizes) + texts

    def columns(self, visibility: Visibility) -> Sequence[Score]:
        """Return the scores that are displayed at a place; in files, all that the records have."""
        parts = [part for methods in self.methods.values() for part in methods.values()]
        recorded = {key: s for key, s in ALL_SCORES.items() if any(key in part for part in parts)}
        known = CLASS_SCORES if "class_ece" in recorded else SCORES
        if visibility == Visibility.FILES:
            return [score for key, score in known.items() if key in recorded]
        tables = visibility == Visibility.TABLES and known is SCORES
        return COLUMNS if tables else visible_scores(visibility, known)

    def cell(self, name: str, method: str, score: Score, interval: bool = True) -> str:
        """Format mean ± standard deviation over seeds; a dash if the score is undefined for a seed.

        The 95 % interval over images follows in brackets, with each end averaged over seeds.

        Args:
            name: name of the set.
            method: label of the method.
            score: the score.
            interval: add the interval, if it is known.
        """
        records = self.methods[name][method]
        value, low, high = _means(records, score)
        text = score.text(value)
        if len(records) > 1 and math.isfinite(value):
            text += f" ± {score.text(records[score.name].std())}"
        has_interval = interval and math.isfinite(value + low)
        return f"{text} {score.interval_text(low, high)}" if has_interval else text

    def compared(self, name: str, scores: Sequence[Score] = COMPARED) -> Compared:
        """Compare each method of a set with the first one, paired by seed.

        Methods that cannot be paired with the first one are left out (`paired_difference`). Holm's
        correction is over the methods. Only for the scores of `COMPARED` is there a smallest
        difference that matters.

        >>> records = {x: pd.DataFrame({"seed": [0, 1], "ece": [x, x + 1]}) for x in (2, 1)}
        >>> over_seeds = SeedScores({"SOD": {"BCE": records[2], "ASLP": records[1]}})
        >>> difference, verdict = over_seeds.compared("SOD", [SCORES["ece"]])["ece"]["ASLP"]
        >>> difference.value, verdict
        (-1.0, 'better')

        Args:
            name: name of the set.
            scores: the scores.
        """
        methods = self.methods[name]
        first, *others = methods
        compared: Compared = {}
        for score in scores:
            pairs = {k: paired_difference(methods[k], methods[first], score.name) for k in others}
            known = {label: paired for label, paired in pairs.items() if paired is not None}
            smallest = SMALLEST if score.visibility == Visibility.COMPARED else 0
            words = verdicts(list(known.values()), smallest, score.better)
            pairs_with_words = zip(known.items(), words, strict=True)
            compared[score.name] = {k: (paired, word) for (k, paired), word in pairs_with_words}
        return compared

    def best(self, name: str, score: Score) -> str | None:
        """Return the method that is better than every other one by the corrected verdicts, or None.

        Methods that predict one class are left out.

        Args:
            name: name of the set.
            score: the score.
        """
        methods = {k: part for k, part in self.methods[name].items() if not _collapsed(part)}
        known = all(score.name in part for part in methods.values())
        if score.better is None or len(methods) < 2 or not known:
            return None
        costs = {k: part.assign(cost=score.cost(part[score.name])) for k, part in methods.items()}
        first, *others = sorted(costs, key=lambda label: costs[label].cost.mean())
        paired = [paired_difference(costs[label], costs[first], "cost") for label in others]
        defined = [difference for difference in paired if difference is not None]
        return first if verdicts(defined, smallest=0) == ["worse"] * len(others) else None

    def sentences(
        self, name: str, compared: Compared, scores: Sequence[Score] = COMPARED
    ) -> Iterator[tuple[str, str]]:
        """Yield the label of each method but the first one, and the verdict on its scores.

        Args:
            name: name of the set.
            compared: differences of its methods from the first one, see `compared`.
            scores: the scores.
        """
        first, *others = methods = self.methods[name]
        for label in others:
            changes = [(s, *compared[s.name][label]) for s in scores if label in compared[s.name]]
            collapsed = [each for each in (label, first) if _collapsed(methods[each])]
            if collapsed:
                yield label, f"Not compared, because {collapsed[0]} predicts one class."
            elif changes:
                yield label, verdict(first, changes)

    def terminal_text(self, options: PaperOptions) -> str:
        """Format a table and the verdicts on each set for the terminal.

        Args:
            options: the chosen scores and digits.
        """
        columns = options.columns(self.columns(Visibility.MAIN))
        scores = [score for score in options.columns(COMPARED) if score.better is not None]
        compared = {name: self.compared(name, scores) for name in self.methods}

        def value(name: str, label: str, score: Score) -> str:
            return self.cell(name, label, score, interval=score.name == "ece")

        def change(name: str, label: str, score: Score) -> str:
            known = compared[name][score.name]
            return score.text(known[label][0].value, "+") if label in known else "-"

        lines = [
            f"{name}, {label}: {text}"
            for name in self.methods
            for label, text in self.sentences(name, compared[name], scores)
        ]
        parts = [aligned(*main_table(self.methods, value, change, columns)), "\n".join(lines)]
        if scores and any(len(methods) > 2 for methods in self.methods.values()):
            parts.append(INDIVIDUAL)
        return "\n\n".join(filter(None, parts))

    def caption(self, columns: Sequence[Score], intervals: bool) -> str:
        """Explain the cells of a table, and warn of what its notes are about."""
        parts = [part for methods in self.methods.values() for part in methods.values()]
        with_intervals = intervals and any(
            math.isfinite(_means(part, score)[:2].sum(skipna=False))
            for part in parts
            for score in columns
        )
        explanation = f"{MEANS}{INTERVALS if with_intervals else ''}. {BOLD}"
        return " ".join([explanation, *map(first_sentence, self.notes(intervals=with_intervals))])

    def rows(self, names: Collection[str]) -> list[dict[str, object]]:
        """Return the rows of a CSV file by column.

        Each score has its mean over seeds; the standard deviation (`ece_sd`); the ends of the 95 %
        interval over images, averaged over seeds (`ece_low`, `ece_high`); and the difference from
        the first method, paired by seed (`ece_difference`), with Student's 95 % interval
        (`ece_difference_low`, `ece_difference_high`) and the p-value with Holm's correction over
        the methods (`ece_p`). Columns without any number are left out.

        >>> records = {x: pd.DataFrame({"seed": range(3), "ece": [x, x, x + 3.0]}) for x in (1, 2)}
        >>> over_seeds = SeedScores({"SOD": {"BCE": records[1], "ASLP": records[2]}})
        >>> print(*over_seeds.rows(["ece"])[0])
        set method seeds ece ece_sd ece_difference ece_difference_low ece_difference_high ece_p
        >>> print(*over_seeds.rows(["ece"])[0].values())
        SOD BCE 3 2.0 1.7320508075688772 None None None None

        Args:
            names: names of the scores.
        """
        rows = []
        for name, methods in self.methods.items():
            scores = [ALL_SCORES[key] for key in names if ALL_SCORES[key].better]
            compared = self.compared(name, scores)
            for label, records in methods.items():
                row = {"set": name, "method": label, "seeds": len(records)}
                for key in names:
                    family = compared.get(key, {})
                    p_values = holm([paired.p_value for paired, _ in family.values()])
                    paired, _ = family.get(label, (Difference(math.nan), ""))
                    value, low, high = _means(records, ALL_SCORES[key])
                    row |= {
                        key: value,
                        f"{key}_sd": records.get(key, pd.Series()).std(),
                        f"{key}_low": low,
                        f"{key}_high": high,
                        f"{key}_difference": paired.value,
                        f"{key}_difference_low": paired.low,
                        f"{key}_difference_high": paired.high,
                        f"{key}_p": dict(zip(family, p_values, strict=True)).get(label),
                    }
                rows.append(row)
        frame = pd.DataFrame(rows).replace([-math.inf, math.inf], math.nan)
        frame = frame.dropna(axis="columns", how="all").astype(object)
        return frame.where(frame.notna(), None).to_dict("records")


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, key: str) -> Difference | None:
    """Return a score's difference, first minus second; None if the records cannot be paired.

    They cannot if their seeds differ, if the score is undefined for a seed, or if one of the
    methods predicts one class (`notes.one_class`).
    """
    for records in (first, second):
        if key not in records or records[key].isna().any() or _collapsed(records):
            return None
    return difference(first, second, key) if {*first.seed} == {*second.seed} else None


def _means(records: pd.DataFrame, score: Score) -> pd.Series:
    """Return the means over seeds of a score and of the ends of its interval, if all are known."""
    names = [score.name, f"{score.name}_low", f"{score.name}_high"]
    return records.reindex(columns=names).mean(skipna=False)


def _facts(records: pd.DataFrame) -> list[dict[str, float]]:
    """Return the facts on the maps of each seed; NaN if they are unknown."""
    return records.reindex(columns=["seed", *FACTS, "classes"]).to_dict("records")


def _collapsed(records: pd.DataFrame) -> bool:
    """Return whether a method predicts one class with any seed."""
    return any(map(one_class, _facts(records)))
