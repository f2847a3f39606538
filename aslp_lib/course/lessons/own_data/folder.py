"""The folder of the lesson: the reader's own, or one that is written as a laboratory hands it over.

The laboratory's folder holds the embedded crops of nuclei in the documented layout, with maps of
its network.
"""

import atexit
import shutil
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from aslp_lib.course import recorded
from aslp_lib.course.figures import pictures
from aslp_lib.course.figures.panels import outline
from aslp_lib.evaluation.figures.style import plain
from aslp_lib.maps.listing import find_images
from aslp_lib.maps.read import read_image, read_map
from aslp_lib.maps.write import to_npy
from aslp_lib.prediction.predict import predicted_maps


def new_folder() -> Path:
    """Create a temporary folder, which is removed when Python ends."""
    place = Path(mkdtemp())
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


@cache
def laboratory() -> tuple[Path, Path]:
    """Write the laboratory's folder, and return it and the folder of its network's maps.

    Files are named by field of view and number, such as `field007_03`. The lists divide the crops
    of `Train/nuclei` between training and validation as in the course. Maps are float32
    probabilities of the shipped BCE network, of the validation and the test crops.
    """
    place = new_folder()
    root, maps = place / "laboratory", place / "maps"
    maps.mkdir(parents=True)
    settings = recorded.settings_of("nuclei")
    data, network = settings.load_data(), recorded.load("bce", "nuclei")
    sets: dict[str, Any] = {
        "Train": data.train,
        "Validation": data.validation,
        "Test": data.tests["test"],
    }
    for part, crops in sets.items():
        fields = pd.Series(crops.groups)
        numbers = fields.groupby(fields).cumcount() + 1
        stems = [f"field{field:03}_{n:02}" for field, n in zip(fields, numbers, strict=True)]
        folder = root / ("Test" if part == "Test" else "Train") / "nuclei"
        for stem, image, mask in zip(stems, crops.crops, crops.labels, strict=True):
            _save(folder / "Image" / f"{stem}.png", image)
            _save(folder / "GT" / f"{stem}.png", 255 * (mask > 0).astype(np.uint8))
        if part != "Test":
            (root / f"{part}.txt").write_text("\n".join(stems) + "\n", encoding="utf-8")
        if part != "Train":
            predicted = predicted_maps(network, crops, settings, {"f": None}, floats=True)
            for index, by_name in predicted:
                (maps / f"{stems[index]}.npy").write_bytes(to_npy(by_name["f"]))
    return root, maps


def folder(path: str | Path | None) -> Path:
    """Return the folder of the reader, or without one that of the laboratory."""
    return laboratory()[0] if path is None else Path(path).expanduser()


def check_data(root: Path, ignore_index: int | None = None) -> str:
    """Run the command `check-data` on a folder, and return its lines, wrapped, without the root."""
    options = [] if ignore_index is None else ["--ignore-index", str(ignore_index)]
    command = [sys.executable, "-m", "aslp_lib", "check-data", str(root), *options]
    printed = subprocess.run(command, capture_output=True, text=True).stdout
    lines = printed.replace(f"{root}/", "").replace(f"{root}", root.name).splitlines()
    wrap = textwrap.TextWrapper(76, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(map(wrap.fill, lines))


def files(root: Path, pattern: str) -> dict[str, Path]:
    """Find the images of all folders of a pattern, by their stems."""
    places = sorted(root.glob(pattern))
    return {stem: path for place in places for stem, path in find_images(place).items()}


def pairs(root: Path) -> Figure:
    """Show eight training images, and below them with the outlines of their masks.

    The images are evenly spaced in the order of their names.
    """
    images, masks = files(root, "Train/*/Image"), files(root, "Train/*/GT")
    matched = sorted(images.keys() & masks)
    some = matched[:: max(1, len(matched) // 8)][:8]
    photographs = [read_image(images[stem]) / 255 for stem in some]
    rows = {"image": photographs, "with its mask": photographs}
    figure = pictures(rows, "Below, with the outline of its mask.", [plain(x, 14) for x in some])
    for axis, stem in zip(figure.axes[len(some) :], some, strict=True):
        if (mask := read_map(masks[stem])).any():
            outline(axis, mask > 0)
    return figure


def _save(path: Path, pixels: np.ndarray) -> None:
    """Write an 8-bit greyscale PNG, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
