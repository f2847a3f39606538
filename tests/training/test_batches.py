from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator

from aslp_lib import networks
from aslp_lib.config import Settings
from aslp_lib.data.shapes import Shapes
from aslp_lib.networks import NETWORKS
from aslp_lib.tensors import fingerprint
from aslp_lib.training.batches import Batches, check_smallest_batch
from aslp_lib.training.loop import train


class Processes(Accelerator):
    """As if there were several."""

    def __init__(self, number: int) -> None:
        self.number = number

    num_processes = property(lambda self: self.number)
    device = torch.device("cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_the_side_that_is_advised_is_the_smallest_that_trains(name):
    """By torch itself."""
    network = networks.build(name)
    size = network.stride
    settings = Settings(network=name, size=size, batch_size=4)
    with pytest.raises(ValueError, match=f"--size {size + 1} or more"):
        check_smallest_batch(network, settings, 5, Processes(1))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        network(torch.zeros(1, 3, size, size))
    check_smallest_batch(network, replace(settings, size=size + 1), 5, Processes(1))
    network(torch.zeros(1, 3, size + 1, size + 1))


def test_only_batches_of_one_image_are_too_small():
    network = networks.build("tiny")
    before = fingerprint(network.state_dict())
    settings = Settings(size=8, batch_size=4)
    for images, processes in ((2, 1), (4, 1), (6, 1), (8, 2)):
        check_smallest_batch(network, settings, images, Processes(processes))
    for images, processes in ((1, 1), (9, 1), (6, 2), (7, 2), (9, 2)):
        with pytest.raises(ValueError, match=f"of {images} images, or a process's share"):
            check_smallest_batch(network, settings, images, Processes(processes))
    alone = replace(settings, limit=1)
    with pytest.raises(ValueError, match="BatchNorm needs more"):
        train(alone, alone.load_data(), "bce", progress=False)
    assert network.training
    assert fingerprint(network.state_dict()) == before


@pytest.mark.fault("no shared memory (/dev/shm full), and no worker processes", "none is needed")
def test_shared_memory_is_for_worker_processes_alone(monkeypatch):
    def full(_):
        raise RuntimeError("unable to allocate shared memory")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    shapes = Shapes("train", 4, seed=0, size=16)
    accelerator = Accelerator(cpu=True)
    batches = Batches(shapes, 0, accelerator)
    assert [len(batch[2]) for batch in batches([[0, 1], [2, 3]])] == [2, 2]
    with pytest.raises(RuntimeError, match="shared memory"):
        Batches(shapes, 1, accelerator)
