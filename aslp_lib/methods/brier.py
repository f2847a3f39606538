"""The Brier score (Brier, 1950) as a loss: a proper score that, unlike BCE, is bounded.

Mukhoti et al. (NeurIPS 2020), among others, use it against overconfidence.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.method import Draws, Method, MethodOptions


class Brier(Method[MethodOptions]):
    """Brier score in its binary form, `(f - y)^2`, which is half of the sum over two classes.

    The loss is not in nats. Its gradient with respect to the logit, `2 (f - y) f (1 - f)`, vanishes
    where the network is confident and wrong. Such a pixel no longer influences the network, whether
    its label is noise or has not been learned yet. For K classes, the loss is half of the sum over
    classes, too.
    """

    name, label = "brier", "Brier loss"
    multiclass = True

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        if labels.dim() == logits.dim():
            return (torch.sigmoid(logits) - labels).square()
        one_hot = F.one_hot(labels, logits.shape[1]).movedim(-1, 1)
        return (logits.softmax(dim=1) - one_hot).square().sum(dim=1) / 2
