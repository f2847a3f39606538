"""A data folder as a laboratory hands it over: cells in the paper's layout, with planted faults."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image

from aslp_lib.course.lessons.own_data.microscopy import MIDDLE, SCALE, Cells
from aslp_lib.maps.read import read_map

CROPS = 5
"""Number of images of each patient."""


def hand_over(root: Path, train: Cells, test: Cells) -> None:
    """Write images as `Train/lab` and `Test/lab`, named by patient and number, with faults.

    The first training image has no mask, the mask of the second is twice as large as its image, and
    the first test image is a copy of the third training image. If the number of training images is
    no multiple of `CROPS`, one patient has images in both sets.

    Args:
        root: the new folder.
        train, test: the images to write; the masks are 1 for a cell, 0 for background, and 255
            where there is no label.
    """
    number = 0
    for name, cells in {"Train": train, "Test": test}.items():
        grey = (255 * (MIDDLE + SCALE * cells.images[:, 0])).round().byte().numpy()
        for picture, mask in zip(grey, cells.masks[:, 0].numpy(), strict=True):
            file = f"patient{number // CROPS + 1}_{number + 1:02}.png"
            _save(root / name / "lab" / "Image" / file, picture)
            _save(root / name / "lab" / "GT" / file, mask)
            number += 1
    images, masks = (sorted((root / "Train/lab" / kind).iterdir()) for kind in ("Image", "GT"))
    masks[0].unlink()
    _save(masks[1], read_map(masks[1]).repeat(2, axis=0).repeat(2, axis=1))
    min((root / "Test/lab/Image").iterdir()).write_bytes(images[2].read_bytes())


def check_data(root: Path, *options: str) -> str:
    """Run the command `check-data` on a folder, and return its lines, wrapped, without the root."""
    command = [sys.executable, "-m", "aslp_lib", "check-data", str(root), *options]
    printed = subprocess.run(command, capture_output=True, text=True).stdout
    lines = printed.replace(f"{root}/", "").replace(f"{root}", root.name).splitlines()
    wrap = textwrap.TextWrapper(76, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(map(wrap.fill, lines))


def _save(path: Path, pixels: np.ndarray) -> None:
    """Write an 8-bit greyscale PNG, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
