"""What the launcher told this process: torchrun or accelerate, by environment variables."""

from __future__ import annotations

import os
import sys


def is_main() -> bool:
    """Whether this process writes and prints, as the launcher numbered it."""
    return int(os.environ.get("RANK", "0")) == 0


def world_size() -> int:
    """How many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leave(status: int) -> None:
    """End this process with that status, if it is one of several; alone it goes on.

    gloo's threads outlive the group where DistributedDataParallel was in use, even one that was
    destroyed, and abort one process of two in about a hundred runs while Python ends it (PyTorch
    2.13; compare its issue 190489). The launcher then ends the other, at its evaluation too.
    """
    if world_size() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
