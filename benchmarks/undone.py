"""Logits of networks trained with BCE, with a constant alpha, and with the forward correction.

    python benchmarks/undone.py             # repeat the command to continue
    python benchmarks/undone.py --analyse   # records and tables, when all runs are there

The data, settings, tuned alphas and environment variables are those of `trial.py`. Each run writes
two files, `build/undone/DATA/SEED/ARM_EPOCH.npz`, from which any recalibration can be scored. EPOCH
is `last`, or `best`: the epoch with the lowest temperature-scaled validation NLL. For `validation`,
for `test` and for each shifted set of the trial, a file has the arrays

- `SET_logits`, (images, S, S) float32: logits of the network, to which nothing has been done.
- `SET_labels`, (images, S, S) uint8.
- `SET_posterior`, (images, S, S) float32: the true posterior, if it is known.
- `SET_fields`, (images,): field of view of each image, if the data have them.

It also has `facts`, a JSON object: the epoch, its temperature and NLL on the validation set, the
dose alpha * beta, the seconds of the run, the commit and the processor.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import trial
from scipy.stats import t
from timing import put_in_readme
from torch import nn

from aslp_lib import networks
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.data.base import SaliencySet
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.metrics import scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import (
    Isotonic,
    Recalibration,
    Temperature,
    Unperturb,
    UnperturbTemperature,
)

FOLDER = Path("build/undone")
RESULTS = Path(__file__).parent / "results" / "undone.csv"
START, END = "<!-- undone -->", "<!-- end of undone -->"
SEEDS = range(100, 105)
EPOCHS = ("last", "best")
SCORED = ("nll", "ece", "ece_floor", "brier", "accuracy", "gap")


def arms(alpha: float) -> list[trial.Arm]:
    """Return BCE (B), a constant alpha (C), and the same with the forward correction (N)."""
    constant = trial.constant("C", alpha)
    corrected = {**constant.options, "forward_correction": True}
    return [trial.Arm("B", "bce"), constant, replace(constant, name="N", options=corrected)]


def file_of(data: str, seed: int, arm: str, epoch: str) -> Path:
    """Return the file of a run's weights."""
    return FOLDER / data / str(seed) / f"{arm}_{epoch}.npz"


def unit(data: str, seed: int, alpha: float, where: Mapping[str, str]) -> None:
    """Train the arms of a seed of which a file is missing, and write their files.

    Args:
        data: name of the data set.
        seed: seed of the data and of the runs.
        alpha: perturbation level of C and N.
        where: commit and processor, which each file names.
    """
    torch.set_num_threads(1)
    settings = replace(trial.SETTINGS[data], seed=seed, data_seed=seed)
    splits = trial.split(settings)
    sets = {"validation": splits.validation, **trial.sets_of(data, settings, splits)}
    network = networks.build(settings.network)
    for arm in arms(alpha):
        if all(file_of(data, seed, arm.name, epoch).exists() for epoch in EPOCHS):
            continue
        run = trial.trained(arm, settings, splits)
        facts = {"dose": HARD_INVERSION.beta * alpha if arm.name in ("C", "N") else 0.0, **where}
        facts["seconds"] = round(run.seconds, 1)
        for epoch in EPOCHS:
            kept = run.kept[epoch]
            network.load_state_dict(kept.weights)
            numbers = {k: getattr(kept, k) for k in ("epoch", "temperature", "nll", "scaled_nll")}
            content = io.BytesIO()
            arrays = arrays_of(network.eval(), sets)
            np.savez(content, facts=json.dumps(numbers | facts), **arrays)
            write(file_of(data, seed, arm.name, epoch), content.getvalue())


def arrays_of(network: nn.Module, sets: Mapping[str, SaliencySet]) -> dict[str, np.ndarray]:
    """Compute the logits of each set, and return them with its labels, posterior and fields."""
    arrays = {}
    for name, dataset in sets.items():
        labels = torch.stack([dataset.loaded(i)[1] for i in range(len(dataset))])
        arrays[f"{name}_logits"] = trial.logits_of(network, dataset)[:, 0].numpy()
        arrays[f"{name}_labels"] = labels[:, 0].numpy().astype(np.uint8)
        for known in ("posterior", "fields"):
            if (values := getattr(dataset, known, None)) is not None:
                arrays[f"{name}_{known}"] = values
    return arrays


def recalibrations(dose: float, corrected: bool) -> dict[str, Recalibration | None]:
    """Return what is done to the logits of a network; nothing has to be undone if `corrected`."""
    return {
        "as trained": None,
        "temperature": Temperature(),
        **({} if corrected or not dose else {"undone": Unperturb(dose)}),
        "(d, T)": UnperturbTemperature(),
        "isotonic": Isotonic(),
    }


def rows_of(file: Path) -> list[dict[str, object]]:
    """Score the validation and test set of a run, recalibrated in every way."""
    arm, epoch = file.stem.split("_")
    with np.load(file) as arrays:
        known = {
            name: arrays[name] for name in arrays if name.startswith(("valid", "test", "facts"))
        }
    facts = json.loads(str(known["facts"]))
    counts = {
        name: Counts.from_logits(
            *(torch.from_numpy(known[f"{name}_{k}"]) for k in ("logits", "labels"))
        )
        for name in ("validation", "test")
    }
    run = {"data": file.parts[-3], "seed": int(file.parts[-2]), "arm": arm, "epoch": epoch}
    rows: list[dict[str, object]] = []
    for label, unfitted in recalibrations(facts["dose"], arm == "N").items():
        change = None if unfitted is None else unfitted.fit(counts["validation"])
        for name, before in counts.items():
            after = before if change is None else change.apply_counts(before)
            row = run | {"recalibration": label, "set": name} | scores(after, names=SCORED)
            if (posterior := known.get(f"{name}_posterior")) is not None:
                z = torch.from_numpy(known[f"{name}_logits"])
                p = (z if change is None else change(z)).double().sigmoid().numpy()
                row["posterior_error"] = float(np.mean((p - posterior) ** 2))
            fitted = {} if change is None else dict(change.named_buffers())
            row |= {k: fitted[k].item() for k in ("dose", "value") if k in fitted}
            rows.append(row | {k: facts[k] for k in ("commit", "processor")})
    return rows


def contrasts(records: pd.DataFrame) -> pd.DataFrame:
    """Compute differences to early stopping with a temperature: mean and 95 % t interval."""
    key = ["data", "arm", "epoch", "recalibration", "seed"]
    test = records[records["set"] == "test"].set_index(key)[["nll", "ece", "accuracy"]]
    rows = []
    for group, values in test.groupby(level=key[:4], sort=False):
        stopped = test.sort_index().loc[(group[0], "B", "best", "temperature")]
        change = values.droplevel(key[:4]) - stopped
        row = dict(zip(key[:4], group, strict=True)) | {"seeds": len(change)}
        for score in change:
            mean, error = change[score].mean(), change[score].std() / len(change) ** 0.5
            half = error * t.ppf(0.975, len(change) - 1)
            row |= {score: values[score].mean(), f"{score} difference": mean}
            row |= {f"{score} low": mean - half, f"{score} high": mean + half}
        rows.append(row)
    return pd.DataFrame(rows)


def table(records: pd.DataFrame) -> str:
    """Format the contrasts."""
    rows = []
    for row in contrasts(records).to_dict("records"):
        cells = [row[k] for k in ("data", "arm", "epoch", "recalibration")]
        for score, unit in (("nll", 1), ("ece", 100)):
            ends = (unit * row[f"{score} {end}"] for end in ("difference", "low", "high"))
            mean, low, high = (f"{end:+.3f}" if unit == 1 else f"{end:+.2f}" for end in ends)
            value = f"{unit * row[score]:.3f}" if unit == 1 else f"{unit * row[score]:.2f}"
            same = cells[1:] == ["B", "best", "temperature"]
            cells += [value, "" if same else f"{mean} [{low}, {high}]"]
        rows.append(cells)
    head = ["data", "arm", "epoch", "recalibration", "NLL", "minus early stopping", "ECE %",
            "minus early stopping"]  # fmt: skip
    return markdown_table(head, rows, "l")


def analyse() -> None:
    """Write the records and their table."""
    files = [
        file_of(data, seed, arm, epoch)
        for data in trial.DATA
        for arm in "BCN"
        for epoch in EPOCHS
        for seed in SEEDS
    ]
    records = pd.DataFrame([row for file in files for row in rows_of(file)])
    write(RESULTS, records.to_csv(index=False, float_format=trial.DIGITS))
    put_in_readme(table(pd.read_csv(RESULTS)), START, END)


def main() -> None:
    """Run what is missing, or analyse what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=trial.DATA, nargs="+", default=trial.DATA)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--analyse", action="store_true")
    arguments = parser.parse_args()
    if arguments.analyse:
        analyse()
        return
    trial.check_environment()
    values, where = json.loads(trial.VALUES.read_text()), trial.here()
    calls = [
        (unit, data, seed, values[data]["C"], where) for seed in SEEDS for data in arguments.data
    ]
    for _ in trial.side_by_side(arguments.processes, calls):
        pass


if __name__ == "__main__":
    main()
