"""Prediction: 8-bit maps of a set, at each image's own size, unscaled."""

from __future__ import annotations

import io
import shutil
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.files import whole_folder, write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics.counts import Counts, min_max
from aslp_lib.prediction import provenance
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration
from aslp_lib.recalibration.base import preserve_decisions
from aslp_lib.runs import MethodFolder, load_weights
from aslp_lib.tensors import fingerprint
from aslp_lib.training import distributed, launch
from aslp_lib.training.batches import accelerator_for, loader
from aslp_lib.training.validation import own_size, to_grey_levels, to_size

K = TypeVar("K", bound=Hashable)


def load_network(settings: Settings, weights: Path) -> nn.Module:
    """The settings' network with trained weights, in eval mode. Raises as `load_weights`."""
    network = networks.build(settings.network)
    load_weights(network, weights)
    return network.eval()


def predict_run(
    settings: Settings,
    data: DataSplits,
    method: str,
    folder: MethodFolder,
    *,
    progress: bool = True,
) -> None:
    """Maps of every test set that does not have them all yet, those of recalibrations too. Maps
    that were made with other weights, images or settings are made anew.

    Raises:
        FileNotFoundError: the method was not trained to its end.
        ValueError: damaged weights or recalibrations.
        FloatingPointError: the network's output is not finite.
    """
    needed = [folder.weights, *map(folder.recalibration, settings.recalibrate)]
    if missing := [path for path in needed if not path.exists()]:
        raise FileNotFoundError(
            f"there is no {missing[0]}: train {METHOD_LABELS[method]} to its end first"
        )
    network = load_network(settings, folder.weights)
    fitted = {
        name: RECALIBRATIONS[name].load(folder.recalibration(name)) for name in settings.recalibrate
    }
    accelerator_for(settings)  # joins the processes
    weights = fingerprint(network.state_dict())
    for name, dataset in data.tests.items():
        folders = {folder.maps(name, kind): kind for kind in (None, *fitted)}
        now = partial(_to_make, settings, folder, weights, folders, dataset)
        if made := distributed.broadcast_from_main(now):
            more = {maps: fitted[kind] for maps, kind in folders.items() if kind is not None}
            maps = folder.maps(name)
            predict(network, dataset, maps, settings, recalibrated=more, progress=progress)
            if launch.is_main():
                for maps, each in made.items():
                    provenance.keep(maps, each)


def _to_make(
    settings: Settings,
    folder: MethodFolder,
    weights: str,
    folders: Mapping[Path, str | None],
    dataset: SaliencySet,
) -> dict[Path, provenance.Made]:
    """What the maps are to be made with: nothing if all are there and were made with it; else what
    is there is removed, all together, as the network sees each image once.

    Args:
        folders: of the network's maps, and of each recalibration's.
    """
    images = provenance.of_images(dataset)
    made = {
        maps: provenance.made_with(settings, folder, weights, kind, images)
        for maps, kind in folders.items()
    }
    if not any(maps.exists() for maps in made):
        return made
    why = "some are missing"
    if all((maps / f"{stem}.png").is_file() for maps in folders for stem in dataset.stems):
        try:
            what = {each: None for maps in made for each in provenance.changed(maps, made[maps])}
        except FileNotFoundError:
            why = "nothing says what they were made with"
        else:
            if not what:
                return {}
            why = f"they were made with other {', '.join(what)}"
    print(f"the maps in {next(iter(made))} are made anew: {why}", flush=True)
    for maps in made:
        # The records stay until there are new ones: maps without one pass for anyone's.
        shutil.rmtree(maps, ignore_errors=True)
    return made


@torch.inference_mode()
def predict(
    network: nn.Module,
    dataset: SaliencySet,
    target: Path,
    settings: Settings,
    *,
    recalibrated: Mapping[Path, Recalibration] | None = None,
    progress: bool = True,
) -> None:
    """Write `target/STEM.png` for each image: `round(255 * sigmoid(z))` at the image's own size.

    A folder appears only when it is whole: it is filled beside itself, by all processes, and
    renamed by the main one. Maps are the raw probabilities, unless `settings.min_max_maps` and
    `resize_logits` ask for what the release wrote.

    Args:
        recalibrated: further folders, for maps of the same logits changed by these. The network
            sees each image once.

    Raises:
        FloatingPointError: the network's output is not finite; names the image.
    """
    accelerator = accelerator_for(settings)
    network = network.to(accelerator.device).eval()
    changes: dict[Path, Recalibration | None] = {target: None, **(recalibrated or {})}
    names = [f"{stem}.png" for stem in dataset.stems]
    with ExitStack() as folders:  # the main process's, which makes and renames them
        partials = distributed.broadcast_from_main(
            lambda: {each: folders.enter_context(whole_folder(each, names)) for each in changes}
        )
        _fill(network, dataset, partials, changes, settings, accelerator, progress)
        accelerator.wait_for_everyone()
    accelerator.wait_for_everyone()


def _fill(
    network: nn.Module,
    dataset: SaliencySet,
    partials: Mapping[Path, Path],
    changes: Mapping[Path, Recalibration | None],
    settings: Settings,
    accelerator: Accelerator,
    progress: bool,
) -> None:
    """Write this process's share of the maps into what will be the folders of `changes`."""
    own = range(len(dataset))[distributed.shard(len(dataset), accelerator)]
    quiet = not (progress and accelerator.is_main_process)
    bar = tqdm(desc=f"maps of {dataset.name}", total=len(own), disable=quiet, leave=False)
    with bar, ThreadPoolExecutor() as pool:
        written: list[Future] = []
        for index, maps in predicted_maps(network, dataset, settings, changes, own):
            for folder, prediction in maps.items():
                path = partials[folder] / f"{dataset.stems[index]}.png"
                written.append(pool.submit(write, path, to_png(prediction)))
            bar.update()
        for future in written:
            future.result()  # raises what the writing raised


@torch.inference_mode()
def predicted_maps(
    network: nn.Module,
    dataset: SaliencySet,
    settings: Settings,
    changes: Mapping[K, Recalibration | None],
    indices: Sequence[int] | None = None,
) -> Iterator[tuple[int, dict[K, np.ndarray]]]:
    """Images by number, each with its 8-bit maps (H, W) at its own size, one for each of `changes`:
    of the network's logits, or of what a recalibration makes of them, which keeps every decision
    of the map if it preserves decisions. The network, in eval mode on its device, sees each image
    once.

    Args:
        indices: which images; all, unless given.

    Raises:
        FloatingPointError: the network's output is not finite; names the image.
    """
    accelerator = accelerator_for(settings)
    chosen = range(len(dataset)) if indices is None else indices
    for images, _, batch in loader(dataset, settings, accelerator, chosen):
        with accelerator.autocast():
            raw = network(images).float()
        shapes = [dataset.shape(index) for index in batch.tolist()]
        plain = _own_sizes(raw, shapes, settings)
        maps: list[dict[K, np.ndarray]] = [{} for _ in images]
        for key, change in changes.items():
            logits = raw if change is None else change.apply_on_images(raw, images, network)
            _refuse_non_finite(logits, dataset, batch.tolist())
            own_sizes = plain if change is None else _own_sizes(logits, shapes, settings)
            for own, before, probability in zip(maps, plain, own_sizes, strict=True):
                if change is not None and change.preserves_decisions:
                    probability = preserve_decisions(probability, before)
                if settings.min_max_maps:
                    probability = min_max(probability)
                own[key] = to_grey_levels(probability)
        yield from zip(batch.tolist(), maps, strict=True)


def _own_sizes(
    logits: torch.Tensor, shapes: Sequence[tuple[int, int]], settings: Settings
) -> list[np.ndarray]:
    """The probabilities of a batch, each at its image's (H, W)."""
    return [
        own_size(logit, shape, resize_logits=settings.resize_logits)
        for logit, shape in zip(logits.cpu(), shapes, strict=True)
    ]


@torch.inference_mode()
def grey_level_maps(
    network: nn.Module, dataset: SaliencySet, indices: Sequence[int]
) -> list[np.ndarray]:
    """The 8-bit maps (H, W) of some of a set's images, in memory."""
    device = next(network.parameters()).device
    images = torch.stack([dataset[i][0] for i in indices]).to(device)
    logits = network.eval()(images)
    _refuse_non_finite(logits, dataset, indices)
    probabilities = torch.sigmoid(logits).cpu()
    return [
        to_grey_levels(to_size(p, dataset.shape(i)))
        for p, i in zip(probabilities, indices, strict=True)
    ]


def _refuse_non_finite(logits: torch.Tensor, dataset: SaliencySet, indices: Sequence[int]) -> None:
    """Raise FloatingPointError on logits that are not numbers, which would be black maps."""
    good = torch.isfinite(logits).flatten(1).all(1).tolist()
    if not all(good):
        raise FloatingPointError(
            f"the network's output on {dataset.stems[indices[good.index(False)]]} of "
            f"{dataset.name} is not finite: train it anew, at a lower --learning-rate, or with "
            "--precision no"
        )


def predicted_counts(network: nn.Module, dataset: SaliencySet) -> Counts:
    """Counts of a set's 8-bit maps, in memory."""
    indices = range(len(dataset))
    return Counts.from_maps(grey_level_maps(network, dataset, indices), map(dataset.mask, indices))


def to_png(prediction: np.ndarray) -> bytes:
    """An 8-bit map (H, W) as a greyscale PNG."""
    buffer = io.BytesIO()
    Image.fromarray(prediction).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()
