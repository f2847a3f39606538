"""Small networks: a U-Net for the embedded data sets, and MobileNetV2 with a feature pyramid."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.networks.dense_network import DenseNetwork, conv, double_conv, pretrained


class TinyUNet(DenseNetwork):
    """U-Net for the embedded data sets, which works on 2x2 patches to be fast on a CPU.

    It has `width`, 2 `width` and 4 `width` channels at 1/2, 1/4 and 1/8 of the image size.

    >>> TinyUNet()(torch.zeros(2, 3, 48, 48)).shape
    torch.Size([2, 1, 48, 48])

    Args:
        weights: must be None, because there are no pretrained weights.
        width: number of channels at the finest scale.
        channels: number of channels of the logits.

    Raises:
        ValueError: weights is not None.
    """

    stride = 8

    def __init__(self, weights: str | None = None, width: int = 16, *, channels: int = 1) -> None:
        if weights is not None:
            raise ValueError(f"the network 'tiny' has no weights {weights!r}; expected None")
        super().__init__()
        self.down1 = double_conv(3 * 4, width)
        self.down2 = double_conv(width, 2 * width)
        self.down3 = double_conv(2 * width, 4 * width)
        self.up2 = double_conv(6 * width, 2 * width)
        self.up1 = double_conv(3 * width, width)
        self.head = nn.Conv2d(width, 4 * channels, 1)

    def segment(self, x: Tensor) -> Tensor:
        fine = self.down1(F.pixel_unshuffle(x, 2))
        middle = self.down2(F.max_pool2d(fine, 2))
        coarse = self.down3(F.max_pool2d(middle, 2))
        middle = self.up2(torch.cat([F.interpolate(coarse, scale_factor=2), middle], dim=1))
        fine = self.up1(torch.cat([F.interpolate(middle, scale_factor=2), fine], dim=1))
        return F.pixel_shuffle(self.head(fine), 2)


class MobileNetFPN(DenseNetwork):
    """MobileNetV2 (Sandler et al., CVPR 2018) with a feature pyramid (Lin et al., CVPR 2017).

    The finest scale of the pyramid is 1/4 of the image size. A finer one would double the cost of
    the whole network.

    >>> with torch.device("meta"):  # computes shapes only
    ...     MobileNetFPN(weights=None)(torch.zeros(2, 3, 128, 128)).shape
    torch.Size([2, 1, 128, 128])

    Args:
        weights: torchvision's name of the encoder's pretrained weights, or None for random weights.
        width: number of channels of the pyramid.
        channels: number of channels of the logits.
    """

    stride = 32
    stages = ((0, 4), (4, 7), (7, 14), (14, 18))
    stage_channels = (24, 32, 96, 320)

    def __init__(self, weights: str | None, width: int = 64, *, channels: int = 1) -> None:
        super().__init__()
        features = pretrained("mobilenet_v2", weights).features
        self.encoder = nn.ModuleList(features[start:end] for start, end in self.stages)
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in self.stage_channels)
        self.smooth = nn.ModuleList(conv(width, width) for _ in self.stage_channels)
        self.head = nn.Conv2d(width, channels, 1)

    def segment(self, x: Tensor) -> Tensor:
        size = x.shape[-2:]
        pyramid = self.encoded(x, self.lateral)
        merged = self.smooth[-1](pyramid[-1])
        for finer, smooth in zip(pyramid[-2::-1], self.smooth[-2::-1], strict=True):
            merged = F.interpolate(merged, finer.shape[-2:], mode="bilinear")
            merged = smooth(merged + finer)
        return F.interpolate(self.head(merged), size, mode="bilinear")
