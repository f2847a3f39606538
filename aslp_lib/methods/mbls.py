"""Margin-based label smoothing, MbLS (Liu et al., CVPR 2022): logits may grow to a margin for free.

Label smoothing pulls every logit towards one finite value; this only those beyond the margin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from aslp_lib.methods.base import Draws, Method


@dataclass(frozen=True)
class MbLSOptions:
    """Margin-based label smoothing."""

    margin: float = 10.0
    """m: `|z|` that costs nothing. Networks that are trained briefly never reach the paper's 10, a
    confidence of 0.99995; 3 is one of 0.953."""
    penalty: float = 0.1
    """lambda: nats a unit of `|z|` beyond the margin costs."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value}, but must be finite and not negative")


class MbLS(Method[MbLSOptions]):
    """`BCE + lambda * max(|z| - m, 0)`.

    The paper's penalty is `lambda * sum_k max(max_j l_j - l_k - m, 0)` over classes k. A sigmoid is
    the softmax of two logits that differ by z, as (0, z), and the penalty sees only differences:
    the larger logit's is 0, the other's `|z|`. (The authors' code takes the mean over classes,
    which here is half of this sum.)
    """

    name, label = "mbls", "MbLS"
    Options = MbLSOptions

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        bce = F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        beyond = F.relu(logits.abs() - self.options.margin)
        return bce + self.options.penalty * beyond.sum()
