"""Post-hoc recalibration of a trained network, fitted on the validation set."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import cast

from torch import Tensor, nn

from aslp_lib import console
from aslp_lib.config import Settings
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.files import require_exists
from aslp_lib.maps.read import IGNORED
from aslp_lib.methods.method import known_labels
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Recalibration
from aslp_lib.recalibration.classes import ClassRecalibration
from aslp_lib.recalibration.features import binned
from aslp_lib.runs import MethodFolder
from aslp_lib.tensors import fingerprint, load_tensors, with_prefix
from aslp_lib.training.batches import outputs
from aslp_lib.training.validation import validate


def labelled_logits(
    network: nn.Module, dataset: ImageSet, settings: Settings
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield a network's logits (N, K, S, S) of a set and the class ids (N, S, S), batch by batch.

    >>> from aslp_lib import networks
    >>> settings = Settings(data="nuclei3", device="cpu", size=16, limit=2)
    >>> network, data = networks.build("tiny", channels=3), settings.load_data()
    >>> [(z.shape, y.shape) for z, y in labelled_logits(network, data.validation, settings)]
    [(torch.Size([2, 3, 16, 16]), torch.Size([2, 16, 16]))]
    """
    for logits, _, labels, _ in outputs(network, dataset, settings, range(len(dataset))):
        yield logits, known_labels(logits, labels, IGNORED)


def fitted(
    network: nn.Module, data: DataSplits, settings: Settings, names: Iterable[str], dose: Tensor
) -> Iterator[tuple[str, Recalibration]]:
    """Fit recalibration methods on the validation set, and yield each with its name.

    They are fitted on logits at the size of the network's input, whatever `settings.validate_at`
    is. In distributed training, every process calls this and obtains the same parameters.

    >>> import torch
    >>> from aslp_lib.course import recorded  # networks that ship with the course
    >>> settings = replace(recorded.SETTINGS, limit=4)  # four images of each set
    >>> trained = recorded.load("bce"), settings.load_data(), settings
    >>> ((name, temperature),) = fitted(*trained, ["temperature_scaling"], torch.tensor(0.0))
    >>> bool(temperature.value > 1)  # the network is overconfident
    True

    Args:
        network: the trained network.
        data: training, validation and test sets. The test sets are never used.
        settings: settings of the run.
        names: names of the methods.
        dose: the dose of the network's targets, see `Method.dose`.

    Raises:
        ValueError: see `Recalibration.fit`.
    """
    validation, at_network = data.validation, replace(settings, validate_at="network")

    def count(dataset: ImageSet) -> Counts:
        return cast(Counts, validate(network, dataset, at_network))

    # A set of one image has no second one to mix with.
    kinds = [k for k, c in CORRUPTIONS.items() if len(validation) > 1 or not c.mixes]
    clean = cache(lambda: count(validation))

    @cache
    def corrupted() -> dict[str, list[Counts]]:
        """Counts under each corruption, by what the fit of a method needs (which saves memory)."""
        sets: dict[str, list[Counts]] = {"levels": [], "map": []}
        for corruption in kinds:
            counts = count(Corrupted(validation, corruption))
            sets["levels"].append(counts.as_one_image)
            sets["map"].append(binned(counts))
        return sets

    for name in names:
        kind = settings.known_recalibrations[name]
        if kind.needs_dose:
            mean, spread = dose.mean().item(), dose.std(correction=0).item()
            yield name, kind(dose=mean, deviation=spread, classes=settings.channels)
        elif settings.classes and issubclass(kind, ClassRecalibration):
            batches = partial(labelled_logits, network, validation, settings)
            yield name, kind().fit_classes(batches, validation.ignored)
        else:
            yield name, kind().fit(clean(), corrupted()[kind.needs] if kind.fits_corrupted else ())


def identity(method: str, network: nn.Module) -> dict[str, str]:
    """Return what identifies a trained network in the files of its recalibrations.

    >>> identity("bce", nn.Linear(1, 1)).keys()
    dict_keys(['method', 'fingerprint'])
    """
    return {"method": method, "fingerprint": fingerprint(network.state_dict())}


def recalibrate(
    network: nn.Module, data: DataSplits, settings: Settings, method: str, folder: MethodFolder
) -> None:
    """Fit the recalibration methods of the settings and save them beside the weights; see `fitted`.

    All processes fit, and the main one writes. If the dose depends on the image, as with ASLP, it
    is that of the last checkpoint.

    Raises:
        FileNotFoundError: the checkpoint is needed and does not exist.
        ValueError: the checkpoint is damaged, or see `Recalibration.fit`.

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
    names, trained = settings.recalibrations(method), settings.method(method, len(data.train))
    needs_dose = any(settings.known_recalibrations[name].needs_dose for name in names)
    if needs_dose and trained.per_image():
        advice = "that of the finished training. Restore it, or train again in a new run."
        require_exists("checkpoint", folder.checkpoint, advice)
        tensors, _ = load_tensors(folder.checkpoint)
        trained.load_state_dict(with_prefix(tensors, "method."))
    for name, recalibration in fitted(network, data, settings, names, trained.dose):
        if console.is_main():
            recalibration.save(folder.recalibration(name), identity(method, network))
