"""Run the tests that execute the changed line of aslp_lib, until one fails.

python tests/attacks/covering.py build/contexts

The file is written by `coverage run --rcfile=tests/attacks/contexts.ini`. These tests kill most
mutants in seconds. If none executes the line, nothing is run.
"""

import re
import subprocess
import sys
from pathlib import Path

from coverage import CoverageData

data = CoverageData(sys.argv[1])
data.read()
diff = subprocess.run(["git", "diff", "-U0", "aslp_lib"], capture_output=True, text=True).stdout
files = {path.stem: path.as_posix() for path in Path("tests").glob("*/test_*.py")}
tests: dict[str, None] = {}
for part in diff.split("diff --git ")[1:]:
    path = re.search(r"^--- a/(.*)$", part, re.M)[1]
    contexts = data.contexts_by_lineno(str(Path(path).resolve()))
    for start, number in re.findall(r"^@@ -(\d+)(?:,(\d+))? ", part, re.M):
        for line in range(int(start), int(start) + int(number or 1)):
            for context in sorted(contexts.get(line, [])):
                module, _, name = context.rpartition(".")
                if module.rpartition(".")[2] in files:
                    tests[f"{files[module.rpartition('.')[2]]}::{name}"] = None
if tests:
    words = ["-m", "pytest", "-qx", "-p", "no:cacheprovider", "--timeout=600", *tests]
    sys.exit(subprocess.run([sys.executable, *words]).returncode)
