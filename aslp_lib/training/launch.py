"""What the launcher told this process: torchrun or accelerate, by environment variables."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def is_main() -> bool:
    """Whether this process writes and prints, as the launcher numbered it."""
    return int(os.environ.get("RANK", "0")) == 0


def world_size() -> int:
    """How many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def check_launch() -> None:
    """Raise RuntimeError if accelerate was asked for several processes, but started this one alone.

    Without several GPUs it starts one, whatever its `--num_processes` or its configuration say, and
    does not tell. But for more than one it adds the address of a meeting point, which then nobody
    numbers the processes for; one that its own surroundings had says nothing.
    """
    launched = {"ACCELERATE_MIXED_PRECISION", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    if launched and "WORLD_SIZE" not in os.environ and not _parent_has("MASTER_PORT"):
        raise RuntimeError(
            "accelerate launch was asked for several processes, but started one, as it does where "
            "there are not several GPUs: start them with torchrun --standalone --nproc-per-node 2"
        )


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


def _parent_has(name: str) -> bool:
    """Whether the process that started this one had it in its environment; so if nobody knows."""
    try:
        held = Path(f"/proc/{os.getppid()}/environ").read_bytes()
    except OSError:
        return True
    return any(each.startswith(f"{name}=".encode()) for each in held.split(b"\0"))
