"""Early stopping (Prechelt, 1998) by the validation's NLL: the weights of the best epoch.

NLL grows with over-confidence long before accuracy falls, so that it picks a calibrated epoch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aslp_lib.methods.base import NoOptions
from aslp_lib.methods.kept import KeptWeights
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


class EarlyStopping(KeptWeights[NoOptions]):
    """BCE, of which the weights of the first epoch with the least validation NLL are left.

    Training goes on to its last epoch all the same, since the learning rate's schedule needs its
    length, and a later epoch may be better still. The log is of each epoch's own network.
    """

    name, label = "early_stopping", "early stopping"

    epochs: Tensor
    nll: Tensor
    best_nll: Tensor
    best_epoch: Tensor

    def __init__(self, images: int, options: NoOptions) -> None:
        super().__init__(images, options)
        self.register_buffer("epochs", torch.tensor(0))
        self.register_buffer("nll", torch.tensor(torch.inf))
        self.register_buffer("best_nll", torch.tensor(torch.inf))
        self.register_buffer("best_epoch", torch.tensor(0))

    def after_validation(self, counts: Counts, network: nn.Module) -> None:
        self.epochs += 1
        self.nll.fill_(calibration.nll(counts))
        if self.nll < self.best_nll:
            self.best_nll.copy_(self.nll)
            self.best_epoch.copy_(self.epochs)
            self.kept.load_state_dict(network.state_dict())

    def log(self) -> dict[str, Tensor]:
        return {"nll": self.nll, "best_epoch": self.best_epoch}
