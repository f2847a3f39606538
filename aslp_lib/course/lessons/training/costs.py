"""Work of a training run, counted from the shapes of its tensors."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from aslp_lib import networks
from aslp_lib.config import Settings

IMAGES, VALIDATION_IMAGES = 9_553, 1_000
"""Images of DUTS-TR that the authors train on and validate on."""


@dataclass(frozen=True)
class Costs:
    """Work of one training image, from which that of a run follows.

    Args:
        settings: settings of the run.
        forward: floating-point operations of a forward pass.
        training: floating-point operations of a forward and a backward pass.
        parameters: number of parameters.
    """

    settings: Settings
    forward: int
    training: int
    parameters: int

    def run(self, images: int = IMAGES, validation: int = VALIDATION_IMAGES) -> float:
        """Return the floating-point operations of a whole run of one method.

        Args:
            images: number of training images.
            validation: number of validation images, which are predicted after each epoch.
        """
        return self.settings.epochs * (images * self.training + validation * self.forward)


def count(settings: Settings, dtype: torch.dtype = torch.bfloat16) -> Costs:
    """Count the costs of a training image on the device "meta", which computes shapes only.

    A multiply-add counts as two operations. Only matrix products and convolutions are counted.

    Args:
        settings: the network and the size of its input are used.
        dtype: type of the activations.
    """
    with torch.device("meta"):
        network = networks.build(settings.network).to(dtype)
        images = torch.empty(1, 3, settings.size, settings.size, dtype=dtype)
        with FlopCounterMode(display=False) as counter:
            logits = network(images)
            forward = counter.get_total_flops()
            logits.sum().backward()
    parameters = sum(p.numel() for p in network.parameters())
    return Costs(settings, forward, counter.get_total_flops(), parameters)
