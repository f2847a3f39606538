"""Label smoothing (Szegedy et al., CVPR 2016): every label is moved towards 1/2, or 1/K."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.aslp.perturbation import Technique, perturb
from aslp_lib.methods.method import Draws, Method, MethodOptions
from aslp_lib.ranges import Share


@dataclass(frozen=True)
class LabelSmoothingOptions(MethodOptions):
    """Label smoothing."""

    epsilon: Share = 0.1
    """Share of the label that is divided equally between all classes, in [0, 1]. The targets of two
    classes are epsilon/2 and 1 - epsilon/2."""


class LabelSmoothing(Method[LabelSmoothingOptions]):
    """BCE with the target `(1 - epsilon) * y + epsilon/2`.

    This is label perturbation with alpha = 1 and beta = epsilon. For K classes, the target of a
    class is `(1 - epsilon) * [k = y] + epsilon/K`.
    """

    name, label = "label_smoothing", "label smoothing"
    multiclass = True
    perturbs = True

    @property
    def dose(self) -> Tensor:
        return torch.tensor(self.options.epsilon)

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        epsilon = self.options.epsilon
        if labels.dim() < logits.dim():
            return F.cross_entropy(logits, labels, reduction="none", label_smoothing=epsilon)
        targets = perturb(labels, Technique("LS", beta=epsilon))
        return super().pixel_losses(logits, targets, index, draws)
