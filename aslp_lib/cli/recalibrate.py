"""The command `recalibrate`, for folders of maps."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.checks import require_name
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
        if (self.maps is None) != (self.out is None):
            raise ValueError(
                f"only {'--out' if self.maps is None else '--maps'} is given; expected both --maps "
                "DIR, the maps to recalibrate, and --out DIR, a new folder, or neither."
            )
        if self.out is not None:
            check_new_folder("--out", self.out)
        if self.save is not None:
            check_output("--save", self.save, (".safetensors",))
            if self.out is not None and self.save.resolve().is_relative_to(self.out.resolve()):
                raise ValueError(
                    f"--save lies in --out: {self.save}; expected a file elsewhere. Choose another."
                )
        if self.fitted is None:
            change, scores = self._fit(kind, reading)
        else:
            self._refuse_all_but_fitted()
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

    def _refuse_all_but_fitted(self) -> None:
        """Raise ValueError for flags that concern a fit, which `--fitted` replaces."""
        others = {
            "--fit-maps": self.fit_maps,
            "--fit-masks": self.fit_masks,
            "--save": self.save,
            "--dose": self.dose,
            "--valid-masks": self.valid_masks,
            "--ignore-index": self.files.ignore_index,
        }
        if given := [flag for flag, value in others.items() if value not in ((), None)]:
            raise ValueError(
                f"--fitted is given together with {', '.join(given)}; expected it without them, "
                "because nothing is fitted. Leave them out."
            )

    def _fit(self, kind: type[Recalibration], reading: ReadOptions) -> tuple[Recalibration, str]:
        """Fit the recalibration; return it with a description of its scores before and after."""
        if (self.dose is not None) != kind.needs_dose:
            raise ValueError(
                f"--dose is {self.dose}; expected a number with --kind unperturb, and none with "
                "the others, which fit what they need."
            )
        channels = {"classes": len(reading.classes)} if reading.classes else {}
        unfitted = kind() if self.dose is None else kind(dose=self.dose, **channels)
        of_masks = self.valid_masks is not None or self.files.ignore_index is not None
        if of_masks and not self.fit_maps:
            raise ValueError(
                "--valid-masks or --ignore-index is given without --fit-maps; expected both or "
                "neither, because they concern the masks of --fit-maps. Leave them out."
            )
        masks = self.fit_masks
        if len(masks) == 1:
            masks *= max(1, len(self.fit_maps))
        if len(masks) != len(self.fit_maps) or not (self.fit_maps or kind.needs_dose):
            raise ValueError(
                f"there are {len(self.fit_maps)} folders of maps and {len(self.fit_masks)} of "
                "masks; expected --fit-maps DIR ... --fit-masks DIR ... (as many folders of masks, "
                "or one for all). Or give --fitted FILE of an earlier fit."
            )
        if not self.fit_maps:
            return unfitted, ""
        pairs = list(zip(self.fit_maps, masks, strict=True))
        change, before, after = fit_on_maps(unfitted, pairs, reading, self.valid_masks)
        for note in notes.of_maps(str(pairs[0][0]), "the network", [notes.facts(before)]):
            print(f"note: {note}")
        return change, (
            f"{change.remark(before)}; where it was {'measured' if kind.needs_dose else 'fitted'}, "
            f"ECE {100 * ece(before):.2f} -> {100 * ece(after):.2f} %, "
            f"NLL {nll(before):.4f} -> {nll(after):.4f}"
        )
