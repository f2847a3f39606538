"""FLSD-53: focal loss with a gamma for each pixel, by how sure the network is of its label.

Source: Mukhoti et al., NeurIPS 2020, section 5 (sample-dependent gamma).
"""

from __future__ import annotations

import torch
from torch import Tensor

from aslp_lib.methods.base import Draws, Method, NoOptions
from aslp_lib.methods.focal import focal_loss, of_label

THRESHOLD = 0.2
UNSURE_GAMMA, SURE_GAMMA = 5.0, 3.0
"""Below the threshold, and from it on: the paper's choice, which the name holds."""


class FLSD53(Method[NoOptions]):
    """`(1 - q)^gamma * -log q`, gamma 5 where the label's probability q is below 0.2, else 3.

    Gamma is a constant of each step: no gradient goes through the choice.
    """

    name, label = "flsd_53", "FLSD-53"

    def loss(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        unsure = torch.sigmoid(of_label(logits, labels)) < THRESHOLD
        gamma = torch.where(unsure, UNSURE_GAMMA, SURE_GAMMA)
        return focal_loss(logits, labels, gamma)
