"""Methods that train with BCE but end with other weights than those of the last step.

EMA averages the weights over steps (Tarvainen & Valpola, NIPS 2017, after Polyak & Juditsky, 1992).
Early stopping (Prechelt, 1998) selects the epoch with the lowest temperature-scaled validation NLL.
"""

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn

from aslp_lib.methods.method import Method, MethodOptions, OptionsT
from aslp_lib.metrics import calibration
from aslp_lib.metrics.classes import AnyCounts, ClassCounts
from aslp_lib.metrics.temperature import scaled_nll
from aslp_lib.ranges import Range


class KeptWeights(Method[OptionsT]):
    """Base class of methods that train with BCE and end with the weights of a copy of the network.

    The copy is part of the method's state, so a checkpoint holds both networks.
    """

    multiclass = True
    kept: nn.Module
    """The copy of the network."""

    def begin(self, network: nn.Module) -> None:
        self.kept = deepcopy(network).requires_grad_(False)

    def finish(self, network: nn.Module) -> None:
        network.load_state_dict(self.kept.state_dict())


@dataclass(frozen=True)
class EMAOptions(MethodOptions):
    """Exponential moving average of the weights."""

    decay: Annotated[float, Range(at_least=0, below=1)] = 0.999
    """Weight of the previous average in each step, in [0, 1). The average extends over about
    1 / (1 - decay) steps."""


class EMA(KeptWeights[EMAOptions]):
    """BCE, with an exponential moving average of the weights as the final weights.

    Step n updates the average w by `w <- d w + (1 - d) theta`, where theta are the weights in
    training and `d = min(decay, (1 + n) / (10 + n))`. The smaller d of the first steps quickly
    removes the random initial weights from the average. BatchNorm's running statistics are averaged
    too. The log is that of the average, except for the training loss, which is that of theta.
    """

    name, label = "ema", "EMA"

    updates: Tensor
    """n, the number of steps so far."""

    def __init__(self, images: int, options: EMAOptions, channels: int = 1) -> None:
        super().__init__(images, options, channels)
        self.register_buffer("updates", torch.tensor(0.0))

    @torch.no_grad()
    def after_update(self, network: nn.Module) -> None:
        self.updates += 1
        # These are tensors, so that a step does not wait for the device.
        warm_up_decay = (1 + self.updates) / (10 + self.updates)
        weight = 1 - warm_up_decay.clamp(max=self.options.decay)
        pairs = zip(self.kept.state_dict().values(), network.state_dict().values(), strict=True)
        for average, current in pairs:
            if average.is_floating_point():
                average.lerp_(current, weight.to(average.dtype))
            else:  # a counter of BatchNorm
                average.copy_(current)

    def validated(self, network: nn.Module) -> nn.Module:
        return self.kept


class EarlyStopping(KeptWeights[MethodOptions]):
    """BCE, with the weights of the epoch of lowest temperature-scaled validation NLL at the end.

    The temperature is fitted anew after each epoch (`scaled_nll`), because a network that is
    temperature-scaled after training should be selected by what it scores then. For K classes, the
    NLL as trained selects, because the counts hold no logits to scale. If several epochs are equal,
    the first is kept. Training still runs to its last epoch, because the learning-rate schedule
    depends on the number of epochs, and a later epoch may be better. The log is that of the network
    in training.

    Source: the criterion is that of Berta et al., arXiv 2501.19195, 2025.
    """

    name, label = "early_stopping", "early stopping"

    epochs: Tensor
    """Number of epochs so far."""
    nll: Tensor
    """Validation NLL of the latest epoch, and the NLL that selects."""
    lowest: Tensor
    """Lowest NLL that selects so far."""
    best_epoch: Tensor
    """Epoch of `lowest`, counted from 1."""

    def __init__(self, images: int, options: MethodOptions, channels: int = 1) -> None:
        super().__init__(images, options, channels)
        starts = {"epochs": 0, "best_epoch": 0, "nll": [torch.inf] * 2, "lowest": torch.inf}
        for name, value in starts.items():
            self.register_buffer(name, torch.tensor(value))

    def after_validation(self, counts: AnyCounts, network: nn.Module) -> None:
        self.epochs += 1
        nll = calibration.nll(counts)
        selecting = nll if isinstance(counts, ClassCounts) else scaled_nll(counts)
        self.nll.copy_(torch.tensor([nll, selecting]))
        if self.nll[1] < self.lowest:
            self.lowest.copy_(self.nll[1])
            self.best_epoch.copy_(self.epochs)
            self.kept.load_state_dict(network.state_dict())

    def log(self) -> dict[str, Tensor]:
        return {"nll": self.nll[0], "scaled_nll": self.nll[1], "best_epoch": self.best_epoch}
