"""The parts that networks share: normalisation, padding, pretrained encoders, and layers."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.checks import explained, require_name

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Channel means and standard deviations of ImageNet (R, G, B), which normalise the images."""


class DenseNetwork(nn.Module):
    """Base class of the networks: normalises and pads images, and crops the logits.

    A subclass defines `segment`, and `encoder` if a part of it is pretrained. Images are padded so
    that their sides are multiples of `stride`.

    >>> class RedChannel(DenseNetwork):
    ...     def segment(self, x):
    ...         return x[:, :1]
    >>> RedChannel()(torch.zeros(2, 3, 5, 7)).shape
    torch.Size([2, 1, 5, 7])
    """

    stride = 1
    """Number of which the sides of a padded image are multiples."""
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.encoder = nn.ModuleList()
        """Pretrained stages, from fine to coarse; they are trained with a smaller learning rate."""

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits (N, 1, H, W) of images, or (N, K, H, W) for K classes.

        Args:
            images: (N, 3, H, W) RGB images, as uint8 or as float in [0, 1].

        Raises:
            ValueError: images have another shape.
        """
        if images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"images have shape {tuple(images.shape)}; expected (N, 3, H, W)")
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255
        height, width = images.shape[-2:]
        x = (images - self.mean) / self.std
        x = F.pad(x, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        return self.segment(x)[..., :height, :width]

    def segment(self, x: Tensor) -> Tensor:
        """Compute the logits of normalised images, see `forward`.

        The sides H and W are multiples of `stride`.
        """
        raise NotImplementedError

    def encoded(self, x: Tensor, layers: nn.ModuleList) -> list[Tensor]:
        """Compute the outputs of the encoder's stages, each after its own layer of `layers`."""
        features = []
        for stage, layer in zip(self.encoder, layers, strict=True):
            x = stage(x)
            features.append(layer(x))
        return features


def pretrained(name: str, weights: str | None) -> Any:
    """Create a torchvision model and load its pretrained weights.

    The return type is `Any`, because callers access parts that differ between models.

    Args:
        name: name of the model in torchvision.
        weights: name of the weights in torchvision, or None for random weights.

    Raises:
        ValueError: the model does not have these weights; or they can be neither found nor
            downloaded, or are damaged.
    """
    # torchvision takes as long to import as torch, so it is imported only where it is needed. The
    # import computes tensors, which torch 2.6 cannot do under a caller's `torch.device("meta")`.
    with torch.device("cpu"):
        from torchvision import models

    model = models.get_model(name, weights=None)
    if weights is None:
        return model
    available = models.get_model_weights(name)
    require_name(f"the name of the weights of {name}", weights, available.__members__)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(available[weights].url).name
    problem = f"the weights {weights!r} of {name} were neither downloaded nor read from {cached}"
    expected = (
        "a valid file. Connect to the internet once, delete the file if it is damaged, or train "
        "from random weights with --weights None."
    )
    # Errors of urllib and a full disk are OSErrors; a damaged file raises one of the others.
    with explained(problem, expected, OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        state = available[weights].get_state_dict(progress=True, check_hash=True, weights_only=True)
        model.load_state_dict(state)
    return model


def conv(inputs: int, outputs: int) -> nn.Sequential:
    """Create a 3x3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    """Create two successive `conv` blocks."""
    return nn.Sequential(conv(inputs, outputs), conv(outputs, outputs))
