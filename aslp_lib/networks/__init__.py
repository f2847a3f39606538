"""Networks for dense binary classification.

Each takes RGB images (N, 3, H, W), uint8 or float in [0, 1], of any H and W, and returns raw logits
(N, 1, H, W). Normalisation and padding are inside, so that no caller can forget them.
"""

from __future__ import annotations

from collections.abc import Callable

from aslp_lib.networks.base import DenseNetwork
from aslp_lib.networks.official import load_official
from aslp_lib.networks.resnet import ResNetFusion
from aslp_lib.networks.small import MobileNetFPN, TinyUNet

NETWORKS: dict[str, Callable[[str | None], DenseNetwork]] = {
    "tiny": TinyUNet,
    "mobilenet_v2": MobileNetFPN,
    "resnet50": ResNetFusion,
}
"""Name -> what makes the network, given the name of its encoder's pretrained weights or None."""

__all__ = [
    "NETWORKS",
    "DenseNetwork",
    "MobileNetFPN",
    "ResNetFusion",
    "TinyUNet",
    "build",
    "load_official",
]


def build(name: str, weights: str | None = None) -> DenseNetwork:
    """A network by name.

    >>> import torch
    >>> build("tiny")(torch.zeros(2, 3, 48, 48)).shape
    torch.Size([2, 1, 48, 48])

    Args:
        name: one of `NETWORKS`.
        weights: torchvision's name of the pretrained encoder's weights ("IMAGENET1K_V1"), or None
            for random ones.

    Raises:
        ValueError: an unknown name, or weights that the network does not have.
        RuntimeError: weights that can be neither found nor downloaded, or are damaged.
    """
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}: choose one of {', '.join(NETWORKS)}")
    return NETWORKS[name](weights)
