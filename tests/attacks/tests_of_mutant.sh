#!/bin/sh
# The tests that execute the changed line of aslp_lib, and the examples in its file. If no test
# executes the line in its own process, as at an import, all tests of the folder.
run="$PYTHON -m pytest -qx -p no:cacheprovider --timeout=600"
file=$(git diff --name-only aslp_lib)
folder=$(echo "$file" | cut -d/ -f2)
"$PYTHON" tests/attacks/covering.py build/contexts
case $? in
0) ;;
5) $run tests/$folder $(ls tests/properties/test_$folder.py 2>/dev/null) || exit ;;
*) exit 1 ;;
esac
$run --doctest-modules "$file" || [ $? = 5 ]  # 5: no test, here no example
