import pytest
import torch
from accelerate import Accelerator

from aslp_lib.data.shapes import Shapes
from aslp_lib.training.batches import Batches


@pytest.mark.fault
def test_shared_memory_is_for_worker_processes_alone(monkeypatch):
    """A full /dev/shm does no harm without worker processes."""

    def full(_):
        raise RuntimeError("unable to allocate shared memory")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    shapes = Shapes("train", 4, seed=0, size=16)
    accelerator = Accelerator(cpu=True)
    batches = Batches(shapes, 0, accelerator)
    assert [len(batch[2]) for batch in batches([[0, 1], [2, 3]])] == [2, 2]
    with pytest.raises(RuntimeError, match="shared memory"):
        Batches(shapes, 1, accelerator)
