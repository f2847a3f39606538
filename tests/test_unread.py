"""No file without a reader: what is committed is imported, named somewhere, or found by a tool."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from aslp_lib.cli import COMMANDS

ROOT = Path(__file__).parents[1]
FOUND_BY_TOOLS = (
    r"tests/(.*/)?test_\w+\.py|(.*/)?conftest\.py",  # pytest
    r"(.*/)?__(init|main)__\.py",  # Python
    r"\.ci/run|\.gitignore|\.pre-commit-config\.yaml|Makefile|pyproject\.toml|CITATION\.cff",
    r"(.*/)?README\.md|CLAIMS\.md|LICENSE.*|aslp_lib/py\.typed",  # where one looks first
    r"notebooks/(solutions/)?\w+\.ipynb",  # the course; the README's list is a test's
    r"docs/api/[\w.]+\.md",  # the book, which takes all there are
)


@pytest.fixture(scope="module")
def committed():
    """Path -> text, None of a binary file; nothing of this machine's."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no clone: nobody says which files are the project's")
    texts = {}
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file():
            texts[name] = (
                None if path.suffix in (".png", ".npz", ".safetensors") else path.read_text()
            )
    return texts


def imports(name, text):
    """Modules that a file imports, or may: `from a import b` may name the module a.b."""
    if name.endswith(".ipynb"):
        cells = [c for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
        parts = ["".join(cell["source"]) for cell in cells]
    else:
        parts = [text]
    for part in parts:
        for node in ast.walk(ast.parse(part)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_module_of_the_library_is_used_by_more_than_its_test(committed):
    """Imported by the library, a notebook, a benchmark or a script; or named, to be called or for
    a reader's own code."""
    used = {f"aslp_lib.cli.{place.partition(':')[0]}" for place in COMMANDS.values()}
    for name, text in committed.items():
        if text and not name.startswith("tests/"):
            if name.endswith((".py", ".ipynb")):
                used |= {each for each in imports(name, text) if each.startswith("aslp_lib")}
            own = name.removesuffix(".py").replace("/", ".")
            for said in set(re.findall(r"aslp_lib(?:\.\w+)+", text)) - {own}:
                used |= {said, said.rpartition(".")[0]}
    for name in committed:
        if name.startswith("aslp_lib/") and name.endswith(".py"):
            module = name.removesuffix(".py").replace("/", ".")
            if not module.endswith(("__init__", "__main__")):
                assert module in used, name


def test_every_other_file_is_named_by_one(committed):
    for name in committed:
        if name.startswith("aslp_lib/") and name.endswith(".py"):
            continue
        if any(re.fullmatch(kind, name) for kind in FOUND_BY_TOOLS):
            continue
        stem = (
            Path(name).stem if name.endswith((".py", ".csv", ".safetensors")) else Path(name).name
        )
        word = re.compile(rf"(?<![\w-]){re.escape(stem)}(?!\w)")
        own = (n for n, text in committed.items() if n != name and text and word.search(text))
        assert next(own, None), f"nothing names {name}: delete it, or say who reads it"


def test_a_file_that_nothing_names_would_be_found():
    texts = {"docs/lost.md": "alone", "README.md": "see lostandfound"}
    with pytest.raises(AssertionError, match=r"nothing names docs/lost\.md"):
        test_every_other_file_is_named_by_one(texts)
