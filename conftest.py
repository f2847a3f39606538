"""Threads of the tests and of the notebooks' kernels, and a header that names the machine."""

import os
import platform
from importlib.metadata import version

import numpy as np

# The tests' networks are tiny: threads would wait for each other longer than they compute. Set
# before torch is loaded; commands, workers and kernels that are started inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_report_header() -> str:
    """Name the machine and the versions, without importing torch, which takes over a second."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"].get("found", ["the baseline alone"])
    return (
        f"Python {platform.python_version()}, torch {version('torch')}, numpy {np.__version__}; "
        f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}; "
        f"processor: {platform.machine()}, {simd[-1]}; "
        f"ATEN_CPU_CAPABILITY={os.environ.get('ATEN_CPU_CAPABILITY', 'not set')}"
    )
