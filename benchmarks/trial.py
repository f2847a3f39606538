"""The trial of docs/trial.md: its arms, their tuning, its runs and its records.

    make trial STEP=tune      # grids on seeds 0 to 4, by validation sets alone
    make trial STEP=power     # whole units with the chosen values on seeds 0 to 4
    make trial STEP=run       # the trial; repeat the command to continue
    make trial STEP=repeat    # five runs once more, compared with their records

A unit of work is one seed of one data set with all its arms, on one machine. Each run uses one
thread; `--processes` units run side by side. Only complete units enter the records.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from timing import commit, device_name
from torch import Tensor, nn
from tqdm import tqdm

from aslp_lib import networks
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.config import PRESETS, Settings
from aslp_lib.course import recorded
from aslp_lib.data.base import DataSplits, SaliencySet, derived_seed
from aslp_lib.data.shapes import SHIFTED, TEST, ShapelessTextures, Shapes
from aslp_lib.files import write
from aslp_lib.methods import METHODS, Draws, Method
from aslp_lib.methods.aslp import ASLP, sc_bce
from aslp_lib.methods.base import NoOptions
from aslp_lib.methods.constant_alpha import ConstantAlpha, ConstantAlphaOptions
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import noise_floor
from aslp_lib.metrics.temperature import best_temperature, pixel_margins, scaled_nll
from aslp_lib.tensors import load_tensors, save_tensors
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train

INSTRUCTIONS = {
    "ATEN_CPU_CAPABILITY": "avx512",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    "OMP_NUM_THREADS": "1",
}
"""Environment of every run, with which processors that have AVX-512 use the same kernels."""
DATA = ("shapes", "nuclei")
SETTINGS = {
    "shapes": replace(PRESETS["demo"], device="cpu"),
    "nuclei": replace(PRESETS["nuclei"], device="cpu"),
}
TUNING_SEEDS = range(5)
SEEDS = {"shapes": range(100, 120), "nuclei": range(100, 110)}
FIRST_TEN = range(100, 110)
"""Seeds of P_h, F, the mechanism and the training-set sizes, which use the shapes alone."""
TEST_IMAGES = 3000
GREY_LEVELS = 1024
"""Grey levels in which ECE is counted; NLL, Brier score and posterior error are exact."""
MECHANISM = ("B", "L", "C", "F")
MECHANISM_EPOCHS = 10
"""Epochs between measurements of the mechanism."""
SIZES = (40, 640)
"""Numbers of training images beside the 160 of the main arms, at the same number of steps."""
PERMUTATION, FROZEN = 7, 8
"""Purposes of random numbers, beside those of training."""

LADDERS = {
    "C": tuple(round(0.05 * n, 2) for n in range(1, 10)),  # alpha; from 0.5 on, decisions change
    "L*": (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),  # epsilon
    "M": (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0),  # lambda
}
"""Values that the tuning of an arm may try, in ascending order."""
STARTS = {
    "shapes": {"C": (0.1, 0.15, 0.2, 0.25), "L*": (0.05, 0.1, 0.2, 0.3), "M": (20.0, 50.0, 200.0)},
    "nuclei": {"C": (0.1, 0.15, 0.2), "L*": (0.1, 0.2, 0.3), "M": (20.0, 50.0, 200.0)},
}
"""Values that the tuning tries first."""
CLOSE = 0.003
"""Nats within which the best value may lie at the edge of a grid."""
SPREAD = 0.5
"""Smallest (p90 - p10) / mean of the final alphas of M_h."""

RECORDS = recorded.FOLDER
VALUES = RECORDS / "trial.json"
"""The values that the second freeze chose: data set -> arm -> value."""
TUNING = Path(__file__).parent / "results" / "trial_tuning.csv"
RUNS = Path("runs/trial")
DIGITS = "%.9g"
"""Format of the numbers in the records."""


class Replay(Method[NoOptions]):
    """SC-BCE with alphas that were learned in another run, in an open loop.

    `schedule` holds the alphas at the start of each epoch, (epochs, images).
    """

    name, label = "replay", "replayed alphas"
    schedule: Tensor

    def __init__(self, images: int, options: NoOptions) -> None:
        super().__init__(images, options)
        self.register_buffer("epoch", torch.tensor(0))

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        alpha = self.schedule[self.epoch][index]
        return sc_bce(logits, labels, alpha, HARD_INVERSION, draws)

    def after_validation(self, counts: Counts, network: nn.Module) -> None:
        self.epoch += 1


class FrozenSwitch(ConstantAlpha):
    """Constant alpha whose switch is drawn once for each image, and never again.

    `uniform` holds the number in [0, 1) of each image.
    """

    name, label = "frozen_switch", "constant alpha, frozen switch"
    uniform: Tensor

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        draws = replace(draws, uniform=self.uniform[index])
        return super().pixel_losses(logits, labels, index, draws)


@dataclass(frozen=True)
class Arm:
    """An arm of the trial.

    Args:
        name: its name in the records.
        method: key of `METHODS`.
        options: hyperparameters of the method.
        schedule: alphas to replay, (epochs, images).
        images: number of training images, if it is not the data set's own.
    """

    name: str
    method: str
    options: Mapping[str, object] = field(default_factory=dict)
    schedule: Tensor | None = None
    images: int | None = None


def constant(name: str, alpha: float, images: int | None = None) -> Arm:
    """Return an arm with a constant alpha, hard inversion and the sampled switch."""
    return Arm(name, "constant_alpha", {"technique": "HI", "alpha": alpha}, images=images)


def smoothing(name: str, epsilon: float, images: int | None = None) -> Arm:
    """Return an arm with expected targets."""
    return Arm(name, "label_smoothing", {"epsilon": epsilon}, images=images)


def adaptive(name: str, weight: float) -> Arm:
    """Return an arm with ASLP (MC), hard inversion and the constraint's weight lambda."""
    return Arm(name, "calibration", {"technique": "HI", "constraint_weight": weight})


TUNED: Mapping[str, Callable[[str, float], Arm]] = {"C": constant, "L*": smoothing, "M": adaptive}


def equal_alphas(name: str, learned: Tensor) -> Arm:
    """Return the arm in which every image has the mean alpha of the epoch."""
    return Arm(name, "replay", schedule=learned.mean(1, keepdim=True).expand_as(learned))


def arms(data: str, seed: int, values: Mapping[str, float]) -> list[Callable[[Mapping], Arm]]:
    """Return functions that make the arms of a unit, in order, from the alphas learned so far.

    Args:
        values: tuned values of the data set.
    """
    alpha, epsilon = values["C"], 2 * values["C"]
    made: list[Callable[[Mapping[str, Tensor]], Arm]] = [
        lambda learned: Arm("B", "bce"),
        lambda learned: constant("C", alpha),
        lambda learned: smoothing("L", epsilon),
        lambda learned: smoothing("L*", values["L*"]),
        lambda learned: adaptive("M", values["M"]),
        lambda learned: equal_alphas("R", learned["M"]),
        lambda learned: constant("K", float(learned["M"].mean())),
    ]
    if values["C_ES"] != alpha:
        made.append(lambda learned: constant("C_ES", values["C_ES"]))
    if "M_h" in values:
        made.append(lambda learned: adaptive("M_h", values["M_h"]))
        made.append(lambda learned: equal_alphas("R_h", learned["M_h"]))
    if data == "shapes" and seed in FIRST_TEN:
        if "M_h" in values:
            generator = torch.Generator().manual_seed(derived_seed(seed, PERMUTATION))
            order = torch.randperm(160, generator=generator)
            made.append(lambda learned: Arm("P_h", "replay", schedule=learned["M_h"][:, order]))
        options = {"technique": "HI", "alpha": alpha}
        made.append(lambda learned: Arm("F", "frozen_switch", options))
        for size in SIZES:
            made.append(lambda learned, n=size: Arm(f"B@{n}", "bce", images=n))
            made.append(lambda learned, n=size: constant(f"C@{n}", alpha, n))
            made.append(lambda learned, n=size: smoothing(f"L@{n}", epsilon, n))
    return made


@dataclass(frozen=True)
class Kept:
    """Weights of a run with what their validation says.

    Args:
        weights: state of the network.
        epoch: epoch after which they were kept.
        temperature: temperature that minimises the validation NLL.
        nll, scaled_nll: validation NLL, as trained and temperature-scaled.
    """

    weights: dict[str, Tensor]
    epoch: int
    temperature: float
    nll: float
    scaled_nll: float

    @classmethod
    def of(cls, state: TrainingState) -> Kept:
        """Keep the current weights."""
        counts = state.validation
        assert counts is not None
        return cls(
            deepcopy(state.network.state_dict()),
            len(state.log),
            best_temperature(*pixel_margins(counts)),
            calibration.nll(counts),
            scaled_nll(counts),
        )


@dataclass
class Trained:
    """What is kept of a run.

    Args:
        kept: "last" and "best" -> weights; the best epoch has the lowest `scaled_nll`.
        learned: alphas at the start of each epoch, (epochs, images), if they were learned.
        alpha: alphas at the end, (images,), if they were learned.
        mechanism: epoch -> excess and number of pixels, see `excess`.
        seconds: duration of the training.
    """

    kept: dict[str, Kept]
    learned: Tensor | None
    alpha: Tensor | None
    mechanism: dict[int, tuple[float, int]]
    seconds: float


def split(settings: Settings, images: int | None = None) -> DataSplits:
    """Load the training and validation sets, with another number of training images if given."""
    data = settings.load_data()
    if images is None:
        return data
    shapes = Shapes("train", images, derived_seed(settings.data_seed, 0), size=settings.size)
    return replace(data, train=shapes)


def trained(arm: Arm, settings: Settings, data: DataSplits) -> Trained:
    """Train an arm, and keep the weights of the last and of the best epoch."""
    seed, images = settings.seed, len(data.train)
    epochs = settings.epochs * 160 // arm.images if arm.images else settings.epochs
    uniform = torch.rand(
        images, generator=torch.Generator().manual_seed(derived_seed(seed, FROZEN))
    )
    if arm.method == "frozen_switch":
        METHODS[arm.method] = type("Frozen", (FrozenSwitch,), {"uniform": uniform})
    if arm.method == "replay":
        METHODS[arm.method] = type("Replayed", (Replay,), {"schedule": arm.schedule})
    family = METHODS[arm.method].family
    tuned = settings.tuned(**{family: arm.options}) if arm.options else settings
    tuned = replace(tuned, methods=(arm.method,), epochs=epochs)
    best: list[Kept] = []
    learned: list[Tensor] = [torch.zeros(images)]
    mechanism = {}
    strength = 2 * ConstantAlphaOptions(**arm.options).alpha if arm.name in ("C", "F") else 0.0
    strength = float(arm.options["epsilon"]) if arm.name == "L" else strength
    shown = uniform >= strength / 2 if arm.name == "F" else torch.ones(images, dtype=torch.bool)
    measured = settings.data == "shapes" and seed in FIRST_TEN and arm.name in MECHANISM

    def after_epoch(state: TrainingState) -> None:
        assert state.validation is not None
        if not best or scaled_nll(state.validation) < best[0].scaled_nll:
            best[:] = [Kept.of(state)]
        if isinstance(state.method, ASLP):
            learned.append(state.method.alphas.alpha.clone())
        if measured and len(state.log) % MECHANISM_EPOCHS == 0:
            mechanism[len(state.log)] = excess(state.network, data.train, strength, shown)

    start = time.perf_counter()
    state = train(tuned, data, arm.method, progress=False, after_epoch=after_epoch)
    seconds = time.perf_counter() - start
    adapts = len(learned) > 1
    return Trained(
        {"last": Kept.of(state), "best": best[0]},
        torch.stack(learned[:-1]) if adapts else None,
        learned[-1] if adapts else None,
        mechanism,
        seconds,
    )


def excess(
    network: nn.Module, dataset: SaliencySet, strength: float, shown: Tensor
) -> tuple[float, int]:
    """Measure by how much a network exceeds what its targets ask for, where the label is unlikely.

    Over the training pixels whose label y has a posterior pi below 0.3, this is the mean of
    `p(y) - q`, where `q = (1 - strength) pi + strength/2` is the mean target of y.

    Args:
        network: the network, in eval mode.
        dataset: the training set, whose posterior is known.
        strength: alpha * beta of the targets.
        shown: (images,) images to consider.

    Returns:
        The mean, and the number of pixels.
    """
    assert isinstance(dataset, Shapes)
    p = torch.sigmoid(logits_of(network, dataset).double())[:, 0]
    y, posterior = dataset.masks[:, 0].bool(), torch.from_numpy(dataset.posterior).double()
    pi, p = (torch.where(y, value, 1 - value) for value in (posterior, p))
    pixels = (pi < 0.3) & shown[:, None, None]
    target = (1 - strength) * pi + strength / 2
    return float((p - target)[pixels].mean()), int(pixels.sum())


@torch.inference_mode()
def logits_of(network: nn.Module, dataset: SaliencySet) -> Tensor:
    """Compute the logits of a set, (images, 1, S, S) float32."""
    batches = torch.arange(len(dataset)).split(50)
    items = ((torch.stack([dataset.loaded(int(i))[0] for i in batch])) for batch in batches)
    return torch.cat([network(images).float() for images in items])


def rows_of(
    kept: Kept, network: nn.Module, sets: Mapping[str, SaliencySet]
) -> list[dict[str, object]]:
    """Score weights on every set, as trained and temperature-scaled."""
    network.load_state_dict(kept.weights)
    network.eval()
    rows, logits, before = [], torch.empty(0), None
    for name, dataset in sets.items():
        images = getattr(dataset, "images", None)
        if before is None or images is None or not torch.equal(images, before):
            logits, before = logits_of(network, dataset), images
        labels = torch.stack([dataset.loaded(i)[1] for i in range(len(dataset))])
        for recalibration, t in (("none", 1.0), ("temperature_scaling", kept.temperature)):
            facts = {"recalibration": recalibration, "set": name, "temperature": t}
            facts["epoch"] = kept.epoch
            rows += [facts | row for row in scored(logits.double() / t, labels, dataset)]
    return rows


def scored(logits: Tensor, labels: Tensor, dataset: SaliencySet) -> list[dict[str, object]]:
    """Return the scores of a set, and those of the fields of view of a test or validation set.

    Args:
        logits, labels: (images, 1, S, S).
        dataset: the set, with its `posterior` or `fields` if it has them.
    """
    p, y, fields = torch.sigmoid(logits), labels.double(), dataset.fields
    counts = Counts.from_probabilities(p, labels, GREY_LEVELS).with_columns(groups=fields)
    exact = {
        "nll": torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="none"),
        "brier": (p - y) ** 2,
    }
    if (posterior := getattr(dataset, "posterior", None)) is not None:
        exact["posterior_error"] = (p[:, 0] - torch.from_numpy(posterior)) ** 2
    images = {name: values.flatten(1).mean(1) for name, values in exact.items()}
    groups = [(None, np.arange(len(counts)))]
    if fields is not None and dataset.name in ("test", "validation"):
        groups += [(int(f), np.flatnonzero(fields == f)) for f in np.unique(fields)]
    rows = []
    for number, members in groups:
        row = {"field": number, "images": len(members)}
        row |= {name: float(values[members].mean()) for name, values in images.items()}
        row.setdefault("posterior_error", None)
        row |= scores(counts[members], names=("ece", "oe", "gap", "accuracy"))
        if number is None:
            row["ece_floor"] = noise_floor(counts)
        rows.append(row)
    return rows


def sets_of(data: str, settings: Settings, splits: DataSplits) -> dict[str, SaliencySet]:
    """Return the test sets of a unit.

    A tuning seed has one, which no unit of the trial uses. The test fields of the nuclei are the
    trial's, so validation fields stand for them.
    """
    seed, size = settings.data_seed, settings.size
    if data == "nuclei":
        return {"test": splits.validation} if seed in TUNING_SEEDS else splits.tests
    part = derived_seed(seed, TEST)
    test = Shapes("test", TEST_IMAGES, part, size=size)
    if seed in TUNING_SEEDS:
        return {"test": test}
    return {
        "test": test,
        "shifted": Shapes("shifted", TEST_IMAGES, part, SHIFTED, size=size),
        "textures": ShapelessTextures("textures", 100, derived_seed(seed, 3), size),
    }


def unit(data: str, seed: int, values: Mapping[str, float], where: Mapping[str, str]) -> None:
    """Run all arms of a seed, and keep the rows of each finished run in `RUNS`.

    Args:
        values: tuned values of the data set.
        where: commit and processor, which each row carries. Runs of another commit or processor
            are repeated.
    """
    torch.set_num_threads(1)
    folder = RUNS / data / str(seed)
    settings = replace(SETTINGS[data], seed=seed, data_seed=seed)
    splits = split(settings)
    sets = sets_of(data, settings, splits)
    network, learned = networks.build(settings.network), {}
    for make in arms(data, seed, values):
        arm = make(learned)
        file = folder / f"{arm.name}.json"
        if file.exists():
            earlier = json.loads(file.read_text())
            if earlier["where"] == where:
                if earlier["learned"]:
                    learned[arm.name] = load_tensors(folder / f"{arm.name}.safetensors")[0]["alpha"]
                continue
            shutil.rmtree(folder)
            return unit(data, seed, values, where)
        run = trained(arm, settings, split(settings, arm.images) if arm.images else splits)
        facts = {"seed": seed, "arm": arm.name}
        if run.learned is not None and run.alpha is not None:
            learned[arm.name] = run.learned
            save_tensors(folder / f"{arm.name}.safetensors", {"alpha": run.learned}, {})
            facts |= alpha_facts(run.alpha)
        rows = [
            facts | {"weights": weights} | row | {"seconds": round(run.seconds, 1)}
            for weights, kept in run.kept.items()
            for row in rows_of(kept, network, sets)
        ]
        mechanism = [
            {"seed": seed, "arm": arm.name, "epoch": epoch, "excess": value, "pixels": pixels}
            for epoch, (value, pixels) in run.mechanism.items()
        ]
        content = {"where": where, "learned": run.learned is not None}
        write(file, json.dumps(content | {"rows": rows, "mechanism": mechanism}))
    write(folder / "complete", json.dumps(dict(where)))


def alpha_facts(alpha: Tensor) -> dict[str, float]:
    """Return the mean and the deciles of the alphas at the end of a run."""
    low, high = np.quantile(alpha.numpy(), [0.1, 0.9]).tolist()
    return {"alpha_mean": float(alpha.mean()), "alpha_p10": low, "alpha_p90": high}


def collect(data: str) -> None:
    """Add the complete units in `RUNS` to their records, sorted by seed."""
    parts: dict[str, list[pd.DataFrame]] = {"rows": [], "mechanism": []}
    for complete in sorted((RUNS / data).glob("*/complete")):
        where = json.loads(complete.read_text())
        for file in sorted(
            complete.parent.glob("*.json"), key=lambda path: path.stat().st_mtime_ns
        ):
            content = json.loads(file.read_text())
            for name, frames in parts.items():
                frames.append(pd.DataFrame(content[name]).assign(**where))
    for name, file in (("rows", f"trial_{data}.csv"), ("mechanism", "trial_mechanism.csv")):
        if not (frames := [frame for frame in parts[name] if len(frame)]):
            continue
        new = pd.concat(frames)
        tuning = new["seed"].isin(TUNING_SEEDS)
        for target, rows in ((RECORDS / file, new[~tuning]), (power_file(data), new[tuning])):
            if len(rows):
                append(target, rows)


def power_file(data: str) -> Path:
    """Return the file of the units of the tuning seeds."""
    return TUNING.with_name(f"trial_power_{data}.csv")


def append(file: Path, new: pd.DataFrame) -> None:
    """Add the seeds to a CSV file that it does not hold yet."""
    if file.exists():
        old = pd.read_csv(file)
        new = pd.concat([old, new[~new["seed"].isin(old["seed"])]])
    buffer = io.StringIO()
    new.sort_values("seed", kind="stable").to_csv(buffer, index=False, float_format=DIGITS)
    write(file, buffer.getvalue())


def recorded_seeds(file: Path) -> set[int]:
    """Return the seeds whose units are in a file of records."""
    return set(pd.read_csv(file)["seed"]) if file.exists() else set()


def here() -> dict[str, str]:
    """Return commit and processor; refuse a commit that is not the code that runs."""
    changed = [
        "git",
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "*.py",
        "pyproject.toml",
    ]
    if text := subprocess.run(changed, capture_output=True, text=True, check=True).stdout:
        raise SystemExit(
            f"the code differs from its commit:\n{text}expected a clean tree. Commit it."
        )
    return {"commit": str(commit()).removesuffix("+"), "processor": device_name()}


def side_by_side(processes: int, calls: Sequence[tuple[Any, ...]]) -> Iterable[Any]:
    """Call functions in separate processes, and yield their results as they come."""
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(*call) for call in calls]
        try:
            for job in tqdm(as_completed(jobs), total=len(jobs), file=sys.stdout, mininterval=30):
                yield job.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def run(processes: int, only: Sequence[str], seeds: Mapping[str, Iterable[int]] = SEEDS) -> None:
    """Run the units that the records lack, the first seeds of both data sets first."""
    values, where = json.loads(VALUES.read_text()), here()
    order = [(seed, data) for data in only for seed in seeds[data]]
    done = {
        data: recorded_seeds(RECORDS / f"trial_{data}.csv") | recorded_seeds(power_file(data))
        for data in only
    }
    calls = [(unit, d, s, values[d], where) for s, d in sorted(order) if s not in done[d]]
    for _ in side_by_side(processes, calls):
        for data in only:
            collect(data)


def tuning_run(
    data: str, seed: int, arm: Arm, value: float, where: Mapping[str, str]
) -> list[dict]:
    """Train one arm with one value on a tuning seed; return its rows, from the validation set."""
    torch.set_num_threads(1)
    settings = replace(SETTINGS[data], seed=seed, data_seed=seed)
    result = trained(arm, settings, split(settings))
    rows = []
    for weights, kept in result.kept.items():
        row = {"data": data, "seed": seed, "arm": arm.name, "value": value, "weights": weights}
        row |= {"epoch": kept.epoch, "nll": kept.nll, "scaled_nll": kept.scaled_nll}
        row |= {"temperature": kept.temperature, "seconds": round(result.seconds, 1)}
        row |= alpha_facts(result.alpha) if result.alpha is not None else {}
        rows.append(row | where)
    return rows


def read_tuning() -> pd.DataFrame:
    """Read the rows of all tuning runs; an empty table if there are none."""
    columns = ["data", "seed", "arm", "value", "weights", "scaled_nll"]
    return pd.read_csv(TUNING) if TUNING.exists() else pd.DataFrame(columns=columns)


def tune_arms(data: str, tried: Iterable[tuple[Arm, float]], processes: int) -> None:
    """Run arms with values on the tuning seeds, as far as they are not recorded."""
    table, where = read_tuning(), here()
    known = set(zip(table["data"], table["seed"], table["arm"], table["value"], strict=True))
    calls = [
        (tuning_run, data, seed, arm, value, where)
        for seed in TUNING_SEEDS
        for arm, value in tried
        if (data, seed, arm.name, value) not in known
    ]
    for rows in side_by_side(processes, calls) if calls else ():
        table = pd.concat([read_tuning(), pd.DataFrame(rows)])
        write(TUNING, table.to_csv(index=False, float_format=DIGITS))


def means(data: str, arm: str, weights: str, column: str = "scaled_nll") -> pd.Series:
    """Return the mean of a column over the tuning seeds by value, of values with all seeds."""
    table = read_tuning()
    table = table[(table["data"] == data) & (table["arm"] == arm) & (table["weights"] == weights)]
    complete = table.groupby("value").filter(lambda group: len(group) == len(TUNING_SEEDS))
    return complete.groupby("value")[column].mean().sort_index()


def widened(data: str, arm: str, weights: str) -> float | None:
    """Return the value to try next, or None if the best one is inside, close or at a limit."""
    nll, ladder = means(data, arm, weights), LADDERS[arm]
    best = nll.idxmin()
    for edge, step in ((0, -1), (-1, 1)):
        beyond = ladder.index(best) + step
        at_edge = best == nll.index[edge]
        if at_edge and 0 <= beyond < len(ladder) and nll.iloc[edge - step] - nll[best] > CLOSE:
            return ladder[beyond]
    return None


def tune(processes: int, only: Sequence[str]) -> None:
    """Tune C, L* and M, and find lambda for M_h."""
    for data in only:
        starts = [(TUNED[a](a, v), v) for a, values in STARTS[data].items() for v in values]
        tune_arms(data, [(Arm("B", "bce"), 0.0), *starts], processes)
        while (weight := spread_weight(data)) is None:
            lower = [v for v in LADDERS["M"] if v < means(data, "M", "last").index[0]]
            if not lower:
                break
            tune_arms(data, [(adaptive("M", lower[-1]), lower[-1])], processes)
        while more := {
            (arm, value)
            for arm, weights in (("C", "last"), ("C", "best"), ("L*", "last"), ("M", "last"))
            if (value := widened(data, arm, weights)) is not None
        }:
            tune_arms(data, [(TUNED[arm](arm, value), value) for arm, value in more], processes)
        everything = json.loads(VALUES.read_text()) if VALUES.exists() else {}
        everything[data] = choose(data, weight)
        write(VALUES, json.dumps(everything, indent=1) + "\n")


def spread_weight(data: str) -> float | None:
    """Return the largest lambda at which the final alphas are spread enough for M_h."""
    low, high, mean = (means(data, "M", "last", f"alpha_{k}") for k in ("p10", "p90", "mean"))
    enough = ((high - low) / mean)[lambda spread: spread >= SPREAD]
    return None if enough.empty else float(enough.index[-1])


def choose(data: str, weight: float | None) -> dict[str, float]:
    """Return the values with the lowest mean temperature-scaled validation NLL."""
    picked = {
        name: float(means(data, arm, weights).idxmin())
        for name, arm, weights in (
            ("C", "C", "last"), ("C_ES", "C", "best"), ("L*", "L*", "last"), ("M", "M", "last"),
        )
    }  # fmt: skip
    return picked if weight is None else picked | {"M_h": weight}


def repeat(count: int = 5) -> None:
    """Run some recorded runs once more, and print how far their scores differ.

    The runs are drawn by the hash of the last record's commit.
    """
    records = {data: pd.read_csv(RECORDS / f"trial_{data}.csv") for data in DATA}
    last = records[DATA[-1]]["commit"].iloc[-1]
    drawn = np.random.default_rng(int(hashlib.sha256(last.encode()).hexdigest()[:15], 16))
    values = json.loads(VALUES.read_text())
    identities = [
        (d, *key)
        for d in DATA
        for key in sorted(set(zip(records[d]["seed"], records[d]["arm"], strict=True)))
    ]
    for k in sorted(drawn.choice(len(identities), count, replace=False)):
        data, seed, name = identities[k]
        settings = replace(SETTINGS[data], seed=seed, data_seed=seed)
        splits, learned = split(settings), {}
        for make in arms(data, seed, values[data]):
            needed = {"R": "M", "K": "M", "R_h": "M_h", "P_h": "M_h"}.get(name)
            try:
                arm = make(learned)
            except KeyError:  # an arm that replays another one, which is not needed
                continue
            if arm.name not in (name, needed):
                continue
            result = trained(arm, settings, split(settings, arm.images) if arm.images else splits)
            learned |= {arm.name: result.learned} if result.learned is not None else {}
        network, sets = networks.build(settings.network), sets_of(data, settings, splits)
        rows = [
            {"weights": weights} | row
            for weights, kept in result.kept.items()
            for row in rows_of(kept, network, sets)
        ]
        before = records[data].query("seed == @seed and arm == @name").reset_index()
        columns = [c for c in ("nll", "ece", "oe", "accuracy", "brier") if c in before]
        gap = (before[columns] - pd.DataFrame(rows)[columns]).abs().max().max()
        print(f"{data}, seed {seed}, arm {name}: {len(rows)} rows, largest difference {gap:.3g}")
        print(
            f"  recorded on {before['processor'].iloc[0]}, repeated on {device_name()}", flush=True
        )


def check_environment() -> None:
    """Stop unless the environment has the variables of `INSTRUCTIONS`."""
    if not INSTRUCTIONS.items() <= os.environ.items():
        words = " ".join(f"{name}={value}" for name, value in INSTRUCTIONS.items())
        raise SystemExit(
            f"the environment differs from that of the trial; expected {words}. Set it."
        )


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("tune", "power", "run", "repeat"))
    parser.add_argument("--data", choices=DATA, nargs="+", default=DATA)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    check_environment()
    if arguments.command == "tune":
        tune(arguments.processes, arguments.data)
    elif arguments.command == "power":
        run(arguments.processes, arguments.data, dict.fromkeys(DATA, TUNING_SEEDS))
    elif arguments.command == "run":
        run(arguments.processes, arguments.data)
    else:
        repeat()


if __name__ == "__main__":
    main()
