"""The optimiser, and learning rate schedules."""

import math
from collections.abc import Callable

from torch.optim import Adam, Optimizer

from aslp_lib.config import Settings
from aslp_lib.networks import DenseNetwork

DECAY, DECAY_EPOCHS = 0.95, 10
"""The authors' decay of the learning rate: a factor of 0.95 every 10 epochs."""


def adam(network: DenseNetwork, settings: Settings, fused: bool) -> Optimizer:
    """Create Adam for a network; each parameter group stores its largest learning rate as `peak`.

    Args:
        fused: update all parameters in one kernel, which exists for CPU and CUDA.

    >>> from aslp_lib import networks
    >>> optimizer = adam(networks.build("tiny"), Settings(learning_rate=0.5), fused=False)
    >>> [group["peak"] for group in optimizer.param_groups]
    [0.5]
    """
    encoder = list(network.encoder.parameters())
    encoder_ids = {id(p) for p in encoder}
    rest = [p for p in network.parameters() if id(p) not in encoder_ids]
    rate = settings.learning_rate
    groups = [{"params": rest, "peak": rate}]
    if encoder:
        groups.append({"params": encoder, "peak": rate * settings.encoder_lr_factor})
    return Adam(groups, lr=rate, fused=fused)


def constant(done: float, epochs: float) -> float:
    """Return 1: the learning rate stays at its peak."""
    return 1.0


def cosine(done: float, epochs: float) -> float:
    """Decay from 1 to 0 along half a cosine.

    >>> [round(cosine(done, 4), 2) for done in range(5)]
    [1.0, 0.85, 0.5, 0.15, 0.0]
    """
    return 0.5 * (1 + math.cos(math.pi * (done / epochs)))


def one_cycle(done: float, epochs: float) -> float:
    """Rise linearly from 0.04 to 1 over the first 30 %, then decay to 0 along half a cosine.

    >>> [round(one_cycle(done, 10), 2) for done in (0, 3, 10)]
    [0.04, 1.0, 0.0]
    """
    progress, warm = done / epochs, 0.3
    if progress < warm:
        return 0.04 + 0.96 * progress / warm
    return cosine(progress - warm, 1 - warm)


def step(done: float, epochs: float) -> float:
    """Multiply by 0.95 every 10 epochs, as the authors' code documents.

    >>> [step(done, 30) for done in (9, 10)]
    [1.0, 0.95]
    """
    return DECAY ** (int(done) // DECAY_EPOCHS)


def release(done: float, epochs: float) -> float:
    """Multiply by `step`'s factor after every epoch, as the authors' code does.

    The factors compound: from epoch 10 on, the learning rate falls after each epoch.

    >>> [round(release(done, 30), 4) for done in (9, 10, 12)]
    [1.0, 0.95, 0.8574]
    """
    return DECAY ** sum(epoch // DECAY_EPOCHS for epoch in range(1, int(done) + 1))


SCHEDULES: dict[str, Callable[[float, float], float]] = {
    function.__name__: function for function in (constant, cosine, one_cycle, step, release)
}
"""Learning rate schedules by name: functions of the epochs done and the epochs in total, which
return the learning rate as a share of its peak."""


def set_rate(optimizer: Optimizer, settings: Settings, done: float) -> float:
    """Set the learning rate of each parameter group, and return it as a share of the peak.

    Args:
        done: epochs done so far.
    """
    share = SCHEDULES[settings.schedule](done, settings.epochs)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * share
    return share
