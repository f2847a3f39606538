"""Validation: counts of predictions and labels, for update rules and the log."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from torch import Tensor, nn

from aslp_lib.config import Settings
from aslp_lib.data.image_set import ImageSet
from aslp_lib.maps.resize import own_size
from aslp_lib.maps.write import to_grey_levels
from aslp_lib.methods.method import known_labels
from aslp_lib.metrics.classes import AnyCounts, ClassCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.training.batches import accelerator_for, outputs, share


def validate(network: nn.Module, dataset: ImageSet, settings: Settings) -> AnyCounts:
    """Count the predictions on a set, as the histograms that every score is computed from.

    They are `ClassCounts` if the set has classes, otherwise `Counts`.

    `settings.validate_at` selects logits at the size of the network's input, or 8-bit
    maps at each image's own size. With several processes, each counts an equal share of the
    images, and all return the counts of the whole set.

    >>> from aslp_lib import networks
    >>> settings = Settings(device="cpu", limit=4)
    >>> network, data = networks.build("tiny"), settings.load_data()
    >>> counts = validate(network, data.validation, settings)
    >>> int(counts.table.sum()) == 4 * 48 * 48  # each pixel counts once
    True
    """
    accelerator = accelerator_for(settings)
    kind: type[AnyCounts] = ClassCounts if dataset.classes else Counts
    parts: list[Any] = []
    order = share(range(len(dataset)), accelerator)
    for logits, _, labels, indices in outputs(network, dataset, settings, order):
        require_finite(logits, dataset, indices.tolist())
        empty = indices[labels.isnan().flatten(1).all(dim=1)].tolist()
        if empty:
            raise ValueError(
                f"every pixel of the mask of {dataset.stems[empty[0]]} in the set {dataset.name} "
                "is to be ignored; expected one with a label. Leave the image out."
            )
        if settings.validate_at == "image":
            for logit, index in zip(logits.cpu(), indices.tolist(), strict=True):
                parts.append(_own_size_counts(logit, dataset, index, settings))
        else:
            known = known_labels(logits, labels, dataset.ignored or 0)
            parts.append(kind.from_logits(logits, known, dataset.ignored))
    return kind.join(gather_object(parts)).with_columns(groups=dataset.groups)


def require_finite(values: Tensor, dataset: ImageSet, indices: Sequence[int]) -> None:
    """Raise FloatingPointError if a network's outputs are NaN or infinite; it names an image.

    Args:
        values: (N, K, S, S) outputs.
        dataset: the set of the images.
        indices: N indices of the images in the set.
    """
    finite = torch.isfinite(values).flatten(1).all(dim=1).tolist()
    if not all(finite):
        raise FloatingPointError(
            f"the network's output on {dataset.stems[indices[finite.index(False)]]} of "
            f"{dataset.name} is not finite; expected finite values. Train the network again, with "
            "a lower --learning-rate or with --precision no."
        )


def _own_size_counts(logit: Tensor, dataset: ImageSet, index: int, settings: Settings) -> Counts:
    """Count one image at its own size, from the 8-bit map that `predict` would write."""
    shape = dataset.shape(index)
    prediction = to_grey_levels(own_size(logit, shape, resize_logits=settings.resize_logits))
    if not settings.soft_masks:
        return Counts.from_map(prediction, dataset.mask(index), dataset.ignored)
    mask = dataset.mask_grey_levels(index)
    # A map thresholded at 128 never equals a grey pixel, so any prediction there counts as wrong.
    truth = np.where((mask > 0) & (mask < 255), prediction < 128, mask == 255)
    return Counts.from_map(prediction, truth)
