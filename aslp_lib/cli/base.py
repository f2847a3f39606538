"""What a command is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self


class Command(ABC):
    """A command: a frozen dataclass whose fields are its flags, and whose docstrings are its help.

    To add one, write its dataclass in a file of its own and name it in `aslp_lib.cli.COMMANDS`.
    """

    every_process: ClassVar[bool] = False
    """Whether all processes of a launch do it, or the main one alone."""

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self | None:
        """What the flags are that `words` do not give; None: as the fields say."""
        return None

    @abstractmethod
    def __call__(self) -> None:
        """Do it. Raises ValueError, OSError, RuntimeError on what a user can mend."""
