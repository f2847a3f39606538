"""Other processors, emulated on this one by what its libraries allow.

Each is a set of variables for the processes that are started with it. Where a library does not
know one (oneDNN's and MKL's on ARM), it changes nothing.
"""

from __future__ import annotations

import os

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

_NUMPY = [name for name in __cpu_dispatch__ if __cpu_features__[name]]
_BEYOND_AVX2 = [name for name in _NUMPY if name.startswith("AVX512") or name.endswith("V4")]

# (Convolutions by SSE4.1 alone would more than double the trainings' time.)
PLAIN = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_NUMPY),
}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": " ".join(_BEYOND_AVX2),
}
THREADS = {1: {"OMP_NUM_THREADS": "1"}, 2: {"OMP_NUM_THREADS": "2"}}

PROCESSORS: dict[str, dict[str, str]] = {
    "this one, 1 thread": THREADS[1],
    "this one, 2 threads": THREADS[2],
    "plain, 1 thread": PLAIN | THREADS[1],
    "AVX2, 2 threads": AVX2 | THREADS[2],
    "rounds otherwise, 1": {"ROUNDS_OTHERWISE": "1"} | THREADS[1],
    "rounds otherwise, 2": {"ROUNDS_OTHERWISE": "2"} | THREADS[1],
}


def environment(processor: str) -> dict[str, str]:
    """This process's variables with those of the processor."""
    return {**os.environ, **PROCESSORS[processor]}
