"""The command `textures`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aslp_lib.cli.base import Command
from aslp_lib.data.textures import prepare_textures


@dataclass(frozen=True)
class Textures(Command):
    """Prepare the paper's 500 textures of DTD, with all-background masks."""

    dtd: Path
    """The unpacked Describable Textures Dataset."""
    names: Path = Path("Dataset/Texture_Image_Names.txt")
    """One file name a line."""
    target: Path = Path("Dataset/Test/DTD_Texture_500")
    """The folder to make."""

    def __call__(self) -> None:
        made = prepare_textures(self.dtd, self.names, self.target)
        print(f"{made} textures in {self.target}")
