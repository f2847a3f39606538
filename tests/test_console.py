"""What a command prints cannot make it fail, whatever its streams are."""

import os
import subprocess
import sys
from pathlib import Path

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
def test_a_command_goes_on_when_the_reader_of_its_output_ends(elsewhere, flags):
    """The reader may end first, as in `main_ASLP.py 2>&1 | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    assert run(COMMAND, *flags, stdout=writer, stderr=writer).returncode == 0
    assert (elsewhere / "file").read_text() == "content"
    os.close(writer)


@pytest.mark.fault
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_command_goes_on_when_the_disk_is_full_and_then_says_that_output_is_missing(elsewhere):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        result = run(COMMAND, stdout=full, stderr=subprocess.PIPE)
        assert run(COMMAND, stdout=subprocess.PIPE, stderr=full).returncode == 0
    assert result.returncode == 1
    assert b"error: standard output is incomplete (No space left on device)" in result.stderr
    assert (elsewhere / "file").read_text() == "content"


@pytest.mark.fault
@pytest.mark.parametrize("flags", [[], ["-u"]], ids=["buffered", "unbuffered"])
def test_output_waits_for_a_slow_reader_of_a_pipe_that_does_not_block(flags):
    """A program that shares a terminal or a pipe with ours may have switched blocking off."""
    code = "import os; from aslp_lib import console; os.set_blocking(1, False)\n"
    code += "console.run(lambda: print(1_000_000 * 'x'))"
    assert run(code, *flags, stdout=subprocess.PIPE).stdout == 1_000_000 * b"x" + b"\n"


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
