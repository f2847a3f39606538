"""Calibration of K classes in a stream of maps: time, state and peak memory, beside torchmetrics.

    python benchmarks/classes.py [--images 200]

The contenders see the same logits, one image after another, on one thread. torchmetrics computes
the ECE of the predicted class alone; the counts here contain every score of K classes. Times are
processor times. A map is one float32 array of the logits of an image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from harness import facts, peak, publish
from torch import Tensor
from torchmetrics.classification import MulticlassCalibrationError

from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics.accumulator import CountsAccumulator

CLASSES, SIDE = 20, 512
MAP = CLASSES * SIDE**2 * 4 / 2**20
"""Size of a map in MB."""
NAMES = {
    "none": "reading the maps alone",
    "here": "every score of K classes, here",
    "torchmetrics": "torchmetrics, ECE of the predicted class",
}


def maps(images: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits (1, K, H, W), which shrink from image to image, and labels (1, H, W)."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(1, CLASSES, SIDE, SIDE, generator=generator)
    labels = torch.randint(CLASSES, (1, SIDE, SIDE), generator=generator)
    for _ in range(images):
        yield logits, labels
        logits *= 0.999


def measure(contender: str, images: int) -> dict[str, float]:
    """Return the seconds and the MB of state of a contender after all images."""
    torch.set_num_threads(1)
    theirs = MulticlassCalibrationError(CLASSES, n_bins=10)
    here = CountsAccumulator(logits=True, per_image=False)
    metric = here if contender == "here" else theirs
    seconds, ece = 0.0, 0.0
    for logits, labels in maps(images):
        start = time.process_time()
        if contender != "none":
            metric.update(logits, labels)
        seconds += time.process_time() - start
    start, state = time.process_time(), 0
    if contender == "here":
        ece, state = here.compute()["ece"], sum(a.nbytes for a in here.counts.sums)
    elif contender == "torchmetrics":
        ece = theirs.compute().item()
        state = sum(part.nbytes for part in theirs.confidences + theirs.accuracies)
    return {"seconds": seconds + time.process_time() - start, "state": state / 2**20, "ece": ece}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    images = parser.parse_args().images
    record: dict = {"images": images, **facts()}
    for contender in NAMES:
        row = min((measure(contender, images) for _ in range(3)), key=lambda row: row["seconds"])
        record[contender] = row | {"peak": peak(measure, contender, images)}
    reading, theirs = record["none"]["peak"], record["torchmetrics"]
    rows = [
        [
            name,
            f"{record[key]['seconds'] / theirs['seconds']:.2f}",
            f"{record[key]['state']:.1f}",
            f"{(record[key]['peak'] - reading) / MAP:.1f}",
            f"{100 * record[key]['ece']:.2f}",
        ]
        for key, name in NAMES.items()
        if key != "none"
    ]
    head = ["", "time / torchmetrics", "state, MB", "peak over reading, maps", "ECE, %"]
    text = f"{images} images of {CLASSES} classes and {SIDE} x {SIDE} pixels; "
    text += f"lowest processor time of 3; {record['date']}; {record['device']}, one thread.\n\n"
    publish("classes", record, text + markdown_table(head, rows))


if __name__ == "__main__":
    main()
