"""The Brier score (Brier, 1950) as a loss: a proper score, bounded where BCE is not.

Named as a cure for over-confidence by Mukhoti et al. (NeurIPS 2020), among others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aslp_lib.methods.base import Draws, Method, NoOptions


class Brier(Method[NoOptions]):
    """`(f - y)^2`, the binary form: half of what the sum over two classes gives. No nats.

    Its gradient in the logit, `2 (f - y) f (1 - f)`, vanishes where the network is sure and wrong:
    such a pixel no longer pulls, be it noise or not yet learned.
    """

    name, label = "brier", "Brier loss"

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return (torch.sigmoid(logits) - labels).square().sum()
