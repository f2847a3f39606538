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
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from harness import RESULTS, ROOT, commit
from scipy.optimize import brentq
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

import aslp_lib
from aslp_lib import networks
from aslp_lib.aslp.perturbation import HARD_INVERSION
from aslp_lib.config import PRESETS, Settings
from aslp_lib.course.recorded import FOLDER
from aslp_lib.data.augmentation import augmentation
from aslp_lib.data.folders import Folder
from aslp_lib.data.image_set import DataSplits, ImageSet, derived_seed
from aslp_lib.data.shapes import SHIFTED, TEST, Annotators, Scene, ShapelessTextures, Shapes
from aslp_lib.files import write
from aslp_lib.maps.listing import find_images
from aslp_lib.methods import METHODS, Draws, Method
from aslp_lib.methods.aslp import sc_bce
from aslp_lib.methods.method import MethodOptions
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.noise_floor import noise_floor
from aslp_lib.metrics.temperature import HIGHEST, best_temperature, pixel_margins
from aslp_lib.recalibration import Isotonic, Temperature, Unperturb, UnperturbTemperature
from aslp_lib.recalibration.unperturb import best_dose, clip_of
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
RUNS = Path("build/second_trial")
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
        value: alpha or lambda; of R, the lambda of the M whose mean alphas it replays.
        method: key of `METHODS`.
        options: hyperparameters of the method.
        dose: alpha * beta that can be undone; None if it is twice the mean alpha of the epoch.
    """

    name: str
    value: float
    method: str
    options: Mapping[str, object]
    dose: float | None

    @property
    def key(self) -> str:
        """Name of the folder of its runs, which arms with the same hyperparameters share."""
        own = (f"{self.name}_{self.value:g}",) if self.name in ("B+", *"RPQO") else ()
        return "_".join([self.method, *map(str, self.options.values()), *own])


def arm_of(name: str, value: float = 0.0) -> Arm:
    """Return an arm by its name, with its alpha or lambda."""
    alpha, dose = {"technique": "HI", "alpha": value}, 2 * value
    rule = {"technique": "HI", "constraint_weight": value}
    known: dict[str, tuple[str, dict[str, object], float | None]] = {
        **dict.fromkeys(("B", "B+"), ("bce", {}, 0.0)),
        **dict.fromkeys(("C", "C_ES"), ("constant_alpha", alpha, dose)),
        "L": ("label_smoothing", {"epsilon": dose}, dose),
        "N": ("constant_alpha", alpha | {"forward_correction": True}, 0.0),
        "M": ("aslp_mc", rule, None),
    }
    return Arm(name, value, *known.get(name, ("replay", {}, None)))


def arms(regime: str) -> list[Arm]:
    """Return the arms of a regime, in order, with the values of the second freeze."""
    values: dict[str, float] = {}
    if regime != "kinds":
        values = json.loads(VALUES.read_text())["photos" if regime == LATE else regime]
        values |= {"L": values["C"], "R": values["M"]}
    return [arm_of(name, values.get(name, 0.0)) for name in REGIMES[regime].arms]


class Replay(Method[MethodOptions]):
    """SC-BCE with given alphas in an open loop: `schedule`, (epochs, images)."""

    name, label = "replay", "replayed alphas"
    schedule: Tensor
    epoch = 0

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
        ImageSet.__init__(self, name, [f"{name}_{i:04d}" for i in range(images)])
        quarters, contrasts = (1, 1, 2), ((0.5, 0.6), (0.08, 0.18), (0.28, 0.4))
        parts = [
            Shapes(name, n * images // 4, derived_seed(seed, k), Annotators(sharpness=24.0), size,
                   scene=Scene(contrast=ends))
            for k, (n, ends) in enumerate(zip(quarters, contrasts, strict=True))
        ]  # fmt: skip
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
    if regime.startswith("photos"):
        return settings, photographs(regime, settings)
    if regime == "kinds":
        train = Kinds("train", 160, derived_seed(seed, 0), settings.size)
        validation = Kinds("validation", 100, derived_seed(seed, 1), settings.size)
        return settings, DataSplits(regime, train, validation, {})
    data = settings.load_data()
    if arm_name != "B+":
        return settings, data
    old: Any = data.validation
    groups = np.arange(len(old)) if old.groups is None else old.groups
    drawn = np.random.default_rng(seed).permutation(np.unique(groups))
    kept = np.isin(groups, drawn[: len(drawn) // 5 if old.groups is None else 2])
    train, rest = copy(data.train), part_of(old, ~kept)
    train.stems = train.stems + rest.stems
    train.images = torch.cat([train.images, rest.images])
    train.masks = torch.cat([train.masks, rest.masks])
    return settings, replace(data, train=train, validation=part_of(old, kept))


def part_of(dataset: Any, chosen: np.ndarray) -> Any:
    """Return some images of a set in memory."""
    part = copy(dataset)
    part.stems = [*itertools.compress(dataset.stems, chosen)]
    for name in ("images", "masks", "groups", "posterior"):
        if (values := getattr(dataset, name, None)) is not None:
            setattr(part, name, values[chosen])
    return part


def prepare() -> None:
    """Unpack the photographs once, and put the encoder's weights where torchvision looks."""
    if not DATA.exists():
        raise SystemExit(f"there is no folder {DATA}; set ASLP_DATA, or leave out the photographs.")
    if not (root := RUNS / "photos128").exists():
        partial = root.with_suffix(".partial")
        shutil.unpack_archive(DATA / "photos128.zip", partial)
        partial.rename(root)
    os.environ["TORCH_HOME"] = str((RUNS / "torch").resolve())
    if not (checkpoints := RUNS / "torch/hub/checkpoints").exists():
        shutil.copytree(DATA / "weights", checkpoints)


def photographs(regime: str, settings: Settings) -> DataSplits:
    """Load the photographs: training images drawn by the seed, validation, and three test sets."""
    root, size = RUNS / "photos128", settings.size
    rng = np.random.default_rng(derived_seed(settings.data_seed, PHOTO_DRAW))

    def part(name: str, **options: Any) -> Folder:
        stems = (root / f"{name}.txt").read_text().split()
        if name == "train":
            stems = rng.permutation(sorted(stems))[:PHOTOS].tolist()
        images = {stem: root / "Image" / f"{stem}.jpg" for stem in stems}
        masks = {stem: root / "GT" / f"{stem}.png" for stem in stems}
        return Folder(name, images, masks, size, **options)

    sod, dtd = DATA / "Test" / "SOD", DATA / "Test" / "DTD_Texture_500" / "Image"
    tests: dict[str, ImageSet] = {
        "test": part("test"),
        "SOD": Folder("SOD", find_images(sod / "Image"), find_images(sod / "GT"), size),
        "DTD": Folder("DTD", find_images(dtd), None, size),
    }
    validation = part("validation")
    for dataset in (validation, *tests.values()):
        names = [hashlib.sha256(stem.encode()).hexdigest() for stem in dataset.stems]
        dataset.groups = np.argsort(np.argsort(names)) % GROUPS
    augment = augmentation(size, round(size * 60 / 384))
    train = part("train")
    train.augment, train.seed = augment, settings.seed
    return DataSplits(regime, train, validation, tests)


def tests(regime: str, seed: int, data: DataSplits) -> dict[str, ImageSet]:
    """Return the sets on which a unit is scored; tuning seeds see no set of the trial."""
    tuning, part = seed in REGIMES[regime].tuning, derived_seed(seed, TEST)
    size = REGIMES[regime].settings.size
    if regime == "kinds":
        return {"test": Kinds("test", TEST_IMAGES, part, size)}
    if regime != "shapes":
        return {} if tuning else {k: v for k, v in data.tests.items() if k != "pink"}
    sets: dict[str, ImageSet] = {"test": Shapes("test", TEST_IMAGES, part, size=size)}
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


def schedule(name: str, of_m: Path, data: DataSplits, seed: int, epochs: int) -> Tensor:
    """Return the alphas that an arm replays, (epochs, images); `of_m` is the run that R replays."""
    if name == "R":
        learned = load_tensors(of_m / "alphas.safetensors")[0]["alpha"]
        return learned.mean(1, keepdim=True).expand_as(learned)
    assert isinstance(data.train, Kinds)
    alpha = oracle_alphas(data.train.ambiguity)
    order = np.random.default_rng(derived_seed(seed, PERMUTATION)).permutation(len(alpha))
    alpha = {"O": alpha, "P": alpha[order], "Q": np.full_like(alpha, ORACLE)}[name]
    return torch.from_numpy(alpha).float().expand(epochs, -1)


def oracle_alphas(ambiguity: np.ndarray) -> np.ndarray:
    """Return alphas in proportion to the ambiguity, at most 0.4, with mean 0.1."""

    def capped(scale: float) -> np.ndarray:
        return np.minimum(scale * ambiguity, LARGEST_ORACLE)

    return capped(brentq(lambda scale: capped(scale).mean() - ORACLE, 0, 1e3))


def run_arm(
    regime: str, seed: int, arm: Arm, where: Mapping[str, str], runs: Path = RUNS
) -> tuple[Path, dict[str, Any]]:
    """Train an arm unless it is done; return its folder and the facts about its two weights.

    The folder has the last and the best weights, and `facts.json`.
    """
    folder = runs / regime / str(seed) / arm.key
    if (file := folder / "facts.json").exists():
        return folder, json.loads(file.read_text())
    settings, data = load(regime, seed, arm.name)
    if replayed := arm.method == "replay":
        of_m = folder.with_name(arm_of("M", arm.value).key)
        Replay.schedule = schedule(arm.name, of_m, data, seed, settings.epochs)
        METHODS["replay"] = Replay
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
            alpha = Replay.schedule[epoch - 1] if replayed else learned[-1]
            low, high = np.quantile(alpha.numpy(), [0.1, 0.9]).tolist()
            known |= {"alpha": float(alpha.mean()), "alpha_p10": low, "alpha_p90": high}
        if arm.name == "M":
            learned.append(state.method.dose / HARD_INVERSION.beta)
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
    if arm.name == "M":
        save_tensors(folder / "alphas.safetensors", {"alpha": torch.stack(learned[:-1])}, {})
    write(file, json.dumps(facts))
    return folder, facts


# Scores


@dataclass(frozen=True)
class Outputs:
    """Logits and labels of a network on a set, (images, 1, S, S)."""

    dataset: ImageSet
    logits: Tensor
    labels: Tensor

    def counts(self, rows: np.ndarray | slice = slice(None)) -> Counts:
        """Count the logits of some images, pooled."""
        return Counts.from_logits(self.logits[rows], self.labels[rows]).as_one_image

    def groups(self, values: Callable[[np.ndarray], float]) -> str:
        """Write a number of each group of images, which is computed from a mask of its images."""
        fields = self.dataset.groups
        return " ".join(f"{values(fields == f):.7g}" for f in np.unique(fields))

    def nll(self, logits: Tensor, name: str = "nll") -> dict[str, object]:
        """Return the NLL of other logits, of the set and by group."""
        y = self.labels.double()
        pixels = binary_cross_entropy_with_logits(logits.double(), y, reduction="none")
        return self.of_images(name, pixels)

    def of_images(self, name: str, pixels: Tensor) -> dict[str, object]:
        """Average a score over the set and, on test sets and for the NLL, over groups."""
        images, grouped = pixels.flatten(1).mean(1).numpy(), self.dataset.groups is not None
        row: dict[str, object] = {name: images.mean()}
        if grouped and (name == "nll" or self.dataset.name == "test"):
            row[f"{name}_groups"] = self.groups(lambda chosen: images[chosen].mean())
        return row

    def scores(self, logits: Tensor) -> dict[str, object]:
        """Score other logits of the set: the whole set, and scores by group.

        The groups' ECEs are pseudo-values of the jackknife, whose mean is nearly unbiased.
        """
        p, y, fields = torch.sigmoid(logits.double()), self.labels.double(), self.dataset.groups
        counts = Counts.from_probabilities(p, self.labels, GREY_LEVELS)
        row: dict[str, object] = {"images": len(p)} | self.nll(logits)
        row |= self.of_images("brier", (p - y) ** 2)
        row |= self.of_images("accuracy", ((logits >= 0) == (y == 1)).double())
        if isinstance(self.dataset, Shapes):
            posterior = torch.from_numpy(self.dataset.posterior)[:, None]
            row |= self.of_images("posterior_error", (p - posterior) ** 2)
        row |= scores(counts, names=("ece", "oe", "gap"))
        if self.dataset.name == "test":
            row["ece_floor"] = noise_floor(counts.with_columns(groups=fields))
        if self.dataset.name == "test" and fields is not None:
            n, whole = len(np.unique(fields)), calibration.ece(counts)
            row["ece_groups"] = self.groups(
                lambda chosen: n * whole - (n - 1) * calibration.ece(counts[~chosen])
            )
        return row


def outputs(
    regime: str, folder: Path, weights: str, sets: Mapping[str, ImageSet]
) -> dict[str, Outputs]:
    """Compute the outputs of kept weights on each set."""
    network = networks.build(REGIMES[regime].settings.network)
    network.load_state_dict(load_tensors(folder / f"{weights}.safetensors")[0])
    network.eval()
    known: dict[str, Outputs] = {}
    for name in sorted(sets, key="shifted".__eq__):  # after the test set, whose logits it shares
        dataset = sets[name]
        items = [dataset.loaded(i) for i in range(len(dataset))]
        images, labels = (torch.stack(part) for part in zip(*items, strict=True))
        if name == "shifted":  # the same images with other labels
            logits = known["test"].logits[: len(images)]
        else:
            with torch.inference_mode():
                logits = torch.cat([network(batch).float() for batch in images.split(50)])
        known[name] = Outputs(dataset, logits, labels)
    return known


Row = dict[str, Any]
Sets = Mapping[str, Outputs]


def scored_rows(arm: Arm, facts: Mapping[str, Any], sets: Sets) -> Iterator[Row]:
    """Score weights on each set in every way of recalibration, fitted on `validation`."""
    counts = sets["validation"].counts()
    for label, change in {
        "as trained": None,
        "temperature": Temperature().fit(counts),
        "undone": Unperturb(2 * facts["alpha"] if arm.dose is None else arm.dose),
        "(d, T)": UnperturbTemperature().fit(counts),
        "isotonic": Isotonic().fit(counts),
    }.items():
        fitted = {} if change is None else dict(change.named_buffers())
        known: Row = {"recalibration": label}
        known |= {k: fitted[name].item() for k, name in FITTED.items() if name in fitted}
        for name, each in sets.items():
            if label == "isotonic" and name != "test" and "test" in sets:
                continue
            z = each.logits.double()
            row = known | {"set": name} | each.scores(z if change is None else change(z))
            if (d := known.get("d")) is not None:
                p = (torch.sigmoid(z) - d / 2) / (1 - d)
                clipped = (p - 0.5).abs() > 0.5 - clip_of(d)
                row["clipped"] = float(clipped.double().mean()) if d else 0.0
                for clip in CLIPS if label == "(d, T)" and name == "test" else ():
                    logits = (p.clamp(clip, 1 - clip).logit() if d else z) / known["T"]
                    row |= each.nll(logits, f"nll_{clip:g}")
            yield row


def by_kind(sets: Sets) -> Row:
    """Score the test set of `kinds` after (d, T), fitted for each kind of images on its own."""
    logits = sets["test"].logits.double().clone()
    for kind in (False, True):
        rows = [sets[k].dataset.ambiguous == kind for k in ("validation", "test")]
        change = UnperturbTemperature().fit(sets["validation"].counts(rows[0]))
        logits[rows[1]] = change(logits[rows[1]])
    return {"recalibration": "(d, T) by kind", "set": "test"} | sets["test"].scores(logits)


def insurance(bce: Sets, aslp: Sets) -> Iterator[Row]:
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
    made = [(each, *run_arm(regime, seed, each, where)) for each in needed]
    sets: dict[str, ImageSet] = {}
    rows: list[Row] = []
    for each, folder, facts in made:
        _, data = load(regime, seed, each.name)
        if not sets:
            sets = tests(regime, seed, data)
            for dataset in sets.values():
                dataset.cache()
        sets["validation"] = data.validation
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
    if changes := git("status", "--porcelain", "--", "*.py", "*.toml", *patterns):
        raise SystemExit(f"changes in files:\n{changes}expected a clean tree. Commit them.")
    cpu = dict(re.findall(r"(family|model|model name|stepping)\s*: (.*)", CPU_INFO.read_text()))
    processor = f"{cpu['model name']} {cpu['family']}-{cpu['model']}-{cpu['stepping']}"
    return {"commit": str(commit()).rstrip("+"), "processor": processor, "torch": torch.__version__}


def git(*words: str) -> str:
    """Run git, and return what it prints."""
    command = ["git", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def side_by_side(processes: int, jobs: Iterable[Row]) -> Iterator[Row]:
    """Do jobs in processes of their own, and yield each when it ends; pause while others measure.

    Jobs are taken from the iterator as processes become free.
    """
    measuring = ROOT / git("rev-parse", "--git-common-dir").strip() / "measuring"
    running: dict[BaseProcess, Row] = {}
    waiting, paused = iter(jobs), False
    try:
        while True:
            while not paused and len(running) < processes and (job := next(waiting, None)):
                process = multiprocessing.get_context("spawn").Process(target=do, kwargs=job)
                process.start()
                running[process] = job
            if not running and not paused:
                return
            if measuring.exists() != paused:
                paused = not paused
                for process in running:
                    os.kill(process.pid, signal.SIGSTOP if paused else signal.SIGCONT)
            time.sleep(1)
            for process in [p for p in running if not p.is_alive()]:
                job = running.pop(process)
                if process.exitcode:
                    raise SystemExit(f"this job failed: {job}")
                print(f"{datetime.now(UTC):%H:%M:%S} done: {job}", flush=True)
                yield job
    finally:
        for process in running:
            os.kill(process.pid, signal.SIGCONT)
            process.terminate()


def do(regime: str, seed: int, where: Mapping[str, str], arm: str = "", value: float = 0) -> None:
    """Do a job in this process: a run of one arm, or a whole unit if no arm is named."""
    torch.set_num_threads(1)
    if (now := here()) != where:
        raise SystemExit(f"this is {now}; expected {where}. Start the step again.")
    if arm:
        run_arm(regime, seed, arm_of(arm, value), where)
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


def read(file: Path, *columns: str) -> pd.DataFrame:
    """Read records; an empty table with these columns if there are none."""
    return pd.read_csv(file, dtype=TEXT) if file.exists() else pd.DataFrame(columns=columns)


def units(processes: int, only: Sequence[str], file: Path) -> None:
    """Do the units that a file of records lacks, the first seeds of all regimes first.

    Runs of an open unit that another commit or machine made are discarded, except for the power,
    which takes the runs of the tuning as they are.
    """
    where, done, trial = here("*.json"), finished(file), file == RECORDS
    seeds = {r: REGIMES[r].seeds if trial else REGIMES[r].tuning for r in only}
    order = sorted((lateness(r, n), n, r, s) for r in only for n, s in enumerate(seeds[r]))

    def jobs() -> Iterator[Row]:
        for *_, regime, seed in [place for place in order if place[2:] not in done]:
            folder = RUNS / regime / str(seed)
            (folder / "rows.csv").unlink(missing_ok=True)
            for facts in folder.glob("*/facts.json"):
                made = {k: json.loads(facts.read_text())[k] for k in where}
                if trial and made != where:
                    log("discarded", regime, seed, made, f"{facts.parent.name}: made elsewhere")
                    shutil.rmtree(facts.parent)
            log("started", regime, seed, where)
            yield {"regime": regime, "seed": seed, "where": where}

    for job in side_by_side(processes, jobs()):
        if (rows := RUNS / job["regime"] / str(job["seed"]) / "rows.csv").exists():
            append(file, pd.read_csv(rows, dtype=TEXT))
            log("complete", **job)
        else:
            log("left out", **job, why="loss not finite")


def finished(file: Path) -> set[tuple[str, int]]:
    """Return regime and seed of the units that are recorded, or left out as the log says."""
    events = read(LOG, "event", "regime", "seed")
    both = pd.concat([read(file, "regime", "seed"), events[events["event"] == "left out"]])
    return set(zip(both["regime"], both["seed"].astype(int), strict=True))


def lateness(regime: str, number: int) -> int:
    """Return the rank of the n-th seed of a regime; what is dropped first comes last."""
    return 2 * (regime == LATE) + (regime == "photos" and number >= FIRST_PHOTOS)


def tune_arms(regime: str, tried: Iterable[tuple[str, float]], processes: int) -> None:
    """Run arms with values on the tuning seeds, as far as they are not recorded."""
    key, where = ["regime", "seed", "arm", "value"], here()
    known = set(read(TUNING, *key)[key].itertuples(index=False, name=None))
    keys = [(regime, s, *each) for s in REGIMES[regime].tuning for each in tried]
    jobs = [dict(zip(key, k, strict=True)) | {"where": where} for k in keys if k not in known]
    for job in side_by_side(processes, jobs):
        _, facts = run_arm(regime, job["seed"], arm_of(job["arm"], job["value"]), where)
        run = {k: job[k] for k in key} | {k: facts[k] for k in ("seconds", *where)}
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
        searched = {"C": ("C", "last"), "C_ES": ("C", "best"), "N": ("N", "last")}
        if regime == "photos":  # there, N has the alpha of C
            del searched["N"]
        starts = {(name, v) for name, _ in searched.values() for v in REGIMES[regime].first}
        tune_arms(regime, [("B", 0.0), *sorted(starts)], processes)
        while more := {(k, v) for k, w in searched.values() if (v := widened(means(regime, k, w)))}:
            tune_arms(regime, sorted(more), processes)
        for weight in WEIGHTS:
            tune_arms(regime, [("M", weight)], processes)
            alpha, accuracy = (means(regime, "M", "last", k)[weight] for k in ("alpha", "accuracy"))
            if alpha <= OBEYED * 2 * (1 - accuracy) / HARD_INVERSION.beta:
                break
        best = {name: float(means(regime, *place).idxmin()) for name, place in searched.items()}
        values = json.loads(VALUES.read_text()) if VALUES.exists() else {}
        values[regime] = {**best, "N": best.get("N", best["C"]), "M": weight}
        write(VALUES, json.dumps(values, indent=1) + "\n")


# The curve, ensembles, and runs once more


def curve() -> Iterator[Row]:
    """Score BCE of the tuning seeds at temperatures from 1 to 6, and C over its ladder."""
    for regime in CURVES:
        tried = [("B", 0.0), *(("C", alpha) for alpha in means(regime, "C", "last").index)]
        for seed, (name, value) in itertools.product(REGIMES[regime].tuning, tried):
            sets = {k: v for k, v in load(regime, seed)[1].tests.items() if k != "pink"}
            folder = RUNS / regime / str(seed) / arm_of(name, value).key
            point = {"regime": regime, "seed": seed, "arm": name, "alpha": value}
            for set_name, each in outputs(regime, folder, "last", sets).items():
                for t in np.linspace(1, 6, 21) if name == "B" else (1.0,):
                    yield point | {"T": t, "set": set_name} | each.scores(each.logits / t)


def ensembles(complete: set[tuple[str, int]]) -> Iterator[Row]:
    """Score averages of five networks, each after its own (d, T)."""
    for regime, name, first in itertools.product(COMMON, "BC", (200, 205)):
        seeds = range(first, first + 5)
        if not complete.issuperset((regime, seed) for seed in seeds):
            continue
        (member,) = (each for each in arms(regime) if each.name == name)
        members: dict[str, list[Tensor]] = {}
        for seed in seeds:
            _, data = load(regime, seed)
            sets = {"validation": data.validation, **tests(regime, seed, data)}
            predicted = outputs(regime, RUNS / regime / str(seed) / member.key, "last", sets)
            change = UnperturbTemperature().fit(predicted.pop("validation").counts())
            for set_name, each in predicted.items():
                members.setdefault(set_name, []).append(change(each.logits.double()).sigmoid())
        for set_name, probabilities in members.items():
            logits = torch.stack(probabilities).mean(0).logit(eps=1e-12)
            row = {"regime": regime, "arm": name, "first_seed": first, "set": set_name}
            yield row | predicted[set_name].scores(logits)


def after(only: Sequence[str]) -> None:
    """Record the insurance curve, which scores the tuning seeds, and ensembles."""
    if missing := {(r, s) for r in only for s in REGIMES[r].seeds} - finished(RECORDS):
        raise SystemExit(f"{sorted(missing)} are not complete; expected all. Run them first.")
    known = read(RECORDS, "regime", "seed")
    complete = set(zip(known.regime, known.seed, strict=True))
    for file, rows, key in (
        (CURVE, curve(), ("regime", "seed", "arm", "alpha", "T", "set")),
        (ENSEMBLES, ensembles(complete), ("regime", "arm", "first_seed", "set")),
    ):
        table = pd.DataFrame(rows)[[*key, *PLAIN]]
        file.unlink(missing_ok=True)
        append(file, table)


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
        _, facts = run_arm(regime, int(seed), again, where, RUNS / "repeated")
        for _, row in rows.loc[[(regime, seed, name)]].iterrows():
            new = facts[row.weights]
            same = "the same" if new["weights_hash"] == row.weights_hash else "other"
            nll = f"validation NLL {row.nll:.6f}, now {new['nll']:.6f}"
            print(f"{regime}, seed {seed}, {name}, {row.weights}: {same} weights, {nll}")
            print(f"  recorded on {row.processor}, repeated on {where['processor']}")


def main() -> None:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("tune", "power", "run", "after", "repeat"))
    parser.add_argument("--regimes", choices=REGIMES, nargs="+", default=list(REGIMES))
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that jobs are stopped, too
    if not INSTRUCTIONS.items() <= os.environ.items():
        words = " ".join(f"{name}={value}" for name, value in INSTRUCTIONS.items())
        raise SystemExit(f"another environment than the trial's; expected {words}. Set it.")
    if any(name.startswith("photos") for name in given.regimes):
        prepare()
    steps = {
        "tune": lambda: tune(given.processes, given.regimes),
        "power": lambda: units(given.processes, given.regimes, POWER),
        "run": lambda: units(given.processes, given.regimes, RECORDS),
        "after": lambda: after(given.regimes),
        "repeat": repeat,
    }
    steps[given.command]()


if __name__ == "__main__":
    main()
