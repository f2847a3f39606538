"""Post-hoc recalibration of a trained network, fitted on the validation set."""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import cast

import torch
from torch import Tensor, nn

from aslp_lib import console
from aslp_lib.checks import explained, require
from aslp_lib.config import Settings
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.files import require_exists
from aslp_lib.maps.read import IGNORED
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Recalibration
from aslp_lib.recalibration.classes import Batches, ClassRecalibration
from aslp_lib.recalibration.features import Images
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import fingerprint
from aslp_lib.training.batches import outputs
from aslp_lib.training.validation import validate


@dataclass(frozen=True)
class LogitsOfClasses:
    """A network's logits (N, K, S, S) of a set and the class ids (N, S, S), batch by batch.

    Each iteration applies the network anew, so that the logits of a set are never held together.
    """

    network: nn.Module
    dataset: ImageSet
    settings: Settings

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = range(len(self.dataset))
        for logits, _, labels, _ in outputs(self.network, self.dataset, self.settings, order):
            yield logits, labels.nan_to_num(IGNORED)[:, 0].long()


@dataclass(frozen=True)
class CalibrationData:
    """What recalibration methods are fitted on after training.

    >>> from aslp_lib.course import recorded  # networks that ship with the course
    >>> from aslp_lib.recalibration import Temperature
    >>> settings = replace(recorded.SETTINGS, limit=4)  # four images of each set
    >>> network, data = recorded.load("bce"), settings.load_data()
    >>> trained = CalibrationData(network, data, partial(validate, network, settings=settings))
    >>> bool(trained.fit(Temperature).value > 1)  # the network is overconfident
    True

    Args:
        network: the trained network, in eval mode, on its device.
        data: training, validation and test sets. The test sets are never used.
        validate: function that returns the network's counts of a set. In distributed training, all
            processes call it together.
        dose: the dose of the network's targets, see `Method.dose`.
        logits: logits and class ids of the validation set, if the data have classes.
    """

    network: nn.Module
    data: DataSplits
    validate: Callable[[ImageSet], AnyCounts]
    dose: Tensor = field(default_factory=lambda: torch.zeros(()))
    logits: Batches = ()

    def fit(self, kind: type[Recalibration]) -> Recalibration:
        """Fit a method.

        In distributed training, every process calls this and obtains the same parameters.

        Raises:
            ValueError: see `Recalibration.fit`.
        """
        if kind.needs_dose:
            mean, spread = self.dose.mean().item(), self.dose.std(correction=0).item()
            return kind(dose=mean, deviation=spread, classes=len(self.data.classes) or 1)
        if self.data.classes and issubclass(kind, ClassRecalibration):
            return kind().fit_classes(self.logits, self.data.validation.ignored)
        corrupted = self.corrupted if kind.fits_corrupted else ()
        return kind().fit(self.counts, corrupted)

    @cached_property
    def counts(self) -> Counts:
        """Counts of the validation set."""
        return cast(Counts, self.validate(self.data.validation))

    @cached_property
    def corrupted(self) -> list[Images]:
        """Binned images of the validation set under each of `CORRUPTIONS`.

        If the validation set has one image, corruptions that mix two images are omitted.
        """
        validation = self.data.validation
        names = [k for k, c in CORRUPTIONS.items() if len(validation) > 1 or not c.mixes]
        counts = (cast(Counts, self.validate(Corrupted(validation, name))) for name in names)
        return [Images.of(each).binned() for each in counts]


def identity(method: str, network: nn.Module) -> dict[str, str]:
    """Return what identifies a trained network in the files of its recalibrations.

    >>> identity("bce", nn.Linear(1, 1)).keys()
    dict_keys(['method', 'fingerprint'])
    """
    return {"method": method, "fingerprint": fingerprint(network.state_dict())}


def recalibrate(
    network: nn.Module, data: DataSplits, settings: Settings, method: str, folder: MethodFolder
) -> None:
    """Fit the recalibration methods of the settings and save them beside the weights.

    They are fitted on logits at the size of the network's input, whatever
    `settings.validate_at` is. All processes fit, and the main one writes.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from aslp_lib import networks
    >>> settings = Settings(device="cpu", limit=4, recalibrate=("histogram",))
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = MethodFolder(Path(path))
    ...     recalibrate(networks.build("tiny"), settings.load_data(), settings, "bce", folder)
    ...     [file.name for file in folder.path.iterdir()]
    ['histogram.safetensors']
    """
    at_network = replace(settings, validate_at="network")
    count = partial(validate, network, settings=at_network)
    names = settings.recalibrations(method)
    dose = torch.zeros(())
    known = settings.known_recalibrations
    if any(known[name].needs_dose for name in names):
        dose = _dose(settings, method, folder, data)
    logits = LogitsOfClasses(network, data.validation, settings)
    trained = CalibrationData(network, data, count, dose, logits)
    for name in names:
        fitted = trained.fit(known[name])
        if console.is_main():
            fitted.save(folder.recalibration(name), identity(method, network))


def _dose(settings: Settings, method: str, folder: MethodFolder, data: DataSplits) -> Tensor:
    """Return the dose of a finished training, whose values per image are in its folder.

    Raises:
        FileNotFoundError: there is no file of these values.
        ValueError: a file does not hold one number for each training image.
    """
    trained = settings.method(method, len(data.train))
    for name, values in trained.per_image().items():
        file = folder.per_image(name)
        advice = "those of the training. Restore the file, or train again in a new run."
        require_exists("file", file, advice)
        with explained(f"{file} does not hold {name} of the training images", advice):
            with file.open(newline="", encoding="utf-8") as lines:
                rows = list(csv.DictReader(lines))
            expected = f"the {len(data.train)} training images in order"
            same = [row["stem"] for row in rows] == [*data.train.stems]
            require("the column stem", f"of {len(rows)} rows", same, expected)
            values.copy_(torch.tensor([float(row[name]) for row in rows]))
    return trained.dose
