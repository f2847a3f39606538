"""The paper's network: a ResNet-50 encoder, dilated convolutions and four fusion blocks.

The source is the authors' release. A quarter of its parameters is never used and is left out here:
a second copy of the last two stages of the encoder, and one unit of the coarsest fusion block.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.networks.dense_network import DenseNetwork, pretrained

DILATIONS = (3, 6, 12, 18)
"""Dilations of the parallel convolutions that reduce the channels of a stage."""


class ResNetFusion(DenseNetwork):
    """The paper's network, with 67,494,657 parameters.

    The four stages of the ResNet-50 encoder have 1/4, 1/8, 1/16 and 1/32 of the image size. The
    decoder reduces each to `width` channels and fuses them, from the coarsest to the finest.
    The forward pass of a 384 x 384 image costs 195.6 GFLOP (97.8 G multiply-adds).

    >>> import torch
    >>> with torch.device("meta"):  # computes shapes only
    ...     ResNetFusion(weights=None)(torch.zeros(2, 3, 384, 384)).shape
    torch.Size([2, 1, 384, 384])

    Args:
        weights: torchvision's name of the encoder's pretrained weights, or None for random weights.
        width: number of channels in the decoder.
        channels: number of channels of the logits.
    """

    stride = 32
    stage_channels = (256, 512, 1024, 2048)

    def __init__(self, weights: str | None, width: int = 256, *, channels: int = 1) -> None:
        super().__init__()
        resnet = pretrained("resnet50", weights)
        stem = resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool
        finest = nn.Sequential(*stem, resnet.layer1)
        self.encoder = nn.ModuleList([finest, resnet.layer2, resnet.layer3, resnet.layer4])
        self.reduce = nn.ModuleList(_DilatedSum(c, width) for c in self.stage_channels)
        # The coarsest block only refines and upsamples: there is nothing coarser to merge.
        self.fuse = nn.ModuleList(_Fusion(width, skip) for skip in (True, True, True, False))
        self.head = nn.Sequential(
            nn.Conv2d(width, 128, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(128, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, channels, 1),
        )

    def segment(self, x: Tensor) -> Tensor:
        features = self.encoded(x, self.reduce)
        merged = self.fuse[-1](features[-1])
        for finer, fuse in zip(features[-2::-1], self.fuse[-2::-1], strict=True):
            merged = fuse(merged, finer)
        return self.head(merged)


class _DilatedSum(nn.Module):
    """Sum of parallel 3x3 convolutions, one for each dilation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        convs = [nn.Conv2d(inputs, outputs, 3, padding=d, dilation=d) for d in DILATIONS]
        for conv in convs:
            nn.init.normal_(conv.weight, std=0.01)  # as in the release
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> Tensor:
        return sum(conv(x) for conv in self.convs)


class _Fusion(nn.Module):
    """Fusion block: adds finer features to coarser ones, refines the sum, and doubles its size.

    Args:
        width: number of channels.
        skip: whether the block adds finer features; without them, it only refines and upsamples.
    """

    def __init__(self, width: int, skip: bool) -> None:
        super().__init__()
        # Weight files contain the name `level`, so it cannot be changed.
        self.level = _ResidualUnit(width) if skip else None
        self.merged = _ResidualUnit(width)

    def forward(self, x: Tensor, finer: Tensor | None = None) -> Tensor:
        if self.level is not None:
            x = x + self.level(finer)
        # Corners are aligned here, but not in the head, as in the release.
        return F.interpolate(self.merged(x), scale_factor=2, mode="bilinear", align_corners=True)


class _ResidualUnit(nn.Module):
    """Residual unit, `r + conv(relu(conv(r)))` with `r = relu(x)`.

    The first ReLU of the release works in place, so its skip connection carries `relu(x)`, not `x`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        return x + self.conv2(F.relu(self.conv1(x)))
