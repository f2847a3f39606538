"""Predictions of images that trained nothing: of the reader, of the laboratory, and synthetic."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from aslp_lib.checks import require
from aslp_lib.config import PRESETS, Settings
from aslp_lib.course import recorded
from aslp_lib.course.lessons.own_data.folder import laboratory, new_folder
from aslp_lib.data.folders import LISTS, read_lists
from aslp_lib.data.shapes import Shapes
from aslp_lib.maps.count import ReadOptions, count_files, find_files
from aslp_lib.maps.listing import find_images, refuse
from aslp_lib.maps.read import IGNORED
from aslp_lib.maps.slabs import open_mask
from aslp_lib.maps.write import to_npy
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.risk_control import missed_shares
from aslp_lib.prediction.predict import predicted_maps
from aslp_lib.recalibration import Recalibrated, Temperature
from aslp_lib.training.loop import train

STEPS = 2_240
"""Steps of a training, as many as those of the shipped networks."""
SHARE = 0.25
"""Share of the training images that are held out for validation, unless there are lists."""


def maps(root: Path, given: str | Path | None = None, ignore_index: int | None = None) -> Path:
    """Return a folder of maps of images that trained nothing, `STEM.png` or `STEM.npy`.

    Without maps of the reader, those of the laboratory's folder come with it, and for any other
    folder the small U-Net of the course is trained with BCE on the images in `Train`. The number of
    epochs is fixed, so that the validation images choose nothing.

    Args:
        root: folder in the layout of docs/own_folders.md.
        given: folder of the reader's maps.
        ignore_index: grey level of the masks' pixels without a label.
    """
    if given is not None:
        return Path(given).expanduser()
    laboratory_root, laboratory_maps = laboratory()
    if root == laboratory_root:
        return laboratory_maps
    lists = any((root / name).exists() for names in LISTS.values() for name in names)
    share: dict[str, Any] = {} if lists else {"validation_share": SHARE}
    settings = replace(
        PRESETS["demo"], data=str(root), ignore_index=ignore_index, size=64, **share
    )  # fmt: skip
    return _train(settings, new_folder())


def _train(settings: Settings, place: Path) -> Path:
    """Train with BCE, and write the maps of the validation and the test images."""
    data = settings.load_data()
    epochs = max(1, min(settings.epochs, STEPS * settings.batch_size // len(data.train)))
    network = train(replace(settings, epochs=epochs), data, "bce", progress=False).network
    for part in (data.validation, *data.tests.values()):
        for index, by_name in predicted_maps(network, part, settings, {"f": None}, floats=True):
            file = place / f"{part.stems[index]}.npy"
            require("the stem", file.stem, not file.exists(), "one that no other set has. Rename.")
            file.write_bytes(to_npy(by_name["f"]))
    return place


def count(
    root: Path, maps: Path, unit: Callable[[str], str], ignore_index: int | None = None
) -> tuple[Counts, np.ndarray]:
    """Count the pixels of maps against the masks of a folder, and divide the images in two.

    Some images are for choosing, the others for testing. If some maps are of images in the list of
    validation images, and others are not, those in the list are for choosing. Otherwise half of the
    units are drawn at random.

    Args:
        root: folder in the layout of docs/own_folders.md.
        maps: folder of maps, matched with the masks by their stems.
        unit: function from the stem of an image to its unit, such as its patient.
        ignore_index: grey level of the masks' pixels without a label.

    Returns:
        The counts, and for each image whether it is for choosing.

    Raises:
        ValueError: a map has no mask, or several; its image is in the list of training images; or
            there is only one unit.
    """
    masks: dict[str, Path] = {}
    twice: set[str] = set()
    for folder in sorted(root.glob("*/*/GT")):
        new = find_images(folder)
        twice |= masks.keys() & new.keys()
        masks |= new
    paths = find_files("maps", maps)
    refuse(f"maps in {maps} without a mask in {root}", paths.keys() - masks.keys())
    refuse(f"maps in {maps} with several masks in {root} (rename)", paths.keys() & twice)
    lists = read_lists(root, masks)
    trained = paths.keys() & set(lists.get("train", ()))
    refuse(f"maps in {maps} of images that trained a network (remove them)", trained)
    reading = ReadOptions(ignore_index=ignore_index, weighted_f=False)
    stems = list(paths)
    counts = count_files(
        paths,
        lambda index: open_mask(masks[stems[index]], ignore_index=ignore_index),
        reading,
        ignored=None if ignore_index is None else IGNORED,
        groups=[unit(stem) for stem in stems],
        progress=False,
    )
    expected = "two or more. Add images, or change what a unit is."
    require("the number of units", counts.independent, counts.independent > 1, expected)
    first = np.isin(counts.names, lists.get("validation", []))
    if first.all() or not first.any():
        order = np.random.default_rng(0).permutation(counts.independent)
        first = np.isin(counts.group_index, order[: len(order) // 2])
    return cast(Counts, counts), first


class At(NamedTuple):
    """What a threshold misses, and what it costs."""

    missed: float
    """Share of the foreground that is missed, a mean over units."""
    checked: float
    """Share of the pixels, of all images together, that are checked."""
    bill: float
    """Cost per pixel, if a check costs 1 and a missed pixel 10."""


def at(counts: Counts, threshold: float) -> At:
    """Return what is missed, checked and paid if pixels from a threshold on are checked."""
    grey = counts.grey
    level = int(np.ceil(threshold * (grey.grey_levels - 1) - 1e-9))
    checks, misses = grey.pooled[:, level:].sum(), grey.pooled[1, :level].sum()
    return At(
        missed=float(missed_shares(counts)[:, level].mean()),
        checked=float(checks) / counts.pixels,
        bill=float(checks + 10 * misses) / counts.pixels,
    )


def nuclei() -> tuple[Counts, np.ndarray]:
    """Count the laboratory's maps as `count` does, with fields of view as units."""
    root, its_maps = laboratory()
    return count(root, its_maps, lambda stem: stem.split("_")[0])


def synthetic() -> tuple[np.ndarray, np.ndarray]:
    """Return maps and masks of 1,100 shapes, uint8 (N, H, W); the first 100 are for choosing.

    The first 100 images are the course's validation images, and the others are new. The maps are
    those of the shipped BCE network, temperature-scaled.
    """
    network, known = recorded.load("bce"), recorded.settings_of("shapes").load_data().validation
    fit = Temperature().fit(recorded.count(network, known))
    sets = known, Shapes("new", 1000, seed=1)
    scaled = Recalibrated(network, fit)
    maps = [recorded.maps(scaled, images) for images in sets]
    masks = [images.masks[:, 0].numpy() for images in sets]  # type: ignore[attr-defined]
    return np.concatenate(maps), np.concatenate(masks)
