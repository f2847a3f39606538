"""Networks for dense binary classification.

Each takes RGB images (N, 3, H, W), uint8 or float in [0, 1], of any H and W, and returns raw logits
(N, 1, H, W). Normalisation and padding are inside, so that no caller can forget them.
"""

from __future__ import annotations

import pickle

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import get_model_weights, mobilenet_v2

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NETWORKS = ("tiny", "mobilenet_v2")


def build(name: str, weights: str | None = None) -> DenseNetwork:
    """A network by name.

    Args:
        name: one of `NETWORKS`.
        weights: torchvision's name of the pretrained encoder's weights ("IMAGENET1K_V1"), or None
            for random ones. `tiny` has none.

    Raises:
        ValueError: an unknown name, or weights that the network does not have.
        RuntimeError: weights that can be neither found nor downloaded, or are damaged.
    """
    if name == "tiny":
        if weights is not None:
            raise ValueError(f"the network 'tiny' has no pretrained weights {weights!r}: pass None")
        return TinyUNet()
    if name == "mobilenet_v2":
        return MobileNetFPN(weights)
    raise ValueError(f"there is no network {name!r}: choose one of {', '.join(NETWORKS)}")


class DenseNetwork(nn.Module):
    """Normalises, pads to a multiple of `stride`, calls `segment`, crops back."""

    stride = 1

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        if images.dim() != 4 or images.shape[1] != 3:
            raise ValueError(f"images must be (N, 3, H, W), not {tuple(images.shape)}")
        if images.dtype == torch.uint8:
            images = images.float() / 255
        height, width = images.shape[-2:]
        x = (images - self.mean) / self.std
        x = F.pad(x, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        return self.segment(x)[..., :height, :width]

    def segment(self, x: Tensor) -> Tensor:
        """Logits (N, 1, H, W) of normalised images whose sides are multiples of `stride`."""
        raise NotImplementedError

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Pretrained parameters, which train at a smaller learning rate; none by default."""
        return []


class TinyUNet(DenseNetwork):
    """A U-Net for the embedded data, working on 2x2 patches to be quick on a CPU.

    Scales of 1/2, 1/4 and 1/8 with `width`, 2 `width` and 4 `width` channels.
    """

    stride = 8

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.down1 = _double_conv(3 * 4, width)
        self.down2 = _double_conv(width, 2 * width)
        self.down3 = _double_conv(2 * width, 4 * width)
        self.up2 = _double_conv(6 * width, 2 * width)
        self.up1 = _double_conv(3 * width, width)
        self.head = nn.Conv2d(width, 4, 1)

    def segment(self, x: Tensor) -> Tensor:
        fine = self.down1(F.pixel_unshuffle(x, 2))
        middle = self.down2(F.max_pool2d(fine, 2))
        coarse = self.down3(F.max_pool2d(middle, 2))
        middle = self.up2(torch.cat([F.interpolate(coarse, scale_factor=2), middle], dim=1))
        fine = self.up1(torch.cat([F.interpolate(middle, scale_factor=2), fine], dim=1))
        return F.pixel_shuffle(self.head(fine), 2)


class MobileNetFPN(DenseNetwork):
    """MobileNetV2 (Sandler et al., CVPR 2018) under a feature pyramid (Lin et al., CVPR 2017).

    The pyramid ends at 1/4 of the size: one more level would double the work of the whole network.
    """

    stride = 32
    stages = ((0, 4), (4, 7), (7, 14), (14, 18))
    channels = (24, 32, 96, 320)

    def __init__(self, weights: str | None, width: int = 64) -> None:
        super().__init__()
        features = _pretrained(mobilenet_v2, weights).features
        self.encoder = nn.ModuleList(features[start:end] for start, end in self.stages)
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in self.channels)
        self.smooth = nn.ModuleList(_conv(width, width) for _ in self.channels)
        self.head = nn.Conv2d(width, 1, 1)

    def segment(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        levels = []
        for stage, lateral in zip(self.encoder, self.lateral, strict=True):
            x = stage(x)
            levels.append(lateral(x))
        merged = self.smooth[-1](levels[-1])
        for level, smooth in zip(levels[-2::-1], self.smooth[-2::-1], strict=True):
            merged = smooth(_resize(merged, level.shape[-2:]) + level)
        return _resize(self.head(merged), size)

    def encoder_parameters(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters())


def _pretrained(constructor, weights: str | None) -> nn.Module:
    """A torchvision model with weights by name, or an error that says how to get or skip them."""
    model = constructor(weights=None)
    if weights is None:
        return model
    known = get_model_weights(constructor)
    if weights not in known.__members__:
        raise ValueError(
            f"{constructor.__name__} has no weights {weights!r}: choose of "
            f"{', '.join(known.__members__)}, or None"
        )
    try:
        state = known[weights].get_state_dict(progress=True, check_hash=True, weights_only=True)
        model.load_state_dict(state)
        return model
    # urllib's errors and a full disk are OSErrors; the others are a damaged file's.
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise RuntimeError(
            f"the pretrained weights {weights!r} of {constructor.__name__} are not in "
            f"{torch.hub.get_dir()}/checkpoints and could not be downloaded or read ({error}). "
            "Connect to "
            "the internet once, put the file there by hand, or train from random weights with "
            "--weights None"
        ) from error


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _double_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs), _conv(outputs, outputs))


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
