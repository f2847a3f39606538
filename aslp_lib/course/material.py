"""Where the course's files outside the package are: notebooks, pages, records and examples.

A clone has them in its root. The wheel has copies of those that `course-files` in pyproject.toml
names, in the folder `material` beside this file (see setup.py).
"""

from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
PACKED = Path(__file__).with_name("material")
ROOT = PACKED if PACKED.is_dir() else PACKAGE.parent
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "benchmarks" / "results"


def course_files() -> Iterator[tuple[str, Path]]:
    """Yield the name of each file, relative to the root, and its path.

    Raises:
        FileNotFoundError: the files are missing.
    """
    if not NOTEBOOKS.is_dir():
        raise FileNotFoundError(
            f"the course is not in {ROOT}; expected the folder notebooks. Install aslp-lib from "
            "its wheel, or from a clone."
        )
    if ROOT == PACKED:
        paths = (path for path in PACKED.rglob("*") if path.is_file())
    else:
        import tomllib

        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        patterns = project["tool"]["aslp"]["course-files"]
        paths = (path for pattern in patterns for path in ROOT.glob(pattern))
    yield from ((path.relative_to(ROOT).as_posix(), path) for path in paths)
