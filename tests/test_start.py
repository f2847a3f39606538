"""What a command imports: not what another one needs, which would take longer than the command."""

import subprocess
import sys

import pytest
from PIL import Image

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


@pytest.fixture
def scored(tmp_path):
    """A folder with a map and its mask."""
    for name in ("maps", "SOD/GT"):
        (tmp_path / name).mkdir(parents=True)
        picture = Image.new("L", (30, 20))
        picture.paste(255, (5, 5, 15, 15))
        for stem in "ab":
            picture.save(tmp_path / name / f"{stem}.png")
    return tmp_path


MAPS = (
    *("score", "--maps", "maps", "--masks", "SOD/GT", "--out", "s.json", "--table", "t.md"),
    "--no-weighted-f",  # PySODMetrics needs SciPy
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
def test_a_command_imports_what_it_needs_alone(scored, arguments, needed):
    assert imported(arguments, scored) & {"torch", *HEAVY} == needed
    assert (scored / "s.json").exists() == ("--out" in arguments)
    assert (scored / "r.html").exists() == ("--report" in arguments)
