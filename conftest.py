"""Threads of the tests and of the notebooks' kernels, and a header that names the machine."""

import os
import platform

# The tests' networks are tiny: threads would wait for each other longer than they compute. Set
# before torch is loaded; commands, workers and kernels that are started inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_report_header() -> str:
    import numpy as np
    import torch  # Not above: with several test processes, this function runs in the first alone.

    return (
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}; "
        f"threads of torch: {torch.get_num_threads()} "
        f"(OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']}); "
        f"processor: {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"
    )
