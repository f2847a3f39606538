"""A module that joins any network with a fitted recalibration method."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from torch import Tensor, nn

from aslp_lib.checks import explained, require_name, require_one_channel, require_type
from aslp_lib.recalibration.recalibration import Recalibration, at_least_float32
from aslp_lib.tensors import fill, load_tensors, save_tensors, with_prefix

Select = Callable[[Any], Tensor]
"""Function from the output of a network to the tensor of logits."""
PREFIX = "recalibration."
"""Prefix of the names of a recalibration's parameters in a state dict."""


class Recalibrated(nn.Module):
    """Network whose logits are recalibrated in the forward pass.

    The forward pass takes a batch of images and returns recalibrated logits of the same shape as
    the network's logits: (N, 1, H, W), (N, 1, D, H, W) or (N, H, W), and K channels with a method
    for K classes. They are computed and returned in float64 if the network's logits are float64,
    and in float32 otherwise, also under autocast. A temperature below 1 therefore cannot overflow
    float16. Gradients flow through the recalibration to the network.

    Image-wise methods (`image_wise_shrinkage`, `image_wise_temperature`) compute their features
    from the logits of each image. `flip` runs the network a second time.

    The parameters of the recalibration are buffers named `recalibration.NAME` on the network's
    device; see `Recalibration`.

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
            models. With a method for two classes and a softmax over two, it returns `z1 - z0`.

    Raises:
        TypeError: if `recalibration` is not a fitted method; in the forward pass, if the logits are
            not a tensor.
        ValueError: in the forward pass, if the logits have another number of channels than the
            recalibration.
    """

    def __init__(
        self, network: nn.Module, recalibration: Recalibration, select: Select | None = None
    ) -> None:
        super().__init__()
        expected = "a fitted method, such as Temperature().fit(counts)"
        require_type("the recalibration", recalibration, Recalibration, expected)
        self.network, self.select, self.recalibration = network, select, recalibration
        if (parameter := next(network.parameters(), None)) is not None:
            self.recalibration.to(parameter.device)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the recalibrated logits of a batch of images."""
        recalibrated: Tensor = self.recalibration(self.logits(images), images, self.logits)
        return recalibrated

    def logits(self, images: Tensor) -> Tensor:
        """Compute the network's logits before recalibration, in float32 or float64."""
        output = self.network(images)
        logits = output if self.select is None else self.select(output)
        keys = f", one of {', '.join(logits)}" if isinstance(logits, Mapping) else ""
        advice = "Pass select, such as select=operator.itemgetter('out')."
        require_type("the logits", logits, Tensor, f"a tensor{keys}. {advice}")
        if self.recalibration.channels == 1:
            require_one_channel("the logits (see `select`)", logits.shape)
        return at_least_float32(logits)

    def save(self, path: str | Path) -> None:
        """Write the network and the recalibration as one safetensors file.

        Raises:
            OSError: if the file cannot be written; see `files.write`.
        """
        # Tensors are copied, because safetensors rejects shared memory, such as tied weights.
        tensors = {name: tensor.clone() for name, tensor in self.state_dict().items()}
        save_tensors(Path(path), tensors, self.recalibration.facts())

    @classmethod
    def load(cls, path: str | Path, network: nn.Module, select: Select | None = None) -> Self:
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
        from aslp_lib.recalibration import CLASS_RECALIBRATIONS, RECALIBRATIONS  # a cycle

        tensors, metadata = load_tensors(Path(path))
        advice = "Fit and save it again, or pass the network that was saved."
        expected = f"a file that Recalibrated.save wrote for a {type(network).__name__}. {advice}"
        with explained(f"{path} cannot be loaded", expected):
            known = CLASS_RECALIBRATIONS if "channels" in metadata else RECALIBRATIONS
            require_name("its recalibration", metadata["kind"], known)
            kind = known[metadata["kind"]]
            fitted = kind.from_tensors(with_prefix(tensors, PREFIX), metadata)
            recalibrated = cls(network, fitted, select)
        fill(recalibrated, tensors, Path(path))
        return recalibrated
