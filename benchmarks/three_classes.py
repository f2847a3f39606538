"""The record of the lesson More than two classes: calibration of each class of `nuclei3`.

    OMP_NUM_THREADS=1 python benchmarks/three_classes.py

trains a network with cross entropy on each of five splits, with the preset `nuclei3` and seeds 0 to
4, fits the recalibrations on the validation set, and scores every set as trained and recalibrated.
Networks are kept in build/three_classes, and are not trained again. With seeds as arguments, it
only trains their networks, so that several processes can share the work.
"""

import sys
from dataclasses import replace
from functools import partial

import pandas as pd
from harness import ROOT
from torch import nn

from aslp_lib.config import PRESETS, Settings
from aslp_lib.course.recorded import FOLDER
from aslp_lib.data.image_set import DataSplits
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.classes import ClassCounts
from aslp_lib.prediction.predict import load_network
from aslp_lib.recalibration import CLASS_RECALIBRATIONS, Recalibrated
from aslp_lib.runs import MethodFolder
from aslp_lib.training.loop import train
from aslp_lib.training.recalibrate import labelled_logits
from aslp_lib.training.validation import validate

SEEDS = range(5)
RECALIBRATIONS = ("temperature_scaling", "vector_scaling", "isotonic")
SCORES = ("ece", "class_ece", "nll", "brier", "accuracy", "mean_iou")
SETS = ("validation", "test", "fluorescence")
RECORDS = FOLDER / "three_classes.csv"
RUNS = ROOT / "build" / "three_classes"


def row(counts: ClassCounts, classes: tuple[str, ...]) -> dict[str, float]:
    """Compute the scores of a set, and those of each class against the rest."""
    values = scores(counts, names=SCORES)
    for number, name in enumerate(classes):
        table = counts.of_class(number)
        probability = table.pooled.sum(axis=0) @ table.probabilities / table.pixels
        frequency = table.pooled[1].sum() / table.pixels
        predicted = counts.confusion.sum(axis=(0, 1))[number] / counts.pixels
        iou = calibration.class_iou(counts)[number]
        values |= {
            f"ece_{name}": calibration.ece(counts, of=number),
            f"probability_{name}": probability,
            f"frequency_{name}": frequency,
            f"predicted_{name}": predicted,
            f"iou_{name}": iou,
        }
    return values


def trained(seed: int) -> tuple[nn.Module, DataSplits, Settings]:
    """Return the network of a seed, which is trained unless it is kept, its data and settings."""
    settings = replace(PRESETS["nuclei3"], device="cpu", seed=seed, data_seed=seed)
    data, folder = settings.load_data(), MethodFolder(RUNS / f"seed-{seed}")
    if not folder.weights.exists():
        train(settings, data, "bce", folder)
    return load_network(settings, "bce", folder.weights), data, settings


def rows(seed: int) -> list[dict[str, object]]:
    """Score every set with the network of a seed, as trained and with each recalibration."""
    network, data, settings = trained(seed)
    logits = partial(labelled_logits, network, data.validation, settings)
    variants = {"none": network}
    for name in RECALIBRATIONS:
        fitted = CLASS_RECALIBRATIONS[name]().fit_classes(logits)
        variants[name] = Recalibrated(network, fitted)
    sets = {"validation": data.validation, **data.tests}
    return [
        {"seed": seed, "set": part, "recalibration": name}
        | row(validate(variant, sets[part], settings), data.classes)
        for part in SETS
        for name, variant in variants.items()
    ]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        for number in sys.argv[1:]:
            trained(int(number))
    else:
        table = pd.DataFrame([row_of_set for seed in SEEDS for row_of_set in rows(seed)])
        table.to_csv(RECORDS, index=False, float_format="%.6f")
