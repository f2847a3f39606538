"""Predictions of images that trained nothing: of the reader, of the laboratory, and synthetic."""

from collections import ChainMap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from aslp_lib.checks import require
from aslp_lib.config import PRESETS
from aslp_lib.course import recorded
from aslp_lib.course.figures import pictures
from aslp_lib.course.lessons.own_data.folder import files, laboratory, new_folder
from aslp_lib.data.folders import read_lists
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.figures.style import PINK
from aslp_lib.maps.count import ReadOptions, count_files, find_files
from aslp_lib.maps.listing import MAP_SUFFIXES, find_images, refuse
from aslp_lib.maps.read import IGNORED, read_image
from aslp_lib.maps.slabs import open_map, open_mask
from aslp_lib.maps.write import to_npy
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.risk_control import missed_shares
from aslp_lib.prediction.predict import predicted_maps
from aslp_lib.recalibration import Recalibrated, Temperature
from aslp_lib.training.loop import train

STEPS = 2_240
"""Steps of a training run, as many as those of the shipped networks."""


def maps(root: Path, given: str | Path | None = None, ignore_index: int | None = None) -> Path:
    """Return a folder of maps of images that trained nothing, `STEM.png` or `STEM.npy`.

    Without maps of the reader, those of the laboratory's folder come with it, and for any other
    folder the small U-Net of the course is trained with BCE on the images in `Train`. The number of
    epochs is fixed, so that the validation images choose nothing. Without lists, these are drawn
    one by one, and may share units with training images. Then only the test images have maps.

    Args:
        root: folder in the layout of docs/own_folders.md.
        given: folder of the reader's maps.
        ignore_index: grey level of the masks' pixels without a label.
    """
    laboratory_root, laboratory_maps = laboratory()
    if given is not None or root == laboratory_root:
        return laboratory_maps if given is None else Path(given).expanduser()
    settings = replace(PRESETS["demo"], data=str(root), ignore_index=ignore_index, size=64)
    data, place = settings.load_data(), new_folder()
    epochs = max(1, min(settings.epochs, STEPS * settings.batch_size // len(data.train)))
    network = train(replace(settings, epochs=epochs), data, "bce", progress=False).network
    listed = [data.validation] if read_lists(root, files(root, "Train/*/Image")) else []
    for part in (*listed, *data.tests.values()):
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
    folders = [find_images(place) for place in root.glob("*/*/GT")]
    masks, paths = dict(ChainMap(*folders)), find_files("maps", maps)
    lists = read_lists(root, masks)
    repeated = {stem for stem in paths if sum(stem in folder for folder in folders) > 1}
    trained = paths.keys() & set(lists.get("train", ()))
    refuse(f"maps in {maps} without a mask in {root}", paths.keys() - masks.keys())
    refuse(f"maps in {maps} with several masks in {root} (rename)", repeated)
    refuse(f"maps in {maps} of images that trained a network (remove them)", trained)
    names = list(paths)
    counts = count_files(
        paths,
        lambda index: open_mask(masks[names[index]], ignore_index=ignore_index),
        ReadOptions(ignore_index=ignore_index, weighted_f=False),
        ignored=None if ignore_index is None else IGNORED,
        groups=[*map(unit, names)],
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
    """What a threshold misses, and how much it checks; arrays if at each grey level."""

    missed: Any
    """Share of the foreground that is missed, a mean over units."""
    checked: Any
    """Share of the pixels, of all images together, that are checked."""


def missed_at(counts: Counts, threshold: float) -> np.ndarray:
    """Return the share of the foreground of each unit below a threshold."""
    return missed_shares(counts)[:, _level(counts, threshold)]


def at_levels(counts: Counts) -> At:
    """Return what is missed and checked if pixels from each grey level on are checked."""
    below = np.append(0, np.cumsum(counts.grey.pooled.sum(axis=0))) / counts.pixels
    return At(missed_shares(counts).mean(axis=0), 1 - below)


def at(counts: Counts, threshold: float) -> At:
    """Return what is missed and checked if pixels from a threshold on are checked."""
    level = _level(counts, threshold)
    return At(*(float(values[level]) for values in at_levels(counts)))


def _level(counts: Counts, threshold: float) -> int:
    return int(np.ceil(threshold * (counts.grey.grey_levels - 1) - 1e-9))


def missed_foreground(
    root: Path,
    maps: Path,
    fit: Temperature,
    images: Counts,
    threshold: float,
    ignore_index: int | None = None,
) -> Figure:
    """Show the foreground that is missed in three images, from few to many misses.

    Args:
        root: folder in the layout of docs/own_folders.md.
        maps: folder of maps, matched with the masks by their stems.
        fit: temperature of the maps.
        images: recalibrated counts, whose units are images.
        threshold: lowest recalibrated probability that is checked.
        ignore_index: grey level of the masks' pixels without a label.
    """
    lowest = (1 + (1 / threshold - 1) ** fit.value.item()) ** -1  # before recalibration
    photographs, masks = files(root, "*/*/Image"), files(root, "*/*/GT")
    shares, predicted = missed_at(images, threshold), find_images(maps, MAP_SUFFIXES)
    some = np.argsort(shares)[[int(q * (len(shares) - 1)) for q in (0.25, 0.5, 0.95)]]
    rows: dict[str, list[np.ndarray]] = {"image": [], "foreground": []}
    titles = []
    for stem in (images.names[index] for index in some):
        foreground = open_mask(masks[stem], ignore_index=ignore_index).whole() == 1
        f = open_map(predicted[stem]).whole()
        missed = foreground & (f / (255 if f.dtype == np.uint8 else 1) < lowest)
        titles.append(f"{100 * missed.sum() / max(1, foreground.sum()):.0f} % missed")
        rows["image"].append(read_image(photographs[stem]) / 255)
        coloured = np.where(missed[..., None], to_rgb(PINK), 1.0 * foreground[..., None])
        rows["foreground"].append(coloured)
    return pictures(rows, "White foreground is checked, pink foreground is missed.", titles, 1.8)


def nuclei() -> tuple[Counts, np.ndarray]:
    """Count the laboratory's maps as `count` does, with fields of view as units."""
    root, its_maps = laboratory()
    return count(root, its_maps, lambda stem: stem.split("_")[0])


def noise(counts: Counts, rng: np.random.Generator) -> Counts:
    """Replace each pixel's grey level by one of 256 at random, with its label and its unit kept."""
    pixels = counts.grey.table.sum(axis=2)  # by image and label
    table = rng.multinomial(pixels, np.full(256, 1 / 256))
    return Counts(table, {"groups": counts.group_index})


def synthetic() -> tuple[np.ndarray, np.ndarray]:
    """Return maps (float32) and masks of 1,100 shapes, (N, H, W); the first 100 are for choosing.

    The first 100 images are the course's validation images, and the others are new. The maps are
    those of the shipped BCE network, temperature-scaled.
    """
    settings, network = recorded.settings_of("shapes"), recorded.load("bce")
    known, new = settings.load_data().validation, Shapes("new", 1000, seed=1)
    scaled = Recalibrated(network, Temperature().fit(recorded.count(network, known)))
    maps = [
        by_name["f"]
        for images in (known, new)
        for _, by_name in predicted_maps(scaled, images, settings, {"f": None}, floats=True)
    ]
    masks = [images.masks[:, 0].numpy() for images in (known, new)]  # type: ignore[attr-defined]
    return np.stack(maps), np.concatenate(masks)
