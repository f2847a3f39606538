"""Prepare DTD_Texture_500, from any folder: `python Dataset/Process_Texture_Dataset.py`."""

import sys
from pathlib import Path

import tyro

from aslp_lib import console
from aslp_lib.cli.textures import Textures

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    textures = tyro.cli(
        Textures,
        default=Textures(
            HERE / "dtd", HERE / "Texture_Image_Names.txt", HERE / "Test" / "DTD_Texture_500"
        ),
    )
    sys.exit(console.run(textures))
