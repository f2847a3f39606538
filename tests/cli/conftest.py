from collections.abc import Callable
from contextlib import suppress

import pytest

from aslp_lib.cli import main


@pytest.fixture
def status(monkeypatch) -> Callable[[list[str]], int]:
    """The exit status of a command line: `main`'s own, or tyro's, which exits."""
    with suppress(ImportError):  # tyro 0.9 repeats the options that earlier calls did not know
        monkeypatch.setattr("tyro._argparse_formatter.global_unrecognized_arg_and_prog", [])

    def run(arguments: list[str]) -> int:
        try:
            return main(arguments)
        except SystemExit as stop:
            return stop.code

    return run
