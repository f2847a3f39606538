"""Scores and recalibrations of float maps with large logits, and what they cost.

python benchmarks/float_maps.py [--before CHECKOUT]   # minutes; writes record and table

The commands are run on the logits of a shipped network, also multiplied, as longer training would
do, and on large synthetic maps for time and memory. Another checkout is measured, too.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from harness import ROOT, facts, publish
from scipy.optimize import minimize_scalar
from scipy.special import expit

from aslp_lib.course import recorded
from aslp_lib.course.recorded.perturbations import logits_of
from aslp_lib.evaluation.tables import markdown_table

FACTORS = (1, 3, 9)
"""Factors on the network's logits."""
MAPS, SIDE = 200, 512
"""Number and side of the maps whose cost is measured."""
PRINTED = re.compile(r"T = (\S+?)[,;].*ECE \S+ -> (\S+) %, NLL \S+ -> (\S+)")


COMMAND = """
from aslp_lib.__main__ import main
failed = main()
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
raise SystemExit(failed)
"""
"""A command that also prints its peak memory. What the system says includes that of the parent."""


def call(checkout: Path, *words: str) -> tuple[str, float, float]:
    """Run a command of a checkout; return its output, seconds and peak memory in MB."""
    start, command = time.perf_counter(), [sys.executable, "-c", COMMAND, *words]
    result = subprocess.run(command, capture_output=True, text=True, cwd=checkout, check=True)
    printed, memory = result.stdout.rstrip().rsplit("\n", 1)
    return printed, time.perf_counter() - start, int(memory) / 1024


def commands(folder: Path, logits: np.ndarray, labels: np.ndarray) -> dict[str, list[str]]:
    """Write maps of logits and their masks, and return the commands that are run on them."""
    for kind, arrays in (("maps", logits.astype(np.float32)), ("masks", labels.astype(np.uint8))):
        (folder / kind).mkdir(parents=True)
        for number, array in enumerate(arrays):
            np.save(folder / kind / f"{number:03}.npy", array)
    maps, masks = str(folder / "maps"), str(folder / "masks")
    score = ["score", "--maps", maps, "--masks", masks, "--logits", "--no-weighted-f"]
    fit = ["recalibrate", "--fit-maps", maps, "--fit-masks", masks, "--logits"]
    out = [*score, "--out", str(folder / "scores.json")]
    return {"score": score, "score --out": out, "recalibrate": fit}


def nll(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Compute the NLL of exact logits."""
    margins = np.where(labels > 0, 1, -1) * logits.astype(np.float64) / temperature
    return float(np.logaddexp(0, -margins).mean())


def numbers(checkout: Path, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return what a checkout prints of maps, and what SciPy and scikit-learn compute."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    with tempfile.TemporaryDirectory() as name:
        folder, new = Path(name), Path(name) / "new"
        words = commands(folder, logits, labels)
        maps = ["--maps", str(folder / "maps"), "--out", str(new)]
        printed, *_ = call(checkout, *words["recalibrate"], *maps)
        call(checkout, *words["score --out"])
        scores = json.loads((folder / "scores.json").read_text())
        after = np.stack([np.load(path) for path in sorted(new.iterdir())])
    match = PRINTED.search(printed)
    assert match is not None, printed
    best = minimize_scalar(
        lambda log: nll(logits, labels, np.exp(log)), bounds=(-3, 5), method="bounded",
        options={"xatol": 1e-7},
    )  # fmt: skip
    confidence = np.maximum(expit(after), expit(-after)).ravel()
    right = ((after >= 0) == (labels > 0)).ravel()
    excess = np.bincount(np.ceil(10 * confidence).astype(int), confidence - right)
    y, z = labels.ravel(), logits.ravel()
    return {
        "T": float(match[1]), "exact T": float(np.exp(best.x)),
        "printed NLL": float(match[3]), "NLL of the maps": nll(after, labels),
        "printed ECE": float(match[2]), "ECE of the maps": 100 * abs(excess).sum() / y.size,
        "AP": scores["ap"], "exact AP": average_precision_score(y, z),
        "AUC": scores["auc"], "exact AUC": roc_auc_score(y, z),
    }  # fmt: skip


def costs(checkouts: dict[str, Path]) -> dict[str, dict[str, tuple[float, ...]]]:
    """Measure seconds and peak memory of the commands on large maps."""
    rng = np.random.default_rng(0)
    z = rng.normal(-1, 6, (MAPS, SIDE, SIDE)).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        words = commands(Path(name), z, rng.random(z.shape) < expit(z / 2))
        return {
            checkout: {command: call(path, *each)[1:] for command, each in words.items()}
            for checkout, path in checkouts.items()
        }


def table(record: dict) -> str:
    """Format the record."""
    keys = list(next(iter(record["numbers"].values()))["now"])
    rows = [
        [factor, name, *(f"{values[key]:.4f}" for key in keys)]
        for factor, checkouts in record["numbers"].items()
        for name, values in checkouts.items()
    ]
    costly = [
        [name, command, f"{seconds:.1f}", f"{memory:.0f}"]
        for name, commands in record["costs"].items()
        for command, (seconds, memory) in commands.items()
    ]
    where = ", ".join(str(record[key]) for key in ("device", "date", "commit"))
    return "\n\n".join([
        markdown_table(["logits times", "code", *keys], rows, "l"),
        f"{MAPS} maps of {SIDE} x {SIDE} logits in float32; {where}:",
        markdown_table(["code", "command", "seconds", "peak MB"], costly, "l"),
    ])  # fmt: skip


def main() -> None:
    """Measure, and write the record and its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--before", type=Path, help="another checkout, to compare with")
    before = parser.parse_args().before
    checkouts = {"now": ROOT} | ({"before": before} if before else {})
    validation = recorded.SETTINGS.load_data().validation
    logits = logits_of(recorded.load("bce"), validation)
    labels = np.stack([validation.mask(i) for i in range(len(validation))])
    found = {
        str(factor): {
            name: numbers(path, factor * logits, labels) for name, path in checkouts.items()
        }
        for factor in FACTORS
    }
    record = {"numbers": found, "costs": costs(checkouts), **facts()}
    publish("float_maps", record, table(record))


if __name__ == "__main__":
    main()
