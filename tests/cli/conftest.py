import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aslp_lib.cli import main


@pytest.fixture
def aslp(capsys) -> Callable[..., str]:
    """Call a line as it is typed, and return what it prints, or its error if it is to fail."""

    def call(line: str, *, status: int = 0) -> str:
        capsys.readouterr()  # what earlier calls left
        try:
            ended = main(shlex.split(line))
        except SystemExit as stop:  # of tyro
            ended = stop.code
        printed, error = capsys.readouterr()
        assert ended == status, error
        return error if status else printed

    return call


@pytest.fixture
def written() -> Callable[[str], Any]:
    """Read a JSON file."""
    return lambda file: json.loads(Path(file).read_text(encoding="utf-8"))
