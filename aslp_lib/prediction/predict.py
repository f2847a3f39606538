"""Prediction of probability maps, at each image's own size and without rescaling."""

import shutil
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from aslp_lib import console, networks
from aslp_lib.checks import require, require_name
from aslp_lib.config import Settings
from aslp_lib.data.folders import Folder
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.files import require_exists, whole_folder, write
from aslp_lib.maps.listing import IMAGE_SUFFIXES, find_images
from aslp_lib.maps.resize import own_size
from aslp_lib.maps.write import min_max, to_grey_levels, to_npy, to_png
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.prediction import provenance
from aslp_lib.recalibration import Recalibration
from aslp_lib.recalibration.recalibration import preserve_decisions
from aslp_lib.runs import MethodFolder, Run, Variant
from aslp_lib.tensors import fill, fingerprint, load_tensors
from aslp_lib.training.batches import accelerator_for, broadcast_from_main, outputs, share
from aslp_lib.training.recalibrate import identity
from aslp_lib.training.validation import require_finite

K = TypeVar("K", bound=Hashable)


def load_network(settings: Settings, method: str, weights: Path) -> nn.Module:
    """Build the settings' network and load the weights of a training method, in eval mode.

    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.config import PRESETS
    >>> from aslp_lib.tensors import save_tensors
    >>> settings = PRESETS["demo"]
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "weights.safetensors"
    ...     save_tensors(file, networks.build(settings.network).state_dict(), {})
    ...     load_network(settings, "bce", file).training
    False

    Raises:
        FileNotFoundError: training has not finished.
        ValueError: the file is damaged or holds weights that are not finite; or the weights are
            those of another network or method. The message names what differs.
    """
    finished = f"a finished training. Train {METHOD_LABELS[method]} to its end first."
    require_exists("file", weights, finished)
    network = networks.build(settings.network, None, settings.channels)
    tensors, metadata = load_tensors(weights)
    trained, known = metadata.get("method", method), f"{method!r}. Restore the file."
    require(f"the method that trained {weights}", trained, trained == method, known)
    fill(network, tensors, weights)
    return network.eval()


def load_recalibrations(
    settings: Settings, method: str, network: nn.Module, folder: MethodFolder, kinds: Iterable[str]
) -> dict[str, Recalibration]:
    """Load recalibrations, by name, that were fitted for a method's network.

    Raises:
        FileNotFoundError: a recalibration was not fitted.
        ValueError: a file is damaged, or does not say that it was fitted for these weights.
    """
    owner, fitted = identity(method, network), {}
    for kind in kinds:
        file = folder.recalibration(kind)
        advice = f"a fitted one. Resume the run, or train one with --recalibrate {kind}."
        require_exists("recalibration", file, advice)
        fitted[kind] = settings.known_recalibrations[kind].load(file, owner)
    return fitted


def predict_run(settings: Settings, data: DataSplits, method: str, folder: MethodFolder) -> None:
    """Predict a method's maps of every test set, with and without its recalibrations.

    Maps that exist are kept, unless some of the set are missing or have changed, or they were made
    with other weights, images or settings; then all maps of the set are predicted again.

    Args:
        settings: settings of the run.
        data: data of the run, of which the test sets are predicted.
        method: name of the method.
        folder: folder of the method in the run.

    Raises:
        FileNotFoundError: training of the method has not finished.
        ValueError: weights or recalibrations are damaged; the weights are those of another
            training, or the recalibrations those of other weights.
        FloatingPointError: the network's output is not finite.
    """
    network = load_network(settings, method, folder.weights)
    kinds = settings.recalibrations(method)
    fitted = load_recalibrations(settings, method, network, folder, kinds)
    accelerator_for(settings)  # joins the processes
    weights = fingerprint(network.state_dict())
    for dataset in data.tests.values():
        clear = partial(_clear_outdated, settings, method, folder, weights, dataset)
        if made := broadcast_from_main(clear):
            changes = dict(zip(made, (None, *fitted.values()), strict=True))
            predict(network, dataset, settings, changes)
            if console.is_main():
                for maps, origin in made.items():
                    provenance.keep(maps, origin)


def predict_images(
    run: Run,
    images: Path,
    out: Path,
    *,
    method: str | None = None,
    recalibration: str | None = None,
    floats: bool = False,
) -> list[str]:
    """Predict the maps of unlabelled images with the networks of a run, each at its own size.

    The map of an image is `out/VARIANT/STEM.png`, with the name of `runs.Variant`, and the same as
    if the image were in a test set of the run. Maps of K classes are `STEM.npy`. The folder `out`
    appears when it is complete.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from aslp_lib.maps.read import read_map
    >>> from aslp_lib.tensors import save_tensors
    >>> with TemporaryDirectory() as folder:
    ...     run = Run.create(Path(folder, "run"), Settings(methods=("bce",), device="cpu"))
    ...     save_tensors(run.method("bce").weights, networks.build("tiny").state_dict(), {})
    ...     images, maps = Path(folder, "images"), Path(folder, "maps")
    ...     images.mkdir()
    ...     Image.new("RGB", (50, 40)).save(images / "a.jpg")
    ...     variants = predict_images(run, images, maps)
    ...     variants, read_map(maps / "bce" / "a.png").shape
    (['bce'], (40, 50))

    Args:
        run: the run, see `Run.open`.
        images: folder of the images, of any suffix in `IMAGE_SUFFIXES`.
        out: folder to make.
        method: training method of the run; all of them, unless given.
        recalibration: name of the recalibration to apply, which was fitted after training. None:
            the networks as trained.
        floats: write probabilities as float32 arrays, STEM.npy, instead of 8-bit PNG files.

    Returns:
        The names of the folders of maps in `out`.

    Raises:
        FileNotFoundError: there is no folder `images`; training has not finished, or the
            recalibration was not fitted.
        ValueError: the run has no such method, there is no such recalibration, there are no
            images, or a file is damaged; the message names it.
        OSError: `out` exists and is not an empty folder, or it cannot be written.
        FloatingPointError: the network's output is not finite; the message names the image.
    """
    methods = run.settings.methods
    if method is not None:
        require_name("the method", method, methods)
    if recalibration is not None:
        require_name("the recalibration", recalibration, run.settings.known_recalibrations)
    paths = find_images(images, IMAGE_SUFFIXES)
    suffixes = f"files with the suffix {', '.join(IMAGE_SUFFIXES)}. Choose another folder."
    require(f"the number of images in {images}", len(paths), bool(paths), suffixes)
    dataset = Folder(images.name, paths, None, run.settings.size)
    dataset.check_files()
    kinds = [recalibration] if recalibration else []
    loaded = {}  # all of them, before anything is written
    for name in [method] if method else methods:
        folder = run.method(name)
        network = load_network(run.settings, name, folder.weights)
        fitted = load_recalibrations(run.settings, name, network, folder, kinds)
        variant = Variant(name, recalibration).name
        loaded[variant] = network, fitted[recalibration] if recalibration else None
    accelerator_for(run.settings)  # joins the processes
    with ExitStack() as stack:
        partial_out = broadcast_from_main(lambda: stack.enter_context(whole_folder(out)))
        for variant, (network, change) in loaded.items():
            predict(network, dataset, run.settings, {partial_out / variant: change}, floats=floats)
    return [*loaded]


def _clear_outdated(
    settings: Settings, method: str, folder: MethodFolder, weights: str, dataset: ImageSet
) -> dict[Path, provenance.Made]:
    """Remove maps of a set that are incomplete or out of date.

    The maps of all folders are removed together, because one pass of the network makes them all.

    Args:
        settings: settings of the run.
        method, folder: the method and its folder.
        weights: fingerprint of the weights.
        dataset: the set.

    Returns:
        Folder of maps -> provenance, for the folders to predict: that of the network as trained,
        then one per recalibration. Empty if all maps are up to date.
    """
    images = provenance.of_images(dataset)
    by_kind = provenance.made_with(settings, method, folder, weights, images)
    made = {folder.maps(dataset.name, kind): origin for kind, origin in by_kind.items()}
    reasons = [provenance.outdated(maps, made[maps], dataset.stems) for maps in made]
    if not any(reasons):
        return {}
    if any(maps.exists() for maps in made):
        print(f"the maps in {next(iter(made))} are made anew: {next(filter(None, reasons))}")
    for maps in made:
        # The old records stay until new ones replace them: maps without a record are never refused,
        # so a prediction that is killed in between must not leave such maps.
        shutil.rmtree(maps, ignore_errors=True)
    return made


@torch.inference_mode()
def predict(
    network: nn.Module,
    dataset: ImageSet,
    settings: Settings,
    changes: Mapping[Path, Recalibration | None],
    *,
    floats: bool = False,
) -> None:
    """Write the map `FOLDER/STEM.png` of each image: `round(255 * sigmoid(z))` at its own size.

    For K classes, it is `FOLDER/STEM.npy`, the probabilities `softmax(z)`, (K, H, W). A folder
    appears only when it is complete: all processes fill a temporary folder beside it, which the
    main process renames. Maps hold the raw probabilities, unless `settings.min_max_maps` and
    `settings.resize_logits` ask for the maps of the release.

    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.config import PRESETS
    >>> from aslp_lib.data.shapes import Shapes
    >>> dataset = Shapes("test", 2, seed=0, size=16)
    >>> with TemporaryDirectory() as folder:
    ...     maps = Path(folder) / "test"
    ...     predict(networks.build("tiny"), dataset, PRESETS["demo"], {maps: None})
    ...     sorted(path.stem for path in maps.iterdir()) == sorted(dataset.stems)
    True

    Args:
        network: the network.
        dataset: the set.
        settings: settings of the run.
        changes: folder of maps -> recalibration that is applied to the network's logits, or None.
            The network sees each image once.
        floats: write probabilities, `FOLDER/STEM.npy`, see `to_npy`.

    Raises:
        FloatingPointError: the network's output is not finite; the message names the image.
    """
    accelerator = accelerator_for(settings)
    suffix, encode = ("npy", to_npy) if floats or settings.classes else ("png", to_png)
    names = [f"{stem}.{suffix}" for stem in dataset.stems]
    indices = share(range(len(dataset)), accelerator)
    predicted = predicted_maps(network, dataset, settings, changes, indices, floats=floats)
    quiet = not accelerator.is_main_process
    with ExitStack() as folders:  # only the main process makes and renames folders
        partials = broadcast_from_main(
            lambda: {path: folders.enter_context(whole_folder(path)) for path in changes}
        )
        bar = tqdm(predicted, f"maps of {dataset.name}", len(indices), disable=quiet, leave=False)
        files = (
            (partials[folder] / names[index], encode(prediction))
            for index, maps in bar
            for folder, prediction in maps.items()
        )
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda file: write(*file), files))  # raises the errors of threads
        accelerator.wait_for_everyone()
    accelerator.wait_for_everyone()


@torch.inference_mode()
def predicted_maps(
    network: nn.Module,
    dataset: ImageSet,
    settings: Settings,
    changes: Mapping[K, Recalibration | None],
    indices: Sequence[int] | None = None,
    *,
    floats: bool = False,
) -> Iterator[tuple[int, dict[K, np.ndarray]]]:
    """Yield each image's index and its 8-bit maps (H, W) at its own size, one per recalibration.

    The network sees each image once. A recalibration that preserves decisions preserves every
    decision of the map, also after resizing. Maps of K classes are float32 probabilities (K, H, W),
    whose decisions may change where they are resized.

    >>> from aslp_lib.config import PRESETS
    >>> from aslp_lib.data.shapes import Shapes
    >>> dataset, network = Shapes("test", 2, seed=0, size=16), networks.build("tiny")
    >>> maps = predicted_maps(network, dataset, PRESETS["demo"], {"as trained": None}, [1])
    >>> [(index, by_name["as trained"].shape) for index, by_name in maps]
    [(1, (16, 16))]

    Args:
        network: the network.
        dataset: the set.
        settings: settings of the run.
        changes: any key -> recalibration, or None for the network's own logits.
        indices: indices of the images to predict; all, unless given.
        floats: yield float32 probabilities instead of grey levels.

    Raises:
        FloatingPointError: the network's output is not finite; the message names the image.
    """
    selected = range(len(dataset)) if indices is None else indices

    def resized(
        logits: torch.Tensor, numbers: Sequence[int], shapes: Sequence[tuple[int, int]]
    ) -> list[np.ndarray]:
        require_finite(logits, dataset, numbers)
        pairs = zip(logits.cpu(), shapes, strict=True)
        return [own_size(*pair, resize_logits=settings.resize_logits) for pair in pairs]

    for raw, images, _, batch in outputs(network, dataset, settings, selected):
        numbers = batch.tolist()
        shapes = [dataset.shape(number) for number in numbers]
        uncalibrated = resized(raw, numbers, shapes)
        maps: dict[K, list[np.ndarray]] = {}
        for key, change in changes.items():
            maps[key] = uncalibrated
            if change is not None:
                maps[key] = resized(change(raw, images, network), numbers, shapes)
            if settings.classes:  # probabilities (K, H, W)
                continue
            if change is not None and change.preserves_decisions:
                maps[key] = list(map(preserve_decisions, maps[key], uncalibrated))
            if settings.min_max_maps:
                maps[key] = list(map(min_max, maps[key]))
            if not floats:
                maps[key] = list(map(to_grey_levels, maps[key]))
        for row, number in enumerate(numbers):
            yield number, {key: by_image[row] for key, by_image in maps.items()}
