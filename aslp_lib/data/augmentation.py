"""Random augmentation of a training image together with its mask."""

import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF


def augmentation(size: int, crop: int, *, centred: bool = False) -> v2.Transform:
    """Compose a random horizontal flip, a random crop and, with probability 0.2, a rotation.

    The angle is in [-15, 15] degrees.

    Args:
        size: side of the square images, in pixels.
        crop: remove up to this many pixels in total from the height and from the width, then
            resize to `size`; 0 disables cropping.
        centred: crop evenly on both sides, height and width independently, as the authors' code
            does, instead of a square at a random position.

    >>> transform = augmentation(size=48, crop=8)
    >>> transform(torch.zeros(3, 48, 48, dtype=torch.uint8)).shape
    torch.Size([3, 48, 48])
    """
    steps: list[v2.Transform] = [v2.RandomHorizontalFlip()]
    if crop and centred:
        steps += [CentredCrop(crop), v2.Resize([size, size])]
    elif crop:
        scale = ((size - crop) / size) ** 2
        steps.append(v2.RandomResizedCrop(size, scale=(scale, 1.0), ratio=(1.0, 1.0)))
    rotation = v2.RandomRotation(15, interpolation=v2.InterpolationMode.BILINEAR)
    return v2.Compose([*steps, v2.RandomApply([rotation], p=0.2)])


def release_augmentation(size: int) -> v2.Transform:
    """Compose the augmentation of the authors' code, which works at each image's own size.

    It consists of a random horizontal flip, a centred crop by up to 30 pixels and, with probability
    0.2, a rotation by up to 15 degrees. The result is then resized, once.

    Args:
        size: side of the square result, in pixels.

    >>> release_augmentation(32)(torch.zeros(3, 50, 80, dtype=torch.uint8)).shape
    torch.Size([3, 32, 32])
    """
    crop, rotation = CentredCrop(30), v2.RandomApply([BicubicRotation(15)], p=0.2)
    return v2.Compose([v2.RandomHorizontalFlip(), crop, rotation, v2.Resize([size, size])])


class CentredCrop(v2.Transform):
    """Crop 1 to `cut` pixels off the height and off the width, evenly on both sides.

    At least one row and one column remain.

    >>> CentredCrop(1)(torch.zeros(3, 5, 8)).shape
    torch.Size([3, 4, 7])
    """

    def __init__(self, cut: int) -> None:
        super().__init__()
        self.cut = cut

    def make_params(self, flat_inputs: list[object]) -> dict[str, int]:
        """Draw the number of pixels to cut."""
        height, width = torch.randint(1, self.cut + 1, (2,)).tolist()
        return {"height": height, "width": width}

    def transform(self, inpt: Tensor, params: dict[str, int]) -> Tensor:
        """Crop an image or a mask."""
        height, width = inpt.shape[-2:]
        cut_height, cut_width = min(params["height"], height - 1), min(params["width"], width - 1)
        top, left = cut_height // 2, cut_width // 2
        return TF.crop(inpt, top, left, height - cut_height, width - cut_width)


class BicubicRotation(v2.Transform):
    """Rotate by a whole number of degrees in [-degrees, degrees - 1]; new corners are black.

    Pillow rotates, because torchvision has no bicubic rotation of tensors.

    >>> BicubicRotation(15)(torch.zeros(3, 5, 8, dtype=torch.uint8)).shape
    torch.Size([3, 5, 8])
    """

    def __init__(self, degrees: int) -> None:
        super().__init__()
        self.degrees = degrees

    def make_params(self, flat_inputs: list[object]) -> dict[str, int]:
        """Draw the angle."""
        return {"angle": int(torch.randint(-self.degrees, self.degrees, ()))}

    def transform(self, inpt: Tensor, params: dict[str, int]) -> Tensor:
        """Rotate an image or a mask."""
        rotated = TF.to_pil_image(inpt).rotate(params["angle"], Image.Resampling.BICUBIC)
        return tv_tensors.wrap(TF.pil_to_tensor(rotated), like=inpt)
