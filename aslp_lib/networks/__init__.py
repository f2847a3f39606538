"""Networks for dense classification.

A network takes RGB images (N, 3, H, W), as uint8 or as float in [0, 1], of any H and W, and returns
logits (N, 1, H, W), or (N, K, H, W) for K classes. It normalises and pads the images itself, so
that no caller can forget to.
"""

from collections.abc import Callable

from aslp_lib.checks import require_name
from aslp_lib.networks.dense_network import DenseNetwork
from aslp_lib.networks.official import load_official as load_official
from aslp_lib.networks.resnet import ResNetFusion
from aslp_lib.networks.small import MobileNetFPN, TinyUNet

NETWORKS: dict[str, Callable[..., DenseNetwork]] = {
    "tiny": TinyUNet,
    "mobilenet_v2": MobileNetFPN,
    "resnet50": ResNetFusion,
}
"""Constructors by name; each takes the name of the encoder's pretrained weights, or None, and the
number of `channels`."""


def build(name: str, weights: str | None = None, channels: int = 1) -> DenseNetwork:
    """Create a network by its name.

    >>> import torch
    >>> build("tiny")(torch.zeros(2, 3, 48, 48)).shape
    torch.Size([2, 1, 48, 48])

    Args:
        name: one of `NETWORKS`.
        weights: torchvision's name of the pretrained weights of the encoder, such as
            "IMAGENET1K_V1", or None for random weights.
        channels: number of channels of the logits: 1 for an object and its background, K for K
            classes.

    Raises:
        ValueError: the name is unknown, or the network does not have these weights; or they can be
            neither found nor downloaded, or are damaged.
    """
    require_name("the network", name, NETWORKS)
    return NETWORKS[name](weights, channels=channels)
