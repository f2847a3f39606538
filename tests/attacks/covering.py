"""Run the tests that execute the changed line of aslp_lib, until one fails.

python tests/attacks/covering.py build/contexts

The file is written by `coverage run --rcfile=tests/attacks/contexts.ini`. Tests that execute few
lines run first, since most mutants are killed by one of them in seconds. If no test executes the
line, the exit status is that of pytest without a test, 5.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from coverage import CoverageData

data = CoverageData(sys.argv[1])
data.read()
executed: Counter[str] = Counter()
for path in data.measured_files():
    for contexts in data.contexts_by_lineno(path).values():
        executed.update(contexts)
diff = subprocess.run(["git", "diff", "-U0", "aslp_lib"], capture_output=True, text=True).stdout
changed = re.search(r"^--- a/(.*)$", diff, re.M)[1]
of_lines = data.contexts_by_lineno(str(Path(changed).resolve()))
covering: set[str] = set()
for start, number in re.findall(r"^@@ -(\d+)(?:,(\d+))? ", diff, re.M):
    for line in range(int(start), int(start) + int(number or 1)):
        covering.update(of_lines.get(line, ()))
files = {path.stem: path.as_posix() for path in Path("tests").glob("*/test_*.py")}
tests = []
for context in sorted(covering, key=lambda c: (executed[c], c)):
    module, _, name = context.rpartition(".")
    if module.rpartition(".")[2] in files:
        tests.append(f"{files[module.rpartition('.')[2]]}::{name}")
words = ["-m", "pytest", "-qx", "-p", "no:cacheprovider", "--timeout=600", *tests]
sys.exit(subprocess.run([sys.executable, *words]).returncode if tests else 5)
