#!/usr/bin/env bash
# Checks a CUDA machine in one command: the CUDA tests, the training benchmark on both networks, a
# short training. Writes benchmarks/results/gpu.json; benchmarks/README.md says how to read it.
#
#     [PYTHON=python] benchmarks/gpu_check.sh [DATA]      DATA: the paper's folders; else made up
#
# Without a CUDA device there is nothing to check: it says so and succeeds, so that a script for
# several machines may call it everywhere. It fails if a step fails.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python}
if ! "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "gpu_check: PyTorch sees no CUDA device here, so nothing was checked and nothing written"
  exit 0
fi
exec "$python" benchmarks/gpu_check.py "$@"
