"""The optimiser, its learning rate, and steps over several batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import nn

from aslp_lib.config import Settings
from aslp_lib.networks import DenseNetwork

DECAY, DECAY_EPOCHS = 0.95, 10
"""The release's: the rate falls by this factor every so many epochs."""


def adam(network: DenseNetwork, settings: Settings, fused: bool) -> torch.optim.Optimizer:
    """Adam; each group keeps its largest learning rate as `peak`.

    Args:
        fused: one kernel for all parameters, on a CPU and on CUDA.
    """
    encoder = network.encoder_parameters()
    known = {id(p) for p in encoder}
    rest = [p for p in network.parameters() if id(p) not in known]
    rate = settings.learning_rate
    groups = [{"params": rest, "peak": rate}]
    if encoder:
        groups.append({"params": encoder, "peak": rate * settings.encoder_lr_factor})
    return torch.optim.Adam(groups, lr=rate, fused=fused)


def constant(done: float, epochs: int) -> float:
    return 1.0


def cosine(done: float, epochs: int) -> float:
    return _half_cosine(done / epochs)


def one_cycle(done: float, epochs: int) -> float:
    """From 0.04 up in a line over the first 30 %, then down as `cosine`."""
    progress, warm = done / epochs, 0.3
    if progress < warm:
        return 0.04 + 0.96 * progress / warm
    return _half_cosine((progress - warm) / (1 - warm))


def step(done: float, epochs: int) -> float:
    """What the release documents."""
    return DECAY ** (int(done) // DECAY_EPOCHS)


def release(done: float, epochs: int) -> float:
    """What the release does: multiplies the rate it has by `step`'s share after every epoch."""
    return DECAY ** sum(epoch // DECAY_EPOCHS for epoch in range(1, int(done) + 1))


def _half_cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES: dict[str, Callable[[float, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "step": step,
    "release": release,
}
"""Name -> the learning rate's share of its peak, by the epochs done and those of the training."""


def schedule(name: str, done: float, epochs: int) -> float:
    """The learning rate's share of its peak.

    Args:
        name: one of `SCHEDULES`.
        done: epochs done so far, in [0, epochs].
        epochs: of the whole training.
    """
    return SCHEDULES[name](done, epochs)


def set_rate(optimizer: torch.optim.Optimizer, settings: Settings, done: float) -> float:
    """Give every group its learning rate after `done` epochs; returns the share of the peak."""
    share = schedule(settings.schedule, done, settings.epochs)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    return share


@dataclass(frozen=True)
class Part:
    """What a batch is to the step that it belongs to.

    Args:
        done: share of the epoch's steps that were taken before this one.
        weight: share of the step's images that are in the batch.
        last: whether the step is taken after it.
    """

    done: float
    weight: float
    last: bool


def plan(images: int, batch_size: int, accumulation_steps: int) -> list[Part]:
    """The batches of an epoch, so many a step; the last step may have fewer.

    Weighted so, a step's gradient is the mean over its images, however they lie in batches.
    """
    sizes = [min(batch_size, images - start) for start in range(0, images, batch_size)]
    steps = [
        sizes[start : start + accumulation_steps]
        for start in range(0, len(sizes), accumulation_steps)
    ]
    return [
        Part(number / len(steps), size / sum(step), last=i == len(step) - 1)
        for number, step in enumerate(steps)
        for i, size in enumerate(step)
    ]


def take_step(
    accelerator: Accelerator,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    max_grad_norm: float | None = None,
) -> None:
    """One step along the gradient, scaled down to the norm `max_grad_norm` where it is longer."""
    if max_grad_norm is not None:
        accelerator.clip_grad_norm_(network.parameters(), max_grad_norm)
    optimizer.step()
    optimizer.zero_grad()
