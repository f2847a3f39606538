"""The command `recalibrate`, for folders of maps."""

from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.checks import require, require_name
from aslp_lib.cli.command import Command
from aslp_lib.config import one_of
from aslp_lib.console import command_line
from aslp_lib.evaluation import notes
from aslp_lib.files import check_new_folder, check_output
from aslp_lib.maps.count import FileOptions, ReadOptions, find_files
from aslp_lib.maps.provenance import same_files
from aslp_lib.metrics.calibration import ece, nll
from aslp_lib.prediction.recalibrated_maps import ON_MAPS, change_maps, fit_on_maps
from aslp_lib.recalibration import CLASS_RECALIBRATIONS, RECALIBRATIONS, Recalibration


@dataclass(frozen=True)
class Recalibrate(Command):
    """Fit a recalibration on maps of labelled images, and apply it to other maps.

    Examples:
      aslp recalibrate --fit-maps val/maps --fit-masks val/GT --maps test/maps --out new
      aslp recalibrate --kind isotonic --fit-maps val/maps --fit-masks val/GT --save fit.safetensors
      aslp recalibrate --classes 3 --fit-maps val/maps --fit-masks val/GT --maps test/maps --out new
    """

    kind: Annotated[str, one_of((*ON_MAPS, "vector_scaling"))] = "temperature_scaling"
    """Recalibration method. With --classes: temperature_scaling, vector_scaling, unperturb, or
    isotonic and histogram of each class against the rest."""
    fit_maps: tuple[Path, ...] = ()
    """Folders of maps of images that the network was not trained on: 8-bit greyscale images, or
    floats in .npy, .npz or TIFF files. The methods image_wise_shrinkage, image_wise_temperature
    and corruption_temperature accept further folders, with maps of corrupted copies of these
    images."""
    fit_masks: tuple[Path, ...] = ()
    """Folders of masks, one for each folder of --fit-maps or one for all."""
    valid_masks: Path | None = None
    """Folder of masks of the pixels to count, for all folders of --fit-masks."""
    dose: float | None = None
    """Dose alpha*beta of the labels that the network was trained on, for unperturb alone, where
    --fit-maps and --fit-masks only show the scores before and after."""
    fitted: Path | None = None
    """File that --save wrote, to apply instead of fitting."""
    save: Path | None = None
    """Safetensors file to write the fitted recalibration to."""
    maps: Path | None = None
    """Folder of the maps to recalibrate."""
    out: Path | None = None
    """New folder for the recalibrated maps, which hold the same as those of --maps. Arrays of shape
    (1, H, W) become (H, W), and those of several classes float32 in .npy files."""
    files: Annotated[FileOptions, tyro.conf.arg(name="")] = FileOptions()  # noqa: RUF009 - it is frozen

    def __call__(self) -> None:
        reading = ReadOptions(weighted_f=False, **vars(self.files))
        if reading.classes:
            require_name("--kind with --classes", self.kind, (*CLASS_RECALIBRATIONS,))
            kind: type[Recalibration] = CLASS_RECALIBRATIONS[self.kind]
        else:
            require_name("--kind", self.kind, ON_MAPS)
            kind = RECALIBRATIONS[self.kind]
        self._check(kind)
        if self.fitted is None:
            change, scores = self._fit(kind, reading)
        else:
            change, scores = kind.load(self.fitted), ""
        if self.save is not None:
            change.save(self.save)
        print(f"{self.kind}: {change.describe()}{scores}")
        if self.maps is not None and self.out is not None:
            number = change_maps(change, self.maps, self.out, reading)
            words = ["--maps", f"before={self.maps}", f"after={self.out}", "--masks", "MASKS"]
            words += self.files.flags
            print(f"{number} maps in {self.out}; next: {command_line('score', *words)}")
            if not change.needs_dose:
                self._note_fit_maps(self.maps)

    def _note_fit_maps(self, folder: Path) -> None:
        """Print a note if at least half of the recalibrated maps are those of the fit.

        A few equal maps may be those of different images without an object.
        """
        maps = find_files("maps", folder)
        fitted = (same_files(maps, find_files("maps", other)) for other in self.fit_maps)
        number = len({*chain.from_iterable(fitted)})
        if 2 * number >= len(maps):
            print(
                f"note: {number} of {len(maps)} maps in {folder} are those of the fit, so their "
                "scores flatter the recalibration. Test it on --maps of other images"
            )

    def _check(self, kind: type[Recalibration]) -> None:
        """Raise an error for flags that contradict each other, or for outputs that exist."""
        together = (self.maps is None) == (self.out is None)
        expected = "it with --out DIR, a new folder, or neither."
        require("--maps", self.maps and str(self.maps), together, expected)
        if self.out is not None:
            check_new_folder("--out", self.out)
        if self.save is not None:
            check_output("--save", self.save, (".safetensors",))
            inside = self.out is not None and self.out.resolve() in self.save.resolve().parents
            require("--save", str(self.save), not inside, f"a file outside of --out, {self.out}.")
        refused: dict[str, object] = {}
        if self.fitted is not None or not self.fit_maps:
            refused["--valid-masks"] = self.valid_masks
            refused["--ignore-index"] = self.files.ignore_index
        if self.fitted is not None:
            refused |= {"--fit-maps": self.fit_maps, "--fit-masks": self.fit_masks}
            refused |= {"--save": self.save, "--dose": self.dose}
        given = ", ".join(flag for flag, value in refused.items() if value not in ((), None))
        what = "a flag without --fit-maps" if self.fitted is None else "a flag with --fitted"
        require(what, given, not given, "none, because nothing is fitted. Leave it out.")
        if self.fitted is not None:
            return
        expected = "a number with --kind unperturb, and none with the others."
        require("--dose", self.dose, (self.dose is not None) == kind.needs_dose, expected)
        maps, masks = len(self.fit_maps), len(self.fit_masks)
        if not (masks == maps or masks == 1 <= maps) or not (maps or kind.needs_dose):
            raise ValueError(
                f"there are {maps} folders of maps and {masks} of masks; expected --fit-maps DIR "
                "... --fit-masks DIR ... (as many folders of masks, or one for all). Or give "
                "--fitted FILE of an earlier fit."
            )

    def _fit(self, kind: type[Recalibration], reading: ReadOptions) -> tuple[Recalibration, str]:
        """Fit the recalibration; return it with a description of its scores before and after."""
        channels = {"classes": len(reading.classes)} if reading.classes else {}
        unfitted = kind() if self.dose is None else kind(dose=self.dose, **channels)
        if not self.fit_maps:
            return unfitted, ""
        pairs = list(zip(self.fit_maps, cycle(self.fit_masks), strict=False))
        change, before, after = fit_on_maps(unfitted, pairs, reading, self.valid_masks)
        for note in notes.of_maps(str(pairs[0][0]), "the network", [notes.facts(before)]):
            print(f"note: {note}")
        return change, (
            f"{change.remark(before)}; where it was {'measured' if kind.needs_dose else 'fitted'}, "
            f"ECE {100 * ece(before):.2f} -> {100 * ece(after):.2f} %, "
            f"NLL {nll(before):.4f} -> {nll(after):.4f}"
        )
