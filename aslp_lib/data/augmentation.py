"""Random changes of a training image that its mask goes along with."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF


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
        steps += [CentredCrop(crop), v2.Resize([size, size])]
    elif crop:
        scale = ((size - crop) / size) ** 2
        steps.append(v2.RandomResizedCrop(size, scale=(scale, 1.0), ratio=(1.0, 1.0)))
    if degrees:
        rotation = v2.RandomRotation(degrees, interpolation=v2.InterpolationMode.BILINEAR)
        steps.append(v2.RandomApply([rotation], p=0.2))
    return v2.Compose(steps)


def release_augmentation(size: int) -> v2.Transform:
    """As the authors' code changes an image: at its own size, by a random flip, a centred crop by
    up to 30 pixels and, with probability 0.2, a rotation; then it is resized, once.

    Args:
        size: side of the (square) items.
    """
    return v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            CentredCrop(30),
            v2.RandomApply([BicubicRotation(15)], p=0.2),
            v2.Resize([size, size]),
        ]
    )


class CentredCrop(v2.Transform):
    """Cuts 1 to `cut` pixels off the height and off the width, evenly on both sides; never all."""

    def __init__(self, cut: int) -> None:
        super().__init__()
        self.cut = cut

    def make_params(self, flat_inputs: list[object]) -> dict[str, int]:
        height, width = torch.randint(1, self.cut + 1, (2,)).tolist()
        return {"height": height, "width": width}

    def transform(self, inpt: Tensor, params: dict[str, int]) -> Tensor:
        height, width = inpt.shape[-2:]
        off_height, off_width = min(params["height"], height - 1), min(params["width"], width - 1)
        return TF.crop(
            inpt, off_height // 2, off_width // 2, height - off_height, width - off_width
        )


class BicubicRotation(v2.Transform):
    """Rotates by whole degrees, from -`degrees` to `degrees` - 1; new corners are black. By Pillow,
    as torchvision rotates a tensor bilinearly at best."""

    def __init__(self, degrees: int) -> None:
        super().__init__()
        self.degrees = degrees

    def make_params(self, flat_inputs: list[object]) -> dict[str, int]:
        return {"angle": int(torch.randint(-self.degrees, self.degrees, ()))}

    def transform(self, inpt: Tensor, params: dict[str, int]) -> Tensor:
        turned = TF.to_pil_image(inpt).rotate(params["angle"], Image.Resampling.BICUBIC)
        return tv_tensors.wrap(TF.pil_to_tensor(turned), like=inpt)
