"""The command `textures`."""

from dataclasses import dataclass
from pathlib import Path

from aslp_lib.cli.command import Command
from aslp_lib.data.textures import prepare_textures


@dataclass(frozen=True)
class Textures(Command):
    """Prepare the paper's 500 texture images of DTD, with masks that are all background.

    Examples:
      aslp textures --dtd dtd
      aslp textures --dtd dtd --target DIR/Test/DTD_Texture_500
    """

    dtd: Path
    """Folder of the unpacked Describable Textures Dataset."""
    names: Path = Path("Dataset/Texture_Image_Names.txt")
    """Text file with the file name of a texture on each line."""
    target: Path = Path("Dataset/Test/DTD_Texture_500")
    """Folder to make."""

    def __call__(self) -> None:
        number = prepare_textures(self.dtd, self.names, self.target)
        print(f"{number} textures in {self.target}")
