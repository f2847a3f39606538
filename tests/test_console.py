"""A command prints what its streams can take, and ends with a status and a line."""

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
    child = "import sys; print(); raise SystemExit(sys.stdout is None or sys.stderr is None)"
    subprocess.run([sys.executable, "-c", child], check=True)

sys.exit(console.run(command))
"""


def run(code: str, *flags: str, **options) -> subprocess.CompletedProcess:
    """Run Python code, with a buffer for its ASCII output unless the flags say otherwise."""
    search = {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment = {**os.environ, **search, "PYTHONUNBUFFERED": "", "PYTHONIOENCODING": "ascii"}
    return subprocess.run([sys.executable, *flags, "-c", code], env=environment, **options)


@pytest.mark.fault
@pytest.mark.parametrize("closed", [(), (1,), (2,), (1, 2)])
def test_printing_does_not_stop_a_command(elsewhere, closed):
    """A character that the encoding lacks is escaped; a closed stream (`2>&-`) gets nothing."""
    names = {1: "stdout", 2: "stderr"}
    streams = {names[number]: subprocess.PIPE for number in {1, 2}.difference(closed)}
    result = run(COMMAND, preexec_fn=lambda: [os.close(number) for number in closed], **streams)
    assert result.returncode == 0
    assert 1 in closed or b"m\\xe4ps \\xb1\n" in result.stdout
    assert 2 in closed or b"m\\xe4ps\n" in result.stderr
    assert (elsewhere / "file").read_text() == "content"


@pytest.mark.fault
@pytest.mark.parametrize("flags", [[], ["-u"]], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("end", ["None", "sys.exit()"])
def test_a_command_ends_quietly_when_the_reader_of_its_output_ends(flags, together, end):
    """The reader may end first, as in `main_ASLP.py | head -1`, with `2>&1` or `--help`, too."""
    reader, writer = os.pipe()
    os.close(reader)
    code = "import sys\nfrom aslp_lib import console\n"
    code += f"command = lambda: print('maps', file=sys.stderr) or print('maps') or {end}\n"
    code += "sys.exit(console.run(command))"
    result = run(code, *flags, stdout=writer, stderr=writer if together else subprocess.PIPE)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, None if together else b"maps\n")


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


def test_a_warning_about_the_data_is_a_note_without_a_line_of_code():
    """Other warnings, such as of outdated calls, still name the line."""
    code = """
import sys, warnings
from aslp_lib import console

def command():
    warnings.warn("no temperature minimises the NLL", RuntimeWarning)
    warnings.warn("outdated", FutureWarning)

sys.exit(console.run(command))
"""
    result = run(code, stderr=subprocess.PIPE, text=True)
    note, other, *_ = result.stderr.splitlines()
    assert result.returncode == 0 and note == "note: no temperature minimises the NLL"
    assert other.endswith("FutureWarning: outdated")
