"""What a command imports: not what another one needs, which would take longer than the command."""

import subprocess
import sys

import pytest

HEAVY = ("torchvision", "matplotlib", "seaborn", "pandas", "scipy", "torch._dynamo")
RUN = """
import os, sys
from aslp_lib.cli import main

for command in sys.argv[1:]:
    if os.fork() == 0:
        try:
            status = main(command.split())
        except SystemExit as stop:  # of --help
            status = stop.code
        if "torch" in sys.modules:
            import aslp_lib.data.corrupted  # which needs nothing else
        print("imported", command, *sys.modules, sep="|")
        sys.exit(status)
    assert os.wait()[1] == 0, command
"""
"""Runs commands, each in a process that has imported what all commands need."""
SCORE = "score --maps Test/SOD/GT --masks Test/SOD/GT --out s.json --table t.md --no-weighted-f"
"""PySODMetrics, which computes the weighted F, needs SciPy."""
NEEDED = {
    "run --help": {"torch"},
    "textures --help": set(),
    "recalibrate --fit-maps Test/SOD/GT --fit-masks Test/SOD/GT": {"torch"},
    SCORE: set(),
    f"{SCORE} --report r.html": {"matplotlib"},
}
"""Command -> those of the heavy modules that it imports."""


@pytest.mark.slow
def test_a_command_imports_what_it_needs_alone(paper_root):
    words = [sys.executable, "-c", RUN, *NEEDED]
    result = subprocess.run(words, capture_output=True, text=True, cwd=paper_root)
    assert result.returncode == 0, result.stderr
    lines = [line.split("|") for line in result.stdout.splitlines() if line.startswith("imported|")]
    imported = {command: {"torch", *HEAVY}.intersection(rest) for _, command, *rest in lines}
    assert imported == NEEDED
    assert (paper_root / "s.json").exists() and (paper_root / "r.html").exists()
