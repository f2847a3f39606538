"""Shipped weights of the tiny network, and the record of how they were made.

`python -m aslp_lib.course.recorded` (or `make weights`) makes them again with the preset "demo":
plain BCE, ASLP with its default rule, and the measured-gap extension.
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
from aslp_lib.experiments import records
from aslp_lib.experiments.records import Record
from aslp_lib.files import write
from aslp_lib.prediction.predict import load_network
from aslp_lib.runs import read_log

FOLDER = Path(__file__).parent
RESULTS = FOLDER.parents[2] / "benchmarks" / "results"
METHODS: tuple[str, ...] = ("bce", "calibration", "measured_gap")
SETTINGS = PRESETS["demo"]


def load(method: str) -> nn.Module:
    """Load the trained tiny network of one of `METHODS`, in eval mode."""
    position("method", method, METHODS)
    return load_network(SETTINGS, method, FOLDER / f"{method}.safetensors")


def load_log(method: str) -> list[dict[str, float]]:
    """Load the training log of one of `METHODS`, with one row per epoch."""
    return read_log(FOLDER / f"{method}.csv")


def position(name: str, value: object, options: Collection[object]) -> int:
    """Return the index of a value among the recorded ones.

    Args:
        name: name of the value in the error message.

    Raises:
        ValueError: the value was not recorded.
    """
    choices = ", ".join(map(str, options))
    require(name, value, value in options, f"one of those recorded: {choices}")
    return list(options).index(value)


@cache
def read_results(name: str) -> list[Record]:
    """Read the records of a comparison over seeds, such as "comparison_embedded", once a process.

    Raises:
        FileNotFoundError: there are no such records; they belong to the project, not to the wheel.
    """
    return records.read(RESULTS / f"{name}.json")


@cache
def read_arrays(name: str) -> dict[str, np.ndarray]:
    """Read the arrays of a recorded file: name -> array."""
    with np.load(FOLDER / name, allow_pickle=False) as file:
        return dict(file)


def write_arrays(name: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a file for `read_arrays`."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_LZMA) as file:  # a quarter smaller than with deflate
        for key, values in arrays.items():
            with file.open(f"{key}.npy", "w") as entry:
                np.lib.format.write_array(entry, values, allow_pickle=False)
    write(FOLDER / name, buffer.getvalue())
    read_arrays.cache_clear()


def write_how(name: str, module: str, methods: Sequence[str], **results: Any) -> None:
    """Write the provenance of recorded files to a JSON file beside them.

    Args:
        module: module that made the files.
        methods: methods that it trained.
        results: further entries, after the settings.
    """
    provenance = {
        "command": f"python -m {module}",
        "settings": json.loads(SETTINGS.to_json()) | {"methods": methods},
        "torch": torch.__version__.split("+")[0],
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        **results,
    }
    write(FOLDER / name, json.dumps(provenance, indent=2) + "\n")
