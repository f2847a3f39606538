"""Validation: counts of a set at the network's own size, for the rules and the log."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from aslp_lib.config import Settings
from aslp_lib.data.base import SaliencySet
from aslp_lib.metrics.counts import FLOAT_LEVELS, Counts
from aslp_lib.training import distributed
from aslp_lib.training.batches import accelerator_for, loader


def validate(network: nn.Module, dataset: SaliencySet, settings: Settings) -> Counts:
    """Counts of a set at the network's size, from float probabilities.

    Several processes count an equal part each, no image twice, and all return the whole.
    """
    accelerator = accelerator_for(settings)
    network.to(accelerator.device).eval()
    part = distributed.shard(len(dataset), accelerator)
    tables = [np.zeros((0, 2, FLOAT_LEVELS), np.int64)]  # of more processes than images
    for images, labels, _ in loader(dataset, settings, accelerator, range(len(dataset))[part]):
        with torch.inference_mode(), accelerator.autocast():
            probabilities = torch.sigmoid(network(images).float())
        if not bool(torch.isfinite(probabilities).all()):
            raise FloatingPointError(
                f"the network's output on {dataset.name} is not finite: lower --learning-rate"
            )
        tables.append(Counts.from_probabilities(probabilities, labels).table)
    own = torch.from_numpy(np.concatenate(tables)).to(accelerator.device)
    return Counts(distributed.all_gather_rows(own, part, len(dataset), accelerator).cpu().numpy())
