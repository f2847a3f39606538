"""Validation: counts of a set, for the rules and the log."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.config import Settings
from aslp_lib.data.base import SaliencySet
from aslp_lib.metrics.counts import FLOAT_GREY_LEVELS, MAP_GREY_LEVELS, Counts
from aslp_lib.training import distributed
from aslp_lib.training.batches import accelerator_for, loader


def validate(network: nn.Module, dataset: SaliencySet, settings: Settings) -> Counts:
    """Counts of a set: at the network's size from float probabilities, or as
    `settings.validate_at` says, at each image's own from its 8-bit map.

    Several processes count an equal part each, no image twice, and all return the whole.
    """
    accelerator = accelerator_for(settings)
    network.to(accelerator.device).eval()
    part = distributed.shard(len(dataset), accelerator)
    at_own_size = settings.validate_at == "image"
    levels = MAP_GREY_LEVELS if at_own_size else FLOAT_GREY_LEVELS
    tables = [np.zeros((0, 2, levels), np.int64)]  # of more processes than images
    for images, labels, indices in loader(
        dataset, settings, accelerator, range(len(dataset))[part]
    ):
        with torch.inference_mode(), accelerator.autocast():
            logits = network(images).float()
            probabilities = torch.sigmoid(logits)
        if not bool(torch.isfinite(probabilities).all()):
            raise FloatingPointError(
                f"the network's output on {dataset.name} is not finite: lower --learning-rate"
            )
        if at_own_size:
            for logit, index in zip(logits.cpu(), indices.tolist(), strict=True):
                tables.append(_own_size_counts(logit, dataset, index, settings).table)
        else:
            tables.append(Counts.from_probabilities(probabilities, labels).table)
    own = torch.from_numpy(np.concatenate(tables)).to(accelerator.device)
    return Counts(distributed.all_gather_rows(own, part, len(dataset), accelerator).cpu().numpy())


def _own_size_counts(logit: Tensor, dataset: SaliencySet, index: int, settings: Settings) -> Counts:
    shape = dataset.shape(index)
    prediction = to_grey_levels(own_size(logit, shape, resize_logits=settings.resize_logits))
    if not settings.soft_masks:
        return Counts.from_map(prediction, dataset.mask(index))
    mask = dataset.mask_grey_levels(index)
    # A grey pixel is as no map that is cut at 128: whatever is predicted there is wrong.
    truth = np.where((mask > 0) & (mask < 255), prediction < 128, mask == 255)
    return Counts.from_map(prediction, truth)


def own_size(logit: Tensor, shape: tuple[int, int], *, resize_logits: bool) -> np.ndarray:
    """The probability of a (1, S, S) logit at an image's (H, W), float32.

    Args:
        resize_logits: resize the logit, not its probability.
    """
    if resize_logits:
        return torch.sigmoid(torch.from_numpy(to_size(logit, shape))).numpy()
    return to_size(torch.sigmoid(logit), shape)


def to_size(values: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """(1, S, S) values at an image's (H, W), float32."""
    resized = F.interpolate(values[None], size=shape, mode="bilinear", align_corners=False)
    return resized[0, 0].numpy()


def to_grey_levels(probability: np.ndarray) -> np.ndarray:
    """Probabilities as 8-bit grey levels, `round(255 * p)`."""
    return np.rint(255 * probability).astype(np.uint8)
