"""The base class of the commands."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Self


class Command(ABC):
    """A command: a frozen dataclass whose fields are its flags and whose docstrings are its help.

    To add a command, write its dataclass in a new file and add it to `aslp_lib.cli.COMMANDS`.
    """

    every_process: ClassVar[bool] = False
    """True if all processes of a launch run the command, False if only the main process does."""

    @classmethod
    def defaults(cls, words: Sequence[str]) -> Self | None:
        """Return a command with the defaults of the flags, or None if the fields have them.

        Args:
            words: the command line, which may affect the defaults.
        """
        return None

    @abstractmethod
    def __call__(self) -> None:
        """Run the command.

        Raises:
            ValueError, OSError, RuntimeError: errors that a user can correct.
        """
