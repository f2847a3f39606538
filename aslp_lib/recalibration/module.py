"""Any network with a fitted recalibration as one module, which returns recalibrated logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from aslp_lib.checks import short_repr
from aslp_lib.networks.base import fill
from aslp_lib.recalibration.base import VERSION, ImageRecalibration, Recalibration
from aslp_lib.recalibration.calibration_data import map_features
from aslp_lib.recalibration.flip import Flip
from aslp_lib.recalibration.image_wise import ImageWise
from aslp_lib.tensors import load_tensors, save_tensors

PREFIX = "recalibration."
"""Begins the names of a recalibration's numbers in a state dict."""


class Recalibrated(nn.Module):
    """A network whose logits are recalibrated in its forward pass.

    The forward pass takes a batch of images and returns recalibrated logits, of the shape of the
    network's logits: (N, 1, H, W), (N, 1, D, H, W) or (N, H, W). They are computed and returned in
    float32 (float64 if the network's are), under autocast too, so that a temperature below 1 cannot
    overflow float16. Gradients flow through the recalibration to the network.

    Image-wise methods (`image_wise_shrinkage`, `image_wise_temperature`) compute their features
    from the logits of each image. `flip` runs the network a second time. `density` is refused: it
    compares an encoder's features with those of training images.

    The numbers of the recalibration are float32 buffers, named `recalibration.NAME`, on the
    network's device. They are part of `state_dict`, move with `to(device)`, and stay float32 when
    `half()` or `to(dtype)` converts the network.

    >>> import torch
    >>> from aslp_lib.recalibration import Recalibrated, Temperature
    >>> network = torch.nn.Conv2d(3, 1, kernel_size=1)
    >>> recalibrated = Recalibrated(network, Temperature(2.0))
    >>> images = torch.rand(4, 3, 32, 32)
    >>> torch.equal(recalibrated(images), network(images) / 2)
    True

    Args:
        network: takes images (N, C, H, W) or (N, C, D, H, W); images lie along the first axis of
            its logits.
        recalibration: fitted, such as `Temperature().fit(counts)`.
        select: returns the logits tensor, given the network's output, for a network that returns
            something else: `operator.itemgetter("out")` for torchvision's segmentation models. For
            a softmax over two classes it returns the logit of foreground, `z1 - z0`.

    Raises:
        TypeError: `recalibration` is not a fitted recalibration, or needs more than logits. Also
            raised by the forward pass, if the output is not a tensor.
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
        self.recalibration = _Numbers(recalibration)
        if (parameter := next(network.parameters(), None)) is not None:
            self.recalibration.to(parameter.device)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.logits(images)
        if issubclass(self.recalibration.kind, Flip):  # it only calls what it is given as network
            return Flip().apply_on_images(logits, images, cast(nn.Module, self.logits))
        return cast(Tensor, self.recalibration(logits))

    def logits(self, images: Tensor) -> Tensor:
        """Return the network's logits before recalibration, in float32 or float64."""
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
        """Write network and recalibration as one safetensors file. Raises as `files.write`."""
        tensors = {name: tensor.clone() for name, tensor in self.state_dict().items()}  # if tied
        save_tensors(
            Path(path), tensors, {"kind": self.recalibration.kind.name, "version": VERSION}
        )

    @classmethod
    def load(
        cls, path: str | Path, network: nn.Module, select: Callable[[Any], Tensor] | None = None
    ) -> Self:
        """Read what `save` wrote, and fill `network` with its weights.

        Args:
            path: the file.
            network: of the architecture that was saved, with any weights.
            select: as for the constructor; a function is not saved.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a damaged file, one of another kind or version, or of another network.
                The network is unchanged.
        """
        from aslp_lib.recalibration import RECALIBRATIONS  # which imports this file

        tensors, facts = load_tensors(Path(path))
        try:
            name = facts.get("kind")
            if name not in RECALIBRATIONS:
                raise ValueError(f"its recalibration is {short_repr(name)}")
            kind = RECALIBRATIONS[name]
            kind.check_kind(facts)
            numbers = {
                key: type(default)(tensors[PREFIX + key].tolist())
                for key, default in asdict(kind()).items()
                if PREFIX + key in tensors
            }
            recalibrated = cls(network, kind(**numbers), select)
            _check_shapes(tensors, recalibrated.state_dict())
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} cannot be loaded ({error}); expected what Recalibrated.save wrote for a "
                f"{type(network).__name__}. Save it again, or pass the network that was saved."
            ) from error
        fill(recalibrated, tensors, Path(path))
        return recalibrated


class _Numbers(nn.Module):
    """A recalibration of logits whose numbers are buffers."""

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
                f"the recalibration {self.kind.name!r} needs more than logits: its network's "
                "features of the images; expected one that needs logits alone. Call its "
                "apply_on_images."
            )
        for name, number in asdict(fitted).items():
            self.register_buffer(name, torch.tensor(number, dtype=torch.float32))

    def forward(self, logits: Tensor) -> Tensor:
        # A recalibration's formula reads only its numbers, so these buffers can stand for it.
        numbers = cast(Any, self)
        if not issubclass(self.kind, ImageWise):
            return self.kind.apply(numbers, logits)
        if not len(numbers.foreground):
            return logits
        flat = logits.flatten(1)
        features = (map_features(flat) - numbers.means) / numbers.deviations
        features = features.clip(numbers.lowest, numbers.highest)
        weights = torch.stack([numbers.foreground, numbers.background])
        # Not a matrix product, which autocast would compute in half precision.
        u = weights[:, 0] + (weights[:, 1:] * features[:, None]).sum(dim=-1)
        changed = self.kind.changed(numbers, flat, torch.where(flat > 0, u[:, :1], u[:, 1:]))
        return changed.view(logits.shape)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Devices change, types do not: in half precision the steps of a staircase would coincide.
        def moved(number: Tensor) -> Tensor:
            result = fn(number)
            return result if result.dtype == number.dtype else number.to(result.device)

        return cast(Self, super()._apply(moved, recurse))  # type: ignore[no-untyped-call]

    def extra_repr(self) -> str:
        return self.kind.name


def _check_shapes(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ValueError unless names and shapes agree."""
    if missing := sorted(expected.keys() - tensors.keys()):
        raise ValueError(f"{len(missing)} tensors are missing, such as {missing[0]}")
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise ValueError(f"{len(unknown)} tensors are unknown, such as {unknown[0]}")
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape:
            raise ValueError(
                f"{name} has shape {tuple(tensors[name].shape)}, the network's "
                f"{tuple(tensor.shape)}"
            )
