"""What a notebook's kernel runs first: numbers are watched, and arithmetic may round otherwise.

`startup` writes it where IPython looks; the variables say what the kernel should do.
"""

from __future__ import annotations

import os
from pathlib import Path

TESTS = Path(__file__).parents[1]
START = f"""
import sys
sys.path.append({str(TESTS)!r})
from portable.kernel import install
install(get_ipython())
"""


def startup(folder: Path, numbers: Path) -> dict[str, str]:
    """Variables that make kernels write their numbers to a folder."""
    script = folder / "profile_default" / "startup" / "start.py"
    script.parent.mkdir(parents=True)
    script.write_text(START)
    numbers.mkdir()
    return {"IPYTHONDIR": str(folder), "PORTABLE_NUMBERS": str(numbers)}


def name_of(notebook: Path) -> str:
    """`04_adaptive_alpha`, or `solutions.04_adaptive_alpha`; the path is the project's own."""
    return ".".join(notebook.with_suffix("").parts[1:])


def install(shell) -> None:
    """Do in this kernel what the variables ask for."""
    from portable import digits

    # nbval starts a notebook's kernel while its first cell is being tested.
    notebook = name_of(Path(os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]))
    digits.watch_cells(shell, Path(os.environ["PORTABLE_NUMBERS"]) / f"{notebook}.jsonl")
    if seed := os.environ.get("ROUNDS_OTHERWISE"):
        from portable.rounding import RoundsOtherwise

        RoundsOtherwise(int(seed)).__enter__()
