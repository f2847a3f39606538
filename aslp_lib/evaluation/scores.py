"""Scores of counted maps, computed once, with intervals over images, and their files."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from aslp_lib.files import write, write_csv
from aslp_lib.maps.count import AS_IT_IS, ReadOptions, count_files
from aslp_lib.maps.listing import refuse
from aslp_lib.maps.slabs import Slabs
from aslp_lib.metrics import SCORES, Visibility, scores, visible_scores
from aslp_lib.metrics.bootstrap import Resamples
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts

if TYPE_CHECKING:
    from aslp_lib.data.base import DataSplits, SaliencySet
    from aslp_lib.runs import Run

MAIN = tuple(score.name for score in visible_scores(Visibility.MAIN))
"""Names of the scores whose intervals a run's metrics.json holds, as far as they have one."""

FEW = 100
"""Number of images below which a note warns that the intervals are too narrow."""

Results = dict[str, dict[str, Counts]]
"""Counts by test set and method. The methods of a run are named by `Variant.label`."""


@dataclass(frozen=True)
class Evaluation:
    """Counts of predicted maps and their scores, computed once for all tables, files and reports.

    >>> import numpy as np
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> evaluation = Evaluation.of({"test": {"BCE": counts}})
    >>> evaluation.scores["test"]["BCE"]["accuracy"]
    0.75

    Args:
        counts: counts by test set and method.
        scores: scores by test set, method and name of the score; NaN where a score is undefined.
        bins: number of confidence bins of the calibration scores.
    """

    counts: Results
    scores: dict[str, dict[str, dict[str, float]]]
    bins: int

    @classmethod
    def of(cls, counts: Results, bins: int = BINS) -> Evaluation:
        """Score every method on every test set."""
        rows = {
            name: {method: scores(c, bins) for method, c in methods.items()}
            for name, methods in counts.items()
        }
        return cls(counts, rows, bins)

    @property
    def notes(self) -> list[str]:
        """Notes on ignored pixels and on the intervals, at most one of each per test set."""
        return [
            note
            for name, methods in self.counts.items()
            for counts in [min(methods.values(), key=lambda c: c.independent)]
            for note in ignored_notes(name, counts) + interval_notes(name, counts)
        ]

    def records(self, names: Collection[str] = MAIN) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the contents of metrics.json, by test set and method.

        Each record holds the scores by name (None where a score is undefined, because JSON has no
        NaN), the number of images, 95 % intervals over images, and notes on the intervals.

        Args:
            names: scores that get an interval.
        """
        records: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in self.counts}
        for name, methods in self.counts.items():
            for method, counts in methods.items():
                row = self.scores[name][method]
                records[name][method] = {
                    **{key: value if math.isfinite(value) else None for key, value in row.items()},
                    "images": len(counts),
                    "intervals": intervals(counts, row, names, self.bins),
                    "notes": interval_notes(name, counts) if names else [],
                }
        return records


def intervals(
    counts: Counts, row: Mapping[str, float], names: Collection[str], bins: int = BINS
) -> dict[str, tuple[float, float] | None]:
    """Compute 95 % bootstrap intervals over images, or over groups of images.

    >>> import numpy as np
    >>> image = Counts.from_map(np.uint8([[255, 0]]), np.uint8([[1, 0]]))
    >>> intervals(Counts.join([image, image]), {"accuracy": 1.0}, ["accuracy"])
    {'accuracy': (1.0, 1.0)}

    Args:
        row: scores of the set by name.
        names: scores that get an interval. The noise floor has none.
        bins: number of confidence bins of the calibration scores.

    Returns:
        Score name -> (low, high), or None if the score is undefined. A set of a single image or
        group has no intervals.
    """
    if not names or counts.independent < 2:
        return {}
    resamples = Resamples(counts)
    bar = tqdm(names, desc="intervals", disable=len(names) <= len(MAIN), leave=False)
    return {
        name: resamples.bounds(SCORES[name], bins) if math.isfinite(row[name]) else None
        for name in bar
        if SCORES[name].better is not None
    }


def interval_notes(name: str, counts: Counts) -> list[str]:
    """Return a warning if a set has too few images, or groups of images, for reliable intervals.

    Percentile intervals are too narrow if the scores of resamples are skewed. More images correct
    this; other bootstrap intervals hardly do (bias-corrected and accelerated intervals cover the
    truth in 86 % of trials with 30 images).

    >>> import numpy as np
    >>> interval_notes("SOD", Counts(np.ones((300, 2, 256), np.int64)))
    []

    Args:
        name: name of the set.
        counts: counts of the set.
    """
    if not 1 < counts.independent < FEW:
        return []
    units = "images" if "groups" not in counts.columns else "groups of images"
    return [
        f"{name}: 95 % intervals over {counts.independent} {units} are too narrow (of 30 images "
        "they held the truth in 80 to 87 % of trials, of 100 images in 91 to 95 %)"
    ]


def ignored_notes(name: str, counts: Counts) -> list[str]:
    """Return a note if pixels of a set were ignored, with their share.

    >>> import numpy as np
    >>> maps, labels = np.uint8([[255, 0, 9, 9]]), np.uint8([[1, 0, 0, 7]])
    >>> (note,) = ignored_notes("SOD", Counts.from_map(maps, labels, ignore_index=7))
    >>> note[:40]
    'SOD: 25.0 % of the pixels are ignored; S'
    """
    ignored = counts.columns.get("ignored", np.zeros(1)).sum()
    if not ignored:
        return []
    share = 100 * ignored / (ignored + counts.pixels)
    return [
        f"{name}: {share:.1f} % of the pixels are ignored; S and weighted F, which need whole "
        "images, are missing"
    ]


def flat(
    records: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> tuple[list[str], list[list[object]]]:
    """Return the header and the rows of a CSV file with every score.

    >>> record = {"images": 7, **dict.fromkeys(SCORES, 0.5)}
    >>> header, rows = flat({"SOD": {"BCE": record}})
    >>> header[:3], rows[0][:3]
    (['set', 'method', 'images'], ['SOD', 'BCE', 7])

    Args:
        records: records by set and method, see `Evaluation.records`.
    """
    keys = ("images", *SCORES)
    lines = [
        [name, method, *(row[key] for key in keys)]
        for name, methods in records.items()
        for method, row in methods.items()
    ]
    return ["set", "method", *keys], lines


def count_maps(
    maps: Path, dataset: SaliencySet, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Counts:
    """Count the pixels of a folder of 8-bit maps `STEM.png` against a set's masks.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from aslp_lib.data.shapes import Shapes
    >>> dataset = Shapes("test", 2, seed=0, size=16)
    >>> with TemporaryDirectory() as folder:
    ...     for stem in dataset.stems:
    ...         Image.new("L", (16, 16), 255).save(Path(folder, f"{stem}.png"))
    ...     counts = count_maps(folder, dataset, ReadOptions(weighted_f=False), progress=False)
    >>> len(counts), counts.pixels
    (2, 512)

    Args:
        maps: folder of the maps.
        dataset: set that the maps were predicted for.
        reading: how maps and masks are read.
        progress: show a progress bar.

    Raises:
        ValueError: maps are missing, not grey, damaged, or of another size than their masks; the
            message names them.
    """
    paths = {stem: Path(maps) / f"{stem}.png" for stem in dataset.stems}
    missing = {stem for stem, path in paths.items() if not path.is_file()}
    refuse(f"maps of {dataset.name} missing from {maps} (the command predict makes them)", missing)

    def mask(index: int) -> Slabs:
        return Slabs.of(dataset.mask(index))

    return count_files(
        paths,
        mask,
        reading,
        ignored=dataset.ignored,
        groups=dataset.fields,
        name=dataset.name,
        progress=progress,
    )


def evaluate_run(
    run: Run, data: DataSplits, reading: ReadOptions = AS_IT_IS, *, progress: bool = True
) -> Evaluation:
    """Score a run's maps of every variant and test set, and write metrics.json and metrics.csv.

    Args:
        run: a run whose maps were predicted.
        data: the run's data, of which the test sets are scored.
        reading: how maps and masks are read.

    Returns:
        The evaluation, with the variants named by their labels.

    Raises:
        ValueError: the maps were made with other weights, images or settings than the run has now,
            or cannot be used, see `count_maps`.
    """
    # Imported here because it loads torch, which scoring maps does not need.
    from aslp_lib.prediction import provenance

    provenance.check(run, data.tests)
    variants = {variant.label: variant for variant in run.variants()}
    results = {
        name: {
            label: count_maps(run.maps(variant, name), dataset, reading, progress=progress)
            for label, variant in variants.items()
        }
        for name, dataset in data.tests.items()
    }
    evaluation = Evaluation.of(results)
    records = {
        name: {variants[label].name: row for label, row in rows.items()}
        for name, rows in evaluation.records().items()
    }
    write(run.metrics, json.dumps(records, indent=2, allow_nan=False))
    write_csv(run.metrics.with_suffix(".csv"), *flat(records))
    return evaluation
