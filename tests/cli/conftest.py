from collections.abc import Callable

import pytest

from aslp_lib.cli import main


@pytest.fixture
def status() -> Callable[[list[str]], int]:
    """The exit status of a command line: `main`'s own, or tyro's, which exits."""

    def run(arguments: list[str]) -> int:
        try:
            return main(arguments)
        except SystemExit as stop:
            return stop.code

    return run
