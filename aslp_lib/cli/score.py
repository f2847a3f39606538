"""The command `score`, for folders of maps."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from aslp_lib.cli.command import Command
from aslp_lib.console import command_line
from aslp_lib.evaluation.map_folders import count_methods, maps_folder, parse_methods, parse_sets
from aslp_lib.evaluation.notes import ignored
from aslp_lib.evaluation.scores import Evaluation, Results
from aslp_lib.evaluation.tables import PaperOptions, as_table, class_text
from aslp_lib.files import check_output, write
from aslp_lib.maps.count import STRETCHED, WEIGHTED_F, ReadOptions
from aslp_lib.maps.listing import MAP_SUFFIXES, find_images
from aslp_lib.metrics import CLASS_SCORES, SCORES, Visibility
from aslp_lib.metrics.calibration import BINS, check_bins

if TYPE_CHECKING:
    from aslp_lib.evaluation.pages import Page


@dataclass(frozen=True)
class Score(Command):
    """Score and compare folders of maps, and write JSON, CSV, Markdown, LaTeX, figures or an HTML
    report.

    Examples:
      aslp score --maps BCE=maps/bce ASLP=maps/aslp --masks SOD/GT --report comparison.html
      aslp score --maps volumes --masks labels --volumes --logits --out scores.json
      aslp score --maps DIR --masks GT --classes background interior boundary --report report.html
    """

    maps: tuple[str, ...]
    """Folders of maps: 8-bit greyscale images, where 255 is foreground with probability 1, or
    floats in .npy, .npz or TIFF files. Give one folder per method, as DIR or LABEL=DIR, or one per
    seed of each method, as LABEL=DIR,DIR,... Maps lie in DIR/SET, or in DIR itself if there is one
    set."""
    masks: tuple[str, ...]
    """Folders of masks, one per set, as DIR or LABEL=DIR, with the stems and sizes of the maps."""
    out: Path | None = None
    """JSON file for all scores and their intervals over images."""
    report: Path | None = None
    """HTML file for a report with tables and figures."""
    bins: int = BINS
    """Number of bins of the calibration scores and diagrams."""
    valid_masks: tuple[Path, ...] = ()
    """Folders of masks of the pixels to count, one for each folder of --masks."""
    paper: Annotated[PaperOptions, tyro.conf.arg(name="")] = PaperOptions()  # noqa: RUF009 - it is frozen
    reading: Annotated[ReadOptions, tyro.conf.arg(name="")] = ReadOptions(weighted_f=True)  # noqa: RUF009

    def __call__(self) -> None:
        self._check()
        methods, sets = parse_methods(self.maps), parse_sets(self.masks)
        if len(self.valid_masks) not in (0, len(sets)):
            raise ValueError(
                f"there are {len(self.valid_masks)} folders of valid masks and {len(sets)} of "
                "masks; expected as many. Give --valid-masks one for each of --masks, in order."
            )
        valid = dict(zip(sets, self.valid_masks, strict=False))
        reading, notes = self.reading, [STRETCHED] if self.reading.min_max else []
        if reading.weighted_f and not WEIGHTED_F:
            notes.append("weighted F was not measured: pip install -e '.[saliency]' in the clone")
            reading = replace(reading, weighted_f=False)
        seeds = count_methods(methods, sets, reading, valid)
        notes += _notes(seeds, sets)
        names, classes = self.paper.resampled(every=self.out is not None), reading.classes
        evaluations = [Evaluation(results, self.bins, names, classes) for results in seeds]
        over_seeds, first = None, evaluations[0]
        if len(seeds) == 1:
            # Without files, scores of one seed have no intervals.
            files = self.out or self.report or self.paper.table
            notes += first.notes if files else first.notes_on_maps
            columns = self.paper.columns(first.columns(Visibility.MAIN))
            text = as_table(first, columns) + class_text(first)
        else:
            from aslp_lib.experiments.tables import SeedScores  # loads torch and pandas

            over_seeds = SeedScores.of_evaluations(evaluations)
            notes += over_seeds.notes()
            text = over_seeds.terminal_text(self.paper)
        notes = list(dict.fromkeys(notes))
        for note in notes:
            print(f"note: {note}")
        print(text)
        if self.out is not None:
            records = [evaluation.records() for evaluation in evaluations]
            write(self.out, json.dumps(_content(records, notes), indent=2, allow_nan=False))
            print(f"scores: {self.out}")

        def whole_page() -> Page:
            from aslp_lib.evaluation import report  # loads matplotlib

            if over_seeds is None:
                page = report.comparison_page(first)
            else:
                from aslp_lib.experiments.report import page_over_seeds

                page = page_over_seeds(over_seeds)
            command = partial(self._recalibrate, methods, len(sets))
            seed = ", first seed," if len(seeds) > 1 else ""
            # What is done next depends on the maps, of which one class may be a part only.
            final = reading.min_max or reading.one_class is not None
            return page._replace(
                notes=notes,
                appendix=[report.folders_table(methods, sets)],
                next=[] if final else report.next_steps(first, command, seed),
            )

        self.paper.publish(over_seeds or first, whole_page, self.report)

    def _check(self) -> None:
        """Check what the options say before anything is counted."""
        if not self.maps or not self.masks:
            raise ValueError(
                "the folders of maps or masks are missing; expected --maps DIR ... --masks DIR ..."
            )
        check_bins(self.bins)
        if self.out is not None:
            check_output("--out", self.out, (".json",))
        self.paper.check(CLASS_SCORES if self.reading.several_classes else SCORES)
        if self.report is not None:
            check_output("--report", self.report, (".html", ".htm"))

    def _recalibrate(
        self, methods: Mapping[str, Sequence[Path]], sets: int, name: str, label: str, kind: str
    ) -> str:
        """Return the command that recalibrates the maps of a method on a set, of the first seed."""
        maps = maps_folder(methods[label][0], name, sets)
        words = ["recalibrate", "--kind", kind, "--fit-maps", "VAL/maps", "--fit-masks", "VAL/GT"]
        if self.valid_masks:
            words += ["--valid-masks", "VAL/valid"]
        if self.reading.ignore_index is not None:
            words += ["--ignore-index", str(self.reading.ignore_index)]
        return command_line(*words, *self.reading.flags, "--maps", maps, "--out", f"{maps}+{kind}")


def _notes(seeds: Sequence[Results], sets: Mapping[str, Path]) -> list[str]:
    """Return notes on missing maps and ignored pixels.

    Raises:
        ValueError: several seeds have maps of different images.
    """
    notes = []
    for name, folder in sets.items():
        masks = len(find_images(folder, MAP_SUFFIXES))
        for seed, results in enumerate(seeds):
            for label, counts in results[name].items():
                if missing := masks - len(counts):
                    nothing = " or no pixel to count" if "ignored" in counts.columns else ""
                    text = f"{label}, seed {seed}" if len(seeds) > 1 else label
                    notes.append(
                        f"{name}: masks without a map of {text}{nothing}, so left out: {missing}"
                    )
        notes += ignored(name, next(iter(seeds[0][name].values())))
        if len({counts.names for results in seeds for counts in results[name].values()}) > 1:
            notes.append(f"{name}: the methods have maps of different images, so none is paired")
            if len(seeds) > 1:
                raise ValueError(
                    f"{name}: the seeds or methods have maps of different images; expected maps of "
                    "the same images. Make the missing ones, or remove the others."
                )
    return notes


def _content(
    seeds: Sequence[dict[str, dict[str, dict[str, Any]]]], notes: Sequence[str]
) -> dict[str, Any]:
    """Return the content of the JSON file: by set and method, a record or a list with one per seed.

    The notes of each record are those of all.
    """
    rows: dict[str, dict[str, Any]] = {}
    for name, label in [(name, label) for name, methods in seeds[0].items() for label in methods]:
        records = [{**sets[name][label], "notes": notes} for sets in seeds]
        rows.setdefault(name, {})[label] = records if len(records) > 1 else records[0]
    return rows
