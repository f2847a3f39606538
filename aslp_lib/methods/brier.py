"""The Brier score (Brier, 1950) as a loss: a proper score that, unlike BCE, is bounded.

Mukhoti et al. (NeurIPS 2020), among others, use it against overconfidence.
"""

import torch
from torch import Tensor

from aslp_lib.methods.method import Draws, Method, NoOptions


class Brier(Method[NoOptions]):
    """Brier score in its binary form, `(f - y)^2`, which is half of the sum over two classes.

    The loss is not in nats. Its gradient with respect to the logit, `2 (f - y) f (1 - f)`, vanishes
    where the network is confident and wrong. Such a pixel no longer influences the network, whether
    its label is noise or has not been learned yet.
    """

    name, label = "brier", "Brier loss"

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return (torch.sigmoid(logits) - labels).square()
