"""Random changes of a training image that its mask goes along with."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import resized_crop


def augmentation(
    size: int, crop: int = 0, degrees: int = 0, *, centred: bool = False
) -> v2.Transform:
    """Random flip, and as asked a crop and a rotation with probability 0.2.

    Args:
        size: side of the (square) items.
        crop: the crop cuts up to this many pixels off each side length, then resizes back.
        degrees: the rotation's range, +-degrees.
        centred: crop to the middle, height and width each by its own draw, as the release does;
            else to a square anywhere.
    """
    steps: list[v2.Transform] = [v2.RandomHorizontalFlip()]
    if crop and centred:
        steps.append(CentredCrop(size, crop))
    elif crop:
        scale = ((size - crop) / size) ** 2
        steps.append(v2.RandomResizedCrop(size, scale=(scale, 1.0), ratio=(1.0, 1.0)))
    if degrees:
        rotation = v2.RandomRotation(degrees, interpolation=v2.InterpolationMode.BILINEAR)
        steps.append(v2.RandomApply([rotation], p=0.2))
    return v2.Compose(steps)


class CentredCrop(v2.Transform):
    """Cuts 1 to `cut` pixels off the height and off the width, evenly on both sides, and resizes
    to `size` again."""

    def __init__(self, size: int, cut: int) -> None:
        super().__init__()
        self.size, self.cut = size, cut

    def make_params(self, flat_inputs: list[object]) -> dict[str, int]:
        height, width = torch.randint(1, self.cut + 1, (2,)).tolist()
        return {"height": height, "width": width}

    def transform(self, inpt: Tensor, params: dict[str, int]) -> Tensor:
        height, width = params["height"], params["width"]
        return resized_crop(
            inpt,
            top=height // 2,
            left=width // 2,
            height=self.size - height,
            width=self.size - width,
            size=[self.size, self.size],
            antialias=True,
        )
