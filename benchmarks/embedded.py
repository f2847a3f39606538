"""The embedded study: every rule as the preset has it, several seeds, in and out of distribution.

    python benchmarks/embedded.py [--seeds 5] [--processes 2]

A seed draws the data set, the network's weights, the order and the switches anew. Writes
`benchmarks/results/embedded.json` (every run) and its table in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import torch
from timing import put_in_readme, spread
from tqdm import tqdm

from aslp_lib.config import PRESETS
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import scores
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

RESULTS = Path(__file__).parent / "results" / "embedded.json"
START, END = "<!-- embedded -->", "<!-- end of embedded -->"
METHODS = ("bce", "calibration", "entropy", "measured_gap")
COLUMNS = {"ece": "ECE", "oe": "OE", "accuracy": "accuracy"}


def one(job: tuple[str, int]) -> dict:
    """Train one method with one seed and score it on every test set."""
    method, seed = job
    torch.set_num_threads(1)
    settings = replace(PRESETS["demo"], seed=seed, data_seed=seed, device="cpu")
    data = settings.load_data()
    trained = train(settings, data, method, progress=False)
    sets = {"validation": data.validation, **data.tests}
    return {
        "method": method,
        "seed": seed,
        "alpha": trained.method.per_image().get("alpha", torch.zeros(1)).mean().item(),
        "scores": {
            name: scores(validate(trained.network, part, settings)) for name, part in sets.items()
        },
    }


def table(results: dict) -> str:
    """Markdown: percent, mean +- standard deviation over seeds."""
    runs = results["runs"]
    names = ("test", "shifted", "textures")
    rows = []
    for method in METHODS:
        own = [run["scores"] for run in runs if run["method"] == method]
        rows.append([METHOD_LABELS[method]])
        rows[-1] += [spread([each[n][key] for each in own]) for n in names for key in COLUMNS]
    head = [f"{name} {title}" for name in names for title in COLUMNS.values()]
    return markdown_table(["method", *head], rows, "l")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    jobs = [(method, seed) for seed in range(arguments.seeds) for method in METHODS]
    with ProcessPoolExecutor(arguments.processes) as pool:
        runs = list(tqdm(pool.map(one, jobs), total=len(jobs)))
    facts = {"date": str(date.today()), "torch": torch.__version__, "seeds": arguments.seeds}
    results = {**facts, "runs": runs}
    write(RESULTS, json.dumps(results, indent=1))
    put_in_readme(table(results), START, END)
    print(table(results))


if __name__ == "__main__":
    main()
