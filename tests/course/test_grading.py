"""A class is graded: marks by hand, hints, and hand-ins that attack whoever grades them."""

import csv
import io
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from itertools import cycle
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from aslp_lib.course.exercises import EXERCISES, Verdict, framework, sc_bce
from aslp_lib.course.grade import __main__ as batch
from aslp_lib.course.grade import answers, confinement, tables, values
from aslp_lib.course.grade.answers import Processes, verdict
from aslp_lib.course.grade.handins import Cell
from aslp_lib.course.grade.tables import Graded, Student
from aslp_lib.course.publishing.solutions import solutions

NUMBERS = [name for name, exercise in EXERCISES.items() if not exercise.arguments]
FUNCTIONS = [name for name, exercise in EXERCISES.items() if exercise.arguments]
LIBRARY = Path(confinement.__file__).parents[2]


@pytest.fixture(scope="module")
def processes():
    with Processes() as started:
        if started.lacking:
            pytest.skip(f"not guarded here, for want of {started.lacking}")
        yield started


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(answers, "SECONDS", 3.0)
    monkeypatch.setattr(framework, "SECONDS", 2.0)


def ask(processes, code, name="03/floor", before=()):
    return verdict(processes, EXERCISES[name], Cell("a.ipynb", code, before), math.inf)


def write(path, cells):
    """Exercise -> code, as a notebook of the course has it."""
    code = [f'{each}\nexercises.check("{name}", answer)' for name, each in cells.items()]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(each) for each in code]), path)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
class TestAnAnswer:
    @pytest.mark.parametrize("name", EXERCISES)
    def test_every_solution_is_right(self, processes, name):
        assert ask(processes, EXERCISES[name].solution, name).kind == "right"

    @pytest.mark.parametrize(
        "answer",
        [
            "0.3251",
            "'0.3251'",
            "'32.51 %'",
            "__import__('fractions').Fraction(3251, 10000)",
            "__import__('numpy').float32(0.3251)",
            "__import__('torch').tensor([0.3251], requires_grad=True)",
            "__import__('sympy').Rational(3251, 10000)",
            "[0.3251]",
            "0.33",
            "0.9 / 0",
            "0.47",
            "...",
            "None",
            "True",
            "1j",
            "b'1'",
            "[1, 2]",
            "[[1], [2, 3]]",
            "'nearly all'",
            "float('nan')",
            "10**400",
            "'1e999999999'",
            "{}",
        ],
    )
    def test_numbers_are_told_what_a_notebook_tells_them(self, processes, answer):
        space = {}
        try:
            exec(f"answer = {answer}", space)
        except ZeroDivisionError:
            told = ask(processes, f"answer = {answer}")
            assert told.kind == "unusable"
            assert "The cell raised ZeroDivisionError: " in told.text
            return
        here = EXERCISES["03/floor"].check(space["answer"])
        there = ask(processes, f"answer = {answer}")
        assert there.kind == here.kind
        if "things" not in here.text and "list" not in here.text:
            assert there.text == here.text

    @pytest.mark.parametrize(
        "body",
        [
            "b * ((y - 0.5) * z).mean((1, 2))",
            "(b * ((y - 0.5) * z).mean((1, 2))).tolist()",
            "__import__('torch').tensor(b * ((y - 0.5) * z).mean((1, 2)))",
            "2 * b * ((y - 0.5) * z).mean((1, 2))",
            "b * ((y - 0.5) * z).mean((1, 2)) + 1",
            "b * ((y - 0.5) * z).mean() * __import__('numpy').ones(len(z))",
            "b * ((y - 0.5) * z).mean((1, 2)) * 1.01",
            "b * z",
            "1.0",
            "...",
            "'all'",
            "1 / 0",
            "z.__setitem__(0, 1)",
            "z * float('nan')",
            "lambda: 1",
            "exit()",
        ],
    )
    def test_functions_are_told_what_a_notebook_tells_them(self, processes, body):
        code = f"def answer(z, y, b):\n    return {body}"
        space = {"__builtins__": __builtins__}
        exec(code, space)
        here = EXERCISES["03/ascent"].check(space["answer"])
        there = ask(processes, code, "03/ascent")
        assert there == here

    def test_a_cell_stands_alone_but_for_imports_that_it_uses(self, processes):
        before = ("x = 0.3251\nimport math as m, json", "%magic", "import nothing_such", "def f(")
        assert ask(processes, "answer = 0.3251 * m.cos(0)", before=before).kind == "right"
        said = ask(processes, "answer = x", before=before).text
        assert "raised NameError: name 'x' is not defined" in said
        assert "It is run by itself" in said

    def test_what_is_checked_is_the_answer_under_whatever_name(self, processes):
        code = 'floor, answer = 0.3251, 5\nexercises.check("03/floor", floor)\nprint(undefined)'
        assert ask(processes, code).kind == "right"
        assert "sets no `answer`" in ask(processes, "floor = 0.3251").text

    def test_time_that_is_over_before_it_began(self, processes):
        cell = Cell("a.ipynb", "answer = 0.3251", ())
        found = verdict(processes, EXERCISES["03/floor"], cell, time.monotonic())
        assert found.kind == "unusable" and "took too long" in found.text


def tried(code):
    """A cell whose answer is how an attempt ended."""
    lines = "\n    ".join(code.splitlines())
    return (
        "import os, resource, signal, socket, subprocess, sys, threading\nanswer = 'done'\n"
        f"try:\n    {lines}\nexcept BaseException as error:\n    answer = type(error).__name__"
    )


@pytest.mark.slow
@pytest.mark.fault(
    "a handed-in answer reaches for files, processes, the network or the answers",
    "the system refuses it, and the answer is no answer",
)
@pytest.mark.parametrize(
    ("code", "ended"),
    [
        ("os.fork()", "PermissionError"),
        ("subprocess.run(['true'])", "PermissionError"),
        ("os.execv('/bin/true', ['true'])", "PermissionError"),
        ("threading.Thread(target=print).start()", "RuntimeError"),
        # Signal 0 asks for permission alone: a gap in the guard must not end who runs the tests.
        ("os.kill(os.getppid(), 0)", "PermissionError"),
        ("os.kill(-1, 0)", "PermissionError"),
        ("os.killpg(0, 0)", "PermissionError"),
        ("os.pidfd_open(os.getppid())", "PermissionError"),
        ("resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0))", "PermissionError"),
        ("resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))", "ValueError"),
        ("os.setpriority(os.PRIO_PGRP, 0, 19)", "PermissionError"),
        # A file's owner gets its signals from the kernel; the null device's are never sent.
        ("import fcntl; fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())", "PermissionError"),
        ("import fcntl; fcntl.fcntl(0, 15, bytes(8))", "PermissionError"),  # F_SETOWN_EX
        ("import fcntl; fcntl.ioctl(0, 0x8901, bytes(4))", "PermissionError"),  # FIOSETOWN
        ("import fcntl; fcntl.ioctl(0, 0x8902, bytes(4))", "PermissionError"),  # SIOCSPGRP
        ("import fcntl; fcntl.fcntl(0, fcntl.F_GETFL)", "done"),
        ("socket.socket()", "PermissionError"),
        ("socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)", "PermissionError"),
        ("open(HAND_IN).read()", "PermissionError"),
        ("os.listdir(os.path.dirname(HAND_IN))", "PermissionError"),
        ("open(HAND_IN, 'w')", "PermissionError"),
        ("open('/dev/null', 'w').write('x')", "done"),
        ("open('mine', 'w')", "PermissionError"),
        ("os.mkdir('mine')", "PermissionError"),
        ("os.symlink(HAND_IN, 'mine')", "PermissionError"),
        ("os.remove(HAND_IN)", "PermissionError"),
        ("os.rename(HAND_IN, HAND_IN + '2')", "PermissionError"),
        ("os.truncate(HAND_IN, 0)", "PermissionError"),
        ("os.chmod(HAND_IN, 0)", "PermissionError"),
        ("os.chown(HAND_IN, 1, 1)", "PermissionError"),
        ("os.utime(HAND_IN)", "PermissionError"),
        ("os.setxattr(HAND_IN, 'user.x', b'')", "PermissionError"),
        ("open('/etc/passwd')", "PermissionError"),
        ("open(f'/proc/{os.getppid()}/mem', 'r+b')", "PermissionError"),
        ("open(f'/proc/{os.getppid()}/environ')", "PermissionError"),
        ("open(LIBRARY + '/aslp/theory.py').read()", "done"),
        ("open(LIBRARY + '/course/exercises/sc_bce.py').read()", "PermissionError"),
        ("from aslp_lib.course.exercises import EXERCISES", "ImportError"),
        ("import aslp_lib.course.exercises.framework as f; f.Verdict = 1", "ModuleNotFoundError"),
        ("del sys.modules['aslp_lib.course.exercises']\n"
         "import aslp_lib.course.exercises", "PermissionError"),
        ("del sys.modules['aslp_lib.course.exercises']\n"
         "import aslp_lib.course.grade.answers", "PermissionError"),
        ("import aslp_lib.course.publishing.solutions", "ImportError"),
        ("bytearray(10**11)", "MemoryError"),
        ("all = []\nwhile True: all.append(bytearray(10**7))", "MemoryError"),
        ("import mmap; mmap.mmap(-1, 2**31)", "OSError"),
        ("os.memfd_create('x')", "PermissionError"),
        ("[os.pipe() for _ in range(100)]", "OSError"),
        ("raise SystemExit", "SystemExit"),
        ("raise SystemError", "SystemError"),
    ],
)  # fmt: skip
def test_what_an_answer_tries_is_refused(processes, tmp_path, code, ended):
    hand_in = tmp_path / "other.ipynb"
    hand_in.write_text("theirs")
    before = hand_in.lstat()
    names = f"HAND_IN, LIBRARY = {str(hand_in)!r}, {str(LIBRARY)!r}\n"
    found = ask(processes, names + tried(code))
    assert (found.kind, found.text.split(", ")[0]) == ("unusable", f"That is '{ended}'")
    after = hand_in.lstat()
    assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
    assert hand_in.read_text() == "theirs"
    assert ask(processes, "answer = 0.3251").kind == "right"


@pytest.mark.slow
def test_what_an_answer_finds_in_its_process_is_nothing_of_the_user_s(processes, monkeypatch):
    found = ask(processes, "import os\nanswer = os.environ['HOME'] + ' ' + ' '.join(os.environ)")
    home, *names = re.match("That is '(.*)', not a number", found.text)[1].split()
    assert "aslp-answers-" in home
    assert not {"USER", "PWD", "SHELL", "PYTEST_CURRENT_TEST"} & set(names)
    code = "import gc\nanswer = sum('Exercise' in type(each).__name__ for each in gc.get_objects())"
    assert ask(processes, f"{code}\nanswer = str(answer) + ' found'").text.startswith(
        "That is '0 found'"
    )


ENDED, LONG = "It ended its own process", "took too long"
SWAMPED = "It sent "


@pytest.mark.slow
@pytest.mark.fault(
    "a handed-in answer never ends, crashes, or sends what is no answer",
    "it is ended in seconds, and no answer; the next one is graded as ever",
)
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("while True: pass", LONG),
        ("import time\ntime.sleep(1e6)", LONG),
        ("while True:\n    try:\n        while True: pass\n    except BaseException: pass", LONG),
        ("class A:\n    def __float__(self):\n        while True: pass\nanswer = A()", LONG),
        ("import signal\nsignal.pause()", LONG),
        ("import os\nos._exit(0)", ENDED),
        ("import sys\nsys.exit()", "The cell raised SystemExit"),
        ("import ctypes\nctypes.string_at(0)", ENDED),
        ("import os\nos.abort()", ENDED),
        ("import os\nos.close(3)\nos.closerange(0, 99)\nanswer = 0.3251", ENDED),
        ("print('x' * 10**8)\nanswer = 0.47", "Not yet."),
        ("import os\n"
         "for each in range(3, 64):\n"
         "    try: os.write(each, b'right 0.3251 ' * 10**6)\n"
         "    except OSError: pass", SWAMPED),
        ("import os\n"
         "for each in range(3, 64):\n"
         "    try: os.write(each, b'[\"right\"]\\n')\n"
         "    except OSError: pass\n"
         "while True: pass", SWAMPED),
        ("import os\n"
         "for each in range(3, 64):\n"
         "    try: os.write(each, b'[' * 10**5 + b'\\n')\n"
         "    except OSError: pass\n"
         "while True: pass", SWAMPED),
        ("import numpy\nanswer = numpy.zeros(10**7)", "of type ndarray"),
        ("answer = []\nanswer.append(answer)", "of type list"),
        ("answer = 'x' * 10**8", "not a number"),
        ("raise type('x' * 10**7, (Exception,), {})('y' * 10**7)", "The cell raised xxx"),
        ("class A(Exception):\n    def __str__(self): raise self\nraise A", "The cell raised A."),
        ("raise ValueError('\\x1b[2J\\n\\u202e<b>')", r"ValueError: \x1b[2J\n\u202e<b>."),
        ("((" * 5000 + "))" * 5000, "The cell raised"),
        ("answer = '\\ud800'", "not a number"),
        ("\ud800", "The cell raised UnicodeEncodeError"),
        ("\0", "The cell raised"),
        ("%matplotlib inline\nanswer = 0.3251", "The cell raised SyntaxError"),
    ],
)  # fmt: skip
def test_what_an_answer_does_to_its_process_ends_there(processes, hurried, code, said):
    found = ask(processes, code)
    assert said in found.text
    assert found.text.isprintable() and len(found.text) < 1000
    assert ask(processes, "answer = 0.3251").kind == "right"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("while True: pass", "stopped after 2 seconds"),
        ("import os; os._exit(0)", ENDED),
        ("raise type('=cmd()', (Exception,), {})('\\n')", r"raised =cmd(): \n"),
        ("global calls; calls += 1\n    return [9e307, -9e307][calls % 2]", "Not yet."),
    ],
)
def test_nor_does_a_function_do_more(processes, hurried, body, said):
    code = f"calls = 0\ndef answer(*point):\n    {body}"
    assert said in ask(processes, code, "01/oe").text
    assert ask(processes, EXERCISES["01/oe"].solution, "01/oe").kind == "right"


@pytest.mark.slow
@pytest.mark.fault("what starts the answers' processes is ended", "`make grade` stops, and says so")
def test_without_its_processes_it_says_so():
    with Processes() as own, pytest.raises(RuntimeError, match="no process for answers starts"):
        with own.one():
            own._parent.send_signal(signal.SIGSTOP)  # so that it ends with a message unread
            threading.Timer(0.3, own._parent.kill).start()
        ask(own, "answer = 0.3251")


@pytest.fixture
def folder(tmp_path):
    """Of two students, one right and one wrong, on notebook 03."""
    made = tmp_path / "class"
    made.mkdir()
    nbformat.write(solutions(sc_bce), made / "ann.ipynb")
    wrong = {
        "03/confidence": "answer = 1 - 0.2 * 1.5",  # alpha * beta, not half of it
        "03/floor": "answer = 0.33",  # 0.3251: too few digits
        "03/variance": "answer = ...",
        "03/ascent": "def answer(z, y, b):\n    return b * (z * (y - 0.5)).sum((1, 2))",
        "03/minimiser": "def answer(p, a, b):\n    return 0.4",
    }
    write(made / "bob" / "03.ipynb", wrong)
    return made


MARKS = {
    "ann.ipynb": {
        "03/confidence": ("right", 1, 1),
        "03/floor": ("right", 1, 1),
        "03/variance": ("right", 1, 1),
        "03/ascent": ("right", 3, 3),
        "03/minimiser": ("right", 3, 3),
    },
    "bob": {
        "03/confidence": ("mistake", 0, 1),
        "03/floor": ("close", 0.5, 1),
        "03/variance": ("open", 0, 1),
        "03/ascent": ("mistake", 0, 3),
        "03/minimiser": ("wrong", 0, 3),
    },
}
"""Worked out by hand."""


def of_03(table):
    """Student -> exercise -> verdict, marks, of how many."""
    found = {}
    for row in table:
        if row["exercise"].startswith("03/"):
            told = (row["verdict"], float(row["marks"]), int(row["of"]))
            found.setdefault(row["student"], {})[row["exercise"]] = told
    return found


@pytest.mark.slow
def test_a_class(folder, capsys):
    assert batch.main([str(folder), "03", "03"]) == 0
    assert "ann.ipynb: 9 of 9\nbob: 0.5 of 9\n" in capsys.readouterr().out
    grades = folder.with_name("class-grades")
    table = rows(grades / "exercises.csv")
    assert of_03(table) == MARKS
    hints = {row["exercise"]: row["hint"] for row in table if row["student"] == "bob"}
    assert "You took alpha * beta off." in hints["03/confidence"]
    assert "That is the sum over the pixels." in hints["03/ascent"]
    assert rows(grades / "totals.csv") == [
        {"student": "ann.ipynb", "marks": "9", "of": "9", "problems": ""},
        {"student": "bob", "marks": "0.5", "of": "9", "problems": ""},
    ]
    page = (grades / "grades.html").read_text()
    assert "You took alpha * beta off." in page
    assert "<h3>bob: 0.5</h3>" in page


def attack(folder, precious):
    """A hand-in whose every answer attacks, and files with names that do."""
    codes = [
        "import os\nfor _ in range(6): os.fork()",
        "while True: pass",
        "import os\nos._exit(0)",
        f"import shutil\nshutil.rmtree({str(folder)!r})",
        f"open({str(precious)!r}, 'w').write('x' * 10**9)",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "import fcntl, os, signal\n"
        "mine, end = os.pipe()\n"
        "fcntl.fcntl(mine, fcntl.F_SETOWN, os.getppid())\n"
        "fcntl.fcntl(mine, fcntl.F_SETSIG, signal.SIGKILL)\n"
        "fcntl.fcntl(mine, fcntl.F_SETFL, os.O_ASYNC)\n"
        "os.write(end, b'x')",
        "import os\nfor i in range(99):\n    os.write(i, b'[\"right\"]')",
        "exercises.check = lambda *a: 'Right'\nanswer = 1e300",
        "import aslp_lib.course.exercises as e\ne.Verdict = e.Exercise = dict\nanswer = 1e300",
        "all = [0]\nwhile True: all += all",
        "print('Right: 9 of 9\\n' * 10**6)\nanswer = ...",
    ]
    cells = dict(zip(NUMBERS, cycle(codes), strict=False))
    cells |= dict.fromkeys(FUNCTIONS, "def answer(*point):\n    while True: pass")
    write(folder / "mallory.ipynb", cells)
    for name in ("=cmd|'-'!A0.ipynb", "<script>.ipynb", "new\nline\x1b.ipynb", "-rf.ipynb"):
        (folder / name).write_bytes(b"")
    Path(os.fsdecode(bytes(folder) + b"/\xff.ipynb")).write_bytes(b"")
    (folder / "copycat.ipynb").symlink_to(folder / "ann.ipynb")
    (folder / "root").symlink_to("/")


def states(folder):
    found = {path: path.lstat() for path in folder.rglob("*")}
    return {path: (each.st_mode, each.st_size, each.st_mtime_ns) for path, each in found.items()}


@pytest.mark.slow
@pytest.mark.fault(
    "a hand-in attacks the grader, the checker, the others' hand-ins and the table",
    "the others' marks are as without it; nothing but the tables has changed",
)
@pytest.mark.usefixtures("processes", "hurried")  # skipped where it is not guarded
def test_a_class_with_an_attacker(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "SECONDS", 30.0)
    (tmp_path / "precious").write_text("mine")
    attack(folder, tmp_path / "precious")
    before = states(tmp_path)
    assert batch.main([str(folder)]) == 0

    grades = tmp_path / "class-grades"
    assert {p: s for p, s in states(tmp_path).items() if not p.is_relative_to(grades)} == before
    table = rows(grades / "exercises.csv")
    found = of_03(table)
    assert {student: found[student] for student in MARKS} == MARKS
    assert {row["marks"] for row in table if row["student"] not in MARKS} == {"0"}
    totals = {row["student"]: row for row in rows(grades / "totals.csv")}
    assert totals.keys() == {
        *MARKS, "mallory.ipynb", "'=cmd|'-'!A0.ipynb", "<script>.ipynb", r"new\nline\x1b.ipynb",
        "'-rf.ipynb", r"\udcff.ipynb", "copycat.ipynb", "root",
    }  # fmt: skip
    assert "links are not followed" in totals["copycat.ipynb"]["problems"]
    assert "it is no JSON" in totals["<script>.ipynb"]["problems"]
    page = (grades / "grades.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page and "<script" not in page


class Unguarded:
    """Where nothing has to be run."""

    lacking = ("Landlock, so answers can read",)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass


@pytest.mark.fault("the kernel cannot guard the grader", "said first, and in the report")
def test_what_is_not_guarded_is_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    monkeypatch.setattr(batch, "Processes", Unguarded)
    assert batch.main([str(tmp_path / "class")]) == 0
    said = "Not guarded, as it is missing here: Landlock, so answers can read."
    assert said in capsys.readouterr().err
    assert said in (tmp_path / "class-grades" / "grades.html").read_text()


OLD = """
import platform
from pathlib import Path
from aslp_lib.course.grade import confinement

class Old:
    def __getattr__(self, name):
        return getattr(libc, name)

    def syscall(self, *_):
        return -1

libc, confinement._LIBC = confinement._LIBC, Old()
platform.machine = lambda: "riscv64"
print(*confinement.confine(Path("/nowhere")), sep="\\n")
"""


def test_an_old_kernel_or_another_processor_is_named():
    run = subprocess.run([sys.executable, "-c", OLD], capture_output=True, text=True)
    assert run.stderr == ""
    files, processes = run.stdout.splitlines()
    assert files.startswith("Landlock, so answers can read")
    assert processes.endswith("so answers can start processes")


@pytest.mark.fault("a student's name or answer is a spreadsheet's formula", "it stays text")
def test_tables_hold_text_as_text(tmp_path):
    exercise = EXERCISES["03/floor"]
    said = Verdict("wrong", "\t@SUM(1)\n<b>&" + "x" * 1000)
    student = Student("+1", (Graded(exercise, said, " =x\r.ipynb"),), ("-2: a link",))
    tables.write_tables(tmp_path, [student], ["Not guarded: <x>."])
    (row,) = rows(tmp_path / "exercises.csv")
    assert (row["student"], row["file"]) == ("'+1", r"' =x\r.ipynb")
    assert row["hint"] == r"\t@SUM(1)\n<b>&" + "x" * 1000
    (total,) = rows(tmp_path / "totals.csv")
    assert (total["marks"], total["of"], total["problems"]) == ("0", "1", "'-2: a link")
    page = (tmp_path / "grades.html").read_text()
    assert "Not guarded: &lt;x&gt;." in page
    assert r"\t@SUM(1)\n&lt;b&gt;&amp;" in page


@pytest.mark.fault("`make grade` of no folder, or of a notebook without exercises", "says so")
def test_what_cannot_be_graded_is_told_in_a_line(tmp_path, capsys):
    assert batch.main([str(tmp_path / "none")]) == 1
    assert "none is no folder" in capsys.readouterr().err
    assert batch.main([str(tmp_path), "00"]) == 1
    assert "no notebook '00' has exercises: there are 01, 02" in capsys.readouterr().err
    assert batch.main([str(tmp_path)]) == 1
    assert "there is nothing in" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.fault("the grades cannot be written", "said before anything is graded")
def test_grades_that_cannot_be_written_are_told_first(tmp_path, monkeypatch, capsys):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    (tmp_path / "class-grades").touch()
    monkeypatch.delattr(batch, "Processes")
    assert batch.main([str(tmp_path / "class")]) == 1
    assert "the table cannot be written" in capsys.readouterr().err


def test_a_name_that_cannot_be_printed_is_graded(tmp_path, monkeypatch):
    (tmp_path / "class" / "müll").mkdir(parents=True)
    monkeypatch.setattr(batch, "Processes", Unguarded)
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, "ascii", write_through=True))
    assert batch.main([str(tmp_path / "class")]) == 0
    assert printed.getvalue().startswith(b"m\\xfcll: 0 of")
    assert "müll" in (tmp_path / "class-grades" / "totals.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_value_whatever_stops_a_check(name):
    exercise = EXERCISES[name]
    for extremes in ([1e308, -1e308], [0.0], [5e-324, -1e308]):
        turns = cycle(extremes)

        def answer(*point, turns=turns):
            return np.full(np.shape(exercise.right(*point)), next(turns))

        with np.errstate(all="ignore"):  # as `verdict` does
            found = exercise.check(answer)
        assert found.kind in ("mistake", "wrong")


@pytest.mark.parametrize(
    "data",
    [None, 1, "x", [], {}, ["number"], ["number", "1"], ["number", 1], ["array", [2], [1.0]],
     ["array", ["x"], [1.0]], ["array", [1], [{}]], ["array", [1] * 99, [1.0]], ["text", 1],
     ["other", "a\0b\ud800", 1], ["right"], ["array", [1], [[1], [2, 3]]]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_answer_s_data_is_unreadable(data):
    with pytest.raises(values.Unreadable):
        values.to_answer(data, print)


@pytest.mark.parametrize(
    "value", [0.1, 1e-300, -1e300, np.pi, np.array([[0.1, 2.0]]), np.zeros((0, 3)), "x", None, ...]
)
def test_answers_cross_without_a_change(value):
    data = json.loads(json.dumps(values.from_answer(value)))
    found = values.to_answer(data, print)
    assert type(found) is type(value)
    assert np.array_equal(found, value)


def test_points_cross_without_a_change():
    for exercise in EXERCISES.values():
        for point in exercise.grid:
            found = values.to_point(json.loads(json.dumps(values.from_point(point))))
            assert len(found) == len(point)
            for there, here in zip(found, point, strict=True):
                assert type(there) is type(here)
                assert np.array_equal(there, here)
                assert not isinstance(here, np.ndarray) or not there.flags.writeable
