"""Scores of counted maps, computed once, with intervals over images, and their files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from aslp_lib.evaluation import notes
from aslp_lib.evaluation.classes import class_scores
from aslp_lib.files import write, write_csv
from aslp_lib.maps.count import AS_IT_IS, ReadOptions, count_files
from aslp_lib.maps.listing import refuse
from aslp_lib.maps.slabs import Slabs
from aslp_lib.metrics import (
    ALL_SCORES,
    SCORES,
    Score,
    Visibility,
    scores,
    scores_of,
    visible_scores,
)
from aslp_lib.metrics.bootstrap import Interval, Resamples, middle, reliability_tables
from aslp_lib.metrics.calibration import BINS, Reliability
from aslp_lib.metrics.classes import AnyCounts, ClassCounts

if TYPE_CHECKING:
    from aslp_lib.data.image_set import DataSplits, ImageSet
    from aslp_lib.runs import Run

TABLED = tuple(score.name for score in visible_scores(Visibility.TABLES, ALL_SCORES))
"""Names of the scores that get intervals by default, as far as they have one."""

INTERVALS = "In brackets 95 % bootstrap intervals over images (≤: an upper bound)."
"""Explanation of intervals in the cells of a table."""
NO_INTERVALS = "There are no intervals over a single image."
"""Explanation of their absence."""
BOLD = (
    "In bold the method of a set that is better than every other one: the 95 % bootstrap intervals "
    "over images of the paired differences exclude zero."
)
"""Explanation of bold cells."""

Results = dict[str, dict[str, AnyCounts]]
"""Counts by test set and method. The methods of a run are named by `Variant.label`."""


@dataclass(frozen=True)
class Evaluation:
    """Counts of predicted maps and their scores, computed once for all tables, files and reports.

    >>> import numpy as np
    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
    >>> evaluation = Evaluation({"test": {"BCE": counts}})
    >>> evaluation.scores["test"]["BCE"]["accuracy"]
    0.75

    Args:
        counts: counts by test set and method.
        bins: number of confidence bins of the calibration scores.
        names: names of the scores that get 95 % intervals over images, or over groups of images.
            They are computed when they are first needed. The noise floor has none, and names of
            scores that the counts lack are ignored.
        classes: names of the classes, if the counts are of K classes.
    """

    counts: Results
    bins: int = BINS
    names: Collection[str] = TABLED
    classes: Sequence[str] = ()

    @cached_property
    def scores(self) -> dict[str, dict[str, dict[str, float]]]:
        """Scores by test set, method and name of the score; NaN where a score is undefined."""
        return {
            name: {method: scores(counts, self.bins) for method, counts in methods.items()}
            for name, methods in self.counts.items()
        }

    @property
    def known(self) -> Mapping[str, Score]:
        """The scores of the counts, by name."""
        every = [counts for methods in self.counts.values() for counts in methods.values()]
        return scores_of(every[0]) if every else SCORES

    @property
    def methods(self) -> Results:
        """Labels of the methods of each test set."""
        return self.counts

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Test set and method of every entry."""
        return [(name, method) for name, methods in self.counts.items() for method in methods]

    @property
    def notes(self) -> list[str]:
        """Notes on ignored pixels and intervals of each set, and those on the methods' maps."""
        texts, sizes = [], {}
        for name, methods in self.counts.items():
            counts = min(methods.values(), key=lambda c: c.independent)
            texts += notes.ignored(name, counts)
            sizes[name] = counts.independent, len(counts)
        return texts + notes.few_images(sizes) + self.notes_on_maps

    @property
    def notes_on_maps(self) -> list[str]:
        """Notes on maps whose scores must not be taken as they are."""
        return [text for pair in self.pairs for text in notes.of_maps(*pair, [self.facts[pair]])]

    @cached_property
    def facts(self) -> dict[tuple[str, str], dict[str, float]]:
        """Facts on the maps of each test set and method, see `notes.facts`."""
        return {
            (name, method): notes.facts(self.counts[name][method]) for name, method in self.pairs
        }

    def one_class(self, name: str, method: str) -> str:
        """Return the class that a method predicts nearly everywhere, see `notes.one_class`."""
        return notes.one_class(self.facts[name, method])

    @cached_property
    def reliability(self) -> dict[str, dict[str, Reliability]]:
        """Reliability diagram of each test set and method, with intervals over images."""
        return {name: reliability_tables(rows, self.bins) for name, rows in self.counts.items()}

    @cached_property
    def resampled(self) -> dict[tuple[str, str], dict[str, np.ndarray]]:
        """Scores of 1,000 resamples of the images by name, shape (1000,), of each set and method.

        Undefined scores have none, and neither has a set of a single image or group.
        """
        arrays = {}
        for name, method in tqdm(self.pairs, desc="intervals", leave=False, delay=1):
            counts, row = self.counts[name][method], self.scores[name][method]
            resamples = Resamples(counts) if counts.independent > 1 else None
            arrays[name, method] = {
                score.name: resamples.scores(score.with_bins(self.bins))
                for score in self._with_intervals()
                if resamples and math.isfinite(row[score.name])
            }
        return arrays

    @cached_property
    def noise_bounds(self) -> dict[tuple[str, str, str], tuple[float, float]]:
        """Ends of the intervals that account for a noise floor, by test set, method and name."""
        return {
            (name, method, score.name): Resamples(counts).bounds(score, self.bins)
            for name, methods in self.counts.items()
            for method, counts in methods.items()
            for score in self.known.values()
            if score.bounds is not None and counts.independent > 1
        }

    def interval(self, name: str, method: str, score: Score) -> Interval:
        """Return a score and its interval, whose ends are NaN if there is none.

        Args:
            name: name of the test set.
            method: the method.
            score: the score.
        """
        value = self.scores[name][method][score.name]
        if score.bounds is not None:
            return Interval(value, *self.noise_bounds.get((name, method, score.name), ()))
        resampled = self.resampled[name, method]
        return Interval(value, *(middle(resampled[score.name]) if score.name in resampled else ()))

    def difference(
        self,
        name: str,
        method: str,
        other: str,
        score: Score,
        transform: Callable[[Any], Any] = lambda values: values,
    ) -> Interval:
        """Return a method's score minus that of another one, with the paired interval.

        Both are scored on the same resampled images. The interval is missing if the two have maps
        of different images. There is no difference, NaN, from a method that predicts one class.

        Args:
            name: name of the test set.
            method, other: the two methods.
            score: the score.
            transform: function of the scores whose difference is taken.
        """
        pair, key = (method, other), score.name
        if any(self.one_class(name, label) for label in pair):
            return Interval(math.nan)
        first, second = (transform(self.scores[name][label][key]) for label in pair)
        images = {(len(c), c.names) for c in (self.counts[name][label] for label in pair)}
        arrays = [self.resampled[name, label].get(key) for label in pair]
        if len(images) > 1 or arrays[0] is None or arrays[1] is None:
            return Interval(first - second)
        return Interval(first - second, *middle(transform(arrays[0]) - transform(arrays[1])))

    def best(self, name: str, score: Score) -> str | None:
        """Return the method of a test set that is resolved to be better than every other one.

        >>> import numpy as np
        >>> from aslp_lib.metrics.counts import Counts
        >>> maps = {"right": [255, 0], "wrong": [0, 255]}
        >>> image = {k: Counts.from_map(np.uint8([m]), np.uint8([[1, 0]])) for k, m in maps.items()}
        >>> evaluation = Evaluation({"SOD": {k: Counts.join([c, c]) for k, c in image.items()}})
        >>> evaluation.best("SOD", SCORES["accuracy"])
        'right'

        Returns:
            The method whose paired differences from all others have intervals that exclude zero, as
            rounded for tables; None if there is no such method. Methods that predict one class are
            left out.
        """
        rows = {k: row for k, row in self.scores[name].items() if not self.one_class(name, k)}
        if len(rows) < 2:
            return None
        best, *others = sorted(rows, key=lambda method: score.cost(rows[method][score.name]))
        differences = [self.difference(name, best, other, score, score.cost) for other in others]
        return best if all(paired.resolved(score) for paired in differences) else None

    def columns(self, visibility: Visibility) -> list[Score]:
        """Return the scores that are displayed at a place."""
        return visible_scores(visibility, self.known)

    def cell(self, name: str, method: str, score: Score, interval: bool) -> str:
        """Format a score for tables, with its interval if that is asked for."""
        if interval:
            return self.interval(name, method, score).text(score)
        return score.text(self.scores[name][method][score.name])

    def caption(self, columns: Sequence[Score], intervals: bool) -> str:
        """Explain intervals and bold cells of a table, and warn of what its notes are about."""
        several = any(len(methods) > 1 for methods in self.counts.values())
        parts = []
        if intervals:
            parts.append(INTERVALS if self.has_intervals else NO_INTERVALS)
        if several:
            parts.append(BOLD)
        texts = self.notes if intervals or several else self.notes_on_maps
        return " ".join([*parts, *map(notes.first_sentence, texts)])

    @property
    def has_intervals(self) -> bool:
        """True if a set has several images or groups, so that its scores have intervals."""
        return any(self.counts[name][method].independent > 1 for name, method in self.pairs)

    def records(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return the contents of metrics.json, by test set and method.

        Each record holds the number of images, the scores and the ends of their 95 % intervals
        over images as in `rows` (None where one is undefined, because JSON has no NaN), and notes
        on the intervals. Those of K classes hold the scores of each class, too.
        """
        records: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in self.counts}
        for (name, method), row in zip(self.pairs, self.rows(), strict=True):
            counts, by_class = self.counts[name][method], self.of_classes[name, method]
            few = notes.few_images({name: (counts.independent, len(counts))})
            del row["set"], row["method"]
            row["notes"] = few + notes.of_maps(name, method, [self.facts[name, method]])
            if by_class:
                row["classes"] = {
                    label: {key: _finite(value) for key, value in scores_of_class.items()}
                    for label, scores_of_class in by_class.items()
                }
            records[name][method] = row
        return records

    @cached_property
    def of_classes(self) -> dict[tuple[str, str], dict[str, dict[str, float]]]:
        """Scores of each class by its name, of each set and method; none of two classes."""
        return {
            (name, method): dict(zip(self.classes, class_scores(counts, self.bins), strict=True))
            if isinstance(counts := self.counts[name][method], ClassCounts)
            else {}
            for name, method in self.pairs
        }

    def rows(self, names: Collection[str] = ()) -> list[dict[str, object]]:
        """Return the rows of a CSV file: scores and the ends of their intervals, by column.

        >>> import numpy as np
        >>> from aslp_lib.metrics.counts import Counts
        >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[1, 0, 0, 0]]))
        >>> Evaluation({"SOD": {"BCE": counts}}).rows(["accuracy"])
        [{'set': 'SOD', 'method': 'BCE', 'images': 1, 'accuracy': 0.75}]

        Args:
            names: names of the scores; none for all.
        """
        bounded = self._with_intervals() if self.has_intervals else []
        rows = []
        for name, method in self.pairs:
            row: dict[str, object] = {"set": name, "method": method}
            row["images"] = len(self.counts[name][method])
            for key in names or self.known:
                row[key] = _finite(self.scores[name][method][key])
                if ALL_SCORES[key] in bounded:
                    _, low, high = map(
                        _finite, astuple(self.interval(name, method, ALL_SCORES[key]))
                    )
                    row |= {f"{key}_low": low, f"{key}_high": high}
            rows.append(row)
        return rows

    def _with_intervals(self) -> list[Score]:
        return [s for name, s in self.known.items() if name in self.names and s.better]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows with the same columns as a CSV file."""
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])


def count_maps(maps: Path, dataset: ImageSet, reading: ReadOptions = AS_IT_IS) -> AnyCounts:
    """Count the pixels of a folder of 8-bit maps `STEM.png` against a set's masks.

    Maps of K classes are `STEM.npy`.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from aslp_lib.data.shapes import Shapes
    >>> dataset = Shapes("test", 2, seed=0, size=16)
    >>> with TemporaryDirectory() as folder:
    ...     for stem in dataset.stems:
    ...         Image.new("L", (16, 16), 255).save(Path(folder, f"{stem}.png"))
    ...     counts = count_maps(folder, dataset, ReadOptions(weighted_f=False))
    >>> len(counts), counts.pixels
    (2, 512)

    Args:
        maps: folder of the maps.
        dataset: set that the maps were predicted for.
        reading: how maps and masks are read.

    Raises:
        ValueError: maps are missing, not grey, damaged, or of another size than their masks; the
            message names them.
    """
    reading = replace(reading, classes=dataset.classes)
    suffix = "npy" if dataset.classes else "png"
    paths = {stem: Path(maps) / f"{stem}.{suffix}" for stem in dataset.stems}
    missing = {stem for stem, path in paths.items() if not path.is_file()}
    refuse(f"maps of {dataset.name} missing from {maps} (the command predict makes them)", missing)

    counts: AnyCounts = count_files(
        paths,
        lambda index: Slabs.of(dataset.mask(index)),
        reading,
        ignored=dataset.ignored,
        groups=dataset.groups,
        name=dataset.name,
    )
    return counts


def evaluate_run(
    run: Run,
    data: DataSplits,
    reading: ReadOptions = AS_IT_IS,
    names: Collection[str] = TABLED,
) -> Evaluation:
    """Score a run's maps of every variant and test set, and write metrics.json and metrics.csv.

    Args:
        run: a run whose maps were predicted.
        data: the run's data, of which the test sets are scored.
        reading: how maps and masks are read.
        names: names of the scores that get intervals.

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
            label: count_maps(run.maps(variant, name), dataset, reading)
            for label, variant in variants.items()
        }
        for name, dataset in data.tests.items()
    }
    evaluation = Evaluation(results, names=names, classes=data.classes)
    records = {
        name: {variants[label].name: record for label, record in methods.items()}
        for name, methods in evaluation.records().items()
    }
    write(run.metrics, json.dumps(records, indent=2, allow_nan=False))
    rows = [{**row, "method": variants[str(row["method"])].name} for row in evaluation.rows()]
    write_rows(run.metrics.with_suffix(".csv"), rows)
    return evaluation
