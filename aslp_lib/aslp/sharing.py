"""Levels of a loop that several processes share, each with batches of its own (DDP)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, distributed

from aslp_lib.aslp.alphas import AdaptiveAlpha, check_images


@torch.no_grad()
def share_alphas(alphas: AdaptiveAlpha, seen: Tensor | Sequence[int]) -> None:
    """Give every process the levels that the others moved; all are the same on all afterwards.

    Every process calls it, once an epoch; without an initialised process group it does nothing. An
    image that several processes saw, as those that a `DistributedSampler` repeats to fill its last
    batch, takes the level of the one of the highest rank; one that nobody saw takes rank 0's.

    `observe` is not shared: tell every process the accuracy of the whole validation set. And keep
    `alphas` out of the module that DDP wraps, which would overwrite its buffers with rank 0's.

    Args:
        alphas: on a device that the process group communicates on (CUDA for NCCL).
        seen: (M,) the images that this process moved since the last call, in any order, repeated
            or not.

    Raises:
        ValueError: an image that is not of the training set (looked at on a CPU; CUDA aborts).
    """
    # A list of no images is taken for one of floating-point numbers.
    seen = torch.as_tensor(seen) if len(seen) else torch.zeros(0, dtype=torch.long)
    check_images(seen, len(alphas))
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    levels = alphas.alpha
    seen = seen.to(levels.device, torch.long)
    owner = torch.zeros(len(levels), dtype=torch.long, device=levels.device)
    owner[seen] = distributed.get_rank()
    distributed.all_reduce(owner, distributed.ReduceOp.MAX)
    levels.masked_fill_(owner != distributed.get_rank(), 0)
    distributed.all_reduce(levels, distributed.ReduceOp.SUM)  # of one number and zeros: exact
