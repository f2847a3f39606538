"""The second trial of docs/second_trial.md: its regimes, arms, tuning, runs and records.

    make second-trial STEP=tune     # ladders on the tuning seeds, by validation sets alone
    make second-trial STEP=power    # whole units with the chosen values on the tuning seeds
    make second-trial STEP=run      # the trial; repeat the command to continue
    make second-trial STEP=after    # the insurance curve and ensembles, after the last run
    make second-trial STEP=repeat   # five runs once more, compared with their records

A unit is one seed of one regime with all its arms, on one machine. Each job is a process with one
thread, and `--processes` of them run side by side. Finished runs are kept in `RUNS`, below the
working directory, and skipped; only the rows of complete units enter the records. All jobs pause
while a file `measuring` lies in the folder that `git rev-parse --git-common-dir` names.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from harness import commit
from scipy.optimize import brentq
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

import aslp_lib
from aslp_lib import networks
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.config import PRESETS, Settings
from aslp_lib.course.recorded import FOLDER
from aslp_lib.data.augmentation import augmentation
from aslp_lib.data.base import DataSplits, SaliencySet, derived_seed
from aslp_lib.data.folders import Folder
from aslp_lib.data.shapes import SHIFTED, TEST, Annotators, Scene, ShapelessTextures, Shapes
from aslp_lib.files import write
from aslp_lib.maps.listing import find_images
from aslp_lib.methods import METHODS, Draws, Method
from aslp_lib.methods.aslp import sc_bce
from aslp_lib.methods.base import NoOptions
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import noise_floor
from aslp_lib.metrics.temperature import HIGHEST, best_temperature, pixel_margins
from aslp_lib.recalibration import (
    Isotonic,
    Temperature,
    Unperturb,
    UnperturbTemperature,
)
from aslp_lib.recalibration.unperturb import best_dose, clip_of
from aslp_lib.tensors import load_tensors, save_tensors
from aslp_lib.training.checkpoints import TrainingState
from aslp_lib.training.loop import train

ROOT = Path(__file__).parents[1]
INSTRUCTIONS = {
    "ATEN_CPU_CAPABILITY": "avx512",
    "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
    "MKL_ENABLE_INSTRUCTIONS": "AVX512",
    "OMP_NUM_THREADS": "1",
}
"""Environment of every run, with which processors that have AVX-512 use the same kernels."""
RUNS = Path("build/second_trial")
RESULTS = ROOT / "benchmarks" / "results"
TUNING, POWER, CURVE, ENSEMBLES, LOG = (
    RESULTS / f"second_trial_{name}.csv"
    for name in ("tuning", "power", "curve", "ensembles", "log")
)
RECORDS, VALUES = FOLDER / "second_trial.csv", FOLDER / "second_trial.json"
"""The rows of the trial, and the values that the second freeze chose: regime -> name -> value."""
DATA = Path(os.environ.get("ASLP_DATA", ROOT.parent / "shared" / "data"))
"""Folder of the photographs, which are not part of the project."""

TEST_IMAGES, SHIFTED_IMAGES = 3000, 1000
PHOTOS = 2000
"""Number of photographs for training, drawn from the list by the seed."""
GROUPS = 50
"""Groups of photographs, by a hash of their names, which take the place of fields of view."""
GREY_LEVELS = 1024
"""Grey levels in which ECE is counted; NLL, Brier score and posterior error are exact."""
CLIPS = (1e-3, 1e-6)
"""Clips of the undone probability with which the NLL after (d, T) is computed once more."""
MERGED = 4
"""Levels that the selection of the epoch merges; its NLL changes by 1e-4 nats at most."""
LADDER = (0.0125, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
"""Values of alpha that the tuning of C and N may try."""
WEIGHTS = (20.0, 50.0, 100.0, 200.0)
"""Values of lambda that the tuning of M may try."""
OBEYED = 1.1
"""Largest mean alpha of M at the last epoch, as a multiple of MC's bound 2 (1 - A) / beta."""
CLOSE = 0.003
"""Nats within which the best value may lie at the edge of what was tried."""
ORACLE, LARGEST_ORACLE = 0.1, 0.4
"""Mean and largest alpha of the arms O, P and Q."""
FITTED = {"d": "dose", "T": "value"}
"""Fitted numbers in the records, and their names in recalibrations."""
PLAIN = ("nll", "ece", "brier", "accuracy")
"""Scores of the curve and of ensembles."""
TEXT = {"commit": str, "weights_hash": str}
"""Columns of records that may look like numbers."""
CPU_INFO = Path("/proc/cpuinfo")
PHOTO_DRAW, PERMUTATION = 11, 12
"""Purposes of random numbers, beside those of training."""


@dataclass(frozen=True)
class Regime:
    """Settings of a run but for its seed, seeds, arms in order, and the alphas to try first."""

    settings: Settings
    tuning: Sequence[int]
    seeds: Sequence[int]
    arms: Sequence[str]
    first: Sequence[float] = ()


MAIN = ("B", "C", "C_ES", "L", "N", "M", "R")
SHAPES, NUCLEI, SMALL = (replace(PRESETS[k], device="cpu") for k in ("demo", "nuclei", "small"))
AUGMENTED, LONG = replace(NUCLEI, augment=True), replace(SMALL, epochs=2 * SMALL.epochs)
TEN = range(200, 210)
REGIMES = {
    "shapes": Regime(SHAPES, range(5), range(200, 220), (*MAIN, "B+"), (0.1, 0.15, 0.2, 0.25)),
    "nuclei": Regime(NUCLEI, range(5), TEN, (*MAIN, "B+"), (0.1, 0.15, 0.2)),
    "nuclei+": Regime(AUGMENTED, range(5), TEN, MAIN, (0.025, 0.05, 0.1)),
    "photos": Regime(SMALL, range(2), TEN, ("B", "C", "L", "N", "M"), (0.0125, 0.025, 0.05)),
    "kinds": Regime(SHAPES, (), range(200, 220), ("O", "P", "Q")),
    "photos x2": Regime(LONG, (), range(200, 205), ("C",)),
}
"""`kinds` is the variant of the shapes in which half of the images are ambiguous."""
LATE, FIRST_PHOTOS = "photos x2", 7
"""Regime that runs after all others, and the number of seeds of `photos` that do not run late."""
CURVES, COMMON = ("nuclei+", "photos"), ("nuclei", "nuclei+", "photos")
"""Regimes with an insurance curve, and those whose test set is the same for each seed."""


@dataclass(frozen=True)
class Arm:
    """An arm with its hyperparameters.

    Args:
        name: its name in the records.
        method: key of `METHODS`.
        options: hyperparameters of the method.
        value: alpha or lambda; of R, the lambda of the M whose mean alphas it replays.
        dose: alpha * beta that can be undone; None if it is twice the mean alpha of the epoch.
    """

    name: str
    method: str
    options: Mapping[str, object] = field(default_factory=dict)
    value: float = 0.0
    dose: float | None = 0.0

    @property
    def key(self) -> str:
        """Name of the folder of its runs, which arms with the same hyperparameters share."""
        own = (f"{self.name}_{self.value:g}",) if self.name in ("B+", *"RPQO") else ()
        return "_".join([self.method, *map(str, self.options.values()), *own])


def arm(name: str, value: float = 0.0) -> Arm:
    """Return an arm by its name, with its alpha or lambda."""
    alpha = {"technique": "HI", "alpha": value}
    match name:
        case "B" | "B+":
            return Arm(name, "bce")
        case "C" | "C_ES":
            return Arm(name, "constant_alpha", alpha, value, 2 * value)
        case "L":
            return Arm(name, "label_smoothing", {"epsilon": 2 * value}, value, 2 * value)
        case "N":
            return Arm(name, "constant_alpha", alpha | {"forward_correction": True}, value)
        case "M":
            rule = {"technique": "HI", "constraint_weight": value}
            return Arm(name, "calibration", rule, value, None)
    return Arm(name, "replay", {}, value, None)


def arms(regime: str) -> list[Arm]:
    """Return the arms of a regime, in order, with the values of the second freeze."""
    values = {"B": 0.0, "B+": 0.0, **dict.fromkeys("OPQ", 0.0)}
    if regime != "kinds":
        values |= json.loads(VALUES.read_text())["photos" if regime == LATE else regime]
        values |= {"L": values["C"], "R": values["M"]}
    return [arm(name, values[name]) for name in REGIMES[regime].arms]


class Replay(Method[NoOptions]):
    """SC-BCE with given alphas in an open loop: `schedule`, (epochs, images)."""

    name, label = "replay", "replayed alphas"
    schedule: Tensor
    epoch: Tensor

    def __init__(self, images: int, options: NoOptions) -> None:
        super().__init__(images, options)
        self.register_buffer("epoch", torch.tensor(0))

    def pixel_losses(self, logits: Tensor, labels: Tensor, index: Tensor, draws: Draws) -> Tensor:
        return sc_bce(logits, labels, self.schedule[self.epoch][index], HARD_INVERSION, draws)

    def after_validation(self, counts: Counts, network: torch.nn.Module) -> None:
        self.epoch += 1


# Data


class Kinds(Shapes):
    """Shapes of which half of the images are ambiguous.

    A quarter of the images have shapes of high contrast, which are nearly always labelled. A
    quarter have shapes of low contrast, which hardly ever are. Half have shapes about which
    annotators disagree. The contrast shows the kind, so that the posterior of an image is known.
    """

    def __init__(self, name: str, images: int, seed: int, size: int) -> None:
        SaliencySet.__init__(self, name, [f"{name}_{i:04d}" for i in range(images)])
        annotators, contrasts = Annotators(sharpness=24.0), ((0.5, 0.6), (0.08, 0.18), (0.28, 0.4))
        parts = [
            Shapes(name, n, derived_seed(seed, k), annotators, size, scene=Scene(contrast=ends))
            for k, (ends, n) in enumerate(
                zip(contrasts, (images // 4, images // 4, images // 2), strict=True)
            )
        ]
        self.images = torch.cat([part.images for part in parts])
        self.masks = torch.cat([part.masks for part in parts])
        self.posterior = np.concatenate([part.posterior for part in parts])
        self.ambiguous = np.arange(images) >= images // 2

    @property
    def ambiguity(self) -> np.ndarray:
        """Mean of min(pi, 1 - pi) of each image, where pi is the posterior."""
        return np.minimum(self.posterior, 1 - self.posterior).mean((1, 2))


def load(regime: str, seed: int, arm_name: str = "") -> tuple[Settings, DataSplits]:
    """Load the data of a seed; B+ trains on most of the validation images, too."""
    settings = replace(REGIMES[regime].settings, seed=seed, data_seed=seed)
    size = settings.size
    if regime.startswith("photos"):
        return settings, photographs(regime, settings)
    if regime == "kinds":
        train, validation = (
            Kinds(name, images, derived_seed(seed, part), size)
            for name, images, part in (("train", 160, 0), ("validation", 100, 1))
        )
        return settings, DataSplits(regime, train, validation, {})
    data = settings.load_data()
    if arm_name != "B+":
        return settings, data
    old, rng = data.validation, np.random.default_rng(seed)
    groups = np.arange(len(old)) if old.fields is None else old.fields
    parts = rng.permutation(np.unique(groups))
    kept = np.isin(groups, parts[: len(parts) // 5 if old.fields is None else 2])
    joined = [part_of(data.train, slice(None)), part_of(old, ~kept)]
    for name in ("images", "masks"):
        setattr(joined[0], name, torch.cat([getattr(part, name) for part in joined]))
    joined[0].stems = joined[0].stems + joined[1].stems
    return settings, replace(data, train=joined[0], validation=part_of(old, kept))


def part_of(dataset: Any, rows: Any) -> Any:
    """Return some images of a set in memory."""
    part, numbers = copy(dataset), np.arange(len(dataset))[rows]
    part.stems = [dataset.stems[i] for i in numbers]
    part.images, part.masks = dataset.images[numbers], dataset.masks[numbers]
    for name in ("fields", "posterior"):
        if (values := getattr(dataset, name, None)) is not None:
            setattr(part, name, values[numbers])
    return part


def prepare() -> None:
    """Unpack the photographs once, and put the encoder's weights where torchvision looks."""
    root = RUNS / "photos128"
    if not DATA.exists():
        raise SystemExit(f"there is no folder {DATA}; set ASLP_DATA, or leave out the photographs.")
    if not root.exists():
        partial = root.with_suffix(".partial")
        with zipfile.ZipFile(DATA / "photos128.zip") as archive:
            archive.extractall(partial)
        partial.rename(root)
    os.environ["TORCH_HOME"] = str((RUNS / "torch").resolve())
    if not (checkpoints := RUNS / "torch/hub/checkpoints").exists():
        shutil.copytree(DATA / "weights", checkpoints)


def photographs(regime: str, settings: Settings) -> DataSplits:
    """Load the photographs: training images drawn by the seed, validation, and three test sets."""
    root, size = RUNS / "photos128", settings.size
    lists = {k: (root / f"{k}.txt").read_text().split() for k in ("train", "validation", "test")}
    rng = np.random.default_rng(derived_seed(settings.data_seed, PHOTO_DRAW))
    lists["train"] = rng.permutation(sorted(lists["train"]))[:PHOTOS].tolist()

    def part(name: str, **options: Any) -> Folder:
        images = {stem: root / "Image" / f"{stem}.jpg" for stem in lists[name]}
        masks = {stem: root / "GT" / f"{stem}.png" for stem in lists[name]}
        return Folder(name, images, masks, size, **options)

    augment = augmentation(size, round(size * 60 / 384))
    sod, dtd = DATA / "Test" / "SOD", DATA / "Test" / "DTD_Texture_500" / "Image"
    tests: dict[str, SaliencySet] = {
        "test": part("test"),
        "SOD": Folder("SOD", find_images(sod / "Image"), find_images(sod / "GT"), size),
        "DTD": Folder("DTD", find_images(dtd), None, size),
    }
    validation = part("validation")
    for dataset in (validation, *tests.values()):
        names = [hashlib.sha256(stem.encode()).hexdigest() for stem in dataset.stems]
        dataset.fields = np.argsort(np.argsort(names)) % GROUPS
    train = part("train", augment=augment, seed=settings.seed)
    return DataSplits(regime, train, validation, tests)


def tests(regime: str, seed: int, data: DataSplits) -> dict[str, SaliencySet]:
    """Return the sets on which a unit is scored; tuning seeds see no set of the trial."""
    tuning, part = seed in REGIMES[regime].tuning, derived_seed(seed, TEST)
    size = REGIMES[regime].settings.size
    if regime == "kinds":
        return {"test": Kinds("test", TEST_IMAGES, part, size)}
    if regime != "shapes":
        return {} if tuning else {k: v for k, v in data.tests.items() if k != "pink"}
    sets: dict[str, SaliencySet] = {"test": Shapes("test", TEST_IMAGES, part, size=size)}
    if not tuning:
        sets["shifted"] = Shapes("shifted", SHIFTED_IMAGES, part, SHIFTED, size=size)
        sets["textures"] = ShapelessTextures("textures", 100, derived_seed(seed, 3), size)
    return sets


# Training


def selection_nll(counts: Counts) -> float:
    """Compute the NLL after (d, T), by which epochs and values are selected.

    Neighbouring levels are merged, which makes the fit four times as fast.
    """
    pixels, margins = [], []
    for number, margin in zip(*pixel_margins(counts), strict=True):
        order = np.flatnonzero(number)[np.argsort(margin[number > 0])]
        starts = np.arange(0, len(order), MERGED)
        pixels.append(np.add.reduceat(number[order], starts))
        margins.append(np.add.reduceat((number * margin)[order], starts) / pixels[-1])
    return best_dose(np.concatenate(pixels), np.concatenate(margins))[2]


def schedule(arm: Arm, seed_folder: Path, data: DataSplits, seed: int, epochs: int) -> Tensor:
    """Return the alphas that an arm replays, (epochs, images)."""
    if arm.name == "R":
        of_m = seed_folder / globals()["arm"]("M", arm.value).key
        learned = load_tensors(of_m / "alphas.safetensors")[0]["alpha"]
        return learned.mean(1, keepdim=True).expand_as(learned)
    assert isinstance(data.train, Kinds)
    alpha = oracle_alphas(data.train.ambiguity)
    if arm.name == "P":
        alpha = np.random.default_rng(derived_seed(seed, PERMUTATION)).permutation(alpha)
    if arm.name == "Q":
        alpha = np.full_like(alpha, ORACLE)
    return torch.from_numpy(alpha).float().expand(epochs, -1)


def oracle_alphas(ambiguity: np.ndarray) -> np.ndarray:
    """Return alphas in proportion to the ambiguity, at most 0.4, with mean 0.1."""

    def capped(scale: float) -> np.ndarray:
        return np.minimum(scale * ambiguity, LARGEST_ORACLE)

    return capped(brentq(lambda scale: capped(scale).mean() - ORACLE, 0, 1e3))


def run_arm(
    regime: str, seed: int, arm: Arm, where: Mapping[str, str], runs: Path | None = None
) -> Path:
    """Train an arm unless it is done; keep its last and its best weights, with facts about them."""
    seed_folder = (runs or RUNS) / regime / str(seed)
    folder = seed_folder / arm.key
    if (folder / "facts.json").exists():
        return folder
    settings, data = load(regime, seed, arm.name)
    if arm.method == "replay":
        METHODS["replay"] = Replay
        Replay.schedule = schedule(arm, seed_folder, data, seed, settings.epochs)
    if arm.options:
        settings = settings.tuned(**{METHODS[arm.method].family: arm.options})
    settings = replace(settings, methods=(arm.method,))
    facts: dict[str, Any] = {**where, "best": {"selection_nll": math.inf}}
    weights: dict[str, dict[str, Tensor]] = {}
    learned = [torch.zeros(len(data.train))]  # the alphas with which each epoch is trained

    def after_epoch(state: TrainingState) -> None:
        counts, epoch = state.validation, len(state.log)
        assert counts is not None
        known: dict[str, Any] = {"epoch": epoch, "selection_nll": selection_nll(counts)}
        known |= {"nll": calibration.nll(counts), "accuracy": calibration.accuracy(counts)}
        if arm.dose is None:
            replayed = arm.method == "replay"
            alpha = Replay.schedule[epoch - 1] if replayed else learned[-1]
            learned.append(alpha if replayed else state.method.dose / HARD_INVERSION.beta)
            low, high = np.quantile(alpha.numpy(), [0.1, 0.9]).tolist()
            known |= {"alpha": float(alpha.mean()), "alpha_p10": low, "alpha_p90": high}
        better = known["selection_nll"] < facts["best"]["selection_nll"]
        for name in ("last", "best") if better else ("last",):
            facts[name] = known
            if name == "best" or epoch == settings.epochs:
                weights[name] = deepcopy(state.network.state_dict())

    start = time.perf_counter()
    train(settings, data, arm.method, progress=False, after_epoch=after_epoch)
    facts["seconds"] = round(time.perf_counter() - start, 1)
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in weights.items():
        save_tensors(folder / f"{name}.safetensors", tensors, {})
        content = b"".join(tensor.numpy().tobytes() for tensor in tensors.values())
        facts[name] = facts[name] | {"weights_hash": hashlib.sha256(content).hexdigest()[:12]}
    if arm.method == "calibration":
        save_tensors(folder / "alphas.safetensors", {"alpha": torch.stack(learned[:-1])}, {})
    write(folder / "facts.json", json.dumps(facts))
    return folder


# Scores


@dataclass(frozen=True)
class Outputs:
    """Logits and labels of a network on a set, (images, 1, S, S)."""

    dataset: SaliencySet
    logits: Tensor
    labels: Tensor

    @classmethod
    def of(cls, network: torch.nn.Module, dataset: SaliencySet) -> Outputs:
        """Compute the logits of a set."""
        items = [dataset.loaded(i) for i in range(len(dataset))]
        images, labels = (torch.stack(part) for part in zip(*items, strict=True))
        with torch.inference_mode():
            logits = torch.cat([network(batch).float() for batch in images.split(50)])
        return cls(dataset, logits, labels)

    def counts(self, rows: np.ndarray | slice = slice(None)) -> Counts:
        """Count the logits of some images, pooled."""
        return Counts.from_logits(self.logits[rows], self.labels[rows]).as_one_image()

    def nll(self, logits: Tensor) -> Tensor:
        """Return the NLL of other logits, pixel by pixel."""
        y = self.labels.double()
        return binary_cross_entropy_with_logits(logits.double(), y, reduction="none")

    def of_images(self, name: str, pixels: Tensor) -> dict[str, object]:
        """Average a score over the set and, on test sets and for the NLL, over groups."""
        images, fields = pixels.flatten(1).mean(1).numpy(), self.dataset.fields
        row: dict[str, object] = {name: images.mean()}
        if fields is not None and (name == "nll" or self.dataset.name == "test"):
            means = [images[fields == f].mean() for f in np.unique(fields)]
            row[f"{name}_groups"] = " ".join(f"{v:.7g}" for v in means)
        return row

    def scores(self, logits: Tensor) -> dict[str, object]:
        """Score other logits of the set: the whole set, and scores by group.

        The groups' ECEs are pseudo-values of the jackknife, whose mean is nearly unbiased.
        """
        p, y, fields = torch.sigmoid(logits.double()), self.labels.double(), self.dataset.fields
        counts = Counts.from_probabilities(p, self.labels, GREY_LEVELS)
        row: dict[str, object] = {"images": len(p)} | self.of_images("nll", self.nll(logits))
        row |= self.of_images("brier", (p - y) ** 2)
        row |= self.of_images("accuracy", ((logits >= 0) == (y == 1)).double())
        if isinstance(self.dataset, Shapes):
            posterior = torch.from_numpy(self.dataset.posterior)[:, None]
            row |= self.of_images("posterior_error", (p - posterior) ** 2)
        row |= scores(counts, names=("ece", "oe", "gap"))
        if self.dataset.name == "test":
            row["ece_floor"] = noise_floor(counts.with_columns(groups=fields))
        if fields is not None and self.dataset.name == "test":
            groups = np.unique(fields)
            parts = Counts(np.stack([counts[fields == f].pooled for f in groups]))
            whole, others = calibration.ece(parts), len(groups) - 1
            values = [
                (others + 1) * whole - others * calibration.ece(parts[np.arange(len(groups)) != k])
                for k in range(len(groups))
            ]
            row["ece_groups"] = " ".join(f"{v:.7g}" for v in values)
        return row


def outputs(regime: str, folder: Path, weights: str, sets: Mapping[str, SaliencySet]) -> Any:
    """Compute the outputs of kept weights on each set."""
    network = networks.build(REGIMES[regime].settings.network)
    network.load_state_dict(load_tensors(folder / f"{weights}.safetensors")[0])
    network.eval()
    known = {name: Outputs.of(network, each) for name, each in sets.items() if name != "shifted"}
    if "shifted" in sets:  # the first images of the test set, with other labels
        shifted = sets["shifted"]
        labels = torch.stack([shifted.loaded(i)[1] for i in range(len(shifted))])
        known["shifted"] = Outputs(shifted, known["test"].logits[: len(shifted)], labels)
    return known


def scored_rows(arm: Arm, facts: Mapping[str, Any], sets: Any) -> Iterator[dict[str, object]]:
    """Score weights on each set in every way of recalibration, fitted on `validation`."""
    dose = 2 * facts["alpha"] if arm.dose is None else arm.dose
    counts = sets["validation"].counts()
    for label, change in {
        "as trained": None,
        "temperature": Temperature().fit(counts),
        "undone": Unperturb(dose),
        "(d, T)": UnperturbTemperature().fit(counts),
        "isotonic": Isotonic().fit(counts),
    }.items():
        fitted = {} if change is None else dict(change.named_buffers())
        known: dict[str, Any] = {"recalibration": label}
        known |= {k: fitted[name].item() for k, name in FITTED.items() if name in fitted}
        of_test = label == "isotonic" and "test" in sets
        for name, each in sets.items() if not of_test else [("test", sets["test"])]:
            z = each.logits.double()
            row = each.scores(z if change is None else change(z))
            if "d" in known:
                d = known["d"]
                p = (torch.sigmoid(z) - d / 2) / (1 - d)
                clipped = (p - 0.5).abs() > 0.5 - clip_of(d)
                row["clipped"] = float(clipped.double().mean()) if d else 0.0
                for clip in CLIPS if label == "(d, T)" and name == "test" else ():
                    logits = (p.clamp(clip, 1 - clip).logit() if d else z) / known["T"]
                    row |= each.of_images(f"nll_{clip:g}", each.nll(logits))
            yield known | {"set": name} | row


def by_kind(sets: Any) -> dict[str, object]:
    """Score the test set of `kinds` after (d, T), fitted for each kind of images on its own."""
    logits = sets["test"].logits.double().clone()
    for kind in (False, True):
        rows = [np.flatnonzero(sets[k].dataset.ambiguous == kind) for k in ("validation", "test")]
        change = UnperturbTemperature().fit(sets["validation"].counts(rows[0]))
        logits[rows[1]] = change(logits[rows[1]])
    return {"recalibration": "(d, T) by kind", "set": "test"} | sets["test"].scores(logits)


def insurance(bce: Any, aslp: Any) -> Iterator[dict[str, object]]:
    """Score BCE at the temperature, above the fitted one, at which it costs as much as ASLP.

    The cost is the validation NLL of ASLP as trained. If it is below that of temperature-scaled
    BCE, the temperature is the fitted one. If no temperature up to 100 reaches it, there is no row.
    """
    pixels, margins = pixel_margins(bce["validation"].counts())
    share, target = pixels / pixels.sum(), calibration.nll(aslp["validation"].counts())

    def excess(t: float) -> float:
        return float((share * np.logaddexp(0, -margins / t)).sum()) - target

    fitted = best_temperature(pixels, margins)
    if excess(HIGHEST) > 0:
        t = fitted if excess(fitted) >= 0 else brentq(excess, fitted, HIGHEST)
        known = {"recalibration": "insurance", "T": t, "matched": excess(fitted) < 0}
        for name, each in bce.items():
            yield known | {"set": name} | each.scores(each.logits / t)


def unit(regime: str, seed: int, where: Mapping[str, str]) -> None:
    """Train all arms of a seed, score them, and write the rows of the unit."""
    tuning = seed in REGIMES[regime].tuning
    needed = [each for each in arms(regime) if not (tuning and each.name == "B+")]
    made = [(each, run_arm(regime, seed, each, where)) for each in needed]
    sets: dict[str, SaliencySet] = {}
    rows: list[dict[str, object]] = []
    bce: Any = None
    for each, folder in made:
        facts = json.loads((folder / "facts.json").read_text())
        _, data = load(regime, seed, each.name)
        if not sets:
            sets = tests(regime, seed, data)
            for dataset in sets.values():
                dataset.cache()
        sets = sets | {"validation": data.validation}
        run = {"regime": regime, "seed": seed, "arm": each.name, "value": each.value}
        run |= {k: facts[k] for k in ("seconds", *where)}
        for weights in ("best", "last"):
            predicted = outputs(regime, folder, weights, sets)
            known = {k: v for k, v in facts[weights].items() if k not in ("nll", "accuracy")}
            new = list(scored_rows(each, facts[weights], predicted))
            new += [by_kind(predicted)] if regime == "kinds" else []
            rows += [run | {"weights": weights} | known | row for row in new]
        if each.name == "B":
            bce, of_bce = predicted, run | {"weights": "last"}
        if each.name == "M":
            rows += [of_bce | row for row in insurance(bce, predicted)]
    write(RUNS / regime / str(seed) / "rows.csv", pd.DataFrame(rows).to_csv(index=False))


# Conduct


def here(*patterns: str) -> dict[str, str]:
    """Return commit, processor and torch; refuse changed files, and a library from elsewhere."""
    library = Path(aslp_lib.__file__).parent
    if library.parent != ROOT:
        raise SystemExit(f"aslp_lib is {library}; expected that of {ROOT}. Set PYTHONPATH={ROOT}.")
    command = ["git", "status", "--porcelain", "--", "*.py", "*.toml", *patterns]
    if text := subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout:
        raise SystemExit(f"changes in files:\n{text}expected a clean tree. Commit them.")
    entries = re.findall(r"(family|model|model name|stepping)\s*: (.*)", CPU_INFO.read_text())
    cpu = dict(entries)
    processor = f"{cpu['model name']} {cpu['family']}-{cpu['model']}-{cpu['stepping']}"
    return {"commit": str(commit()).rstrip("+"), "processor": processor, "torch": torch.__version__}


def side_by_side(processes: int, jobs: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Do jobs in processes of their own, and yield each when it ends; pause while others measure.

    Jobs are taken from the iterator as processes become free.
    """
    command = ["git", "rev-parse", "--git-common-dir"]
    common = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    measuring = ROOT / common.strip() / "measuring"
    running: dict[subprocess.Popen[bytes], Mapping[str, Any]] = {}
    waiting, paused = iter(jobs), False
    try:
        while True:
            while not paused and len(running) < processes and (job := next(waiting, None)):
                words = [sys.executable, __file__, "job", "--job", json.dumps(job)]
                running[subprocess.Popen(words)] = job
            if not running and not paused:
                return
            if measuring.exists() != paused:
                paused = not paused
                for process in running:
                    process.send_signal(signal.SIGSTOP if paused else signal.SIGCONT)
            time.sleep(1)
            for process in [p for p in running if p.poll() is not None]:
                job = running.pop(process)
                if process.returncode:
                    raise SystemExit(f"this job failed: {json.dumps(job)}")
                print(f"{datetime.now(UTC):%H:%M:%S} done: {json.dumps(job)}", flush=True)
                yield job
    finally:
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.terminate()


def do(regime: str, seed: int, where: Mapping[str, str], arm_name: str, value: float) -> None:
    """Do a job in this process: a run of one arm, or a whole unit if no arm is named."""
    torch.set_num_threads(1)
    if (now := here()) != where:
        raise SystemExit(f"this is {now}; expected {where}. Start the step again.")
    if arm_name:
        run_arm(regime, seed, arm(arm_name, value), where)
        return
    try:
        unit(regime, seed, where)
    except FloatingPointError as error:  # a loss that is not finite: the unit is left out
        print(f"{regime}, seed {seed}: {error}", file=sys.stderr)


def append(file: Path, rows: pd.DataFrame) -> None:
    """Add rows to a CSV file, whose other numbers stay as they are written."""
    old = [pd.read_csv(file, dtype=str, keep_default_na=False)] if file.exists() else []
    text = rows.map(lambda value: f"{value:.7g}" if isinstance(value, float) else str(value))
    write(file, pd.concat([*old, text.mask(rows.isna(), "")]).fillna("").to_csv(index=False))


def log(event: str, regime: str, seed: int, where: Mapping[str, str], why: str = "") -> None:
    """Record that a unit was started or completed, or that a run was discarded."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    row = {"time": now, "event": event, "regime": regime, "seed": seed, **where, "why": why}
    append(LOG, pd.DataFrame([row]))


def read(file: Path) -> pd.DataFrame:
    """Read records; an empty table if there are none."""
    columns = ["regime", "seed", "arm", "value", "weights", "selection_nll"]
    return pd.read_csv(file, dtype=TEXT) if file.exists() else pd.DataFrame(columns=columns)


def units(processes: int, only: Sequence[str], file: Path) -> None:
    """Do the units that a file of records lacks, the first seeds of all regimes first.

    Runs of an open unit that another commit or machine made are discarded, except for the power,
    which takes the runs of the tuning as they are.
    """
    where, done, trial = here("*.json"), finished(file), file == RECORDS
    seeds = {r: REGIMES[r].seeds if trial else REGIMES[r].tuning for r in only}
    order = [(lateness(r, n), n, r, s) for r in only for n, s in enumerate(seeds[r])]

    def jobs() -> Iterator[Mapping[str, Any]]:
        for *_, regime, seed in sorted(order):
            if (regime, seed) in done:
                continue
            folder = RUNS / regime / str(seed)
            (folder / "rows.csv").unlink(missing_ok=True)
            for facts in folder.glob("*/facts.json"):
                made = {k: json.loads(facts.read_text())[k] for k in where}
                if trial and made != where:
                    log("discarded", regime, seed, made, f"{facts.parent.name}: made elsewhere")
                    shutil.rmtree(facts.parent)
            log("started", regime, seed, where)
            yield {"regime": regime, "seed": seed, "where": where, "arm_name": "", "value": 0.0}

    for job in side_by_side(processes, jobs()):
        rows = RUNS / job["regime"] / str(job["seed"]) / "rows.csv"
        if rows.exists():
            append(file, pd.read_csv(rows, dtype=TEXT))
        event = "complete" if rows.exists() else "left out"
        log(event, job["regime"], job["seed"], where, "" if rows.exists() else "loss not finite")


def finished(file: Path) -> set[tuple[str, int]]:
    """Return regime and seed of the units that are recorded, or left out as the log says."""
    events = pd.read_csv(LOG) if LOG.exists() else pd.DataFrame(columns=["event"])
    both = pd.concat([read(file), events[events["event"] == "left out"]])
    return set(zip(both["regime"], both["seed"].astype(int), strict=True))


def lateness(regime: str, number: int) -> int:
    """Return the rank of the n-th seed of a regime; what is dropped first comes last."""
    return 2 * (regime == LATE) + (regime == "photos" and number >= FIRST_PHOTOS)


def tune_arms(regime: str, tried: Iterable[tuple[str, float]], processes: int) -> None:
    """Run arms with values on the tuning seeds, as far as they are not recorded."""
    table, where = read(TUNING), here()
    known = set(zip(table["regime"], table["seed"], table["arm"], table["value"], strict=True))
    jobs = [
        {"regime": regime, "seed": seed, "where": where, "arm_name": name, "value": value}
        for seed in REGIMES[regime].tuning
        for name, value in tried
        if (regime, seed, name, value) not in known
    ]
    for job in side_by_side(processes, jobs):
        each = arm(job["arm_name"], job["value"])
        facts = json.loads((RUNS / regime / str(job["seed"]) / each.key / "facts.json").read_text())
        run = {"regime": regime, "seed": job["seed"], "arm": each.name, "value": each.value}
        run |= {k: facts[k] for k in ("seconds", *where)}
        rows = [run | {"weights": weights} | facts[weights] for weights in ("last", "best")]
        append(TUNING, pd.DataFrame(rows))


def means(regime: str, name: str, weights: str, column: str = "selection_nll") -> pd.Series:
    """Return the mean of a column over the tuning seeds by value, of values with all seeds."""
    rows = read(TUNING)
    rows = rows[(rows.regime == regime) & (rows.arm == name) & (rows.weights == weights)]
    by_value = rows.groupby("value")[column]
    return by_value.mean()[by_value.count() == len(REGIMES[regime].tuning)]


def widened(nll: pd.Series) -> float | None:
    """Return the value to try next, or None if the best one is inside, close or at a limit."""
    best = nll.idxmin()
    for edge, step in ((0, -1), (-1, 1)):
        beyond = LADDER.index(best) + step
        at_edge = best == nll.index[edge] and 0 <= beyond < len(LADDER)
        if at_edge and nll.iloc[edge - step] - nll[best] > CLOSE:
            return LADDER[beyond]
    return None


def tune(processes: int, only: Sequence[str]) -> None:
    """Tune C and N, and find the smallest lambda at which M obeys its rule."""
    for regime in [name for name in only if REGIMES[name].tuning]:
        searched = [("C", "last"), ("C", "best"), ("N", "last")]
        if regime == "photos":  # there, N has the alpha of C
            searched.pop()
        starts = [(name, v) for name in dict(searched) for v in REGIMES[regime].first]
        tune_arms(regime, [("B", 0.0), *starts], processes)
        while more := {(k, v) for k, w in searched if (v := widened(means(regime, k, w)))}:
            tune_arms(regime, sorted(more), processes)
        for weight in WEIGHTS:
            tune_arms(regime, [("M", weight)], processes)
            alpha, accuracy = (means(regime, "M", "last", k)[weight] for k in ("alpha", "accuracy"))
            if alpha <= OBEYED * 2 * (1 - accuracy) / HARD_INVERSION.beta:
                break
        last, best, *own = (float(means(regime, *place).idxmin()) for place in searched)
        chosen = {"C": last, "C_ES": best, "N": own[0] if own else last, "M": weight}
        values = json.loads(VALUES.read_text()) if VALUES.exists() else {}
        write(VALUES, json.dumps(values | {regime: chosen}, indent=1) + "\n")


# The curve, ensembles, and runs once more


def after(only: Sequence[str]) -> None:
    """Score the insurance curve, with the tuning seeds, and ensembles of five networks.

    The curve has BCE at temperatures from 1 to 6, and C over its ladder.
    """
    if missing := {(r, s) for r in only for s in REGIMES[r].seeds} - finished(RECORDS):
        raise SystemExit(f"{sorted(missing)} are not complete; expected all. Run them first.")
    known = read(RECORDS)
    complete = set(zip(known.regime, known.seed, strict=True))
    rows: list[dict[str, object]] = []
    for regime in CURVES:
        tried = [("B", 0.0), *(("C", alpha) for alpha in means(regime, "C", "last").index)]
        for seed, (name, value) in itertools.product(REGIMES[regime].tuning, tried):
            sets = {k: v for k, v in load(regime, seed)[1].tests.items() if k != "pink"}
            folder = RUNS / regime / str(seed) / arm(name, value).key
            for set_name, each in outputs(regime, folder, "last", sets).items():
                for t in np.linspace(1, 6, 21) if name == "B" else (1.0,):
                    point = {"regime": regime, "seed": seed, "arm": name, "alpha": value, "T": t}
                    rows.append(point | {"set": set_name} | each.scores(each.logits / t))
    CURVE.unlink(missing_ok=True)
    append(CURVE, pd.DataFrame(rows)[["regime", "seed", "arm", "alpha", "T", "set", *PLAIN]])
    rows = []
    for regime, name, first in itertools.product(COMMON, "BC", (200, 205)):
        if not complete.issuperset((regime, seed) for seed in range(first, first + 5)):
            continue
        (each_arm,) = (each for each in arms(regime) if each.name == name)
        members: dict[str, list[Tensor]] = {}
        for seed in range(first, first + 5):
            _, data = load(regime, seed)
            sets = {"validation": data.validation, **tests(regime, seed, data)}
            folder = RUNS / regime / str(seed) / each_arm.key
            predicted = outputs(regime, folder, "last", sets)
            change = UnperturbTemperature().fit(predicted["validation"].counts())
            for set_name, each in predicted.items():
                members.setdefault(set_name, []).append(change(each.logits.double()).sigmoid())
        for set_name in [k for k in members if k != "validation"]:
            logits = torch.stack(members[set_name]).mean(0).logit(eps=1e-12)
            row = {"regime": regime, "arm": name, "first_seed": first, "set": set_name}
            rows.append(row | predicted[set_name].scores(logits))
    ENSEMBLES.unlink(missing_ok=True)
    append(ENSEMBLES, pd.DataFrame(rows)[["regime", "arm", "first_seed", "set", *PLAIN]])


def repeat(count: int = 5) -> None:
    """Do some recorded runs once more, and print whether their weights are the same.

    They are drawn by the hash of the records, from those that need no other run.
    """
    records, where = read(RECORDS), here()
    drawn = np.random.default_rng(int(hashlib.sha256(RECORDS.read_bytes()).hexdigest()[:15], 16))
    rows = records[(records["set"] == "validation") & (records.recalibration == "as trained")]
    rows = rows[rows.arm != "R"].set_index(["regime", "seed", "arm"]).sort_index()
    for k in sorted(drawn.choice(len(rows.index.unique()), count, replace=False)):
        regime, seed, name = rows.index.unique()[k]
        (again,) = (each for each in arms(regime) if each.name == name)
        folder = run_arm(regime, int(seed), again, where, RUNS / "repeated")
        facts = json.loads((folder / "facts.json").read_text())
        for _, row in rows.loc[[(regime, seed, name)]].iterrows():
            new = facts[row.weights]
            same = "the same" if new["weights_hash"] == row.weights_hash else "other"
            nll = f"validation NLL {row.nll:.6f}, now {new['nll']:.6f}"
            print(f"{regime}, seed {seed}, {name}, {row.weights}: {same} weights, {nll}")
            print(f"  recorded on {row.processor}, repeated on {where['processor']}")


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = ("tune", "power", "run", "after", "repeat", "job")
    parser.add_argument("command", choices=steps)
    parser.add_argument("--regimes", choices=REGIMES, nargs="+", default=list(REGIMES))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--job", help="a job as JSON, for the processes that the others start")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that jobs are stopped, too
    if not INSTRUCTIONS.items() <= os.environ.items():
        words = " ".join(f"{name}={value}" for name, value in INSTRUCTIONS.items())
        raise SystemExit(f"another environment than the trial's; expected {words}. Set it.")
    if given.command == "job":
        do(**json.loads(given.job))
        return
    if any(name.startswith("photos") for name in given.regimes):
        prepare()
    if given.command in ("power", "run"):
        units(given.processes, given.regimes, RECORDS if given.command == "run" else POWER)
    elif given.command == "tune":
        tune(given.processes, given.regimes)
    elif given.command == "after":
        after(given.regimes)
    else:
        repeat()


if __name__ == "__main__":
    main()
