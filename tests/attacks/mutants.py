"""Mutation testing: do the tests notice if a line of the library is wrong?

    python tests/attacks/mutants.py --count 100 --seed 0

Draws mutants of aslp, maps, methods, recalibration and metrics at random. Each changes one
expression or removes one statement. Tests run on it until one fails: the examples in the file's
docstrings, tests/FOLDER and tests/properties/test_FOLDER.py, the tests of the changed file first
and slow ones last. Processes are forked from this one, which has imported torch and the other
libraries of the tests.
mutants.toml lists equivalent mutants, which behave like the original; they are not drawn.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import importlib
import os
import random
import signal
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "aslp_lib"
FOLDERS = ("aslp", "maps", "methods", "recalibration", "metrics")
IMPORTED = "torch torchvision scipy.stats hypothesis sklearn torchmetrics accelerate tyro PIL.Image"
"""Imported once, before the processes are forked."""

PAIRS = (
    *((ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)),
    *((ast.In, ast.NotIn), (ast.And, ast.Or), (ast.Add, ast.Sub), (ast.Mult, ast.Div)),
    *((ast.BitAnd, ast.BitOr), (ast.LShift, ast.RShift), (ast.FloorDiv, ast.Mod)),
    *(("min", "max"), ("minimum", "maximum"), ("any", "all"), ("argmin", "argmax")),
    *(("ceil", "floor"), ("mean", "sum"), ("log1p", "expm1"), ("log", "exp")),
)
SWAPPED = {ast.Pow: ast.Mult} | {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}


class Mutant(NamedTuple):
    """A change of a file: the place of the old text in it, and the new text."""

    path: Path
    source: str
    start: int
    end: int
    new: str

    @property
    def code(self) -> str:
        """The source of the mutated file."""
        return self.source[: self.start] + self.new + self.source[self.end :]

    @property
    def key(self) -> tuple[str, str, str]:
        """The file, the line and the change, as in mutants.toml."""
        first = self.source.rfind("\n", 0, self.start) + 1
        line = self.source[first:].partition("\n")[0].strip()
        old = " ".join(self.source[self.start : self.end].split())
        return self.path.relative_to(PACKAGE).as_posix(), line, f"{old} -> {self.new}"

    @property
    def folder(self) -> str:
        return self.key[0].partition("/")[0]

    @property
    def diff(self) -> str:
        texts = (text.splitlines() for text in (self.source, self.code))
        return "\n".join(difflib.unified_diff(*texts, str(self.path), n=0, lineterm=""))


def changes(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each mutation of a node: the node that is replaced, and what replaces it."""

    def with_(**fields: object) -> tuple[ast.AST, ast.AST]:
        twin = copy.copy(node)
        vars(twin).update(fields)
        return node, twin

    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                yield with_(ops=[*ops[:i], SWAPPED[type(op)](), *ops[i + 1 :]])
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPPED:
            yield with_(op=SWAPPED[type(op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield node, operand
        case ast.Constant(value=bool(value)):
            yield with_(value=not value)
        case ast.Constant(value=int(value)):
            yield with_(value=value + 1)
            yield with_(value=value - 1)
        case ast.Constant(value=float(value)):
            yield with_(value=value + max(value, 1.0))
            if value:
                yield with_(value=-value)
        case ast.Call(func=func, keywords=keywords):
            kind = "id" if isinstance(func, ast.Name) else "attr"
            if (name := vars(func).get(kind)) in SWAPPED:
                renamed = copy.copy(func)
                setattr(renamed, kind, SWAPPED[name])
                yield with_(func=renamed)
            for i, keyword in enumerate(keywords):
                if keyword.arg:
                    yield with_(keywords=[*keywords[:i], *keywords[i + 1 :]])
        case ast.Slice():
            yield from (with_(**{end: None}) for end in ("lower", "upper") if vars(node)[end])
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, ast.UnaryOp(ast.Not(), test)
        case ast.comprehension(ifs=ifs):
            yield from ((test, ast.Constant(True)) for test in ifs)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield value, ast.Constant(None)
        case ast.Raise() | ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield node, ast.Pass()
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield node, ast.Pass()


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Every mutant of a file; types, documentation and text stay as they are."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)

    def offset(line: int, column: int) -> int:
        return len("".join(lines[: line - 1])) + len(lines[line - 1].encode()[:column].decode())

    def visit(node: ast.AST) -> Iterator[Mutant]:
        for old, new in changes(node):
            start = offset(old.lineno, old.col_offset)
            end = offset(old.end_lineno, old.end_col_offset)
            text = ast.unparse(ast.fix_missing_locations(new))
            needs_parentheses = not isinstance(old, ast.stmt | ast.Slice | ast.Constant)
            yield Mutant(path, source, start, end, f"({text})" if needs_parentheses else text)
        for name, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                is_text = isinstance(child, ast.JoinedStr) or not isinstance(child, ast.AST)
                if not is_text and name not in ("annotation", "returns"):
                    yield from visit(child)

    yield from visit(ast.parse(source))


class Order(NamedTuple):
    """A plugin of pytest that runs the tests of one file first and slow tests last."""

    file: str

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(
            key=lambda item: (bool(item.get_closest_marker("slow")), item.path.name != self.file)
        )


def start(folder: str, mutant: Mutant | None, limit: int) -> int:
    """Run the tests of a folder in a forked process, and return its number."""
    if process := os.fork():
        return process
    os.setsid()  # so that what the tests start can be ended with it
    signal.alarm(limit)
    sys.dont_write_bytecode = True
    torch.set_num_threads(1)  # torch was imported before main set OMP_NUM_THREADS
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    status = 1
    try:
        file = str(mutant.path) if mutant else ""
        load = SourceFileLoader.get_code
        SourceFileLoader.get_code = lambda loader, name: (
            compile(mutant.code, file, "exec") if loader.path == file else load(loader, name)
        )
        tests = [f"tests/{folder}", *map(str, Path("tests/properties").glob(f"test_{folder}.py"))]
        if mutant and ">>> " in mutant.source:
            examples = "tests/test_pages.py::test_examples_in_docstrings"
            tests.append(f"{examples}[{mutant.path.relative_to(ROOT).as_posix()}]")
        options = "-x -o addopts= -p no:cacheprovider -W ignore::pytest.PytestWarning"
        status = pytest.main([*options.split(), *tests], plugins=[Order(f"test_{Path(file).name}")])
    finally:
        os._exit(int(status))


def run(mutants: list[Mutant], limits: dict[str, int], jobs: int) -> Iterator[tuple[Mutant, str]]:
    """The mutants with "killed", "timed out" or "survived", as they end."""
    waiting, running = list(mutants), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[start(mutant.folder, mutant, limits[mutant.folder])] = mutant
        process, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGALRM:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)
        outcome = {0: "survived", -signal.SIGALRM: "timed out"}.get(code, "killed")
        yield running.pop(process), outcome


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="number of mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="a part of the path of the files to change")
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    # With a GPU, tests would spawn processes, which import the original, and not fork them.
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    paths = [path for folder in FOLDERS for path in sorted((PACKAGE / folder).rglob("*.py"))]
    every = [m for path in paths if asked.only in str(path) for m in mutants_of(path)]
    listed = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    equivalent = {(each["file"], each["line"], each["mutation"]) for each in listed["equivalent"]}
    if not asked.only:
        print("Entries of mutants.toml without a mutant:", equivalent - {m.key for m in every})
    every = [m for m in every if m.key not in equivalent]
    chosen = random.Random(asked.seed).sample(every, min(asked.count, len(every)))
    print(f"{len(chosen)} of {len(every)} mutants, seed {asked.seed}", flush=True)
    for module in IMPORTED.split():
        importlib.import_module(module)
    limits = {}
    for folder in sorted({mutant.folder for mutant in chosen}):
        begin = time.monotonic()
        _, status = os.waitpid(start(folder, None, 1800), 0)
        if status:
            raise SystemExit(f"the tests of {folder} fail without a mutant")
        limits[folder] = 30 + 5 * round(time.monotonic() - begin)
    outcomes: Counter[tuple[str, str]] = Counter()
    for mutant, outcome in run(chosen, limits, asked.jobs):
        outcomes[mutant.folder, outcome] += 1
        if outcome == "survived":
            print(f"{mutant.diff}\n", flush=True)
    for folder in limits:
        killed, late, alive = (outcomes[folder, x] for x in ("killed", "timed out", "survived"))
        died = (killed + late) / (killed + late + alive)
        print(f"{folder}: {killed} killed, {late} timed out, {alive} survived: {died:.1%} died")
    return int(any(outcome == "survived" for _, outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
