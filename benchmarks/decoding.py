"""What decoding costs, by library, as ratios to `aslp_lib.data.images` in one run.

    python benchmarks/decoding.py --images DIR --masks DIR [--number 200] [--size 128] [--repeats 5]

Each decoder in turn, round after round, reads JPEGs; PNG masks and maps that are made for them; and
makes training items of both: decoded and resized, as `Folder` does. Medians are reported, of
processor time but for the threads, and how many files each decodes to the same bytes. OpenCV and
torchvision are measured where they are installed. Writes `benchmarks/results/decoding.json` and the
table in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from evaluation import make_maps
from PIL import Image
from timing import facts, put_in_readme, rounds
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as TF

from aslp_lib.data.images import read_image, read_map
from aslp_lib.files import write

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results" / "decoding.json"
START, END = "<!-- decoding -->", "<!-- end of decoding -->"
THREADS = 2
PACKAGES = {"pillow": "pillow", "opencv": "opencv-python-headless", "torchvision": "torchvision"}

Read = Callable[[Path], np.ndarray]
Decoder = tuple[Read, Read]
"""How a JPEG is read, as (H, W, 3) RGB, and how a grey PNG, as (H, W)."""


def pillow() -> Decoder:
    def read(path: Path, mode: str) -> np.ndarray:
        with Image.open(path) as picture:
            return np.array(picture if picture.mode == mode else picture.convert(mode))

    return lambda path: read(path, "RGB"), lambda path: read(path, "L")


def opencv() -> Decoder:
    import cv2

    cv2.setNumThreads(1)

    def colours(path: Path) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    return colours, lambda path: cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def torchvision() -> Decoder:
    """Deprecated since 0.29."""
    from torchvision.io import ImageReadMode, decode_image

    def colours(path: Path) -> np.ndarray:
        return decode_image(str(path), mode=ImageReadMode.RGB).permute(1, 2, 0).numpy()

    return colours, lambda path: decode_image(str(path), mode=ImageReadMode.GRAY)[0].numpy()


TITLES = {
    "ours": "`data/images.py`: Pillow, everything checked",
    "pillow": "Pillow alone",
    "opencv": "OpenCV",
    "torchvision": "torchvision.io (deprecated)",
}


def decoders() -> dict[str, Decoder]:
    """Those that are installed."""
    found = {"ours": (read_image, read_map)}
    for make in (pillow, opencv, torchvision):
        try:
            found[make.__name__] = make()
        except ImportError:
            continue
    return found


def item(decoder: Decoder, image: Path, mask: Path, size: int) -> tuple[torch.Tensor, ...]:
    """As `Folder.load`."""
    pixels = torch.from_numpy(decoder[0](image)).permute(2, 0, 1)
    label = torch.from_numpy((decoder[1](mask) >= 128).view(np.uint8)).unsqueeze(0)
    return TF.resize(pixels, [size, size], antialias=True), TF.resize(
        label, [size, size], interpolation=InterpolationMode.NEAREST
    )


def measure(images: list[Path], pngs: list[list[Path]], size: int, repeats: int) -> dict:
    """Milliseconds by decoder and kind of work, and how many files it decodes as we do."""
    known, jobs = decoders(), {}
    for name, decoder in known.items():

        def jpegs(decoder: Decoder = decoder) -> None:
            for path in images:
                decoder[0](path)

        def pairs(decoder: Decoder = decoder) -> None:
            for pair in pngs:
                for path in pair:
                    decoder[1](path)

        def items(decoder: Decoder = decoder) -> None:
            for image, (mask, _) in zip(images, pngs, strict=True):
                item(decoder, image, mask, size)

        def threads(decoder: Decoder = decoder) -> None:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(decoder[1], [path for pair in pngs for path in pair]))

        for job in (jpegs, pairs, items, threads):
            jobs[name, job.__name__] = job
    alone = {key: job for key, job in jobs.items() if key[1] != "threads"}
    together = {key: job for key, job in jobs.items() if key[1] == "threads"}
    seconds = rounds(alone, repeats, time.process_time) | rounds(together, repeats)
    result: dict[str, dict] = {name: {} for name in known}
    for (name, work), value in seconds.items():
        result[name][work] = 1e3 * value / len(images)
    for name, decoder in known.items():
        result[name]["same"] = sum(np.array_equal(decoder[0](p), read_image(p)) for p in images)
        result[name]["same_png"] = sum(
            np.array_equal(decoder[1](p), read_map(p)) for pair in pngs for p in pair
        )
    return result


def table(results: dict) -> str:
    """Markdown."""
    ours, number = results["decoders"]["ours"], results["number"]
    lines = [
        f"{number} JPEGs of {results['megapixels']:.2f} million pixels, and as many pairs of PNGs "
        f"(a map and its mask) of {results['png_megapixels']:.2f}; items of {results['size']} "
        f"pixels; medians of {results['repeats']} rounds, processor time but for the threads; "
        f"{results['device']}; "
        f"{', '.join(f'{k} {v}' for k, v in results['versions'].items())}; {results['date']}.",
        "",
        f"| | a JPEG | a pair of PNGs | the same, {THREADS} threads | an item "
        "| the same bytes: JPEG | PNG |",
        "|---|---:|---:|---:|---:|---:|---:|",
        f"| milliseconds, ours | {ours['jpegs']:.2f} | {ours['pairs']:.2f} | "
        f"{ours['threads']:.2f} | {ours['items']:.2f} | | |",
    ]
    for name, row in results["decoders"].items():
        ratios = [row[work] / ours[work] for work in ("jpegs", "pairs", "threads", "items")]
        lines.append(
            f"| {TITLES[name]} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} | "
            f"{row['same']} of {number} | {row['same_png']} of {2 * number} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="a folder of JPEGs")
    parser.add_argument("--masks", type=Path, required=True, help="a folder of PNG masks")
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torchvision's deprecations
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "made"
        make_maps(arguments.masks, made)
        maps = sorted((made / "maps").iterdir())[: arguments.number]
        images = sorted(arguments.images.glob("*.jpg"))[: len(maps)]
        pngs = [[made / "masks" / path.name, path] for path in maps][: len(images)]
        results = {
            **facts(),
            "number": len(images),
            "size": arguments.size,
            "repeats": arguments.repeats,
            "megapixels": float(np.mean([read_image(p)[..., 0].size for p in images])) / 1e6,
            "png_megapixels": float(np.mean([read_map(p[0]).size for p in pngs])) / 1e6,
            "decoders": measure(images, pngs, arguments.size, arguments.repeats),
        }
    results["versions"] = {n: version(PACKAGES[n]) for n in results["decoders"] if n in PACKAGES}
    write(RESULTS, json.dumps(results, indent=1) + "\n")
    put_in_readme(table(results), START, END)
    print(table(results))


if __name__ == "__main__":
    main()
