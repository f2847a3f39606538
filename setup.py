"""Pack the course's files, which lie outside the package, into wheel and sdist."""

import re
import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PACKED = Path("aslp_lib", "course", "material")
"""Folder of the wheel that holds them, see `aslp_lib.course.material`."""


def course_files() -> list[Path]:
    """List the files that `course-files` in pyproject.toml names."""
    patterns = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["aslp"]["course-files"]
    return [path for pattern in patterns for path in sorted(Path().glob(pattern))]


class BuildWithCourse(build_py):
    """Building of the package with copies of the course's files."""

    def run(self) -> None:
        """Copy the files; an editable installation uses them in their place."""
        super().run()
        for path in [] if self.editable_mode else course_files():
            copy = Path(self.build_lib, PACKED, path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)

    def get_source_files(self) -> list[str]:
        """List the files of the sdist."""
        return [*super().get_source_files(), *map(str, course_files())]


def description() -> str:
    """Read README.md without relative links, which lead nowhere on the page of a package."""
    text = Path("README.md").read_text(encoding="utf-8")
    return re.sub(r"!?\[([^]]*)\]\((?!https?:)[^)]*\)", r"\1", text)


setup(
    cmdclass={"build_py": BuildWithCourse},
    long_description=description(),
    long_description_content_type="text/markdown",
)
