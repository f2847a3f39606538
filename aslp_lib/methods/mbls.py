"""Margin-based label smoothing, MbLS (Liu et al., CVPR 2022).

Label smoothing pulls every logit towards a finite value; MbLS penalises only logits beyond a
margin.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.method import Draws, Method, MethodOptions
from aslp_lib.ranges import NonNegativeFloat


@dataclass(frozen=True)
class MbLSOptions(MethodOptions):
    """Margin-based label smoothing."""

    margin: NonNegativeFloat = 10.0
    """m, the largest `|z|` without a penalty. Short runs never reach the paper's 10, which is a
    confidence of 0.99995; a margin of 3 is a confidence of 0.953."""
    penalty: NonNegativeFloat = 0.1
    """lambda, the penalty per unit of `|z|` beyond the margin, in nats."""


class MbLS(Method[MbLSOptions]):
    """Margin-based label smoothing, `BCE + lambda * max(|z| - m, 0)`.

    The paper's penalty is `lambda * sum_k max(max_j l_j - l_k - m, 0)` over classes k. A sigmoid is
    the softmax of the two logits (0, z), and the penalty depends on their differences only: it is 0
    for the larger logit and uses `|z|` for the other one. The authors' code takes the mean over
    classes, which is half of this sum.
    """

    name, label = "mbls", "MbLS"

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = super().pixel_losses(logits, labels, index, draws)
        return bce + self.options.penalty * F.relu(logits.abs() - self.options.margin)
