"""The environment variables by which torchrun or accelerate tells a process its rank."""

import os
import sys


def is_main() -> bool:
    """Return whether this is the main process (rank 0), which writes and prints."""
    return int(os.environ.get("RANK", "0")) == 0


def world_size() -> int:
    """Return the number of processes that the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leave(status: int) -> None:
    """End this process at once with an exit status; a single process returns instead.

    After DistributedDataParallel, the threads of gloo live on even if the process group has been
    destroyed. In about one of a hundred runs they abort one of two processes while Python shuts
    down (PyTorch 2.13; compare its issue 190489), and the launcher then kills the other one, even
    during evaluation.
    """
    if world_size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
