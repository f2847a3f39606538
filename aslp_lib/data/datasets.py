"""The sets by name: those that are made here, or a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from aslp_lib.data.base import DataSplits, SizeOf
from aslp_lib.data.folders import paper_layout
from aslp_lib.data.images import Grey
from aslp_lib.data.shapes import embedded

DATASETS: dict[str, Callable[..., DataSplits]] = {"embedded": embedded}
"""Name -> what makes the sets from a seed, with the keywords that `load` passes on."""


def load(
    data: str,
    size: int,
    *,
    data_seed: int = 0,
    grey: Grey = "refuse",
    augment_at: SizeOf = "network",
    soft_masks: bool = False,
    **options: Any,
) -> DataSplits:
    """The sets of a name or of a folder.

    Args:
        data: a name of `DATASETS`, or the path of a folder in the paper's layout.
        size: side of the square items, in pixels.
        data_seed: which data set, of those that a name stands for.
        grey, augment_at, soft_masks: as `paper_layout`; made sets are of the network's size and
            have no grey masks.
        options: `augment`, `seed` and `limit`, as `embedded` and `paper_layout` take them.

    Raises:
        FileNotFoundError: no name, and no folder in the paper's layout either.
        ValueError: as `paper_layout`.
    """
    if data in DATASETS:
        return DATASETS[data](size, data_seed=data_seed, **options)
    if not Path(data).is_dir():
        raise FileNotFoundError(
            f"there is no folder {data}, nor a data set of that name (of {', '.join(DATASETS)}): "
            "see Dataset/README.md for the layout"
        )
    options |= {"grey": grey, "augment_at": augment_at, "soft_masks": soft_masks}
    return paper_layout(Path(data), size, **options)
