"""Weights of the tiny network that come with the library, and how they were made.

`python -m aslp_lib.course.recorded` (or `make weights`) makes them again: the preset "demo", plain
BCE, ASLP by its default rule, and the measured-gap extension.
"""

from __future__ import annotations

import io
import json
import platform
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZIP_LZMA, ZipFile

import numpy as np
import torch
from torch import nn

from aslp_lib.checks import require
from aslp_lib.config import PRESETS
from aslp_lib.files import write
from aslp_lib.prediction.predict import load_network
from aslp_lib.runs import read_log

FOLDER = Path(__file__).parent
METHODS: tuple[str, ...] = ("bce", "calibration", "measured_gap")
SETTINGS = PRESETS["demo"]


def load(method: str) -> nn.Module:
    """The trained tiny network of one of `METHODS`, in eval mode."""
    position("method", method, METHODS)
    return load_network(SETTINGS, FOLDER / f"{method}.safetensors")


def load_log(method: str) -> list[dict[str, float]]:
    """Its training log, one row an epoch."""
    return read_log(FOLDER / f"{method}.csv")


def position(name: str, value: object, options: Collection[object]) -> int:
    """Return the place of a value among those that were recorded.

    Raises:
        ValueError: it is not among them; the message has the name.
    """
    choices = ", ".join(map(str, options))
    require(name, value, value in options, f"one of those recorded: {choices}")
    return list(options).index(value)


@cache
def read_arrays(name: str) -> dict[str, np.ndarray]:
    """Read recorded arrays."""
    with np.load(FOLDER / name, allow_pickle=False) as file:
        return dict(file)


def write_arrays(name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays for `read_arrays`."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_LZMA) as file:  # as .npz, a quarter smaller than by deflate
        for key, values in arrays.items():
            with file.open(f"{key}.npy", "w") as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)
    write(FOLDER / name, buffer.getvalue())
    read_arrays.cache_clear()


def write_how(name: str, module: str, methods: Sequence[str], **results: Any) -> None:
    """Write to a file beside the recorded ones how these were made.

    Args:
        module: the one that made them.
        methods: what it trained.
        results: more entries, after the settings.
    """
    how = {
        "command": f"python -m {module}",
        "settings": json.loads(SETTINGS.to_json()) | {"methods": methods},
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        **results,
    }
    write(FOLDER / name, json.dumps(how, indent=2) + "\n")
