"""The paper's network: a ResNet-50 encoder, dilated convolutions and four fusion blocks.

Source: the authors' release, without the quarter of its parameters that never runs (a second copy
of the encoder's last two stages, and one unit of the coarsest fusion block).
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.networks.base import DenseNetwork, pretrained

DILATIONS = (3, 6, 12, 18)


class ResNetFusion(DenseNetwork):
    """67,494,657 parameters; 195.6 GFLOP for an image of 384 x 384 (97.8 G multiply-adds).

    Encoder stages of 1/4, 1/8, 1/16 and 1/32 of the size are each reduced to `width` channels, and
    fused from the coarsest to the finest.

    Args:
        weights: as `networks.build`.
    """

    stride = 32
    channels = (256, 512, 1024, 2048)

    def __init__(self, weights: str | None, width: int = 256) -> None:
        super().__init__()
        resnet = pretrained("resnet50", weights)
        stem = (resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
        self.encoder = nn.ModuleList(
            [nn.Sequential(*stem, resnet.layer1), resnet.layer2, resnet.layer3, resnet.layer4]
        )
        self.reduce = nn.ModuleList(_DilatedSum(c, width) for c in self.channels)
        coarsest = len(self.channels) - 1
        self.fuse = nn.ModuleList(
            _Fusion(width, skip=stage != coarsest) for stage in range(len(self.channels))
        )
        self.head = nn.Sequential(
            nn.Conv2d(width, 128, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(128, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, 1, 1),
        )

    def segment(self, x: Tensor) -> Tensor:
        levels = []
        for stage, reduce in zip(self.encoder, self.reduce, strict=True):
            x = stage(x)
            levels.append(reduce(x))
        merged = self.fuse[-1](levels[-1])
        for level, fuse in zip(levels[-2::-1], self.fuse[-2::-1], strict=True):
            merged = fuse(merged, level)
        return self.head(merged)

    def feature_modules(self) -> list[nn.Module]:
        return list(self.encoder)

    def encoder_parameters(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters())


class _DilatedSum(nn.Module):
    """The sum of parallel 3x3 convolutions, one a dilation."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        convs = [nn.Conv2d(inputs, outputs, 3, padding=d, dilation=d) for d in DILATIONS]
        for conv in convs:
            nn.init.normal_(conv.weight, std=0.01)  # the release's start
        self.convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> Tensor:
        total = self.convs[0](x)
        for conv in self.convs[1:]:
            total += conv(x)
        return total


class _Fusion(nn.Module):
    """Adds a finer level to what comes from the coarser ones, refines, and doubles the size.

    Args:
        skip: whether there is a coarser level; the coarsest block only refines its own.
    """

    def __init__(self, width: int, skip: bool) -> None:
        super().__init__()
        self.level = _ResidualUnit(width) if skip else None
        self.merged = _ResidualUnit(width)

    def forward(self, x: Tensor, level: Tensor | None = None) -> Tensor:
        if self.level is not None:
            x = x + self.level(level)
        # Corners aligned, unlike the head: as the release.
        return F.interpolate(self.merged(x), scale_factor=2, mode="bilinear", align_corners=True)


class _ResidualUnit(nn.Module):
    """`r + conv(relu(conv(r)))` with `r = relu(x)`.

    The release's first ReLU works in place, so that its skip carries `relu(x)` and not `x`.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        return x + self.conv2(F.relu(self.conv1(x)))
