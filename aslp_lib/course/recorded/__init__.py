"""Weights of the tiny network that come with the library, and how they were made.

`python -m aslp_lib.course.recorded` (or `make weights`) makes them again: the preset "demo", plain
BCE, ASLP by its default rule, and the measured-gap extension.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.files import write
from aslp_lib.prediction.predict import load_network
from aslp_lib.runs import read_log

FOLDER = Path(__file__).parent
METHODS: tuple[str, ...] = ("bce", "calibration", "measured_gap")
SETTINGS = PRESETS["demo"]


def load(method: str) -> nn.Module:
    """The trained tiny network of one of `METHODS`, in eval mode."""
    if method not in METHODS:
        raise ValueError(f"no weights are shipped for {method!r}: choose of {', '.join(METHODS)}")
    return load_network(SETTINGS, FOLDER / f"{method}.safetensors")


def load_log(method: str) -> list[dict[str, float]]:
    """Its training log, one row an epoch."""
    return read_log(FOLDER / f"{method}.csv")


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
