"""The record of the lesson Evaluating calibration: bills of further runs of its two networks.

    OMP_NUM_THREADS=1 python benchmarks/nuclei_seeds.py

trains BCE and ASLP (MC) on `nuclei` with the settings of the shipped networks, whose seed is 0, and
with the seeds 1 to 5, which also draw other fields of view for validation. Both are billed on the
test crops, where a miss costs 10, as trained and temperature-scaled. Networks are kept in
build/nuclei_seeds, and are not trained again.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
from harness import ROOT

from aslp_lib.course.lessons.bill import bill
from aslp_lib.course.recorded import FOLDER, settings_of
from aslp_lib.metrics import scores
from aslp_lib.prediction.predict import load_network
from aslp_lib.recalibration import Temperature
from aslp_lib.runs import MethodFolder
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

SEEDS = range(1, 6)
METHODS = ("bce", "aslp_mc")
SCORES = ("ece", "brier", "nll", "accuracy")
MISS = 10
RECORDS = FOLDER / "nuclei_seeds.csv"
RUNS = ROOT / "build" / "nuclei_seeds"


def rows(seed: int, method: str) -> Iterator[dict[str, object]]:
    """Train a network unless it is kept, and yield its bills and scores as trained and scaled."""
    settings = replace(settings_of("nuclei"), device="cpu", seed=seed, data_seed=seed)
    data, folder = settings.load_data(), MethodFolder(RUNS / f"{method}-{seed}")
    if not folder.weights.exists():
        train(settings, data, method, folder)
    network = load_network(settings, method, folder.weights)
    sets = data.tests["test"], data.validation
    test, validation = (validate(network, part, settings) for part in sets)
    scaling = Temperature().fit(validation)
    for name, counts in (("none", test), ("temperature_scaling", scaling.apply_counts(test))):
        row = {"seed": seed, "method": method, "recalibration": name}
        yield row | bill(counts, MISS)._asdict() | scores(counts, names=SCORES)


if __name__ == "__main__":
    commit = subprocess.check_output(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, text=True)
    table = pd.DataFrame([r for seed in SEEDS for m in METHODS for r in rows(seed, m)])
    table.assign(commit=commit.strip()).to_csv(RECORDS, index=False, float_format="%.6f")
