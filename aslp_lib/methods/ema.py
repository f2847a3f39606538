"""An exponential moving average of the weights, as in Tarvainen & Valpola (NIPS 2017).

After Polyak & Juditsky (1992): the average of an iteration's last steps is rid of their noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aslp_lib.methods.kept import KeptWeights


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
