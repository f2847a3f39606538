"""Methods that train as BCE does and differ in the weights they leave: a copy, kept beside."""

from __future__ import annotations

from copy import deepcopy

from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method, OptionsT


class KeptWeights(Method[OptionsT]):
    """BCE, and a copy of the network that the training ends with; the copy is state, so that a
    checkpoint holds both."""

    kept: nn.Module

    def begin(self, network: nn.Module) -> None:
        self.kept = deepcopy(network).requires_grad_(False)

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")

    def finish(self, network: nn.Module) -> None:
        network.load_state_dict(self.kept.state_dict())
