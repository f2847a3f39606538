"""Alphas in a training loop of several processes (DDP), each with its own batches."""

import torch
from torch import distributed

from aslp_lib.aslp.alphas import AdaptiveAlpha


@torch.no_grad()
def share_alphas(alphas: AdaptiveAlpha) -> None:
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
    >>> share_alphas(AdaptiveAlpha(3, MODERATION))  # a single process has nothing to exchange

    Args:
        alphas: the alphas, on a device that the process group communicates on (CUDA for NCCL).
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return
    rank = distributed.get_rank()
    owner = rank * alphas.updated
    distributed.all_reduce(owner, distributed.ReduceOp.MAX)
    # One process contributes the value of an image and the others 0, so the sum is exact.
    alphas.alpha.masked_fill_(owner != rank, 0)
    distributed.all_reduce(alphas.alpha, distributed.ReduceOp.SUM)
    alphas.updated.zero_()
