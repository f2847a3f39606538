"""Evaluation: counts become every score, with intervals over images, in JSON and in tables."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from functools import partial

from tqdm.auto import tqdm

from aslp_lib.config import METHOD_LABELS
from aslp_lib.data.base import DataSplits
from aslp_lib.evaluation.maps import AS_IT_IS, ReadOptions, count_maps
from aslp_lib.files import write, write_csv
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import interval
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import Score
from aslp_lib.metrics.smooth import smooth_ece
from aslp_lib.runs import Run

BINNED = {
    "ece": calibration.ece,
    "ece_equal_mass": calibration.ece_equal_mass,
    "ece_debiased": calibration.ece_debiased,
    "oe": calibration.oe,
    "mce": calibration.mce,
}
SCORES: dict[str, Score] = BINNED | {
    "ece_sweep": calibration.ece_sweep,
    "smooth_ece": smooth_ece,
    "ks": calibration.ks,
    "gap": calibration.gap,
    "accuracy": calibration.accuracy,
    "confidence": calibration.confidence,
    "brier": calibration.brier,
    "nll": calibration.nll,
    "mae": saliency.mae,
    "max_f": saliency.max_f,
    "mean_f": saliency.mean_f,
    "adaptive_f": saliency.adaptive_f,
    "weighted_f": saliency.weighted_f,
    "max_e": saliency.max_e,
    "mean_e": saliency.mean_e,
    "s_measure": saliency.s_measure,
    "iou": saliency.iou,
    "ap": saliency.average_precision,
    "auc": saliency.auc,
}
"""Every score by its name in metrics.json, with 10 bins; shares in [0, 1], but nll in nats a pixel
and gap in [-1, 1]."""

MAIN = ("ece", "oe", "gap", "accuracy")
"""The scores whose intervals a run's report shows."""

Results = dict[str, dict[str, Counts]]
"""Counts by test set and method."""


def scores_with(bins: int = BINS) -> dict[str, Score]:
    """`SCORES`, with another number of bins where a score has bins."""
    return SCORES | {name: partial(score, bins=bins) for name, score in BINNED.items()}


def scores(counts: Counts, bins: int = BINS) -> dict[str, float]:
    """Every score of `SCORES`; NaN where one is not defined (F without foreground)."""
    return {name: score(counts) for name, score in scores_with(bins).items()}


def finite(row: Mapping[str, float]) -> dict[str, float | None]:
    """Scores for JSON, which has no NaN: null where one is not defined."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def intervals(
    counts: Counts, names: Collection[str], bins: int = BINS
) -> dict[str, tuple[float, float] | None]:
    """95 % intervals over images of the named scores, null where a score is not defined; none for a
    set of one image."""
    if len(counts) < 2:
        return {}
    chosen = scores_with(bins)
    bar = tqdm(names, desc="intervals", disable=len(names) <= len(MAIN), leave=False)
    found = {name: interval(counts, chosen[name]) for name in bar}
    return {n: (each.low, each.high) if each.defined else None for n, each in found.items()}


def record(counts: Counts, names: Collection[str] = MAIN, bins: int = BINS) -> dict:
    """What JSON keeps of a set of maps: every score, and the named scores' intervals."""
    return finite(scores(counts, bins)) | {
        "images": len(counts),
        "intervals": intervals(counts, names, bins),
    }


def evaluate_run(
    run: Run, data: DataSplits, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Results:
    """Count the maps of every method and test set; write metrics.json and metrics.csv."""
    results: Results = {
        name: {
            method: count_maps(run.method(method).maps(name), dataset, reading, progress=progress)
            for method in run.settings.methods
        }
        for name, dataset in data.tests.items()
    }
    rows = {
        name: {method: record(counts) for method, counts in methods.items()}
        for name, methods in results.items()
    }
    write(run.metrics, json.dumps(rows, indent=2, allow_nan=False))
    write_csv(run.metrics.with_suffix(".csv"), *flat(rows))
    return results


def flat(rows: Mapping[str, Mapping[str, Mapping]]) -> tuple[list[str], list[list]]:
    """Header and lines of a CSV of every score, from records by set and method."""
    keys = ("images", *SCORES)
    lines = [
        [name, method, *(row[key] for key in keys)]
        for name, methods in rows.items()
        for method, row in methods.items()
    ]
    return ["set", "method", *keys], lines


def labelled(results: Results) -> Results:
    """The results with the methods' labels in the place of their names."""
    return {
        name: {METHOD_LABELS[method]: counts for method, counts in methods.items()}
        for name, methods in results.items()
    }
