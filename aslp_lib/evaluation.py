"""Evaluation: a folder of maps and a set's masks become counts, and counts become every score."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from aslp_lib.config import METHOD_LABELS
from aslp_lib.data.base import DataSets, SaliencySet
from aslp_lib.data.folders import Grey, find_images, read_mask, refuse
from aslp_lib.metrics import calibration, saliency
from aslp_lib.metrics.bootstrap import interval
from aslp_lib.metrics.counts import Counts
from aslp_lib.runs import Run, write, write_csv

SCORES = {
    "ece": calibration.ece,
    "ece_equal_mass": calibration.ece_equal_mass,
    "ece_sweep": calibration.ece_sweep,
    "ece_debiased": calibration.ece_debiased,
    "oe": calibration.oe,
    "mce": calibration.mce,
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
    "max_e": saliency.max_e,
    "mean_e": saliency.mean_e,
    "iou": saliency.iou,
    "ap": saliency.average_precision,
    "auc": saliency.auc,
}
"""Every score by its name in metrics.json; shares in [0, 1], but nll in nats a pixel."""

INTERVALS = ("ece", "oe", "gap", "accuracy")

Results = dict[str, dict[str, Counts]]
"""Counts by test set and method."""


def count_maps(maps: Path, dataset: SaliencySet, *, progress: bool = True) -> Counts:
    """Counts of a folder of 8-bit maps `STEM.png` against a set's masks, read in parallel.

    Raises:
        ValueError: maps that are missing, not 8-bit greyscale, damaged, or not of their mask's
            size; names them.
    """
    paths = {stem: Path(maps) / f"{stem}.png" for stem in dataset.stems}
    missing = {stem for stem, path in paths.items() if not path.is_file()}
    refuse(f"maps of {dataset.name} missing from {maps} (the command test makes them)", missing)
    return _count(list(paths.values()), dataset.mask, dataset.name, progress)


def count_folders(
    maps: Path,
    masks: Path,
    *,
    allow_missing: bool = False,
    grey: Grey = "refuse",
    progress: bool = True,
) -> Counts:
    """Counts of anyone's maps: two folders, files matched by stem, in the order of the stems.

    Args:
        allow_missing: leave masks without a map out instead of refusing; maps without a mask are
            always refused.
        grey: as `read_mask`.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: files that do not match, damaged ones, sizes that differ; names them.
    """
    predicted, labelled_by = find_images(Path(maps)), find_images(Path(masks))
    refuse(f"maps in {maps} without a mask", predicted.keys() - labelled_by.keys())
    if not allow_missing:
        refuse(
            f"masks in {masks} without a map (--allow-missing leaves them out)",
            labelled_by.keys() - predicted.keys(),
        )
    stems = sorted(predicted)
    paths = [predicted[stem] for stem in stems]

    def mask(index: int) -> np.ndarray:
        return read_mask(labelled_by[stems[index]], grey)

    return _count(paths, mask, Path(maps).name, progress)


def _count(
    paths: list[Path], mask: Callable[[int], np.ndarray], name: str, progress: bool
) -> Counts:
    """Counts of map files against `mask(index)`, read in parallel."""

    def count(index: int) -> Counts:
        try:
            return Counts.from_map(read_map(paths[index]), mask(index))
        except ValueError as error:
            raise ValueError(f"{paths[index]}: {error}") from error

    with ThreadPoolExecutor() as pool:
        parts = pool.map(count, range(len(paths)))
        bar = tqdm(
            parts, total=len(paths), desc=f"maps of {name}", disable=not progress, leave=False
        )
        return Counts.join(list(bar))


def read_map(path: Path) -> np.ndarray:
    """(H, W) uint8. Raises ValueError if the file is damaged or not 8-bit greyscale."""
    try:
        with Image.open(path) as picture:
            if picture.mode != "L":
                raise ValueError(
                    f"a map must be an 8-bit greyscale PNG, but this one's mode is {picture.mode}"
                )
            return np.asarray(picture)
    except OSError as error:
        raise ValueError(f"it is damaged or no image: {error}") from error


def scores(counts: Counts) -> dict[str, float]:
    """Every score of `SCORES`; NaN where one is not defined (F without foreground)."""
    return {name: score(counts) for name, score in SCORES.items()}


def finite(row: dict[str, float]) -> dict[str, float | None]:
    """Scores for JSON, which has no NaN: null where one is not defined."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def intervals(counts: Counts) -> dict[str, tuple[float, float]]:
    """95 % intervals over images of the scores in `INTERVALS`; none for a set of one image."""
    if len(counts) < 2:
        return {}
    found = {name: interval(counts, SCORES[name]) for name in INTERVALS}
    return {name: (each.low, each.high) for name, each in found.items()}


def record(counts: Counts) -> dict:
    """What metrics.json keeps of a set of maps: every score, and the intervals."""
    return finite(scores(counts)) | {"images": len(counts), "intervals": intervals(counts)}


def evaluate_run(run: Run, data: DataSets, *, progress: bool = True) -> Results:
    """Count the maps of every method and test set; write metrics.json and metrics.csv."""
    results: Results = {
        name: {
            method: count_maps(run.method(method).maps(name), dataset, progress=progress)
            for method in run.settings.methods
        }
        for name, dataset in data.tests.items()
    }
    rows = {
        name: {method: record(counts) for method, counts in methods.items()}
        for name, methods in results.items()
    }
    write(run.metrics, json.dumps(rows, indent=2, allow_nan=False))
    write_csv(
        run.metrics.with_suffix(".csv"),
        ["set", "method", "images", *SCORES],
        [
            [name, method, *(row[key] for key in ("images", *SCORES))]
            for name, methods in rows.items()
            for method, row in methods.items()
        ],
    )
    return results


def labelled(results: Results) -> Results:
    """The results with the methods' labels in the place of their names."""
    return {
        name: {METHOD_LABELS[method]: counts for method, counts in methods.items()}
        for name, methods in results.items()
    }


def as_table(results: Results) -> str:
    """The main scores in percent (MAE and max F as they are), for a terminal."""
    columns = {"ece": "ECE %", "oe": "OE %", "accuracy": "acc %", "confidence": "conf %"}
    plain = {"mae": "MAE", "max_f": "max F"}
    lines = [
        f"{'set':<16}{'method':<22}"
        + "".join(f"{c:>9}" for c in [*columns.values(), *plain.values()])
    ]
    for name, methods in results.items():
        for method, counts in methods.items():
            row = scores(counts)
            cells = [f"{100 * row[key]:9.2f}" for key in columns]
            cells += [
                f"{row[key]:9.3f}" if math.isfinite(row[key]) else f"{'-':>9}" for key in plain
            ]
            lines.append(f"{name:<16}{method:<22}" + "".join(cells))
    return "\n".join(lines)
