"""Loading data by name, or from a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aslp_lib.data.base import DataSplits, SizeOf
from aslp_lib.data.folders import VALIDATION_SHARE, paper_layout
from aslp_lib.data.nuclei import nuclei
from aslp_lib.data.shapes import shapes
from aslp_lib.files import require_exists
from aslp_lib.maps.read import Grey

DATASETS: dict[str, Callable[..., DataSplits]] = {"shapes": shapes, "nuclei": nuclei}
"""Functions that load the embedded data sets, by name. `load` passes its keywords on."""


def load(
    data: str,
    size: int,
    *,
    data_seed: int = 0,
    validation_share: float = VALIDATION_SHARE,
    grey: Grey = "refuse",
    ignore_index: int | None = None,
    augment_at: SizeOf = "network",
    soft_masks: bool = False,
    **options: Any,
) -> DataSplits:
    """Load the training, validation and test sets of a name or a folder.

    Args:
        data: a key of `DATASETS`, or the path of a folder in the paper's layout.
        size: side of the square items, in pixels.
        data_seed: seed of an embedded data set. It generates synthetic data and splits real ones.
        validation_share, grey, ignore_index, augment_at, soft_masks: options of `paper_layout`.
            They do not apply to the embedded data sets, which have splits of their own, images of
            the network's size and binary masks.
        options: `augment`, `seed` and `limit`, as in `shapes` and `paper_layout`.

    Raises:
        FileNotFoundError: `data` is neither a name nor a folder in the paper's layout.
        ValueError: a file or list of the folder cannot be used.

    >>> data = load("shapes", size=32, limit=5)
    >>> image, label, index = data.train[0]
    >>> len(data.train), image.shape
    (5, torch.Size([3, 32, 32]))
    """
    if data in DATASETS:
        return DATASETS[data](size, data_seed=data_seed, **options)
    expected = f"one, or a data set's name ({', '.join(DATASETS)}). See docs/own_folders.md."
    require_exists("folder", Path(data), expected)
    options |= {"grey": grey, "ignore_index": ignore_index}
    options |= {"augment_at": augment_at, "soft_masks": soft_masks}
    options["validation_share"] = validation_share
    return paper_layout(Path(data), size, **options)
