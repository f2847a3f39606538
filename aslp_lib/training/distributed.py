"""Several processes, one a device, that train and test as one would.

Started by `accelerate launch` or `torchrun`. Each process takes its rows of every batch; what they
make of them is added up. Everything here is a no-op in a single process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, broadcast_object_list, parse_flag_from_env
from torch import Tensor, nn

from aslp_lib.training import launch

T = TypeVar("T")


def on_cpu(device: str) -> bool:
    """Whether a setting of "auto" or "cpu" means the CPU, told to accelerate by hand: it leaves
    several processes without a GPU each alone."""
    alone = launch.world_size() > 1 and not torch.cuda.is_available()
    return device == "cpu" or alone or parse_flag_from_env("ACCELERATE_USE_CPU")


def shard(images: int, accelerator: Accelerator) -> slice:
    """This process's rows of so many images: parts as equal as can be, the first ones larger."""
    size, more = divmod(images, accelerator.num_processes)
    rank = accelerator.process_index
    start = rank * size + min(rank, more)
    return slice(start, start + size + (rank < more))


def all_reduce_sum(values: Tensor, accelerator: Accelerator) -> Tensor:
    """The sum over all processes, on each of them."""
    return values if accelerator.num_processes == 1 else accelerator.reduce(values, "sum")


def all_gather_rows(values: Tensor, part: slice, images: int, accelerator: Accelerator) -> Tensor:
    """All processes' rows, on each of them: (images, ...) from this one's rows `part`."""
    whole = values.new_zeros((images, *values.shape[1:]))
    whole[part] = values
    return all_reduce_sum(whole, accelerator)


def rows_before(values: Tensor, part: slice, images: int, accelerator: Accelerator) -> Tensor:
    """Of this process's rows `part` of so many, those before them, the first one's being the last;
    one row, of no meaning, for a process that has none but holds one in its place."""
    own = values[: part.stop - part.start]
    before = all_gather_rows(own, part, images, accelerator).roll(1, 0)
    return before[part] if len(own) else before[:1]


def share_items(values: Tensor, own: Sequence[int], accelerator: Accelerator) -> None:
    """Give every process the items that others changed: each item is one process's own."""
    if accelerator.num_processes > 1:
        index = torch.tensor(own, dtype=torch.long, device=values.device)
        mine = torch.zeros_like(values).index_copy_(0, index, values[index])
        values.copy_(all_reduce_sum(mine, accelerator))


def share_buffers(network: nn.Module, accelerator: Accelerator) -> None:
    """Give every process the main one's buffers, such as BatchNorm's running statistics."""
    if accelerator.num_processes > 1:
        broadcast(list(network.buffers()))


def broadcast_from_main(make: Callable[[], T]) -> T:
    """What `make` gives the main process, on each of them; the others do not call it."""
    if launch.world_size() == 1:
        return make()
    box = [make() if launch.is_main() else None]
    return broadcast_object_list(box)[0]
