"""Prediction: 8-bit maps of a set, at each image's own size, unscaled."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from tqdm.auto import tqdm

from aslp_lib import networks
from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics.counts import Counts, min_max
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration
from aslp_lib.runs import MethodFolder, load_weights
from aslp_lib.training import distributed
from aslp_lib.training.batches import accelerator_for, loader
from aslp_lib.training.validation import own_size, to_grey_levels, to_size


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
    """Maps of every test set that does not have them all yet, those of recalibrations too.

    Raises:
        FileNotFoundError: the method was not trained to its end.
        ValueError: damaged weights or recalibrations.
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
    for name, dataset in data.tests.items():
        maps = folder.maps(name)
        more = {folder.maps(name, kind): each for kind, each in fitted.items()}
        if not distributed.broadcast_from_main(partial(_whole, (maps, *more), dataset)):
            predict(network, dataset, maps, settings, recalibrated=more, progress=progress)


def _whole(folders: Sequence[Path], dataset: SaliencySet) -> bool:
    """Whether all maps are there; removes what is there if not, as of another version of the set or
    of a prediction that was cut short between two folders."""
    if all((maps / f"{stem}.png").is_file() for maps in folders for stem in dataset.stems):
        return True
    for maps in folders:
        shutil.rmtree(maps, ignore_errors=True)
    return False


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
    """
    accelerator = accelerator_for(settings)
    network = network.to(accelerator.device).eval()
    changes: dict[Path, Recalibration | None] = {target: None, **(recalibrated or {})}
    partials = {folder: folder.with_name(folder.name + ".partial") for folder in changes}
    if accelerator.is_main_process:
        for partial in partials.values():
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
    accelerator.wait_for_everyone()
    own = range(len(dataset))[distributed.shard(len(dataset), accelerator)]
    bar = tqdm(
        total=len(own),
        desc=f"maps of {dataset.name}",
        disable=not (progress and accelerator.is_main_process),
        leave=False,
    )
    with bar, ThreadPoolExecutor() as pool:
        written: list[Future] = []
        for images, _, indices in loader(dataset, settings, accelerator, own):
            with accelerator.autocast():
                raw = network(images)
            for folder, change in changes.items():
                logits = raw.float()
                if change is not None:
                    logits = change.apply_on_images(logits, images, network)
                for logit, index in zip(logits.cpu(), indices.tolist(), strict=True):
                    shape = dataset.shape(index)
                    probability = own_size(logit, shape, resize_logits=settings.resize_logits)
                    if settings.min_max_maps:
                        probability = min_max(probability)
                    path = partials[folder] / f"{dataset.stems[index]}.png"
                    written.append(pool.submit(write, path, to_png(probability)))
            bar.update(len(images))
        for future in written:
            future.result()  # raises what the writing raised
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        for folder, partial in partials.items():
            partial.rename(folder)
    accelerator.wait_for_everyone()


@torch.inference_mode()
def grey_level_maps(
    network: nn.Module, dataset: SaliencySet, indices: Sequence[int]
) -> list[np.ndarray]:
    """The 8-bit maps (H, W) of some of a set's images, in memory."""
    device = next(network.parameters()).device
    images = torch.stack([dataset[i][0] for i in indices]).to(device)
    probabilities = torch.sigmoid(network.eval()(images)).cpu()
    return [
        to_grey_levels(to_size(p, dataset.shape(i)))
        for p, i in zip(probabilities, indices, strict=True)
    ]


def predicted_counts(network: nn.Module, dataset: SaliencySet) -> Counts:
    """Counts of a set's 8-bit maps, in memory."""
    indices = range(len(dataset))
    return Counts.from_maps(grey_level_maps(network, dataset, indices), map(dataset.mask, indices))


def to_png(probability: np.ndarray) -> bytes:
    """An (H, W) probability as an 8-bit greyscale PNG."""
    buffer = io.BytesIO()
    Image.fromarray(to_grey_levels(probability)).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()
