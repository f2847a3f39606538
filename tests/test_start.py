"""What a command imports: not what another one needs, which would take longer than the command."""

import subprocess
import sys

import pytest

HEAVY = ("torchvision", "matplotlib", "seaborn", "pandas", "scipy", "torch._dynamo")
RUN = """
import sys
from aslp_lib.cli import main
try:
    status = main(sys.argv[1:])
except SystemExit as stop:  # of --help
    status = stop.code
print("imported", *sys.modules)
sys.exit(status)
"""


def imported(arguments, folder):
    result = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, cwd=folder
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.splitlines()[-1].split())


MAPS = (
    *("score", "--maps", "Test/SOD/GT", "--masks", "Test/SOD/GT", "--out", "s.json"),
    *("--table", "t.md", "--no-weighted-f"),  # PySODMetrics needs SciPy
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (("run", "--help"), {"torch"}),
        (("textures", "--help"), set()),
        (MAPS, set()),
        ((*MAPS, "--report", "r.html"), {"matplotlib"}),
    ],
    ids=["run", "textures", "score", "report"],
)
def test_a_command_imports_what_it_needs_alone(paper_root, arguments, needed):
    assert imported(arguments, paper_root) & {"torch", *HEAVY} == needed
    assert (paper_root / "s.json").exists() == ("--out" in arguments)
    assert (paper_root / "r.html").exists() == ("--report" in arguments)
