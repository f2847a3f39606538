"""Is this machine ready for the course?"""

from __future__ import annotations

import sys
from importlib import metadata

COURSE = (
    "aslp-lib",
    "torch",
    "torchvision",
    "numpy",
    "matplotlib",
    "seaborn",
    "ipywidgets",
    "sympy",
)


def check_environment() -> str:
    """One line a requirement: ok, or what to do. No versions: it reads alike everywhere."""
    python = sys.version_info >= (3, 11)
    lines = [f"Python 3.11 or newer: {'ok' if python else 'no: install one, then `make lab`'}"]
    for name in COURSE:
        try:
            metadata.version(name)
            lines.append(f"{name}: ok")
        except metadata.PackageNotFoundError:
            lines.append(f"{name}: missing: leave Jupyter and start the course with `make lab`")
    return "\n".join(lines)
