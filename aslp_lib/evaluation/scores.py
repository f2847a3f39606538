"""Evaluation: counts become every score, once, with intervals over images, in JSON and CSV."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tqdm.auto import tqdm

from aslp_lib.files import write, write_csv
from aslp_lib.metrics import SCORES, Visibility, scores, visible_scores
from aslp_lib.metrics.bootstrap import Resamples, middle
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.maps import AS_IT_IS, ReadOptions, count_maps

if TYPE_CHECKING:
    from aslp_lib.data.base import DataSplits
    from aslp_lib.runs import Run

MAIN = tuple(score.name for score in visible_scores(Visibility.MAIN))
"""The scores whose intervals a run keeps."""

FEW = 100
"""With fewer images, intervals are said to be too narrow."""

Results = dict[str, dict[str, Counts]]
"""Counts by test set and method; a run's by `Variant.label`."""


@dataclass(frozen=True)
class Evaluation:
    """What was counted, and its scores, computed once: tables, files and reports read them here.

    Args:
        counts: by test set and method.
        scores: the same, and by name; NaN where one is not defined.
        bins: of the calibration scores.
    """

    counts: Results
    scores: dict[str, dict[str, dict[str, float]]]
    bins: int

    @classmethod
    def of(cls, counts: Results, bins: int = BINS) -> Evaluation:
        """Score every method on every test set."""
        rows = {
            name: {method: scores(each, bins) for method, each in methods.items()}
            for name, methods in counts.items()
        }
        return cls(counts, rows, bins)

    @property
    def notes(self) -> list[str]:
        """What must be said of the intervals, by test set."""
        return [
            note
            for name, methods in self.counts.items()
            for note in interval_notes(name, min(len(counts) for counts in methods.values()))
        ]

    def records(self, names: Collection[str] = MAIN) -> dict[str, dict[str, dict[str, Any]]]:
        """What JSON keeps, by test set and method: scores by name, null where one is not defined
        (JSON has no NaN), how many images, the 95 % intervals over images of the named scores, and
        notes on them.
        """
        return {
            name: {
                method: {key: value if math.isfinite(value) else None for key, value in row.items()}
                | {
                    "images": len(self.counts[name][method]),
                    "intervals": intervals(self.counts[name][method], row, names, self.bins),
                    "notes": interval_notes(name, len(self.counts[name][method])) if names else [],
                }
                for method, row in methods.items()
            }
            for name, methods in self.scores.items()
        }


def intervals(
    counts: Counts, row: Mapping[str, float], names: Collection[str], bins: int = BINS
) -> dict[str, tuple[float, float] | None]:
    """95 % intervals over images of the named scores, null where a score is not defined; none for a
    set of one image.

    Args:
        row: the set's scores by name.
    """
    if len(counts) < 2:
        return {}
    resamples = Resamples(counts)
    return {
        name: middle(resamples.scores(SCORES[name].with_bins(bins)))
        if math.isfinite(row[name])
        else None
        for name in tqdm(names, desc="intervals", disable=len(names) <= len(MAIN), leave=False)
    }


def interval_notes(name: str, images: int) -> list[str]:
    """What must be said of intervals over so few images; nothing of those over enough.

    Percentile intervals are too narrow where scores of resamples are skewed, which many images mend
    and other kinds of interval hardly do (bias-corrected and accelerated ones: .86 at 30 images).
    """
    if not 1 < images < FEW:
        return []
    return [
        f"{name}: 95 % intervals over {images} images are too narrow (of 30 images they held the "
        "truth in 80 to 87 % of trials, of 100 images in 91 to 95 %)"
    ]


def flat(
    records: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> tuple[list[str], list[list[object]]]:
    """Header and lines of a CSV of every score, from records by set and method."""
    keys = ("images", *SCORES)
    lines = [
        [name, method, *(row[key] for key in keys)]
        for name, methods in records.items()
        for method, row in methods.items()
    ]
    return ["set", "method", *keys], lines


def evaluate_run(
    run: Run, data: DataSplits, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Evaluation:
    """Count and score the maps of every variant and test set; write metrics.json and metrics.csv.

    Returns:
        The evaluation, by the variants' labels.

    Raises:
        ValueError: maps of other weights, images or settings than there are now; and as
            `count_maps`.
    """
    # Imported here because it loads torch, which scores of maps do without.
    from aslp_lib.prediction import provenance

    provenance.check(run, data.tests)
    names = {variant.label: variant.name for variant in run.variants()}
    evaluation = Evaluation.of(
        {
            name: {
                each.label: count_maps(run.maps(each, name), dataset, reading, progress=progress)
                for each in run.variants()
            }
            for name, dataset in data.tests.items()
        }
    )
    records = {
        name: {names[label]: row for label, row in rows.items()}
        for name, rows in evaluation.records().items()
    }
    write(run.metrics, json.dumps(records, indent=2, allow_nan=False))
    write_csv(run.metrics.with_suffix(".csv"), *flat(records))
    return evaluation
