"""The command `predict`."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from aslp_lib import networks
from aslp_lib.cli.command import Command
from aslp_lib.cli.on_runs import announce, at_work_on, open_run
from aslp_lib.config import PRESETS, RECALIBRATION_NAMES, one_of
from aslp_lib.console import command_line
from aslp_lib.data.folders import paper_tests, require_sets
from aslp_lib.data.image_set import DataSplits
from aslp_lib.files import check_new_folder
from aslp_lib.maps.listing import IMAGE_SUFFIXES, counted, other_files
from aslp_lib.maps.read import Grey
from aslp_lib.prediction.predict import predict, predict_images, predict_run
from aslp_lib.runs import Run
from aslp_lib.training.batches import accelerator_for, broadcast_from_main

SETTING_FLAGS = ("size", "batch_size", "limit", "grey", "device", "min_max_maps", "resize_logits")
"""Names of the flags that set the settings of the same names."""


@dataclass(frozen=True)
class Predict(Command):
    """Predict the maps of test sets or of unlabelled images, with a trained run or the authors'
    checkpoint.

    Examples:
      aslp predict runs/mine --images photographs --out maps
      aslp predict --official Model_30_Gen.pth --data Dataset --out maps
    """

    every_process = True

    run: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="[RUN]")] = None
    """Folder of a trained run, where the maps of test sets go to METHOD/maps/SET. It has its own
    settings, so only the flags from --images to --floats are allowed, and --out."""
    images: Path | None = None
    """Folder of unlabelled images of any size, to predict instead of the test sets."""
    out: Path | None = None
    """New folder for the maps, required with --images (OUT/METHOD/STEM.png) and with --official
    (OUT/SET/STEM.png)."""
    method: str | None = None
    """Training method of the run whose network predicts the images. None: each method."""
    recalibration: Annotated[str | None, one_of(RECALIBRATION_NAMES)] = None
    """Recalibration that was fitted after the run's training, to apply to the maps of the images,
    which are then OUT/METHOD+RECALIBRATION/STEM.png."""
    floats: bool = False
    """Write the maps of the images as float32 probabilities, STEM.npy, instead of 8-bit images.
    Maps of several classes always are, (K, H, W)."""
    official: Path | None = None
    """The authors' checkpoint `Model_30_Gen.pth`, instead of a run."""
    data: Path = Path("Dataset")
    """Data folder with the paper's layout; only its folder Test is needed."""
    size: int = 384
    """Side of the square images that the network sees, in pixels."""
    batch_size: int = 10
    """Number of images in a batch."""
    limit: int | None = None
    """Number of images to use of each set, from the first. None uses all."""
    grey: Grey = "refuse"
    """What to do with non-binary masks: refuse them with an error, or threshold them at 128."""
    device: Literal["auto", "cpu"] = "auto"
    """Device that predicts. With auto, it is a GPU if there is one."""
    min_max_maps: bool = False
    """Min-max normalise each map, as the authors did before scoring."""
    resize_logits: bool = False
    """Resize logits instead of probabilities to each image's original size, as the authors did."""

    def __call__(self) -> None:
        others = replace(self, images=None, method=None, recalibration=None, floats=False)
        if self.run is not None and self == Predict(self.run):
            run, data = open_run(self.run)
            with at_work_on(run):
                predict_methods(run, data)
        elif self.run and self.images and self.out and others == Predict(self.run, out=self.out):
            self._of_images(Run.open(self.run), self.images, self.out)
        elif not self.run and self.official and self.out and self == others:
            self._by_official(self.official, self.out)
        else:
            raise ValueError(
                "the arguments of predict do not match; expected a run's folder and no flags; a "
                "run's folder, --images DIR and --out DIR; or --official FILE and --out DIR. Give "
                "one of these."
            )

    def _of_images(self, run: Run, images: Path, out: Path) -> None:
        accelerator_for(run.settings)  # joins the processes, so that all check before one writes
        broadcast_from_main(partial(check_new_folder, "--out", out))
        if others := other_files(images, IMAGE_SUFFIXES):
            announce(f"note: {counted(f'files or folders in {images} are not images', others)}")
        names = predict_images(
            run,
            images,
            out,
            method=self.method,
            recalibration=self.recalibration,
            floats=self.floats,
        )
        announce(f"maps: {', '.join(str(out / name) for name in names)}")

    def _by_official(self, official: Path, out: Path) -> None:
        shared = {name: getattr(self, name) for name in SETTING_FLAGS}
        settings = replace(PRESETS["paper"], data=str(self.data), precision="no", **shared)
        accelerator_for(settings)  # joins the processes, so that all check before one writes
        broadcast_from_main(partial(check_new_folder, "--out", out))
        network = networks.load_official(official)
        tests, notes = paper_tests(self.data, self.size, limit=self.limit, grey=self.grey)
        require_sets(self.data, "Test", tests)
        for note in notes:
            announce(f"note: {note}")
        for name, dataset in tests.items():
            predict(network, dataset, settings, {out / name: None})
        score = command_line("score", "--maps", out, "--masks", self.data / "Test" / "SET" / "GT")
        announce(f"maps of {', '.join(tests)}: {out}; next: {score}")


def predict_methods(run: Run, data: DataSplits) -> None:
    """Predict the maps of every method of a trained run, and print where they are."""
    for method in run.settings.methods:
        predict_run(run.settings, data, method, run.method(method))
    folders = ", ".join(str(run.maps(variant, "")) for variant in run.variants())
    announce(f"maps of {', '.join(data.tests)}: {folders}")
