"""The commands of the course: `course`, `check`, `student` and `assignments`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from aslp_lib.cli.command import Command


@dataclass(frozen=True)
class Course(Command):
    """Copy the course into a folder of your own, and open it in JupyterLab.

    Examples:
      aslp course                                       the copies are in my-course
      aslp course DIR --full --no-open                  with outputs; only copy
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")] = Path(
        "my-course"
    )
    """Folder of the copies. They are made once, and what you change in them is kept."""
    full: bool = False
    """Keep the outputs, which show the answers to the questions."""
    open: bool = True
    """Open the first notebook in JupyterLab."""

    def __call__(self) -> None:
        from aslp_lib.course.publishing import copies, environment

        if problem := environment.packages_problem():
            raise RuntimeError(f"packages of the course are {problem}")
        for message in copies.copy_course(self.folder, self.full):
            print(message)
        print(self.folder)
        if self.open:
            sys.exit(copies.open_lab(self.folder))


@dataclass(frozen=True)
class Check(Command):
    """Check whether this machine and this environment can run the course.

    Examples:
      aslp check
    """

    def __call__(self) -> None:
        from aslp_lib.course.publishing import environment

        print(environment.check_environment())
        if any(environment.problems().values()):
            raise RuntimeError("not ready: correct what is not ok")
        print("Optional:", *environment.optional(), "ready", sep="\n")


@dataclass(frozen=True)
class Student(Command):
    """Pack the course for students: without outputs, without solutions.

    Examples:
      aslp student
      aslp student class.zip
    """

    archive: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="ARCHIVE")] = Path(
        "aslp-student.zip"
    )
    """Archive to write."""

    def __call__(self) -> None:
        from aslp_lib.course.publishing import student

        student.pack(self.archive)
        print(self.archive)


@dataclass(frozen=True)
class Assignments(Command):
    """Write nbgrader's source of the assignments, made from the exercises, to grading/source.

    Examples:
      aslp assignments
    """

    def __call__(self) -> None:
        from aslp_lib.course.publishing import assignments

        for message in assignments.write_assignments():
            print(message)
        print(assignments.GRADING)
