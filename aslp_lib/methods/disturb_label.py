"""DisturbLabel (Xie et al., CVPR 2016): in each step, some labels are replaced by random ones.

The original method is for image labels; here each pixel is disturbed independently.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from aslp_lib.methods.method import Draws, Method, MethodOptions
from aslp_lib.ranges import Share


@dataclass(frozen=True)
class DisturbLabelOptions(MethodOptions):
    """DisturbLabel."""

    rate: Share = 0.1
    """Probability that the label of a pixel is replaced by a uniformly random class, in [0, 1]."""


class DisturbLabel(Method[DisturbLabelOptions]):
    """BCE with labels that are replaced, with probability `rate`, by 0 or 1 at random.

    The expected label is that of label smoothing with epsilon = rate. Half of the replacements do
    not change the label, so a label is inverted with probability rate/2, as with hard inversion at
    alpha = rate/2. Hard inversion inverts all pixels of an image together; here pixels are
    independent, and their noise averages out over an image.
    """

    name, label = "disturb_label", "DisturbLabel"

    perturbs = True

    @property
    def dose(self) -> Tensor:
        return torch.tensor(self.options.rate)

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        rate, shape = self.options.rate, labels.shape[1:]
        uniform = draws.of_each(lambda generator: torch.rand(shape, generator=generator))
        uniform = uniform.to(labels.device, non_blocking=True)
        # One number decides both: a label is replaced if the number is below the rate, and by 1 if
        # it is in the lower half of that range.
        random_class = (uniform < rate / 2).to(labels.dtype)
        targets = torch.where(uniform < rate, random_class, labels)
        return super().pixel_losses(logits, targets, index, draws)
