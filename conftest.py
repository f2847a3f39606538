"""Threads of the tests and of the notebooks' kernels, and a header that names the machine."""

import os
import platform
import sys
from importlib.metadata import version

import numpy as np

# The tests' networks are tiny: threads would wait for each other longer than they compute. Set
# before torch is loaded; commands, workers and kernels that are started inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Every import of nbformat, and so of nbval, would spend a second on building jsonschema's parser of
# IRIs. No notebook has one. This is why nbval is loaded here, and not by itself (pyproject.toml).
sys.modules.setdefault("rfc3987_syntax", None)
pytest_plugins = ["nbval.plugin"]


def pytest_report_header() -> str:
    """Without torch, whose import takes longer than many a test file."""
    simd = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return (
        f"Python {platform.python_version()}, torch {version('torch')}, numpy {np.__version__}; "
        f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}; processor: {platform.machine()}, "
        f"{simd.get('found', [])[-1:]}, ATEN_CPU_CAPABILITY={os.environ.get('ATEN_CPU_CAPABILITY')}"
    )
