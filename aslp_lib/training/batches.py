"""The device, and batches of a set on it, loaded while it works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor
from torch.utils.data import DataLoader

from aslp_lib.config import Settings
from aslp_lib.data.base import SaliencySet
from aslp_lib.training import distributed, launch


def accelerator_for(settings: Settings) -> Accelerator:
    """The device, the precision and the processes that the settings and the launcher ask for.

    Raises:
        RuntimeError: the launched processes did not find each other, or are fewer than asked for.
    """
    cpu = distributed.on_cpu(settings.device)
    # accelerate keeps one state a process; other settings in the same notebook need a new one.
    if AcceleratorState._shared_state:
        state = AcceleratorState()
        if state.mixed_precision != settings.mixed_precision or bool(state._cpu) != cpu:
            AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=cpu, mixed_precision=settings.mixed_precision)
    if accelerator.num_processes != launch.world_size():
        raise RuntimeError(
            f"{launch.world_size()} processes were launched, but only "
            f"{accelerator.num_processes} found each other: start them with `accelerate launch` or "
            "`torchrun`"
        )
    return accelerator


class Batches:
    """Loads the batches it is asked for.

    Its worker processes live as long as it does, so keep it from epoch to epoch. On CUDA, batches
    are copied from pinned memory without waiting for the device.

    Args:
        workers: processes that load; 0 loads in this one.
    """

    def __init__(self, dataset: SaliencySet, workers: int, accelerator: Accelerator) -> None:
        self.dataset, self.accelerator = dataset, accelerator
        if workers > 0:
            dataset.share_epoch()
        self._asked: list[list[int]] = []
        self._loader = DataLoader(
            dataset,
            batch_sampler=self._asked,
            num_workers=workers,
            pin_memory=accelerator.device.type == "cuda",
            persistent_workers=workers > 0,
        )

    def __call__(self, batches: Sequence[list[int]]) -> Iterator[tuple[Tensor, ...]]:
        """Images, labels and indices of each batch of indices, on the device."""
        self._asked[:] = batches
        for batch in self._loader:
            yield tuple(each.to(self.accelerator.device, non_blocking=True) for each in batch)


def in_batches(order: Sequence[int], size: int) -> list[list[int]]:
    """`order` cut into batches; the last may be smaller."""
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


def loader(
    dataset: SaliencySet, settings: Settings, accelerator: Accelerator, order: Sequence[int]
) -> Iterator[tuple[Tensor, ...]]:
    """Batches of the items `order`, on the accelerator's device."""
    batches = Batches(dataset, settings.loading_workers, accelerator)
    return batches(in_batches(order, settings.batch_size))
