"""What every network shares: normalisation, padding, pretrained encoders, and a few layers."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class DenseNetwork(nn.Module):
    """Normalises, pads to a multiple of `stride`, calls `segment`, crops back."""

    stride = 1
    mean: Tensor
    std: Tensor

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

    def feature_modules(self) -> list[nn.Module]:
        """Modules whose outputs (N, C, h, w) are an image's features, from fine to coarse: the
        encoder's stages; none by default."""
        return []

    @torch.no_grad()
    def pooled_features(self, images: Tensor) -> list[Tensor]:
        """Mean over the pixels of what each of `feature_modules` makes of images, (N, C) float32.

        Forward hooks see it on the way of a forward pass in the network's own mode, and are gone
        afterwards, also if that fails.
        """
        found: dict[nn.Module, Tensor] = {}

        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            found[module] = output.float().mean((2, 3))  # now: a later layer may work in place

        modules = self.feature_modules()
        with ExitStack() as hooks:
            for module in modules:
                hooks.callback(module.register_forward_hook(keep).remove)
            self.forward(images)  # not the call, which runs what torch.compile made: without hooks
        return [found[module] for module in modules]

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Pretrained parameters, which train at a smaller learning rate; none by default."""
        return []


def pretrained(name: str, weights: str | None) -> Any:
    """A torchvision model with weights by name, or an error that says how to get or skip them.

    Not typed as a module: each model has parts of its own, which its caller knows by name.
    """
    # Importing torchvision takes as long as importing torch, so it is imported only when it is
    # needed. It then computes, which torch 2.6 cannot do under a caller's `torch.device("meta")`.
    with torch.device("cpu"):
        from torchvision import models

    model = models.get_model(name, weights=None)
    if weights is None:
        return model
    known = models.get_model_weights(name)
    if weights not in known.__members__:
        raise ValueError(
            f"{name} has no weights {weights!r}: choose of {', '.join(known.__members__)}, or None"
        )
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(known[weights].url).name
    try:
        state = known[weights].get_state_dict(progress=True, check_hash=True, weights_only=True)
        model.load_state_dict(state)
        return model
    # urllib's errors and a full disk are OSErrors; the others are a damaged file's.
    except (OSError, EOFError, RuntimeError, TypeError, pickle.UnpicklingError) as error:
        raise RuntimeError(
            f"the pretrained weights {weights!r} of {name} could not be downloaded, or not be read "
            f"from {cached} ({error}). Connect to the internet once, delete the file if it is "
            "damaged, or train from random weights with --weights None"
        ) from error


def fill(network: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Fill a network with the tensors of a file.

    Args:
        path: the file, for messages.

    Raises:
        ValueError: the tensors of another network; tensors of other types, which would be cast, or
            that are not finite; names one.
    """
    own = network.state_dict()
    wrong = sorted(own.keys() ^ tensors.keys()) or [
        name for name in own if own[name].shape != tensors[name].shape
    ]
    if wrong:
        raise ValueError(
            f"{path} holds the weights of another network: {len(wrong)} entries are missing, "
            f"unknown or of another shape, such as {wrong[0]}; expected those of "
            f"{type(network).__name__}. Choose another file."
        )
    for name, tensor in tensors.items():
        if tensor.dtype != own[name].dtype:
            raise ValueError(
                f"{path} holds {name} as {tensor.dtype}, not as {own[name].dtype}: convert it, if "
                "that is what its numbers mean"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{path} holds NaN or infinity in {name}: make them anew")
    network.load_state_dict(tensors)


def conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def double_conv(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs), conv(outputs, outputs))


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, to (H, W)."""
    return F.interpolate(x, size=list(size), mode="bilinear", align_corners=False)
