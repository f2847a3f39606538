"""Work and memory of a training run, counted from the shapes of its tensors."""

from dataclasses import dataclass

import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from aslp_lib import networks
from aslp_lib.config import Settings

IMAGES, VALIDATION_IMAGES = 9_553, 1_000
"""Images of DUTS-TR that the authors train on and validate on."""


@dataclass(frozen=True)
class Costs:
    """Work and memory of one training image, from which those of a run follow.

    Args:
        settings: settings of the run.
        forward: floating-point operations of a forward pass.
        training: floating-point operations of a forward and a backward pass.
        parameters: number of parameters.
        activations: bytes that the forward pass keeps for the backward pass.
    """

    settings: Settings
    forward: int
    training: int
    parameters: int
    activations: int

    def run(self, images: int = IMAGES, validation: int = VALIDATION_IMAGES) -> float:
        """Return the floating-point operations of a whole run of one method.

        Args:
            images: number of training images.
            validation: number of validation images, which are predicted after each epoch.
        """
        return self.settings.epochs * (images * self.training + validation * self.forward)

    def memory(self) -> dict[str, float]:
        """Return the memory of a training step by use, in GB.

        Weights, their gradients and the two moments of Adam are kept in 32 bits. The context of
        CUDA, the work space of its libraries and fragmentation are not counted.
        """
        return {
            "weights": 4e-9 * self.parameters,
            "gradients": 4e-9 * self.parameters,
            "moments of Adam": 8e-9 * self.parameters,
            "activations": 1e-9 * self.settings.batch_size * self.activations,
        }


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
        known = {p.untyped_storage()._cdata for p in network.parameters()}
        kept: dict[int, torch.Tensor] = {}  # the tensors stay alive, so that addresses are unique

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()._cdata
            if storage not in known:
                kept[storage] = tensor
            return tensor

        with FlopCounterMode(display=False) as counter:
            with saved_tensors_hooks(keep, lambda tensor: tensor):
                logits = network(images)
                forward = counter.get_total_flops()
            logits.sum().backward()
    bytes_kept = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    parameters = sum(p.numel() for p in network.parameters())
    return Costs(settings, forward, counter.get_total_flops(), parameters, bytes_kept)
