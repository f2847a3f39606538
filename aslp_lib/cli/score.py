"""The command `score`, for folders of maps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.cli.base import Command
from aslp_lib.evaluation.map_folders import count_methods, parse_methods, parse_sets
from aslp_lib.evaluation.scores import Evaluation, flat, ignored_notes
from aslp_lib.evaluation.tables import as_table, latex, markdown
from aslp_lib.files import check_output, write, write_csv
from aslp_lib.maps.count import STRETCHED, WEIGHTED_F, ReadOptions
from aslp_lib.maps.listing import MAP_SUFFIXES, find_images
from aslp_lib.metrics import SCORES
from aslp_lib.metrics.calibration import BINS, check_bins


@dataclass(frozen=True)
class Score(Command):
    """Score and compare folders of maps, and write JSON, CSV, Markdown, LaTeX or an HTML report."""

    maps: tuple[str, ...]
    """Folders of maps: 8-bit greyscale images, where 255 is foreground with probability 1, or
    floats in .npy, .npz or TIFF files. Give one folder per method, as DIR or LABEL=DIR. Maps lie
    in DIR/SET, or in DIR itself if there is one set."""
    masks: tuple[Path, ...]
    """Folders of masks, one per set, with the stems and sizes of the maps."""
    out: Path | None = None
    """JSON file for all scores and their intervals over images."""
    table: tuple[Path, ...] = ()
    """Files for the table of scores: .csv (all scores), .md or .tex."""
    report: Path | None = None
    """HTML file for a report with tables and figures."""
    bins: int = BINS
    """Number of bins of the calibration scores and diagrams."""
    valid_masks: tuple[Path, ...] = ()
    """Folders of masks of the pixels to count, one for each folder of --masks."""
    reading: Annotated[ReadOptions, tyro.conf.arg(name="")] = ReadOptions(weighted_f=True)  # noqa: RUF009 - it is frozen

    def __call__(self) -> None:
        if not self.maps or not self.masks:
            raise ValueError(
                "the folders of maps or masks are missing; expected --maps DIR ... --masks DIR ..."
            )
        check_bins(self.bins)
        if self.out is not None:
            check_output("--out", self.out, (".json",))
        for path in self.table:
            check_output("--table", path, (".csv", ".md", ".tex"))
        if self.report is not None:
            check_output("--report", self.report, (".html", ".htm"))
        methods, sets = parse_methods(self.maps), parse_sets(self.masks)
        reading = self.reading
        notes = [STRETCHED] if reading.min_max else []
        if reading.weighted_f and not WEIGHTED_F:
            notes.append("weighted F was not measured: pip install -e '.[saliency]' in the clone")
            reading = replace(reading, weighted_f=False)
        valid = dict(zip(sets, self.valid_masks, strict=False))
        if self.valid_masks and len(self.valid_masks) != len(sets):
            raise ValueError(
                f"there are {len(self.valid_masks)} folders of valid masks and {len(sets)} of "
                "masks; expected as many. Give --valid-masks one for each of --masks, in order."
            )
        results = count_methods(methods, sets, reading, valid)
        for name, by_method in results.items():
            masks = len(find_images(sets[name], MAP_SUFFIXES))
            for label, counts in by_method.items():
                if missing := masks - len(counts):
                    nothing = " or no pixel to count" if "ignored" in counts.columns else ""
                    notes.append(
                        f"{name}: {missing} masks have no map of {label}{nothing} and are left out"
                    )
            notes += ignored_notes(name, next(iter(by_method.values())))
            if len({counts.names for counts in by_method.values()}) > 1:
                notes.append(
                    f"{name}: the methods have maps of different images, so none is paired"
                )
        evaluation = Evaluation.of(results, self.bins)
        if self.out is not None or self.report is not None:
            # Only these files contain intervals.
            notes = list(dict.fromkeys([*notes, *evaluation.notes]))
        self._write_files(evaluation, notes)
        if self.report is not None:
            from aslp_lib.evaluation.report import write_comparison  # loads matplotlib

            write_comparison(self.report, evaluation, methods, sets, notes)
        for note in notes:
            print(f"note: {note}")
        print(as_table(evaluation.scores))
        if self.report is not None:
            print(f"report: {self.report}")

    def _write_files(self, evaluation: Evaluation, notes: Sequence[str]) -> None:
        """Write the scores to the files that --out and --table name."""
        records = evaluation.records(SCORES if self.out else ())
        for row in (row for by_method in records.values() for row in by_method.values()):
            row["notes"] = notes
        if self.out is not None:
            single = len(records) == len(self.maps) == 1
            content = next(iter(next(iter(records.values())).values())) if single else records
            write(self.out, json.dumps(content, indent=2, allow_nan=False))
        for path in self.table:
            if path.suffix == ".csv":
                write_csv(path, *flat(records))
            else:
                write(path, markdown(records) if path.suffix == ".md" else latex(records))
