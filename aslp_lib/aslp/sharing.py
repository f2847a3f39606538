"""Alphas in a training loop of several processes (DDP), each with its own batches."""

from collections.abc import Sequence

import torch
from torch import Tensor, distributed

from aslp_lib.aslp.alphas import AdaptiveAlpha, check_images


@torch.no_grad()
def share_alphas(alphas: AdaptiveAlpha, seen: Tensor | Sequence[int]) -> None:
    """Exchange the alphas that each process updated, so that all processes hold the same ones.

    Call this function in every process once per epoch. Without an initialised process group it
    does nothing.

    If several processes updated an image, for example because a `DistributedSampler` repeats images
    to fill its last batch, the alpha of the process with the highest rank is used. If none did, the
    alpha of rank 0 is used.

    `AdaptiveAlpha.observe` is not shared: report the accuracy of the whole validation set in every
    process. Keep `alphas` out of the module that DDP wraps, because DDP overwrites the buffers of
    that module with those of rank 0.

    >>> from aslp_lib.aslp.perturbation import MODERATION
    >>> alphas = AdaptiveAlpha(3, MODERATION)
    >>> share_alphas(alphas, [0, 2])  # after an epoch; a single process has nothing to exchange

    Args:
        alphas: the alphas, on a device that the process group communicates on (CUDA for NCCL).
        seen: (M,) indices of the images that this process updated since the last call, in any
            order; repetitions are allowed.

    Raises:
        ValueError: an index is not an integer, or not that of a training image (on a CPU; CUDA
            aborts).
    """
    # The tensor of an empty list would have a floating-point dtype.
    seen = torch.as_tensor(seen) if len(seen) else torch.zeros(0, dtype=torch.long)
    check_images(seen, len(alphas))
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    alpha = alphas.alpha
    seen = seen.to(alpha.device, torch.long)
    owner = torch.zeros(len(alpha), dtype=torch.long, device=alpha.device)
    owner[seen] = distributed.get_rank()
    distributed.all_reduce(owner, distributed.ReduceOp.MAX)
    # One process contributes the value of an image and the others 0, so the sum is exact.
    alpha.masked_fill_(owner != distributed.get_rank(), 0)
    distributed.all_reduce(alpha, distributed.ReduceOp.SUM)
