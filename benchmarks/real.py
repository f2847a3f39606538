"""The study on real images: every rule, several seeds, preset "small".

    python benchmarks/real.py --data DIR [--seeds 3]

A seed draws the head's weights, the order, the augmentation and the switches; the images and the
pretrained encoder stay. Test sets are scored from 8-bit maps at the images' own sizes. Each
finished training is added to `benchmarks/results/real.json` at once, and a second call trains only
what is missing. Prints the tables and keeps them in `benchmarks/README.md`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from timing import put_in_readme, spread

from aslp_lib.aslp.alphas import alpha_gradient
from aslp_lib.config import PRESETS, Settings
from aslp_lib.data.base import DataSplits
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.metrics import scores
from aslp_lib.prediction.maps import ReadOptions, count_maps
from aslp_lib.prediction.predict import predict
from aslp_lib.training.batches import accelerator_for, loader
from aslp_lib.training.loop import train
from aslp_lib.training.validation import validate

RESULTS = Path(__file__).parent / "results" / "real.json"
START, END = "<!-- real -->", "<!-- end of real -->"
SMALL = replace(PRESETS["small"], device="cpu")
VARIANTS: dict[str, tuple[str, Settings]] = {
    METHOD_LABELS[method]: (method, SMALL)
    for method in ("bce", "calibration", "entropy", "measured_gap")
}
VARIANTS["ASLP (MC), release's step"] = (
    "calibration",
    SMALL.tuned(aslp={"dynamics": "release", "alpha_step_size": 0.002, "constraint_weight": 2e3}),
)
COLUMNS = {"ece": "ECE", "oe": "OE", "accuracy": "accuracy", "mae": "MAE", "max_f": "max F"}


def one(variant: str, seed: int, data: DataSplits) -> dict:
    """Train one variant with one seed and score it."""
    method, settings = VARIANTS[variant]
    settings = replace(settings, seed=seed)
    trained = train(settings, data, method)
    rows = {"validation": scores(validate(trained.network, data.validation, settings))}
    with tempfile.TemporaryDirectory() as temporary:
        for name, part in data.tests.items():
            predict(trained.network, part, Path(temporary) / name, settings)
            counts = count_maps(Path(temporary) / name, part, ReadOptions(weighted_f=False))
            rows[name] = scores(counts)
    return {
        "variant": variant,
        "seed": seed,
        "torch": torch.__version__.split("+")[0],
        "alpha": quantiles(levels["alpha"]) if (levels := trained.method.per_image()) else None,
        "correlation": correlation(trained, data, settings),
        "scores": {
            name: {key: row[key] if np.isfinite(row[key]) else None for key in COLUMNS}
            for name, row in rows.items()
        },
    }


def quantiles(alpha: torch.Tensor) -> dict[str, float]:
    """Mean, 10 % and 90 % of the final levels."""
    low, high = torch.quantile(alpha.double(), torch.tensor([0.1, 0.9]).double())
    return {"mean": alpha.mean().item(), "p10": low.item(), "p90": high.item()}


@torch.inference_mode()
def correlation(trained, data: DataSplits, settings: Settings) -> float | None:
    """Of the final levels with the images' own margins under the final network, unaugmented; None
    where all levels are equal."""
    if not trained.method.per_image():
        return None
    train_set, margins = data.train, []
    augment, train_set.augment = train_set.augment, None
    accelerator, network = accelerator_for(settings), trained.network.eval()
    for images, labels, _ in loader(train_set, settings, accelerator, list(range(len(train_set)))):
        margins.append(
            alpha_gradient(network(images), labels, settings.hyperparameters.aslp.perturbation)
        )
    train_set.augment = augment
    levels = trained.method.per_image()["alpha"].numpy()
    if np.ptp(levels) == 0:
        return None
    return float(np.corrcoef(levels, torch.cat(margins).numpy())[0, 1])


def table(runs: list[dict]) -> str:
    """Markdown: percent (MAE and max F as they are), mean +- standard deviation over seeds."""
    done = {v: rows for v in VARIANTS if (rows := [run for run in runs if run["variant"] == v])}
    parts = []
    for name, first in runs[0]["scores"].items():
        shown = {key: title for key, title in COLUMNS.items() if first[key] is not None}
        cells = [
            [variant, str(len(rows))]
            + [cell([run["scores"][name][key] for run in rows], key) for key in shown]
            for variant, rows in done.items()
        ]
        parts.append(markdown_table([name, "seeds", *shown.values()], cells, "l"))
    levels = []
    for variant, rows in done.items():
        if all(run["alpha"] for run in rows):
            cells = [cell([r["alpha"][k] for r in rows], "alpha") for k in ("mean", "p10", "p90")]
            found = [r["correlation"] for r in rows if r["correlation"] is not None]
            cells.append(cell(found, "correlation") if found else "all levels equal")
            levels.append([variant, *cells])
    head = ["levels", "mean", "10 %", "90 %", "correlation with the margin"]
    return "\n\n".join([*parts, markdown_table(head, levels, "l")])


def cell(values: list[float], key: str) -> str:
    """In percent, but for what is no share."""
    return spread(values) if key in ("ece", "oe", "accuracy") else spread(values, 1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(run["variant"], run["seed"]) for run in runs}
    jobs = [(v, seed) for seed in range(arguments.seeds) for v in VARIANTS if (v, seed) not in done]
    for number, (variant, seed) in enumerate(jobs, start=1):
        print(f"training {number} of {len(jobs)}: {variant}, seed {seed}", flush=True)
        data = replace(SMALL, data=str(arguments.data), seed=seed).load_data()
        runs.append(one(variant, seed, data))
        write(RESULTS, json.dumps(runs, indent=1) + "\n")
        put_in_readme(table(runs), START, END)
    print(table(runs))


if __name__ == "__main__":
    main()
