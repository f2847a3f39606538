"""A module that joins any network with a fitted recalibration method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from aslp_lib.checks import require, short_repr
from aslp_lib.networks.base import fill
from aslp_lib.recalibration.base import VERSION, ImageRecalibration, Recalibration
from aslp_lib.recalibration.flip import Flip
from aslp_lib.recalibration.image_wise import ImageWise
from aslp_lib.tensors import load_tensors, save_tensors

PREFIX = "recalibration."
"""Prefix of the names of a recalibration's parameters in a state dict."""


class Recalibrated(nn.Module):
    """Network whose logits are recalibrated in the forward pass.

    The forward pass takes a batch of images and returns recalibrated logits of the same shape as
    the network's logits: (N, 1, H, W), (N, 1, D, H, W) or (N, H, W). They are computed and returned
    in float64 if the network's logits are float64, and in float32 otherwise, also under autocast. A
    temperature below 1 therefore cannot overflow float16. Gradients flow through the recalibration
    to the network.

    Image-wise methods (`image_wise_shrinkage`, `image_wise_temperature`) compute their features
    from the logits of each image. `flip` runs the network a second time. `density` is not
    supported, because it compares features of the encoder with those of training images.

    The parameters of the recalibration are float32 buffers named `recalibration.NAME` on the
    network's device. They are part of `state_dict`, move with `to(device)`, and remain float32 when
    `half()` or `to(dtype)` converts the network.

    >>> import torch
    >>> from aslp_lib.recalibration import Recalibrated, Temperature
    >>> network = torch.nn.Conv2d(3, 1, kernel_size=1)
    >>> recalibrated = Recalibrated(network, Temperature(2.0))
    >>> images = torch.rand(4, 3, 32, 32)
    >>> torch.equal(recalibrated(images), network(images) / 2)
    True

    Args:
        network: network that takes images (N, C, H, W) or (N, C, D, H, W). The first axis of its
            logits is that of the images.
        recalibration: fitted method, such as `Temperature().fit(counts)`.
        select: function from the network's output to the tensor of logits, for networks that return
            something else, such as `operator.itemgetter("out")` for torchvision's segmentation
            models. For a softmax over two classes, it returns the logit of foreground, `z1 - z0`.

    Raises:
        TypeError: if `recalibration` is not a fitted method, or needs more than logits; in the
            forward pass, if the logits are not a tensor.
        ValueError: in the forward pass, if the logits have several channels.
    """

    def __init__(
        self,
        network: nn.Module,
        recalibration: Recalibration,
        select: Callable[[Any], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.network, self.select = network, select
        self.recalibration = _BufferedRecalibration(recalibration)
        if (parameter := next(network.parameters(), None)) is not None:
            self.recalibration.to(parameter.device)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the recalibrated logits of a batch of images."""
        logits = self.logits(images)
        if issubclass(self.recalibration.kind, Flip):
            # `apply_on_images` only calls its network argument, so a method can be passed.
            return Flip().apply_on_images(logits, images, cast(nn.Module, self.logits))
        return cast(Tensor, self.recalibration(logits))

    def logits(self, images: Tensor) -> Tensor:
        """Compute the network's logits before recalibration, in float32 or float64."""
        output = self.network(images)
        logits = output if self.select is None else self.select(output)
        if not isinstance(logits, Tensor):
            keys = f" with the keys {', '.join(logits)}" if isinstance(logits, Mapping) else ""
            raise TypeError(
                f"the logits are not a tensor: {type(logits).__name__}{keys}; expected the tensor "
                "of logits. Pass select, such as select=operator.itemgetter('out')."
            )
        if logits.dim() > 3 and logits.shape[1] != 1:
            raise ValueError(
                f"the logits have several channels: shape {tuple(logits.shape)}; expected one, "
                "(N, 1, ...). For a softmax over two classes pass select=lambda z: z[:, 1:] - "
                "z[:, :1]."
            )
        return logits.to(torch.promote_types(logits.dtype, torch.float32))

    def save(self, path: str | Path) -> None:
        """Write the network and the recalibration as one safetensors file.

        Raises:
            OSError: if the file cannot be written; see `files.write`.
        """
        # Tensors are copied, because safetensors rejects shared memory, such as tied weights.
        tensors = {name: tensor.clone() for name, tensor in self.state_dict().items()}
        facts = {"kind": self.recalibration.kind.name, "version": VERSION}
        save_tensors(Path(path), tensors, facts)

    @classmethod
    def load(
        cls, path: str | Path, network: nn.Module, select: Callable[[Any], Tensor] | None = None
    ) -> Self:
        """Read a file that `save` wrote, and load its weights into `network`.

        Args:
            path: the file.
            network: network of the saved architecture, with any weights.
            select: see `Recalibrated`; the file does not contain it.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or belongs to another method, version or network.
                The network is then unchanged.
        """
        from aslp_lib.recalibration import RECALIBRATIONS  # That package imports this module.

        tensors, metadata = load_tensors(Path(path))
        try:
            name, expected = metadata.get("kind", ""), f"one of {', '.join(RECALIBRATIONS)}"
            require("its recalibration", name, name in RECALIBRATIONS, expected)
            kind = RECALIBRATIONS[name]
            kind.check_kind(metadata)
            parameters = {
                key: type(default)(tensors[PREFIX + key].tolist())
                for key, default in asdict(kind()).items()
                if PREFIX + key in tensors
            }
            recalibrated = cls(network, kind(**parameters), select)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} cannot be loaded ({str(error).rstrip('.')}); expected a file that "
                f"Recalibrated.save wrote for a {type(network).__name__}. Save it again, or pass "
                "the network that was saved."
            ) from error
        fill(recalibrated, tensors, Path(path))
        return recalibrated


class _BufferedRecalibration(nn.Module):
    """Module that recalibrates logits; its buffers are the parameters of the recalibration."""

    def __init__(self, fitted: Recalibration) -> None:
        super().__init__()
        if not isinstance(fitted, Recalibration):
            raise TypeError(
                f"the recalibration is {short_repr(fitted)}; expected a fitted one, such as "
                "Temperature().fit(counts)."
            )
        self.kind = type(fitted)
        if isinstance(fitted, ImageRecalibration) and not isinstance(fitted, Flip):
            raise TypeError(
                f"the recalibration {self.kind.name!r} needs features that the network computes "
                "from the images; expected one that needs only logits. Call its apply_on_images."
            )
        for name, number in asdict(fitted).items():
            self.register_buffer(name, torch.tensor(number, dtype=torch.float32))

    def forward(self, logits: Tensor) -> Tensor:
        if issubclass(self.kind, ImageWise):
            return self.kind.apply_with(logits, *self.buffers())
        # `apply` reads only the parameters, so this module, which has them under the same names,
        # can be passed as the recalibration.
        return self.kind.apply(cast(Any, self), logits)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Buffers move between devices but keep their dtype: in half precision, steps of `Isotonic`
        # could coincide.
        def move(buffer: Tensor) -> Tensor:
            result = fn(buffer)
            return result if result.dtype == buffer.dtype else buffer.to(result.device)

        return cast(Self, super()._apply(move, recurse))  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        return self.kind.name
