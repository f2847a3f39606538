"""What a command prints cannot make it fail, whatever its streams are."""

import os
import subprocess
import sys

import pytest

from aslp_lib import console

COMMAND = """
import subprocess, sys
from pathlib import Path
from tqdm import tqdm
from aslp_lib import console

def command():
    print("m\\u00e4ps \\u00b1")
    print("m\\u00e4ps", file=sys.stderr)
    list(tqdm([1]))
    Path("file").write_text("content")
    child = "import sys; raise SystemExit(sys.stdout is None or sys.stderr is None)"
    subprocess.run([sys.executable, "-c", child], check=True)

sys.exit(console.run(command))
"""


@pytest.mark.fault
@pytest.mark.parametrize("closed", [(), (1,), (2,), (1, 2)])
def test_printing_does_not_stop_a_command(elsewhere, closed):
    """A character that the encoding lacks is escaped; a closed stream (`2>&-`) gets nothing."""
    result = subprocess.run(
        [sys.executable, "-c", COMMAND],
        stdout=None if 1 in closed else subprocess.PIPE,
        stderr=None if 2 in closed else subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
        preexec_fn=lambda: [os.close(number) for number in closed],
    )
    assert result.returncode == 0
    assert 1 in closed or result.stdout == b"m\\xe4ps \\xb1\n"
    assert 2 in closed or b"m\\xe4ps\n" in result.stderr
    assert (elsewhere / "file").read_text() == "content"


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ValueError("bad: x"), 1, "error: bad: x\n"),
        (KeyboardInterrupt("go on so"), 130, "\nstopped; go on so\n"),
    ],
)
def test_a_mistake_is_a_line_and_a_status(capsys, error, status, told):
    def command():
        raise error

    assert console.run(command) == status
    assert told in capsys.readouterr().err
    with pytest.raises(KeyError):  # an error of ours is a traceback
        console.run(lambda: {}["x"])
