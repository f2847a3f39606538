"""Prepare DTD_Texture_500, from any folder: `python Dataset/Process_Texture_Dataset.py`."""

import sys
from pathlib import Path

from aslp_lib.cli import Textures, textures

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    default = Textures(
        HERE / "dtd", HERE / "Texture_Image_Names.txt", HERE / "Test" / "DTD_Texture_500"
    )
    try:
        textures(sys.argv[1:], default)
    except (OSError, ValueError) as error:
        raise SystemExit(f"error: {error}") from error
