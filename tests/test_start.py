"""What a command imports: not what another one needs, which would take longer than the command."""

import json
import subprocess
import sys

import pytest

HEAVY = ("torchvision", "matplotlib", "seaborn", "pandas", "scipy", "torch._dynamo")
RUN = """
import json, os, sys
from aslp_lib.cli import main

for name, words in json.loads(sys.argv[1]).items():
    if os.fork() == 0:
        try:
            status = main(words)
        except SystemExit as stop:  # of --help
            status = stop.code
        if "torch" in sys.modules:
            import aslp_lib.data.corrupted  # which needs nothing else
        print("imported", name, *sys.modules)
        sys.exit(status)
    assert os.wait()[1] == 0, name
"""
"""Runs commands, each in a process that has imported what all commands need."""
MAPS = (
    *("score", "--maps", "Test/SOD/GT", "--masks", "Test/SOD/GT", "--out", "s.json"),
    *("--table", "t.md", "--no-weighted-f"),  # PySODMetrics needs SciPy
)
NEEDED = {
    "run": (("run", "--help"), {"torch"}),
    "textures": (("textures", "--help"), set()),
    "score": (MAPS, set()),
    "recalibrate": (
        ("recalibrate", "--fit-maps", "Test/SOD/GT", "--fit-masks", "Test/SOD/GT"),
        {"torch"},
    ),
    "report": ((*MAPS, "--report", "r.html"), {"matplotlib"}),
}
"""Name -> command, and those of the heavy modules that it imports."""


@pytest.mark.slow
def test_a_command_imports_what_it_needs_alone(paper_root):
    commands = json.dumps({name: words for name, (words, _) in NEEDED.items()})
    result = subprocess.run(
        [sys.executable, "-c", RUN, commands], capture_output=True, text=True, cwd=paper_root
    )
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("imported ")]
    imported = {name: {"torch", *HEAVY}.intersection(modules) for _, name, *modules in lines}
    assert imported == {name: needed for name, (_, needed) in NEEDED.items()}
    assert (paper_root / "s.json").exists() and (paper_root / "r.html").exists()
