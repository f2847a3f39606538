"""Every number that a notebook formats, in full precision, and how near its text is to another.

A watched kernel keeps what `f"{value:.2f}"` was given, in the notebook's cells and in
`aslp_lib`; its output stays as it is. Runs on several processors then show by how much a number
moves, and whether it could move enough to be printed otherwise.
"""

from __future__ import annotations

import ast
import builtins
import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path

SAFETY = 5
"""A text must survive this many times the movement that was seen."""

Key = tuple[str, int, int]
"""Notebook, cell (from 0), and which of the cell's numbers."""

Run = dict[Key, tuple[float, str]]
"""The numbers of one run: value and format."""


class _Watched(ast.NodeTransformer):
    """Passes the value of each `{value:spec}` through `__watched__`."""

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.FormattedValue:
        self.generic_visit(node)
        call = ast.Call(
            ast.Name("__watched__", ast.Load()),
            [node.value, node.format_spec or ast.Constant("")],
            [],
        )
        node.value = ast.copy_location(call, node.value)
        return ast.fix_missing_locations(node)


def watch(found: Callable[[float, str], None]) -> None:
    """Call `found(value, spec)` for each floating-point number that aslp_lib formats after this."""

    def watched(value, spec):
        # NumPy's and torch's scalars too, but no counts, which have no digits to lose.
        kind = type(value).__name__ if not hasattr(value, "dtype") else str(value.dtype)
        if "float" in kind and getattr(value, "ndim", 0) == 0:
            found(float(value), spec)
        return value

    def get_code(loader, name):
        if name.split(".")[0] != "aslp_lib":
            return plain(loader, name)
        path = loader.get_filename(name)
        tree = _Watched().visit(ast.parse(loader.get_data(path), path))
        return compile(tree, path, "exec")

    plain, SourceFileLoader.get_code = SourceFileLoader.get_code, get_code
    builtins.__watched__ = watched


def watch_cells(shell, path: Path) -> None:
    """Watch aslp_lib and a kernel's cells, and add the numbers of each cell to a file as JSON."""
    cell: list[tuple[float, str]] = []

    def keep(result) -> None:
        with path.open("a") as file:
            file.write(json.dumps(cell) + "\n")
        cell.clear()

    watch(lambda value, spec: cell.append((value, spec)))
    shell.ast_transformers.append(_Watched())
    shell.events.register("post_run_cell", keep)


def read(folder: Path) -> Run:
    """What one run wrote: its numbers, and how they were formatted."""
    return {
        (path.stem, cell, number): tuple(each)
        for path in sorted(folder.glob("*.jsonl"))
        for cell, line in enumerate(path.read_text().splitlines())
        for number, each in enumerate(json.loads(line))
    }


@dataclass(frozen=True)
class Moved:
    """How far a number moved between runs.

    Args:
        texts: what the runs printed.
        value, spec: the first run's, and how it was formatted.
        spread: the largest value less the smallest; infinite if not all runs have this number.
    """

    key: Key
    texts: tuple[str, ...]
    value: float
    spec: str
    spread: float

    @property
    def digit(self) -> float:
        """What one step of the last digit shown is worth."""
        text = self.texts[0].strip()
        decimals = len(text.rstrip("%").partition(".")[2]) + 2 * text.endswith("%")
        return 10.0**-decimals

    @property
    def is_fragile(self) -> bool:
        """Whether its text would not survive `SAFETY` times the movement seen."""
        by = SAFETY * self.spread
        return by > 0 and format(self.value - by, self.spec) != format(self.value + by, self.spec)

    @property
    def is_noise(self) -> bool:
        """Whether its last digit says nothing: it moved by more than that."""
        return self.spread > 1.01 * self.digit

    def __str__(self) -> str:
        where, cell, number = self.key
        return (
            f"{where} cell {cell}, number {number}: {' '.join(self.texts)} "
            f"(moved by {self.spread:.1e})"
        )


def compare(runs: Sequence[Run]) -> list[Moved]:
    """How far each number moved between the runs."""
    seen = defaultdict(list)
    for run in runs:
        for key, each in run.items():
            seen[key].append(each)
    found = []
    for key, each in seen.items():
        values, specs = zip(*each, strict=True)
        everywhere = len(each) == len(runs) and len(set(specs)) == 1
        spread = max(values) - min(values) if everywhere else math.inf
        texts = tuple(dict.fromkeys(format(v, s) for v, s in each))
        found.append(Moved(key, texts, values[0], specs[0], spread))
    return found
