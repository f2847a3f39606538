#!/bin/sh
# The tests of the folder of aslp_lib in which a file is changed; of all four if none is.
set -e
folders=$(git diff --name-only aslp_lib | cut -d/ -f2)
for folder in ${folders:-aslp metrics recalibration training}; do
    run="$PYTHON -m pytest -qx -n ${PROCESSES:-2}"
    properties=$(ls tests/properties/test_$folder.py 2>/dev/null || true)
    $run -m "not slow" tests/$folder $properties
    $run --doctest-modules aslp_lib/$folder
    $run -m slow tests/$folder $properties || [ $? = 5 ]  # 5: no test is slow
done
