"""The accelerator, data loading in background processes, and the outputs of a network.

`torchrun` or `accelerate launch` starts several processes, one per device. They exchange data by
accelerate's own functions, which do nothing in a single process.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list, parse_flag_from_env
from torch import Tensor, nn
from torch.utils.data import DataLoader

from aslp_lib import console
from aslp_lib.config import Settings
from aslp_lib.data.image_set import ImageSet

T = TypeVar("T")


def accelerator_for(settings: Settings) -> Accelerator:
    """Create the accelerator: the device, the precision and the processes of a training run.

    Raises:
        RuntimeError: some of the launched processes did not connect.

    >>> from aslp_lib.config import Settings
    >>> accelerator = accelerator_for(Settings(device="cpu"))
    >>> accelerator.device.type, accelerator.num_processes
    ('cpu', 1)
    """
    # accelerate must be told of the CPU: without a GPU, it would not connect several processes.
    group_without_gpus = console.world_size() > 1 and not torch.cuda.is_available()
    flag = parse_flag_from_env("ACCELERATE_USE_CPU")
    cpu = settings.device == "cpu" or group_without_gpus or flag
    # accelerate has one global state; it must be reset if the settings differ from those in use.
    if AcceleratorState._shared_state:
        state = AcceleratorState()
        if state.mixed_precision != settings.mixed_precision or bool(state._cpu) != cpu:
            AcceleratorState._reset_state(reset_partial_state=True)
    accelerator = Accelerator(cpu=cpu, mixed_precision=settings.mixed_precision)
    if accelerator.num_processes != console.world_size():
        raise RuntimeError(
            f"{accelerator.num_processes} processes connected; expected {console.world_size()}, as "
            "launched. Start them with `accelerate launch` or `torchrun`."
        )
    return accelerator


def share(items: Sequence[T], accelerator: Accelerator, *, equal: bool = False) -> list[T]:
    """Return the share of this process.

    Args:
        equal: repeat the last item where shares would differ in size, so that none is empty.

    >>> share([3, 0, 1], Accelerator(cpu=True))
    [3, 0, 1]
    """
    with accelerator.split_between_processes([*items], apply_padding=equal) as part:
        # Older versions of accelerate give the last item to a process for which there is none.
        return list(part) if equal or accelerator.process_index < len(items) else []


def broadcast_from_main(make: Callable[[], T]) -> T:
    """Call `make` in the main process only, and return its result in all processes.

    >>> broadcast_from_main(lambda: "runs/demo")
    'runs/demo'
    """
    return broadcast_object_list([make() if console.is_main() else None])[0]


class Batches:
    """Loader that yields batches with given indices.

    The worker processes live as long as the object, so create one object for all epochs. On CUDA,
    batches are copied asynchronously from pinned memory.

    Args:
        workers: number of loading processes; 0 loads in the calling process.

    >>> from aslp_lib.config import Settings
    >>> settings = Settings(device="cpu", limit=4)
    >>> dataset = settings.load_data().train
    >>> batches = Batches(dataset, 0, accelerator_for(settings))
    >>> [(images.shape[0], index.tolist()) for images, labels, index in batches([[3, 0], [1]])]
    [(2, [3, 0]), (1, [1])]
    """

    def __init__(self, dataset: ImageSet, workers: int, accelerator: Accelerator) -> None:
        self.dataset, self.accelerator = dataset, accelerator
        if workers > 0:
            # The workers live for several epochs. Some containers lack shared memory, so that it is
            # used only if there are workers.
            dataset.epoch.share_memory_()
        self._requested: list[list[int]] = []
        self._loader = DataLoader(
            dataset,
            batch_sampler=self._requested,
            num_workers=workers,
            pin_memory=accelerator.device.type == "cuda",
            persistent_workers=workers > 0,
        )

    def __call__(self, batches: Sequence[list[int]]) -> Iterator[tuple[Tensor, ...]]:
        """Yield images, labels and indices of each batch of indices, on the device."""
        self._requested[:] = batches
        for batch in self._loader:
            yield tuple(part.to(self.accelerator.device, non_blocking=True) for part in batch)


def in_batches(order: Sequence[T], size: int) -> list[list[T]]:
    """Cut a list into batches; the last may be smaller.

    >>> in_batches([4, 2, 0, 1, 3], size=2)
    [[4, 2], [0, 1], [3]]
    """
    return [list(order[start : start + size]) for start in range(0, len(order), size)]


def outputs(
    network: nn.Module, dataset: ImageSet, settings: Settings, order: Sequence[int]
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Apply a network to images of a set, and yield batches of logits, images, labels and indices.

    All are on the accelerator's device. The logits are float32, without gradients.

    Args:
        network: the network, which is moved to that device and set to eval mode.
        order: indices of the images, in the order of loading.

    >>> from aslp_lib import networks
    >>> settings = Settings(device="cpu", batch_size=3, limit=4)
    >>> test, network = settings.load_data().tests["test"], networks.build("tiny")
    >>> [tuple(logits.shape) for logits, *_ in outputs(network, test, settings, order=range(4))]
    [(3, 1, 48, 48), (1, 1, 48, 48)]
    """
    accelerator = accelerator_for(settings)
    network.to(accelerator.device).eval()
    batches = Batches(dataset, settings.loading_workers, accelerator)
    for images, labels, indices in batches(in_batches(order, settings.batch_size)):
        with torch.inference_mode(), accelerator.autocast():
            logits = network(images).float()
        yield logits, images, labels, indices
