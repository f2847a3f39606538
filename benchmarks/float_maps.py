"""Scores and recalibrations of float maps with large logits, and what they cost.

python benchmarks/float_maps.py [--before CHECKOUT]   # minutes; writes record and table

The commands are run on the logits of a shipped network, also multiplied, as longer training would
do, and on large synthetic maps for time and memory. Another checkout is measured in turn with this
one.
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
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit
from timing import facts, put_in_readme

from aslp_lib.course import recorded
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.training.batches import outputs

RESULTS = Path(__file__).parent / "results" / "float_maps.json"
START, END = "<!-- float maps -->", "<!-- end of float maps -->"
FACTORS = (1, 3, 9)
"""Factors on the network's logits."""
MAPS, SIDE = 200, 512
"""Number and side of the maps whose cost is measured."""
PRINTED = re.compile(r"T = (\S+?)[,;].*ECE \S+ -> (\S+) %, NLL \S+ -> (\S+)")


def call(checkout: Path, *words: str) -> tuple[str, float, float]:
    """Run a command of a checkout; return its output, seconds and peak memory in MB."""
    # The peak that the system reports of a child process includes that of its parent.
    code = (
        "from aslp_lib.__main__ import main; failed = main(); "
        "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]); "
        "raise SystemExit(failed)"
    )
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        cwd=checkout,
        check=True,
    )
    seconds = time.perf_counter() - start
    printed, memory = result.stdout.rstrip().rsplit("\n", 1)
    return printed + "\n", seconds, int(memory) / 1024


def save(folder: Path, logits: np.ndarray, labels: np.ndarray) -> None:
    """Write maps of logits and their masks."""
    for kind, arrays in (("maps", logits.astype(np.float32)), ("masks", labels.astype(np.uint8))):
        (folder / kind).mkdir(parents=True)
        for number, array in enumerate(arrays):
            np.save(folder / kind / f"{number:03}.npy", array)


def nll(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Compute the NLL of exact logits."""
    margins = np.where(labels > 0, 1, -1) * logits.astype(np.float64) / temperature
    return float(np.logaddexp(0, -margins).mean())


def numbers(checkout: Path, logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return what a checkout prints of maps, and what SciPy and scikit-learn compute."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save(folder, logits, labels)
        maps, masks, new = (str(folder / kind) for kind in ("maps", "masks", "new"))
        fit = ["recalibrate", "--fit-maps", maps, "--fit-masks", masks, "--logits"]
        printed, *_ = call(checkout, *fit, "--maps", maps, "--out", new)
        score = ["score", "--maps", maps, "--masks", masks, "--logits", "--no-weighted-f"]
        call(checkout, *score, "--out", str(folder / "scores.json"))
        scores = json.loads((folder / "scores.json").read_text())
        after = np.stack([np.load(path) for path in sorted(Path(new).iterdir())])
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


def costs(checkouts: dict[str, Path]) -> dict[str, dict[str, list[float]]]:
    """Measure seconds and peak memory of the commands on large maps, in turn."""
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, list[float]]] = {name: {} for name in checkouts}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        z = rng.normal(-1, 6, (MAPS, SIDE, SIDE)).astype(np.float32)
        save(folder, z, rng.random(z.shape) < expit(z / 2))
        maps, masks = str(folder / "maps"), str(folder / "masks")
        score = ["score", "--maps", maps, "--masks", masks, "--logits", "--no-weighted-f"]
        fit = ["recalibrate", "--fit-maps", maps, "--fit-masks", masks, "--logits"]
        words = {"score": score, "score --out": [*score, "--out", str(folder / "s.json")],
                 "recalibrate": fit}  # fmt: skip
        for command, of_command in words.items():
            for checkout, path in checkouts.items():
                found[checkout][command] = [*call(path, *of_command)[1:]]
    return found


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
    checkouts = {"now": Path(__file__).parents[1]} | ({"before": before} if before else {})
    validation = recorded.SETTINGS.load_data().validation
    network, images = recorded.load("bce"), range(len(validation))
    parts = [part for part, *_ in outputs(network, validation, recorded.SETTINGS, images)]
    logits = torch.cat(parts)[:, 0].numpy()
    labels = np.stack([validation.mask(i) for i in images])
    found = {
        str(factor): {
            name: numbers(path, factor * logits, labels) for name, path in checkouts.items()
        }
        for factor in FACTORS
    }
    record = {"numbers": found, "costs": costs(checkouts), **facts()}
    write(RESULTS, json.dumps(record, indent=1))
    put_in_readme(table(record), START, END)


if __name__ == "__main__":
    main()
