"""Methods that train as BCE does and keep other weights than the last.

Exponential moving average: Tarvainen & Valpola (NIPS 2017), after Polyak & Juditsky (1992). Early
stopping (Prechelt, 1998) by the validation NLL, which grows with overconfidence long before
accuracy falls, so that it selects a calibrated epoch.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aslp_lib.methods.base import Method, NoOptions, OptionsT
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


class KeptWeights(Method[OptionsT]):
    """BCE, and a copy of the network that the training ends with; the copy is state, so that a
    checkpoint holds both."""

    kept: nn.Module

    def begin(self, network: nn.Module) -> None:
        self.kept = deepcopy(network).requires_grad_(False)

    def finish(self, network: nn.Module) -> None:
        network.load_state_dict(self.kept.state_dict())


@dataclass(frozen=True)
class EMAOptions:
    """Exponential moving average."""

    decay: float = 0.999
    """Share of the average that a step leaves as it is, in [0, 1): it looks back 1 / (1 - decay)
    steps."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.decay < 1.0:
            raise ValueError(f"decay is {self.decay}, but must lie in [0, 1)")


class EMA(KeptWeights[EMAOptions]):
    """`w <- d w + (1 - d) theta` after each step, `d = min(decay, (1 + n) / (10 + n))` in the n-th,
    so that the random weights of the start are soon forgotten.

    Validation, log and the final weights are of the average w, BatchNorm's running statistics
    averaged too; the loss in the log is of theta, which trains as if by BCE.
    """

    name, label = "ema", "EMA"
    Options = EMAOptions

    updates: Tensor

    def __init__(self, images: int, options: EMAOptions) -> None:
        super().__init__(images, options)
        self.register_buffer("updates", torch.tensor(0.0))

    @torch.no_grad()
    def after_update(self, network: nn.Module) -> None:
        self.updates += 1
        # As tensors: a step does not wait for the device.
        warm = (1 + self.updates) / (10 + self.updates)
        share = 1 - warm.clamp(max=self.options.decay)
        pairs = zip(self.kept.state_dict().values(), network.state_dict().values(), strict=True)
        for average, now in pairs:
            if average.is_floating_point():
                average.lerp_(now, share.to(average.dtype))
            else:  # a counter
                average.copy_(now)

    def validated(self, network: nn.Module) -> nn.Module:
        return self.kept


class EarlyStopping(KeptWeights[NoOptions]):
    """BCE, of which the weights of the first epoch with the least validation NLL are left.

    Training goes on to its last epoch all the same, since the learning rate's schedule needs its
    length, and a later epoch may be better still. The log is of each epoch's own network.
    """

    name, label = "early_stopping", "early stopping"

    epochs: Tensor
    nll: Tensor
    best_nll: Tensor
    best_epoch: Tensor

    def __init__(self, images: int, options: NoOptions) -> None:
        super().__init__(images, options)
        self.register_buffer("epochs", torch.tensor(0))
        self.register_buffer("nll", torch.tensor(torch.inf))
        self.register_buffer("best_nll", torch.tensor(torch.inf))
        self.register_buffer("best_epoch", torch.tensor(0))

    def after_validation(self, counts: Counts, network: nn.Module) -> None:
        self.epochs += 1
        self.nll.fill_(calibration.nll(counts))
        if self.nll < self.best_nll:
            self.best_nll.copy_(self.nll)
            self.best_epoch.copy_(self.epochs)
            self.kept.load_state_dict(network.state_dict())

    def log(self) -> dict[str, Tensor]:
        return {"nll": self.nll, "best_epoch": self.best_epoch}
