#!/bin/sh
# Mutation tests of the committed state, in a clone: PYTHON=.venv/bin/python sh tests/attacks/mutants.sh
# A call continues where the last one stopped; remove build/mutants to begin anew. COUNT=6 draws fewer.
set -e
PYTHON=$("$PYTHON" -c 'import sys; print(sys.executable)')
config=tests/attacks/mutants.toml
[ -e build/mutants ] || git clone --quiet --shared . build/mutants
cd build/mutants
export PYTHON PYTHONPATH="$PWD" OMP_NUM_THREADS=1
if [ ! -e session.sqlite ]; then
    mkdir -p build
    "$PYTHON" -m coverage run --rcfile=tests/attacks/contexts.ini -m pytest -q \
        tests/aslp tests/metrics tests/recalibration tests/training tests/properties
    "$PYTHON" -m cosmic_ray.cli init $config drawn.sqlite
    "$PYTHON" tests/attacks/sample.py drawn.sqlite $config ${COUNT:+--count $COUNT}
    mv drawn.sqlite session.sqlite
fi
"$PYTHON" -m cosmic_ray.cli exec $config session.sqlite
"$PYTHON" -m cosmic_ray.tools.report --surviving-only --show-diff session.sqlite
