"""Mutation testing: would the tests notice if a line of the library were wrong?

    python tests/attacks/mutants.py                     # the sample, by its seed
    python tests/attacks/mutants.py --only metrics      # of files whose path holds the word
    python tests/attacks/mutants.py --all --again FILE  # what survived in the results FILE

Each mutant changes one place of one file: a comparison, an operator, a constant, an argument. It is
written into a copy of the package, and the tests of that file run on the copy until one fails.
torch and the tests' other libraries are imported once; a process is forked for each mutant. Mutants
that change nothing that a caller can see stand in mutants.toml, with the reason, and those that are
always in the sample; an entry that matches no mutant any more is an error.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import copy
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "aslp_lib"
LISTED = Path(__file__).with_name("mutants.toml")
JOBS = 2

TESTS = {
    "aslp/alphas.py": [
        *("aslp/test_alphas.py", "methods/test_adaptive.py", "properties/test_aslp.py"),
    ],
    "aslp/loss.py": ["aslp/test_loss.py", "properties/test_aslp.py"],
    "aslp/perturbation.py": [
        *("aslp/test_perturbation.py", "aslp/test_loss.py"),
        *("properties/test_aslp.py", "methods/test_methods.py"),
    ],
    "aslp/rules.py": ["aslp/test_alphas.py", "properties/test_aslp.py"],
    "aslp/sharing.py": ["aslp/test_sharing.py"],
    "aslp/theory.py": [
        *("aslp/test_perturbation.py", "aslp/test_loss.py"),
        "properties/test_aslp.py",
    ],
    "methods/": [
        *("methods/test_focal.py", "methods/test_label_smoothing.py", "methods/test_adaptive.py"),
        *("methods/test_flsd_53.py", "methods/test_fixed_level.py", "methods/test_mixup.py"),
        *("test_config.py", "methods/test_methods.py"),
    ],
    **{
        f"methods/{name}.py": [f"methods/test_{name}.py", "methods/test_methods.py"]
        for name in (
            *(
                "fixed_level",
                "disturb_label",
                "mbls",
                "svls",
                "flsd_53",
                "brier",
                "ml1_ace",
                "mmce",
            ),
            *("confidence_penalty", "mixup", "degraded_views", "ema", "early_stopping"),
        )
    },
    "methods/regmixup.py": ["methods/test_mixup.py", "methods/test_methods.py"],
    "methods/kept.py": ["methods/test_early_stopping.py", "methods/test_ema.py"],
    "recalibration/": [
        *("recalibration/test_base.py", "recalibration/test_temperature.py"),
        *("recalibration/test_logistic.py", "recalibration/test_isotonic.py"),
        *("recalibration/test_histogram.py", "recalibration/test_two_temperatures.py"),
        *("recalibration/test_density.py", "recalibration/test_flip.py"),
        *("recalibration/test_per_image.py", "recalibration/test_degraded_temperature.py"),
        *("properties/test_recalibration.py", "recalibration/test_recalibrated_run.py"),
    ],
    "metrics/calibration.py": [
        *("metrics/test_calibration.py", "metrics/test_records.py", "properties/test_metrics.py"),
    ],
    "metrics/saliency.py": [
        *("metrics/test_saliency.py", "metrics/test_records.py", "properties/test_metrics.py"),
    ],
    "metrics/structure.py": ["metrics/test_saliency.py", "properties/test_metrics.py"],
    "metrics/bootstrap.py": ["metrics/test_bootstrap.py"],
    "metrics/smooth.py": ["metrics/test_smooth.py", "properties/test_metrics.py"],
    "metrics/accumulator.py": ["metrics/test_accumulator.py", "properties/test_metrics.py"],
    "metrics/truth.py": ["metrics/test_truth.py", "properties/test_metrics.py"],
    "metrics/score.py": [
        *("metrics/test_records.py", "metrics/test_saliency.py", "metrics/test_bootstrap.py"),
    ],
    "metrics/": ["metrics", "properties/test_metrics.py"],
}
"""The tests of a file, or of a folder's other files; those that most likely fail first."""

HEAVY = (
    *("torch", "torchvision.ops", "torchvision.io", "torchvision.transforms.v2", "numpy", "pytest"),
    *("scipy.optimize", "scipy.integrate", "scipy.stats", "hypothesis"),
    *("sklearn.isotonic", "sklearn.linear_model", "sklearn.metrics"),
    *("torchmetrics.classification", "matplotlib.pyplot", "accelerate", "tyro", "PIL.Image"),
)
"""Imported once, before the forks."""

LIMIT = 20.0
"""Seconds that a mutant's tests may take beyond five times what they take unchanged."""


@dataclass(frozen=True)
class Mutant:
    """One change: in which file, the text of its line, and `before -> after` of the expression."""

    file: str
    line: str
    mutation: str
    number: int
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.line, self.mutation


# --- Mutators: a node -> changed copies of it ---------------------------------------------------

SWAPPED: dict[type, type] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Div, ast.Mod: ast.Mult, ast.Pow: ast.Mult},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift},
}
RENAMED = {
    **{"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"},
    **{"any": "all", "all": "any", "argmin": "argmax", "argmax": "argmin", "ceil": "floor"},
    **{"mean": "sum", "sum": "mean", "MAX": "MIN", "log1p": "log", "round": "floor"},
}


def changed(node: ast.AST) -> Iterator[ast.AST | None]:
    """Every mutated copy of this node itself; None removes a statement."""

    def with_(**fields: object) -> ast.AST:
        twin = copy.deepcopy(node)
        for name, value in fields.items():
            setattr(twin, name, value)
        return twin

    match node:
        case ast.Compare(ops=ops):
            for i, op in enumerate(ops):
                if swap := SWAPPED.get(type(op)):
                    yield with_(ops=[*ops[:i], swap(), *ops[i + 1 :]])
        case ast.BinOp(op=op) | ast.BoolOp(op=op) if swap := SWAPPED.get(type(op)):
            yield with_(op=swap())
        case ast.AugAssign(op=op):
            if swap := SWAPPED.get(type(op)):
                yield with_(op=swap())
            yield None
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield with_(value=not value)
        case ast.Constant(value=int(value)):
            yield with_(value=value + 1)
            yield with_(value=value - 1)
        case ast.Constant(value=float(value)):
            yield with_(value=value + 1)
            if value:
                yield with_(value=-value)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield with_(value=ast.Constant(None))
        case ast.Call(func=func, keywords=keywords):
            for i in range(len(keywords)):
                yield with_(keywords=[*keywords[:i], *keywords[i + 1 :]])
            if isinstance(func, ast.Name) and func.id in RENAMED:
                yield with_(func=ast.Name(RENAMED[func.id]))
        case ast.Attribute(attr=attr) if attr in RENAMED:
            yield with_(attr=RENAMED[attr])
        case ast.Slice(lower=lower, upper=upper):
            if lower is not None:
                yield with_(lower=None)
            if upper is not None:
                yield with_(upper=None)
        case ast.arguments(defaults=defaults, kw_defaults=kw_defaults):
            if defaults:
                yield with_(defaults=defaults[1:])
            for i, default in enumerate(kw_defaults):
                if default is not None:
                    yield with_(kw_defaults=[*kw_defaults[:i], None, *kw_defaults[i + 1 :]])
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            if not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
                yield with_(test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=ifs) if ifs:
            yield with_(ifs=[])
        case ast.Expr(value=value) if not isinstance(value, ast.Constant):
            yield None
        case ast.Raise():
            yield None
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield None


def _left_out(node: ast.Call | ast.arguments, mutated: ast.AST) -> str:
    """The keyword or default that `mutated` lacks."""
    if isinstance(node, ast.Call):
        (keyword,) = {ast.unparse(k) for k in node.keywords} - {
            ast.unparse(k) for k in mutated.keywords
        }
        return f"argument {keyword}"
    for one, other in (
        *zip(node.kwonlyargs, mutated.kw_defaults, strict=True),
        *zip(reversed(node.args), [*reversed(mutated.defaults), None], strict=False),
    ):
        if other is None and (one in node.args or _default(node, one) is not None):
            return f"default of {one.arg}"
    raise AssertionError(ast.unparse(node))


def _default(node: ast.arguments, argument: ast.arg) -> ast.expr | None:
    return node.kw_defaults[node.kwonlyargs.index(argument)]


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def mutants_of(file: str, source: str) -> list[Mutant]:
    """All mutants of a module, in the order of the lines. What only types or documents is left."""
    tree, lines, found = ast.parse(source), source.splitlines(), []
    seen: Counter[tuple[str, str]] = Counter()

    def add(node: ast.AST, put: Callable[[object], None], line: int) -> None:
        """The mutants of a node, which `put` sets in its place."""
        for mutated in changed(node):
            before = " ".join(ast.unparse(node).split())
            after = "" if mutated is None else " ".join(ast.unparse(mutated).split())
            if isinstance(node, ast.If | ast.While | ast.IfExp):  # not all that stands inside
                before, after = (f"if {ast.unparse(each.test)}" for each in (node, mutated))
            if isinstance(node, ast.Call | ast.arguments) and len(after) < len(before):
                before, after = _left_out(node, mutated), ""
            put(ast.Pass() if mutated is None else mutated)
            text = ast.unparse(ast.fix_missing_locations(tree))
            put(node)
            where, mutation = lines[line - 1].strip(), f"{before} -> {after or 'nothing'}"
            seen[where, mutation] += 1
            if (again := seen[where, mutation]) > 1:
                mutation += f" ({again})"
            found.append(Mutant(file, where, mutation, line, text))

    def walk(node: ast.AST, line: int) -> None:
        line = getattr(node, "lineno", line)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "type_params"):
                continue
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                continue
            items = value if isinstance(value, list) else [value]
            for i, item in enumerate(items):
                if not isinstance(item, ast.AST) or isinstance(item, ast.expr_context):
                    continue

                def put(new: object, i: int = i, name: str = name, value: object = value) -> None:
                    if isinstance(value, list):
                        value[i] = new
                    else:
                        setattr(node, name, new)

                here = getattr(item, "lineno", line)
                if not isinstance(item, ast.ImportFrom | ast.Import):
                    add(item, put, here)
                    walk(item, here)

    walk(tree, 1)
    return sorted(found, key=lambda mutant: mutant.number)


# --- Which mutants --------------------------------------------------------------------------------


def every_mutant() -> list[Mutant]:
    """Of all files under test."""
    rooms = (ROOT / PACKAGE / room for room in ("methods", "recalibration", "metrics"))
    files = sorted(file for room in rooms for file in room.rglob("*.py"))
    return [
        mutant
        for file in files
        for mutant in mutants_of(
            file.relative_to(ROOT / PACKAGE).as_posix(), file.read_text(encoding="utf-8")
        )
    ]


def listed(kind: str, mutants: list[Mutant]) -> dict[tuple[str, str, str], str]:
    """Keys -> why, of mutants.toml. Raises ValueError where an entry is no mutant (any more)."""
    entries = tomllib.loads(LISTED.read_text(encoding="utf-8")).get(kind, [])
    keys, there = {}, {mutant.key for mutant in mutants}
    for entry in entries:
        key = entry["file"], entry["line"], entry["mutation"]
        if key not in there:
            raise ValueError(f"{LISTED.name}, {kind}: there is no such mutant: {key}")
        keys[key] = entry["why"]
    return keys


def sample(mutants: list[Mutant], share: float, seed: int, known: set) -> list[Mutant]:
    """A share of each file's mutants, 5 or more, and those that are always in.

    They are drawn by a hash of what they change: a line that comes or goes leaves the rest drawn.
    """

    def lot(mutant: Mutant) -> str:
        return hashlib.sha256(repr((seed, mutant.key)).encode()).hexdigest()

    chosen: set[tuple[str, str, str]] = set(known)
    for file in {mutant.file for mutant in mutants}:
        own = sorted((m for m in mutants if m.file == file), key=lot)
        chosen |= {m.key for m in own[: max(5, round(share * len(own)))]}
    return [mutant for mutant in mutants if mutant.key in chosen]


def tests_of(file: str) -> list[str]:
    """The longest entry of TESTS that the file's path begins with."""
    entry = max((each for each in TESTS if file.startswith(each)), key=len)
    return [path for each in TESTS[entry] if (path := f"tests/{each}") and (ROOT / path).exists()]


# --- Running --------------------------------------------------------------------------------------


def run_tests(package: Path, tests: list[str], limit: float) -> tuple[str, float]:
    """Run tests on a package in a fork: "killed", "timed out" or "survived", and the seconds."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()  # with its own children, so that all of it can be ended
            code = _in_child(package, tests)
        except BaseException:  # on the way to pytest, or out of it
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    while time.monotonic() - started < limit:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            outcome = "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
            return outcome, time.monotonic() - started
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out", time.monotonic() - started


def _in_child(package: Path, tests: list[str]) -> int:
    import pytest

    log = os.open(package.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(PYTHONPATH=str(package.parent), PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    sys.path[0] = str(package.parent)
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    arguments = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *tests]
    return int(pytest.main(arguments))


def work(mutants: list[Mutant], limits: dict[str, float], done) -> None:
    """Of one process: each mutant in a copy of the package of its own."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / PACKAGE
        copy_package(package)
        for mutant in mutants:
            path = package / mutant.file
            before = path.read_text(encoding="utf-8")
            path.write_text(mutant.source, encoding="utf-8")
            for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
                compiled.unlink()  # in the same second and of the same length it would be taken
            tests = tests_of(mutant.file)
            outcome, seconds = run_tests(package, tests, limits[mutant.file])
            path.write_text(before, encoding="utf-8")
            done.put((mutant, outcome, seconds))


def copy_package(target: Path) -> None:
    shutil.copytree(ROOT / PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(target, quiet=2)
    beside = ("README.md", "docs", "pyproject.toml", "tests", "notebooks")  # as tests expect
    for file in beside:
        (target.parent / file).symlink_to(ROOT / file)


def limits_of(mutants: list[Mutant]) -> dict[str, float]:
    """How long each file's tests may take. Raises RuntimeError where they fail as things are."""
    limits: dict[str, float] = {}
    by_tests: dict[tuple[str, ...], float] = {}
    with tempfile.TemporaryDirectory() as folder:
        copy_package(Path(folder) / PACKAGE)
        for file in sorted({mutant.file for mutant in mutants}):
            tests = tests_of(file)
            if tuple(tests) not in by_tests:
                outcome, seconds = run_tests(Path(folder) / PACKAGE, tests, 600)
                if outcome != "survived":
                    log = (Path(folder) / "log").read_text(encoding="utf-8")[-3000:]
                    raise RuntimeError(f"{tests} fail without a mutant:\n{log}")
                by_tests[tuple(tests)] = seconds
                print(f"{seconds:5.1f} s  {' '.join(tests)}", flush=True)
            limits[file] = LIMIT + 5 * by_tests[tuple(tests)]
    return limits


def run(mutants: list[Mutant], jobs: int) -> Iterator[tuple[Mutant, str, float]]:
    """Outcomes as they come."""
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in HEAVY:
        importlib.import_module(name)
    limits, context = limits_of(mutants), get_context("fork")
    done = context.Queue()
    workers = [
        context.Process(target=work, args=(mutants[i::jobs], limits, done)) for i in range(jobs)
    ]
    for worker in workers:
        worker.start()
    for _ in mutants:
        yield done.get()
    for worker in workers:
        worker.join()


def table(results: list[dict]) -> str:
    """Counts by file, and of those that are not equivalent the share that died."""
    columns = ("killed", "timed out", "survived", "equivalent")
    rows = ["| file | mutants | killed | timed out | survived | equivalent | died |"]
    rows.append("|---|--:|--:|--:|--:|--:|--:|")
    files = sorted({each["file"] for each in results})
    for file in [*files, "all"]:
        own = [each["outcome"] for each in results if file in (each["file"], "all")]
        counted = Counter(own)
        of = len(own) - counted["equivalent"]
        died = (counted["killed"] + counted["timed out"]) / of if of else 1
        cells = [file, len(own), *(counted[column] for column in columns), f"{100 * died:.1f} %"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    asked.add_argument("--only", nargs="+", default=[""], help="parts of the files' paths")
    asked.add_argument("--all", action="store_true", help="every mutant, not a sample")
    asked.add_argument("--share", type=float, default=0.15, help="of each file's mutants")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--jobs", type=int, default=JOBS)
    asked.add_argument("--out", type=Path, help="write each outcome as a line of JSON")
    asked.add_argument("--again", type=Path, help="only what survived in such a file")
    options = asked.parse_args()

    mutants = every_mutant()
    equivalent, known = listed("equivalent", mutants), listed("known", mutants)
    total = len(mutants)
    if not options.all:
        mutants = sample(mutants, options.share, options.seed, set(known))
    mutants = [mutant for mutant in mutants if any(each in mutant.file for each in options.only)]
    if options.again:
        lines = map(json.loads, options.again.read_text(encoding="utf-8").splitlines())
        keys = {(e["file"], e["line"], e["mutation"]) for e in lines if e["outcome"] == "survived"}
        mutants = [mutant for mutant in mutants if mutant.key in keys]
    print(f"{len(mutants)} of {total} mutants, seed {options.seed}", flush=True)

    results = [
        {**asdict(m), "outcome": "equivalent", "seconds": 0} for m in mutants if m.key in equivalent
    ]
    alive = [mutant for mutant in mutants if mutant.key not in equivalent]
    for mutant, outcome, seconds in run(alive, options.jobs) if alive else ():
        results.append({**asdict(mutant), "outcome": outcome, "seconds": round(seconds, 1)})
        if outcome == "survived":
            print(
                f"{mutant.file}:{mutant.number}: {mutant.line}\n    {mutant.mutation}", flush=True
            )
        if options.out:
            kept = ({k: v for k, v in each.items() if k != "source"} for each in results)
            options.out.write_text("".join(f"{json.dumps(each)}\n" for each in kept))
    print(table(results))
    return int(any(each["outcome"] == "survived" for each in results))


if __name__ == "__main__":
    raise SystemExit(main())
