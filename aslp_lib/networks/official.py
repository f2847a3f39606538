"""Load the authors' checkpoints (`Model_30_Gen.pth`) into this library's network."""

import zipfile
from pathlib import Path

import torch
from torch import Tensor

from aslp_lib.checks import explained, fits
from aslp_lib.files import require_exists
from aslp_lib.networks.dense_network import DenseNetwork
from aslp_lib.networks.resnet import ResNetFusion
from aslp_lib.tensors import fill

UNUSED = ("resnet.layer3_2.", "resnet.layer4_2.", "path4.resConfUnit1.")
"""Prefixes of entries that belong to unused parts of the release's network and are skipped."""

PREFIXES = {
    "encoder.0.0.": "resnet.conv1.",
    "encoder.0.1.": "resnet.bn1.",
    "encoder.0.4.": "resnet.layer1.",
    "encoder.1.": "resnet.layer2.",
    "encoder.2.": "resnet.layer3_1.",
    "encoder.3.": "resnet.layer4_1.",
    "head.": "output_conv.",
} | {
    ours: theirs
    for stage in range(4)
    for ours, theirs in (
        *((f"reduce.{stage}.convs.{i}.", f"conv{stage + 1}.conv2d_list.{i}.") for i in range(4)),
        (f"fuse.{stage}.level.", f"path{stage + 1}.resConfUnit1."),
        (f"fuse.{stage}.merged.", f"path{stage + 1}.resConfUnit2."),
    )
}
"""Name prefixes of this library -> those of the release, which counts stages from 1."""


def load_official(path: Path | str) -> ResNetFusion:
    """Load a checkpoint of the authors, on the CPU and in evaluation mode.

    The file is a dictionary of 562 tensors, of which 384 are used. Nothing in it is executed.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is damaged or holds more than tensors, or an entry is missing, unknown,
            of another shape or dtype, or not finite; the message names the file and the entry.
    """
    path = Path(path)
    require_exists("file", path, "a checkpoint of the authors. Check the path.")
    problem = f"{path} is damaged, is not a PyTorch file, or holds more than tensors"
    # A damaged pickle may raise any exception.
    with explained(problem, "a dictionary of tensors. Nothing was loaded.", Exception):
        if zipfile.is_zipfile(path):  # `torch.load` does not verify its checksums
            with zipfile.ZipFile(path) as archive:
                if damaged := archive.testzip():
                    raise ValueError(f"checksum mismatch in {damaged}")
        content = torch.load(path, map_location="cpu", weights_only=True)
        if not fits(content, dict[str, Tensor]):
            raise ValueError("it is not a dictionary of tensors")
        used: dict[str, Tensor] = {k: v for k, v in content.items() if not k.startswith(UNUSED)}
    with torch.device("meta"):  # Random weights would be overwritten, and take a second to draw.
        network = ResNetFusion(weights=None)
    network.mean, network.std = DenseNetwork().buffers()  # They are not in the file.
    ours = {_official_name(name): name for name in network.state_dict()}
    tensors = {ours.get(name, name): tensor.contiguous() for name, tensor in used.items()}
    fill(network, tensors, path, assign=True)
    return network.eval()


def _official_name(name: str) -> str:
    """Return the release's name of an entry of our state dict."""
    ours = next(prefix for prefix in PREFIXES if name.startswith(prefix))
    return PREFIXES[ours] + name.removeprefix(ours)
