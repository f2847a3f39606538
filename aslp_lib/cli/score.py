"""The command `score`, on anyone's maps: read, count, print, write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aslp_lib.cli.base import Command
from aslp_lib.data.images import Grey
from aslp_lib.data.listing import find_images
from aslp_lib.evaluation.map_folders import count_methods, parse_methods, parse_sets
from aslp_lib.evaluation.scores import Evaluation, flat
from aslp_lib.evaluation.tables import as_table, latex, markdown
from aslp_lib.files import check_output, write, write_csv
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.calibration import BINS, check_bins
from aslp_lib.prediction.maps import STRETCHED, WEIGHTED_F, ReadOptions


@dataclass(frozen=True)
class Score(Command):
    """Score and compare anyone's maps: a table, JSON, CSV, Markdown, LaTeX and a report."""

    maps: tuple[str, ...]
    """Folders of 8-bit greyscale maps (255 = surely foreground), one a method: DIR or LABEL=DIR.
    Maps lie in DIR/SET, or for one set in DIR itself."""
    masks: tuple[Path, ...]
    """Folders of masks of the same stems and sizes, one a set."""
    out: Path | None = None
    """A JSON file for every score and its interval over images."""
    table: tuple[Path, ...] = ()
    """Files for the comparison table: .csv (every score), .md, .tex."""
    report: Path | None = None
    """An HTML page with tables and figures."""
    bins: int = BINS
    """Bins of the calibration scores and diagrams."""
    weighted_f: bool = True
    """Measure weighted F too, which takes ten times as long as all the rest."""
    min_max: bool = False
    """Stretch each map to the full range first, as the authors' release did. It changes every
    confidence: only to compare with numbers made that way."""
    allow_missing: bool = False
    """Leave masks without a map out, instead of refusing them."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""
    num_workers: int | None = None
    """Threads that read; None: one a processor."""

    def __call__(self) -> None:
        compare(self)


def compare(asked: Score) -> None:
    """Score and compare anyone's maps. Raises ValueError, FileNotFoundError as `count_methods`."""
    if not asked.maps or not asked.masks:
        raise ValueError("score needs folders of maps and of masks: --maps DIR ... --masks DIR ...")
    check_bins(asked.bins)
    for path in filter(None, [asked.out]):
        check_output("--out", path, (".json",))
    for path in asked.table:
        check_output("--table", path, (".csv", ".md", ".tex"))
    for path in filter(None, [asked.report]):
        check_output("--report", path, (".html", ".htm"))
    methods, sets = parse_methods(asked.maps), parse_sets(asked.masks)
    notes = []
    if asked.min_max:
        notes.append(STRETCHED)
    if asked.weighted_f and not WEIGHTED_F:
        notes.append("weighted F was not measured: pip install 'aslp-lib[saliency]'")
    weighted_f = asked.weighted_f and WEIGHTED_F
    reading = ReadOptions(
        asked.min_max, weighted_f, asked.grey, asked.allow_missing, num_workers=asked.num_workers
    )
    results = count_methods(methods, sets, reading)
    masks = {name: len(find_images(folder)) for name, folder in sets.items()}
    for name, counted in results.items():
        for label, counts in counted.items():
            if left := masks[name] - len(counts):
                notes.append(f"{name}: {left} masks have no map of {label} and are left out")
        if len({counts.names for counts in counted.values()}) > 1:
            notes.append(f"{name}: the methods have maps of different images, so none is paired")
    evaluation = Evaluation.of(results, asked.bins)
    if asked.out is not None or asked.report is not None:
        notes += evaluation.notes  # of the intervals that these show
    _write_files(asked, evaluation, methods, sets, notes)
    for note in notes:
        print(f"note: {note}")
    print(as_table(evaluation.scores))
    if asked.report is not None:
        print(f"report: {asked.report}")


def _write_files(
    asked: Score,
    evaluation: Evaluation,
    methods: Mapping[str, Path],
    sets: Mapping[str, Path],
    notes: Sequence[str],
) -> None:
    """Write the files that are asked for."""
    if asked.out is None and not asked.table and asked.report is None:
        return
    records = {
        name: {label: record | {"notes": notes} for label, record in by_method.items()}
        for name, by_method in evaluation.records(SCORES if asked.out else ()).items()
    }
    if asked.out is not None:
        single = len(records) == len(asked.maps) == 1
        content = next(iter(next(iter(records.values())).values())) if single else records
        write(asked.out, json.dumps(content, indent=2, allow_nan=False))
    for path in asked.table:
        if path.suffix == ".csv":
            write_csv(path, *flat(records))
        else:
            write(path, markdown(records) if path.suffix == ".md" else latex(records))
    if asked.report is not None:
        from aslp_lib.evaluation.report import write_comparison  # matplotlib

        write_comparison(asked.report, evaluation, methods, sets, notes)
