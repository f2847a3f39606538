"""Logits of networks trained with BCE, with a constant alpha, and with the forward correction.

    python benchmarks/undone.py   # repeat the command to continue

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
import torch
import trial
from torch import nn

from aslp_lib import networks
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.data.base import SaliencySet
from aslp_lib.files import write

FOLDER = Path("build/undone")
SEEDS = range(100, 105)
EPOCHS = ("last", "best")


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


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", choices=trial.DATA, nargs="+", default=trial.DATA)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    trial.check_environment()
    values, where = json.loads(trial.VALUES.read_text()), trial.here()
    calls = [
        (unit, data, seed, values[data]["C"], where) for seed in SEEDS for data in arguments.data
    ]
    for _ in trial.side_by_side(arguments.processes, calls):
        pass


if __name__ == "__main__":
    main()
