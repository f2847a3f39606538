"""Binary cross entropy: what everything else is compared with."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method, NoOptions


class BCE(Method[NoOptions]):
    """`-(y log f + (1 - y) log(1 - f))`."""

    name, label = "bce", "BCE"

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
