"""All notebooks, explorers and numeric unit tests on each processor that can be emulated here.

    python tests/portable                          everything; about 20 minutes on two cores
    python tests/portable --only plain AVX2        processors whose names begin so
    python tests/portable --notebooks              neither explorers nor unit tests

Notebooks are compared with their committed output. Then the numbers are compared between the
processors, in full precision: listed are those of the notebooks that would be printed otherwise
after five times the movement seen, and digits of the explorers that say nothing. Exit status 1 if
anything failed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

from portable import digits
from portable.kernel import name_of, startup
from portable.processors import PROCESSORS, environment

ROOT = Path(__file__).parents[2]
NUMERIC = [
    f"tests/{name}"
    for name in (
        "data",
        "methods",
        "metrics",
        "recalibration",
        "course",
        "networks",
        "training/test_loop.py",
    )
]
"""What works numbers out. The other tests write, ask and resume."""

COMPILED = "test_a_compiled_network_trains_to_the_same_loss"
"""torch's compiler asks the processor what it can do, and fails where torch was told less."""


def run(words: list[str], variables: dict[str, str]) -> tuple[bool, str]:
    """Whether a Python command passed, and its last line; what it printed is shown if it failed."""
    result = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True
    )
    if result.returncode:
        print(result.stdout, flush=True)
    return result.returncode == 0, (result.stdout.strip().splitlines() or ["done"])[-1]


def visit(name: str, place: Path, notebooks_only: bool) -> tuple[bool, str, list[digits.Run]]:
    """Whether all passed on one processor, a line on it, and what notebooks and explorers said."""
    start, variables = time.monotonic(), environment(name)
    # As many threads as two cores have: more would wait for each other.
    processes = 2 // int(variables["OMP_NUM_THREADS"])
    pytest = ["-m", "pytest", "-q", "-n", str(processes), "--dist", "loadfile"]
    watched = variables | startup(place, place / "notebooks")
    # Emulated processors are slower than the times that pyproject grants a cell and a test.
    slow = ["--nbval-cell-timeout=900", "--timeout=960"]
    steps = [([*pytest, *slow, "--nbval", "notebooks"], watched)]
    (place / "explorers").mkdir()
    if not notebooks_only:
        sweep = place / "explorers" / "explorers.jsonl"
        steps.append((["tests/portable/sweep.py", str(sweep)], variables))
        # These hold sums against others to 1e-9 and better: real processors pass, one that does
        # not exist need not.
        if "ROUNDS_OTHERWISE" not in variables:
            steps.append(([*pytest, *slow, "-k", f"not {COMPILED}", *NUMERIC], variables))
    passed, lines = zip(*(run(words, each) for words, each in steps), strict=True)
    line = f"{name:20} {time.monotonic() - start:5.0f} s  {'; '.join(lines)}"
    numbers = [digits.read(place / kind) for kind in ("notebooks", "explorers")]
    return all(passed), line, numbers


def ignored() -> set[tuple[str, int]]:
    """Notebook and cell of the trainings, whose output nbval does not compare either."""
    return {
        (name_of(path.relative_to(ROOT)), number)
        for path in (ROOT / "notebooks").rglob("*.ipynb")
        for number, cell in enumerate(
            cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"
        )
        if "nbval-ignore-output" in cell["metadata"].get("tags", [])
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME")
    parser.add_argument("--notebooks", action="store_true", help="neither explorers nor unit tests")
    asked = parser.parse_args()
    chosen = [name for name in PROCESSORS if name.startswith(tuple(asked.only))]
    if not chosen:
        parser.error(f"choose of {', '.join(PROCESSORS)}")
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        for number, name in enumerate(chosen):
            found.append(visit(name, Path(temporary) / str(number), asked.notebooks))
            print(found[-1][1], flush=True)
    notebooks, explorers = (
        digits.compare(runs) for runs in zip(*(n for *_, n in found), strict=True)
    )
    trained = ignored()
    notebooks = [moved for moved in notebooks if moved.key[:2] not in trained]
    fragile = [moved for moved in notebooks if moved.is_fragile]
    noise = [moved for moved in explorers if moved.is_noise]
    print(f"notebooks: {len(notebooks)} numbers, {len(fragile)} may be printed otherwise elsewhere")
    print(f"explorers: {len(explorers)} numbers, {len(noise)} with digits that say nothing")
    for moved in fragile + noise:
        print(f"  {moved}")
    return 0 if all(passed for passed, *_ in found) and not fragile + noise else 1


if __name__ == "__main__":
    raise SystemExit(main())
