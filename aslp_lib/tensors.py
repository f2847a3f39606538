"""Files of tensors: safetensors, with facts about them and a SHA-256 of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from aslp_lib.checks import json_object
from aslp_lib.files import write


def save_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> None:
    """Write tensors with facts about them (JSON values) in the file's header, and a SHA-256 of
    both."""
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    sealed = {"sha256": _seal(whole, facts), **facts}
    # One entry: several would be written in an order that changes from process to process.
    write(path, to_bytes(whole, {"facts": json.dumps(sealed)}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and facts of a file that `save_tensors` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a damaged file, be it by one bit.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            facts = json_object((file.metadata() or {}).get("facts", "{}"))
        kept = facts.pop("sha256", None)
        if kept is not None and kept != _seal(tensors, facts):
            raise ValueError("it is not what its SHA-256 says")
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged or no safetensors file ({error}): copy it again, or remove it"
        ) from error
    return tensors, facts


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors: their names, types, shapes and values."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        values = tensor.detach().cpu().contiguous().reshape(-1)  # a number has no dimension to view
        found.update(values.view(torch.uint8).numpy().data)
    return found.hexdigest()


def _seal(tensors: Mapping[str, Tensor], facts: Mapping[str, object]) -> str:
    """Of a file: a level in the log must not change unnoticed either."""
    return hashlib.sha256((fingerprint(tensors) + json.dumps(facts)).encode()).hexdigest()
