"""The folder of the lesson: the reader's own, or one that is written as a laboratory hands it over.

The laboratory's folder holds the embedded crops of nuclei in the documented layout, with maps of
its network. A copy of a few crops has planted faults.
"""

import atexit
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Collection
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from typing import cast

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from aslp_lib.course import recorded
from aslp_lib.course.figures import pictures
from aslp_lib.data.image_set import ImageSet
from aslp_lib.data.nuclei import Nuclei
from aslp_lib.evaluation.figures.style import PINK, plain
from aslp_lib.maps.listing import MAP_SUFFIXES, find_images
from aslp_lib.maps.read import read_image, read_map
from aslp_lib.maps.slabs import open_map, open_mask
from aslp_lib.maps.write import to_npy
from aslp_lib.prediction.predict import predicted_maps
from aslp_lib.recalibration import Temperature


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
    sets = {"Train": data.train, "Validation": data.validation, "Test": data.tests["test"]}
    for part, of_part in sets.items():
        crops = cast(Nuclei, of_part)
        stems = _stems(crops)
        for stem, image, mask in zip(stems, crops.crops, crops.labels, strict=True):
            folder = root / ("Test" if part == "Test" else "Train") / "nuclei"
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


def faulty_folder() -> Path:
    """Write twelve crops of the laboratory, with five faults, and return the folder.

    The first training crop has no mask, the mask of the second is twice as large as its image, and
    the first test crop is a copy of the third training crop. The masks of the fourth and the fifth
    are exchanged, and crops of the last field of the training set are also in the test set.
    """
    source, root = laboratory()[0], new_folder() / "copy"
    stems = sorted(find_images(source / "Test/nuclei/Image"))
    for part, some in {"Train": stems[10:18], "Test": stems[18:22]}.items():
        for kind in ("Image", "GT"):
            (root / part / "lab" / kind).mkdir(parents=True)
            for stem in some:
                name = f"{kind}/{stem}.png"
                shutil.copy(source / "Test/nuclei" / name, root / part / "lab" / name)
    images, masks = (sorted((root / "Train/lab" / kind).iterdir()) for kind in ("Image", "GT"))
    masks[0].unlink()
    _save(masks[1], read_map(masks[1]).repeat(2, axis=0).repeat(2, axis=1))
    min((root / "Test/lab/Image").iterdir()).write_bytes(images[2].read_bytes())
    fourth, fifth = masks[3].read_bytes(), masks[4].read_bytes()
    masks[3].write_bytes(fifth)
    masks[4].write_bytes(fourth)
    return root


def check_data(root: Path, ignore_index: int | None = None) -> str:
    """Run the command `check-data` on a folder, and return its lines, wrapped, without the root."""
    options = [] if ignore_index is None else ["--ignore-index", str(ignore_index)]
    command = [sys.executable, "-m", "aslp_lib", "check-data", str(root), *options]
    printed = subprocess.run(command, capture_output=True, text=True).stdout
    lines = printed.replace(f"{root}/", "").replace(f"{root}", root.name).splitlines()
    wrap = textwrap.TextWrapper(76, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join(map(wrap.fill, lines))


def pairs(root: Path, number: int = 8) -> Figure:
    """Show training images, evenly spaced in the order of their names, with their masks."""
    images, masks = (
        {stem: path for place in sorted(root.glob(f"Train/*/{kind}"))
         for stem, path in find_images(place).items()}
        for kind in ("Image", "GT")
    )  # fmt: skip
    stems = sorted(images.keys() & masks)
    some = [*islice(stems, 0, None, max(1, len(stems) // number))][:number]
    rows = {
        "image": [read_image(images[stem]) / 255 for stem in some],
        "mask": [read_map(masks[stem]) / max(1, read_map(masks[stem]).max()) for stem in some],
    }
    titles = [plain(stem, 14) for stem in some]
    return pictures(rows, "White is foreground.", titles)


def stems(root: Path, part: str) -> list[str]:
    """Return the stems of the images in `Train` or `Test`."""
    return [stem for place in root.glob(f"{part}/*/Image") for stem in find_images(place)]


def missed_foreground(
    root: Path,
    maps: Path,
    fit: Temperature,
    among: Collection[str],
    threshold: float,
    ignore_index: int | None = None,
) -> Figure:
    """Show the foreground that is missed in four images, from few to many misses.

    Args:
        root: folder in the layout of docs/own_folders.md.
        maps: folder of maps, matched with the masks by their stems.
        fit: temperature of the maps.
        among: stems of the images, which have maps.
        threshold: lowest recalibrated probability that is checked.
        ignore_index: grey level of the masks' pixels without a label.
    """
    lowest = (1 + (1 / threshold - 1) ** fit.value.item()) ** -1  # before recalibration
    files, found = find_images(maps, MAP_SUFFIXES), []
    for place in sorted(root.glob("*/*")):
        images = find_images(place / "Image")
        for stem, mask in find_images(place / "GT").items():
            if stem not in among or stem not in images:
                continue
            foreground = open_mask(mask, ignore_index=ignore_index).whole() == 1
            f = open_map(files[stem]).whole()
            missed = foreground & (f / (255 if f.dtype == np.uint8 else 1) < lowest)
            found.append(
                (missed.sum() / max(1, foreground.sum()), images[stem], foreground, missed)
            )
    found.sort(key=lambda image: image[0])
    some = [found[int(q * (len(found) - 1))] for q in (0.25, 0.5, 0.75, 0.95)]
    rows = {
        "image": [read_image(image) / 255 for _, image, _, _ in some],
        "foreground": [
            np.where(missed[..., None], to_rgb(PINK), foreground[..., None].astype(float))
            for _, _, foreground, missed in some
        ],
    }
    titles = [f"{100 * share:.0f} % missed" for share, *_ in some]
    return pictures(rows, "White foreground is checked, pink foreground is missed.", titles)


def _stems(crops: ImageSet) -> list[str]:
    """Name crops by their field of view, and number those of a field."""
    seen: Counter[int] = Counter()
    stems = []
    for field in np.asarray(crops.groups).tolist():
        seen[field] += 1
        stems.append(f"field{field:03}_{seen[field]:02}")
    return stems


def _save(path: Path, pixels: np.ndarray) -> None:
    """Write an 8-bit greyscale PNG, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
