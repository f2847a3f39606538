"""Calibration of K classes in a stream of maps: time, state and peak memory, beside torchmetrics.

    python benchmarks/classes.py [--images 200]

The contenders see the same maps, one image after another, on one thread. torchmetrics computes the
ECE of the predicted class alone; the counts here contain every score of K classes. NumPy adds up
the bins of the same ECE in float64, as a check. Times are processor times. A map is one float32
array of an image.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
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
    "here, softmax": "from probabilities: here",
    "torchmetrics, softmax": "from probabilities: torchmetrics",
}


def maps(images: int, softmax: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits (1, K, H, W), which shrink from image to image, or their softmax, and labels."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(1, CLASSES, SIDE, SIDE, generator=generator)
    labels = torch.randint(CLASSES, (1, SIDE, SIDE), generator=generator)
    for _ in range(images):
        yield logits.softmax(1) if softmax else logits, labels
        logits *= 0.999


def measure(contender: str, images: int) -> dict[str, float]:
    """Return the seconds and the MB of state of a contender after all images."""
    torch.set_num_threads(1)
    theirs = MulticlassCalibrationError(CLASSES, n_bins=10)
    softmax = "softmax" in contender
    here = CountsAccumulator(logits=not softmax, per_image=False)
    metric = here if contender.startswith("here") else theirs
    seconds, ece = 0.0, 0.0
    for logits, labels in maps(images, softmax):
        start = time.process_time()
        if contender != "none":
            metric.update(logits, labels)
        seconds += time.process_time() - start
    start, state = time.process_time(), 0
    if contender.startswith("here"):
        ece, state = here.compute()["ece"], sum(a.nbytes for a in here.counts.sums)
    elif contender.startswith("torchmetrics"):
        ece = theirs.compute().item()
        state = sum(part.nbytes for part in theirs.confidences + theirs.accuracies)
    return {"seconds": seconds + time.process_time() - start, "state": state / 2**20, "ece": ece}


def in_float64(images: int) -> float:
    """Return the ECE of the predicted class, from sums over bins in float64."""
    sums, pixels = np.zeros(10), 0
    for logits, labels in maps(images):
        confidence, predicted = (part.numpy().ravel() for part in logits.softmax(1).max(1))
        bins = np.ceil(10 * confidence.astype(np.float64)).astype(int) - 1
        sums += np.bincount(bins, confidence - (predicted == labels.numpy().ravel()), 10)
        pixels += confidence.size
    return float(np.abs(sums).sum() / pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200)
    images = parser.parse_args().images
    record: dict = {"images": images, **facts(), "ece in float64": in_float64(images)}
    for contender in NAMES:
        row = min((measure(contender, images) for _ in range(3)), key=lambda row: row["seconds"])
        record[contender] = row | {"peak": peak(measure, contender, images)}
    reading, theirs = record["none"]["peak"], "torchmetrics"
    rows = [
        [
            name,
            f"{record[key]['seconds'] / record[key.replace('here', theirs)]['seconds']:.2f}",
            f"{record[key]['state']:.1f}",
            f"{(record[key]['peak'] - reading) / MAP:.1f}",
            f"{100 * record[key]['ece']:.2f}",
        ]
        for key, name in NAMES.items()
        if key != "none"
    ]
    head = ["", "time / torchmetrics", "state, MB", "peak over reading, maps", "ECE, %"]
    text = f"{images} images of {CLASSES} classes and {SIDE} x {SIDE} pixels; "
    text += (
        f"lowest processor time of 3; {record['date']}; {record['device']}, one thread. The ECE "
    )
    text += f"of bins that are summed in float64 is {100 * record['ece in float64']:.2f} %.\n\n"
    publish("classes", record, text + markdown_table(head, rows))


if __name__ == "__main__":
    main()
