"""Loading data by name, or from a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aslp_lib.data.base import DataSplits
from aslp_lib.data.folders import paper_layout
from aslp_lib.data.nuclei import nuclei
from aslp_lib.data.shapes import shapes
from aslp_lib.files import require_exists

DATASETS: dict[str, Callable[..., DataSplits]] = {"shapes": shapes, "nuclei": nuclei}
"""Functions that load the embedded data sets, by name. `load` passes its keywords on."""
OF_FOLDERS = ("validation_share", "grey", "ignore_index", "augment_at", "soft_masks")
"""Options of `paper_layout` that do not apply to the embedded data sets, which have splits of their
own, images of the network's size and binary masks."""


def load(data: str, size: int, *, data_seed: int = 0, **options: Any) -> DataSplits:
    """Load the training, validation and test sets of a name or a folder.

    Args:
        data: a key of `DATASETS`, or the path of a folder in the paper's layout.
        size: side of the square items, in pixels.
        data_seed: seed of an embedded data set. It generates synthetic data and splits real ones.
        options: further options of `paper_layout`. Those in `OF_FOLDERS` do not apply to the
            embedded data sets.

    Raises:
        FileNotFoundError: `data` is neither a name nor a folder in the paper's layout.
        ValueError: a file or list of the folder cannot be used.

    >>> data = load("shapes", size=32, limit=5)
    >>> image, label, index = data.train[0]
    >>> len(data.train), image.shape
    (5, torch.Size([3, 32, 32]))
    """
    if data in DATASETS:
        applicable = {name: value for name, value in options.items() if name not in OF_FOLDERS}
        return DATASETS[data](size, data_seed=data_seed, **applicable)
    expected = f"one, or a data set's name ({', '.join(DATASETS)}). See docs/own_folders.md."
    require_exists("folder", Path(data), expected)
    return paper_layout(Path(data), size, **options)
