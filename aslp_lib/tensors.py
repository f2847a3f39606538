"""Tensors in safetensors files, with metadata and a SHA-256 checksum of both."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from aslp_lib.checks import explained, json_object, require
from aslp_lib.files import require_exists, write


def save_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
    """Write tensors to a safetensors file.

    Args:
        facts: metadata (JSON values), written to the file's header with a SHA-256 checksum of the
            tensors and the metadata.
    """
    dense = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"sha256": _checksum(dense, facts), **facts}
    # One entry, because safetensors writes several in an order that changes between processes.
    write(path, to_bytes(dense, {"facts": json.dumps(header)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the metadata of a file that `save_tensors` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or its checksum does not match. A file without a checksum
            is accepted.
    """
    require_exists("file", Path(path), "a safetensors file. Check the path.")
    expected = "a safetensors file. Copy it again or remove it."
    with explained(f"{path} is damaged", expected, SafetensorError):
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json_object((file.metadata() or {}).get("facts", "{}"))
        stored = facts.pop("sha256", None)
        if stored is not None and stored != _checksum(tensors, facts):
            raise ValueError("SHA-256 checksum mismatch")
    return tensors, facts


def with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Select the tensors whose names have a prefix, by the rest of their names.

    >>> with_prefix({"network.w": torch.ones(1), "method.w": torch.zeros(1)}, "network.")
    {'w': tensor([1.])}
    """
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def fill(
    network: nn.Module, tensors: Mapping[str, Tensor], path: Path, assign: bool = False
) -> None:
    """Load the tensors of a file into a network.

    Args:
        network: the network.
        tensors: the tensors by name.
        path: the file that holds the tensors, for error messages.
        assign: make the tensors the network's, instead of copying their values. The network may
            then be on the meta device.

    Raises:
        ValueError: the tensors are those of another network, have another dtype, or are not finite;
            the message names one.
    """
    state = network.state_dict()
    mismatched = sorted(state.keys() ^ tensors.keys()) or [
        name for name in state if state[name].shape != tensors[name].shape
    ]
    if mismatched:
        raise ValueError(
            f"{path} holds the weights of another network: {len(mismatched)} entries are missing, "
            f"unknown or of another shape, such as {mismatched[0]}; expected those of "
            f"{type(network).__name__}. Choose another file."
        )
    for name, tensor in tensors.items():
        dtype = state[name].dtype
        kept, expected = tensor.dtype == dtype, f"{dtype}. Convert it."
        require(f"{path} holds {name}, which", tensor.dtype, kept, expected)
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(
                f"{path} holds NaN or infinity in {name}; expected finite weights. Create it again."
            )
    network.load_state_dict(tensors, assign=assign)


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Compute the SHA-256 of the names, data types, shapes and values of tensors.

    >>> fingerprint({"a": torch.zeros(2)}) == fingerprint({"a": torch.zeros(2)})
    True
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        # A tensor without dimensions or without values cannot be viewed as bytes.
        values = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(values.view(torch.uint8).numpy().data if len(values) else b"")
    return digest.hexdigest()


def _checksum(tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> str:
    """Compute the checksum of a file: it covers the metadata, such as the log, too."""
    return hashlib.sha256((fingerprint(tensors) + json.dumps(facts)).encode()).hexdigest()
