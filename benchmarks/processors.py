"""What of the comparison depends on the processor: `make comparison` once more, on another one.

    python benchmarks/processors.py

On the machine where it was made, it holds the run in `runs/comparison-demo` against the recorded
comparison. What it needs of that run is kept in `results/processors.json`; tables in `README.md`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from comparison import FILES
from comparison import RESULTS as FOLDER
from scipy.stats import spearmanr
from timing import put_in_readme

from aslp_lib.config import Settings
from aslp_lib.evaluation.over_seeds import difference
from aslp_lib.evaluation.records import Record, keep, of, read
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import SCORES

RESULTS = FOLDER / "processors.json"
START, END = "<!-- processors -->", "<!-- end of processors -->"
KINDS = {None: "as trained", "temperature": "with temperature"}
SETS = ("test", "shifted", "textures")
KEPT = ("method", "options", "recalibration", "seed", "set", "ece", "brier", "nll", "truth")
DRAWN = ("fixed_level", {"technique": "HI"}), ("label_smoothing", {"epsilon": 0.2})
RULES = ("calibration", {}), ("bce", {})
DIFFERENCES = (
    ("drawn - smoothed", DRAWN, "test", "temperature", "nll"),
    ("drawn - smoothed", DRAWN, "test", "temperature", "brier"),
    ("drawn - smoothed", DRAWN, "test", "temperature", "truth"),
    ("measured gap - BCE", (("measured_gap", {}), ("bce", {})), "test", "temperature", "nll"),
    ("MC - BCE", RULES, "test", "temperature", "nll"),
    ("MC - BCE", RULES, "test", "temperature", "ece"),
    ("MC - BCE", RULES, "textures", None, "ece"),
)
"""What is said of the records: which ways to train, on what, recalibrated how, by which score."""


def kept(path: Path) -> list[Record]:
    """Of a comparison's records those that are held against the recorded ones."""
    return [
        {key: record[key] for key in KEPT if key in record}
        for record in read(path)
        if record["recalibration"] in KINDS and record["set"] in SETS
    ]


def table(recorded: dict) -> str:
    """Both tables, and what validation chose otherwise.

    Args:
        recorded: as `results/processors.json` has it.
    """
    first, again = kept(FOLDER / FILES["demo"]), recorded["records"]
    moved = [seed for seed in range(recorded["seeds"]) if differs(first, again, seed)]
    otherwise = sorted({way[0] for way in set(ways(first)) ^ set(ways(again))})
    return "\n".join(
        [
            f"{recorded['machine']}; {recorded['date']}, torch "
            f"{recorded['versions']['torch'].split('+')[0]}. Seeds that came out otherwise: "
            f"{', '.join(map(str, moved))}; what validation chose otherwise: "
            f"{', '.join(METHOD_LABELS[name] for name in otherwise)}.",
            "",
            "| ECE, points: standard deviation, median of methods with the same hyperparameters | "
            "between processors, at one seed | between seeds | rank correlation of the methods' "
            "means |",
            "|---|---:|---:|---:|",
            *(of_moves(first, again, moved, name, kind) for kind in KINDS for name in SETS),
            "",
            "| difference, points or hundredths of a nat | recorded | again |",
            "|---|---:|---:|",
            *(of_difference(first, again, *each) for each in DIFFERENCES),
        ]
    )


def ways(found: Sequence[Record]) -> dict[tuple[str, str], list[Record]]:
    """Method and hyperparameters -> records."""
    grouped: dict[tuple[str, str], list[Record]] = {}
    for record in found:
        key = record["method"], json.dumps(record["options"], sort_keys=True)
        grouped.setdefault(key, []).append(record)
    return grouped


def differs(first: Sequence[Record], again: Sequence[Record], seed: int) -> bool:
    """Whether a seed's records differ, of what both have."""
    one, other = (
        {way: [r for r in own if r["seed"] == seed] for way, own in ways(found).items()}
        for found in (first, again)
    )
    return any(one[way] != other[way] for way in one.keys() & other.keys())


def of_moves(
    first: Sequence[Record],
    again: Sequence[Record],
    moved: Sequence[int],
    name: str,
    kind: str | None,
) -> str:
    """A set's row: how far another processor moves ECE, and how far another seed does."""
    where = name, kind
    one, other = (
        {
            way: {r["seed"]: r["ece"] for r in own if (r["set"], r["recalibration"]) == where}
            for way, own in ways(found).items()
        }
        for found in (first, again)
    )
    both = sorted(one.keys() & other.keys())
    # Two values' variance is half their difference's square.
    processors = [
        np.sqrt(np.mean([(one[way][seed] - other[way][seed]) ** 2 for seed in moved]) / 2)
        for way in both
    ]
    seeds = [
        np.sqrt(np.mean([np.var([*run[way].values()], ddof=1) for run in (one, other)]))
        for way in both
    ]
    means = [[np.mean([run[way][seed] for seed in moved]) for way in both] for run in (one, other)]
    return (
        f"| {name}, {KINDS[kind]} ({len(both)} methods) | {100 * np.median(processors):.2f} | "
        f"{100 * np.median(seeds):.2f} | {spearmanr(*means).statistic:.2f} |"
    )


def of_difference(
    first: Sequence[Record],
    again: Sequence[Record],
    label: str,
    pair: Sequence[tuple[str, dict]],
    name: str,
    kind: str | None,
    score: str,
) -> str:
    """A difference's row: paired by seed, with its 95 % interval; bold where that leaves 0 out."""
    cells = []
    for found in (first, again):
        sides = (of(found, name, method, kind, **options) for method, options in pair)
        own = difference(*sides, score)
        text = f"{100 * own.mean:+.2f} [{100 * own.low:+.2f}, {100 * own.high:+.2f}]"
        cells.append(f"**{text}**" if own.settled else text)
    title = SCORES[score].title if score in SCORES else score
    return f"| {label}: {title}, {name}, {KINDS[kind]} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=Path("runs/comparison-demo"))
    path = parser.parse_args().run / FILES["demo"]
    facts = json.loads(path.read_text(encoding="utf-8"))
    keep(RESULTS, kept(path), Settings.from_json(json.dumps(facts["settings"])), facts["seeds"])
    put_in_readme(table(json.loads(RESULTS.read_text(encoding="utf-8"))), START, END)


if __name__ == "__main__":
    main()
