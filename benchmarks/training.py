"""Runtime and memory of the training loop compared with a plain one (plain.py).

    python benchmarks/training.py --data DIR [--network mobilenet_v2] [--size 128]
                                  [--images 100] [--repeats 5] [--workers 0]

Both loops train the same network on the same images in batches of 10, on the CUDA device if there
is one. They take turns, an epoch in each round; the medians over rounds are reported. Peak memory
is measured in a separate process for each loop. The update of alpha is timed alone, and so is the
loader, with 2 workers, compared with 2 workers that only decode the same JPEG bytes. The script
adds its result to `benchmarks/results/training.json` and the table in `benchmarks/README.md`, where
it replaces an earlier result of the same device, network and size.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from harness import facts, peak, publish, record_of, rounds
from PIL import Image
from plain import Plain
from torch.utils.data import DataLoader
from tqdm import tqdm

from aslp_lib import networks
from aslp_lib.config import PRESETS, Settings
from aslp_lib.data.folders import Folder
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.training.batches import Batches, accelerator_for, in_batches
from aslp_lib.training.loop import prepare, run_epoch

LOADING_WORKERS = 2
"""Number of workers when the loader is timed alone."""
SPEED = (
    "device, network, size", "plain, images/s", "ours", "images in memory", "and in bf16",
    "peak MB: plain", "ours", "in bf16", "alphas' share of a step",
)  # fmt: skip
LOADERS = (
    "loader, 2 workers", "bare decoder, images/s",
    "from files", "augmented", "in memory", "augmented",
)  # fmt: skip
"""Titles of the columns of the two tables."""


def settings_for(arguments: argparse.Namespace) -> Settings:
    """Return the settings of all loops."""
    return replace(
        PRESETS["small"],
        data=str(arguments.data),
        network=arguments.network,
        weights=None,
        size=arguments.size,
        limit=arguments.images,
        num_workers=arguments.workers,
        epochs=10_000,
        precision="no",
    ).tuned(aslp={"alpha_warm_up": 0})


def plain(settings: Settings, folder: Folder) -> Callable[[], object]:
    """Return a function that trains for an epoch by the plain loop."""
    network = networks.build(settings.network)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Plain(network, folder, settings.batch_size, settings.num_workers, device).epoch


def ours(settings: Settings, folder: Folder) -> Callable[[], object]:
    """Return a function that trains for an epoch by the library's loop, reading the image files."""
    accelerator = accelerator_for(settings)
    state = prepare(settings, "aslp_mc", len(folder), accelerator)
    state.method.alphas.observe(0.95)
    batches = Batches(folder, settings.num_workers, accelerator)
    epochs = iter(range(settings.epochs))

    def epoch() -> None:
        bar = tqdm(disable=True)
        run_epoch(next(epochs), settings, batches, state, bar)

    return epoch


def ours_held(settings: Settings, folder: Folder, **changes: str) -> Callable[[], object]:
    """Return a function that trains for an epoch with decoded images in memory, as by default."""
    folder.cache()
    return ours(replace(settings, **changes), folder)


LOOPS = {
    "plain": plain,
    "ours": ours,
    "ours_held": ours_held,
    "ours_bf16": partial(ours_held, precision="bf16"),
}
"""Name of a loop -> function from settings and data to a function that trains for an epoch."""


def epoch(name: str, settings: Settings) -> None:
    """Train for an epoch by a loop."""
    LOOPS[name](settings, settings.load_data().train)()


def alpha_seconds(settings: Settings, images: int, updates: int = 200) -> float:
    """Measure the seconds that a step takes to read and update its alphas."""
    accelerator = accelerator_for(settings)
    device, batch = accelerator.device, min(settings.batch_size, images)
    alphas = settings.method("aslp_mc", images).alphas.to(device)
    alphas.observe(0.95)
    logits = torch.randn(batch, 1, settings.size, settings.size, device=device)
    labels, index = (logits > 0).float(), torch.arange(batch, device=device)

    def update() -> None:
        for _ in range(updates):
            alphas[index]
            alphas.update(index, logits, labels)
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return rounds({"alphas": update}, 1)["alphas"] / updates


def decoded(batch: Sequence[bytes]) -> list[int]:
    """Decode JPEGs in memory without using the pixels: the lower bound of loading."""
    return [np.asarray(Image.open(io.BytesIO(jpeg))).shape[1] for jpeg in batch]


def loading(settings: Settings, repeats: int) -> dict[str, float]:
    """Measure the images per second that 2 workers load.

    Images are loaded from files and from memory, with and without augmentation. The lower bound of
    the runtime is decoding the same JPEGs.
    """
    cpu = accelerator_for(replace(settings, device="cpu", precision="no"))

    def batches(cache_images: bool, augment: bool) -> Callable[[], object]:
        folder = replace(settings, augment=augment).load_data().train
        if cache_images:
            folder.cache()
        loader = Batches(folder, LOADING_WORKERS, cpu)
        return lambda: list(map(len, loader(in_batches(range(len(folder)), settings.batch_size))))

    folder = settings.load_data().train
    jpegs = [folder.images[stem].read_bytes() for stem in folder.stems]
    options = {"num_workers": LOADING_WORKERS, "persistent_workers": True}
    decoder = DataLoader(jpegs, settings.batch_size, collate_fn=decoded, **options)
    jobs = {
        "decoder": lambda: list(decoder),
        "files": batches(cache_images=False, augment=False),
        "files_augmented": batches(cache_images=False, augment=True),
        "held": batches(cache_images=True, augment=False),
        "held_augmented": batches(cache_images=True, augment=True),
    }
    return {name: len(folder) / seconds for name, seconds in rounds(jobs, repeats).items()}


def measure(settings: Settings, repeats: int) -> dict:
    """Measure all loops and loaders, and return the record."""
    jobs = {name: loop(settings, settings.load_data().train) for name, loop in LOOPS.items()}
    images = len(settings.load_data().train)
    seconds = rounds(jobs, repeats)
    step = min(seconds.values()) * settings.batch_size / images
    return {
        **facts(),
        "network": settings.network,
        "size": settings.size,
        "batch": settings.batch_size,
        "images": images,
        "repeats": repeats,
        "workers": settings.num_workers,
        "threads": torch.get_num_threads(),
        "images_per_second": {name: images / value for name, value in seconds.items()},
        "peak_megabytes": {name: peak(epoch, name, settings) for name in LOOPS},
        "alpha_share": alpha_seconds(settings, images) / step,
        "loading": loading(settings, repeats),
    }


def table(records: list[dict]) -> str:
    """Format the records as Markdown."""
    speed, loaders = [], []
    for r in records:
        rate, memory, floor = r["images_per_second"], r["peak_megabytes"], r["loading"]["decoder"]
        speed.append([f"{r['device']}; {r['network']}, {r['size']} px", f"{rate['plain']:.1f}"])
        speed[-1] += [f"{rate[name] / rate['plain']:.2f} x" for name in LOOPS if name != "plain"]
        speed[-1] += [f"{memory[name]:.0f}" for name in ("plain", "ours", "ours_bf16")]
        speed[-1].append(f"{100 * r['alpha_share']:.2f} %")
        loaders.append([f"{r['device']}; {r['size']} px", f"{floor:.0f}"])
        loaders[-1] += [f"{v / floor:.2f} x" for k, v in r["loading"].items() if k != "decoder"]
    conditions = [
        f"{r['device']}, {r['network']}: {r['images']} images in batches of {r['batch']}, medians "
        f"of {r['repeats']} rounds, {r['threads']} threads, {r['workers']} workers; "
        f"{', '.join(f'{k} {v}' for k, v in r['versions'].items())}; "
        f"{r['date']}, commit {r['commit']}.  "
        for r in records
    ]
    tables = markdown_table(SPEED, speed), markdown_table(LOADERS, loaders)
    return "\n\n".join([*tables, "\n".join(conditions)])


def main() -> None:
    """Measure, and update the record and its tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data with the paper's layout")
    parser.add_argument("--network", choices=networks.NETWORKS, default="mobilenet_v2")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="workers of the timed loops")
    arguments = parser.parse_args()
    record = measure(settings_for(arguments), arguments.repeats)
    key = itemgetter("device", "network", "size")
    records = [r for r in record_of("training") if key(r) != key(record)] + [record]
    publish("training", records, table(records))


if __name__ == "__main__":
    main()
