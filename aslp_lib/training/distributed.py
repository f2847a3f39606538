"""Training and testing by several processes, one per device, with the results of a single one.

`accelerate launch` or `torchrun` starts the processes. Each one computes its rows of every batch,
and their results are summed. With a single process, nothing is exchanged.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor

from aslp_lib.training import launch

T = TypeVar("T")


def shard(images: int, accelerator: Accelerator) -> slice:
    """Return the rows of this process: an equal share of `images` rows.

    If the rows cannot be divided equally, the first processes take one more.

    >>> from types import SimpleNamespace
    >>> ranks = [SimpleNamespace(num_processes=2, process_index=rank) for rank in range(2)]
    >>> [shard(5, rank) for rank in ranks]
    [slice(0, 3, None), slice(3, 5, None)]
    """
    size, extra = divmod(images, accelerator.num_processes)
    rank = accelerator.process_index
    start = rank * size + min(rank, extra)
    return slice(start, start + size + (rank < extra))


def all_reduce_sum(values: Tensor, accelerator: Accelerator) -> Tensor:
    """Sum a tensor over all processes; each of them gets the sum."""
    return values if accelerator.num_processes == 1 else accelerator.reduce(values, "sum")


def all_gather_rows(values: Tensor, images: int, accelerator: Accelerator) -> Tensor:
    """Gather the rows of all processes on each of them.

    Args:
        values: (rows, ...) this process's rows, which `shard` assigns to it.
        images: number of all rows.

    Returns:
        (images, ...) all rows.
    """
    whole = values.new_zeros((images, *values.shape[1:]))
    whole[shard(images, accelerator)] = values
    return all_reduce_sum(whole, accelerator)


def rows_before(values: Tensor, images: int, accelerator: Accelerator) -> Tensor:
    """Return the row before each of this process's rows, cyclically over all processes.

    A process without rows holds one substitute row, and gets one row without meaning.

    Args:
        values: (rows, ...) this process's rows, which `shard` assigns to it.
        images: number of all rows.

    >>> from types import SimpleNamespace
    >>> single = SimpleNamespace(num_processes=1, process_index=0)
    >>> rows_before(torch.tensor([1, 2, 3]), 3, single)
    tensor([3, 1, 2])
    """
    part = shard(images, accelerator)
    rows = values[: part.stop - part.start]
    before = all_gather_rows(rows, images, accelerator).roll(1, 0)
    return before[part] if len(rows) else before[:1]


def share_items(values: Tensor, updated: Sequence[int], accelerator: Accelerator) -> None:
    """Copy the items that each process changed to all processes, in place.

    Args:
        values: (items, ...) one row per item.
        updated: indices of the items that this process changed; each item must have been changed
            by one process at most, and the indices of all processes must cover all items.
    """
    if accelerator.num_processes > 1:
        index = torch.tensor(updated, dtype=torch.long, device=values.device)
        changed = torch.zeros_like(values).index_copy_(0, index, values[index])
        values.copy_(all_reduce_sum(changed, accelerator))


def broadcast_from_main(make: Callable[[], T]) -> T:
    """Call `make` in the main process only, and return its result in all processes.

    >>> broadcast_from_main(lambda: "runs/demo")
    'runs/demo'
    """
    if launch.world_size() == 1:
        return make()
    box = [make() if launch.is_main() else None]
    return broadcast_object_list(box)[0]
