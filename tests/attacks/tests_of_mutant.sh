#!/bin/sh
# The tests that execute the changed line of aslp_lib, then all tests of its folder.
set -e
"$PYTHON" tests/attacks/covering.py build/contexts
for folder in $(git diff --name-only aslp_lib | cut -d/ -f2); do
    run="$PYTHON -m pytest -qx -n ${PROCESSES:-2}"
    properties=$(ls tests/properties/test_$folder.py 2>/dev/null || true)
    $run -m "not slow" tests/$folder $properties
    $run --doctest-modules aslp_lib/$folder
    $run -m slow tests/$folder $properties || [ $? = 5 ]  # 5: no test is slow
done
