"""A study: methods and recalibrations compared on the same data, network, seeds and budget.

Every training is a run of its own, `STUDY/METHOD/seed-N`, so that a study goes on where it was
stopped, and may be asked for more methods, recalibrations or seeds later. All are scored from 8-bit
maps at the images' own sizes, the validation set too.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from aslp_lib.config import EMBEDDED, Settings
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.degradations import DEGRADATIONS
from aslp_lib.data.degraded import Degraded
from aslp_lib.data.images import read_map
from aslp_lib.data.shapes import SHIFTS, graded
from aslp_lib.evaluation.maps import ReadOptions, count_maps
from aslp_lib.evaluation.predict import load_network, predict_run
from aslp_lib.evaluation.scores import MAIN, intervals
from aslp_lib.files import write
from aslp_lib.metrics import SCORES, Score, scores
from aslp_lib.metrics.calibration import BINS
from aslp_lib.runs import MethodFolder, Run, Variant
from aslp_lib.training.loop import train
from aslp_lib.training.recalibrate import recalibrate

NAMES = ("ece", "oe", "gap", "accuracy", "brier", "nll", "mae", "max_f")
"""The scores of a record."""

Record = dict[str, Any]
"""`method`, `recalibration` (or None), `seed`, `set`, the scores of NAMES (None where one is not
defined), their 95 % `intervals` over images, `images`, `seconds` of the training (None if it was
stopped and gone on with); and `truth`, the mean distance to the true posterior, where it is known.
"""


@dataclass(frozen=True)
class Study:
    """What is compared, and where it is kept.

    Args:
        path: the study's folder.
        settings: of all trainings; its `methods` and `recalibrate` are what is compared.
        seeds: how many: 0, 1, ... A seed draws a made data set, the weights, the order and the
            method's draws anew.
        degradations: names of `data.degradations.DEGRADATIONS`, of which each test set is scored
            too.
        shifts: names of `data.shapes.SHIFTS`, as further test sets of the embedded data.
    """

    path: Path
    settings: Settings
    seeds: int
    degradations: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ValueError(f"seeds is {self.seeds}, but must be at least 1")
        for name, asked, known in (
            ("degradations", self.degradations, DEGRADATIONS),
            ("shifts", self.shifts, SHIFTS),
        ):
            if unknown := [each for each in asked if each not in known]:
                raise ValueError(f"{name} has {unknown[0]!r}, but must be of {', '.join(known)}")
        if self.shifts and self.settings.data != EMBEDDED:
            raise ValueError(f"shifts are of the data {EMBEDDED!r}, not of {self.settings.data!r}")

    @property
    def trainings(self) -> list[Settings]:
        """Each one's own settings, seed after seed, so that a study that is stopped has whole
        seeds."""
        return [
            replace(self.settings, methods=(method,), recalibrate=(), seed=seed, data_seed=seed)
            for seed in range(self.seeds)
            for method in self.settings.methods
        ]

    def sets(self, training: Settings, data: DataSplits) -> dict[str, SaliencySet]:
        """What is scored, by name: the validation set, the tests, and these under shift."""
        found = {each.name: each for each in (data.validation, *data.tests.values())}
        if self.shifts:
            seed, limit = training.data_seed, training.limit
            found |= graded(training.size, self.shifts, data_seed=seed, limit=limit)
        for test in data.tests.values():
            for name in self.degradations:
                degraded = Degraded(test, name, training.seed)
                found[degraded.name] = degraded
        return found

    def run(self, training: Settings) -> Run:
        """The run of a training: made, or gone on with.

        Raises:
            ValueError: one is there that was made with other settings; names them.
        """
        path = self.path / training.methods[0] / f"seed-{training.seed}"
        if not path.exists():
            return Run.create(path, training)
        run = Run.open(path)
        now, then = asdict(training), asdict(run.settings)
        if other := sorted(name for name in now if now[name] != then[name]):
            raise ValueError(
                f"{path} was made with another {', '.join(other)}: choose another --out, or remove "
                "it"
            )
        return run


def compare(study: Study, processes: int = 1, *, progress: bool = True) -> Iterator[list[Record]]:
    """Train, predict and score all that a study asks for, of each training as it is done.

    Args:
        processes: trainings at a time; each gets its share of the processors. 1: in this process.

    Raises:
        ValueError: as `Study.run`, before anything is trained; and as training and scoring do.
    """
    trainings = study.trainings
    for training in trainings:
        study.run(training)
    bar = partial(tqdm, total=len(trainings), desc="trainings", disable=not progress)
    if processes == 1:
        for training in bar(trainings):
            yield records(study, training, progress=progress)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    with ProcessPoolExecutor(
        processes, get_context("spawn"), torch.set_num_threads, (threads,)
    ) as pool:
        jobs = [pool.submit(records, study, training, progress=False) for training in trainings]
        try:
            for job in bar(as_completed(jobs)):
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def records(study: Study, training: Settings, *, progress: bool = True) -> list[Record]:
    """One of a study's trainings: done to its end, if it is not yet, and scored on every set, with
    each recalibration too."""
    run, kinds = study.run(training), study.settings.recalibrate
    data = run.settings.load_data()
    (method,) = run.settings.methods
    folder = run.method(method)
    with run.held():
        run.check_lists(data)
        run.keep_lists(data)
        if not folder.weights.exists():
            _train(run.settings, data, method, folder, progress)
        with_kinds = replace(run.settings, recalibrate=kinds)
        missing = tuple(kind for kind in kinds if not folder.recalibration(kind).exists())
        if missing:
            network = load_network(run.settings, folder.weights)
            recalibrate(network, data, replace(run.settings, recalibrate=missing), folder)
        sets = study.sets(run.settings, data)
        predict_run(with_kinds, replace(data, tests=sets), method, folder, progress=progress)
        return [
            _record(run, Variant(method, kind), name, dataset)
            for name, dataset in sets.items()
            for kind in (None, *kinds)
        ]


def _train(
    settings: Settings, data: DataSplits, method: str, folder: MethodFolder, progress: bool
) -> None:
    whole = not folder.checkpoint.exists()
    start = time.perf_counter()
    train(settings, data, method, folder, progress=progress)
    if whole:
        write(_seconds(folder), json.dumps(time.perf_counter() - start))


def _seconds(folder: MethodFolder) -> Path:
    """How long the training took, if it was not stopped in between."""
    return folder.path / "seconds.json"


def _record(run: Run, variant: Variant, name: str, dataset: SaliencySet) -> Record:
    maps = run.maps(variant, name)
    counts = count_maps(maps, dataset, ReadOptions(weighted_f=False), progress=False)
    row = scores(counts, BINS, NAMES)
    seconds = _seconds(run.method(variant.method))
    record: Record = {
        "method": variant.method,
        "recalibration": variant.recalibration,
        "seed": run.settings.seed,
        "set": name,
        **{key: value if np.isfinite(value) else None for key, value in row.items()},
        "intervals": intervals(counts, row, MAIN),
        "images": len(counts),
        "seconds": json.loads(seconds.read_text()) if seconds.exists() else None,
    }
    if (posterior := getattr(dataset, "posterior", None)) is not None:
        found = np.stack([read_map(maps / f"{stem}.png") for stem in dataset.stems])
        record["truth"] = float(np.abs(found / 255 - posterior).mean())
    return record


def to_json(study: Study, found: Sequence[Record]) -> str:
    """The records, in the order in which they were asked for, and what they were made with."""
    methods, kinds = study.settings.methods, (None, *study.settings.recalibrate)
    order = {
        (seed, method, kind): i
        for i, (seed, method, kind) in enumerate(
            (seed, method, kind)
            for seed in range(study.seeds)
            for method in methods
            for kind in kinds
        )
    }
    rows = sorted(found, key=lambda r: order[r["seed"], r["method"], r["recalibration"]])
    facts = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "settings": json.loads(study.settings.to_json()),
        "seeds": study.seeds,
    }
    return json.dumps({**facts, "records": rows}, indent=1, allow_nan=False) + "\n"


def table(found: Sequence[Record], name: str) -> str:
    """Markdown of a set: mean ± standard deviation over seeds, and the mean ends of the 95 %
    intervals over images."""
    shown = [SCORES[key] for key in ("ece", "oe", "gap", "accuracy", "brier", "mae")]
    rows = [
        f"| {name} | {' | '.join(score.heading for score in shown)} |",
        f"|---{'|---:' * len(shown)}|",
    ]
    for variant, own in by_variant(found, name).items():
        cells = [_cell(score, own) for score in shown]
        rows.append(f"| {variant.label} | {' | '.join(cells)} |")
    return "\n".join(rows)


def by_variant(found: Sequence[Record], name: str) -> dict[Variant, list[Record]]:
    """A set's records of each method and recalibration, a record a seed."""
    grouped: dict[Variant, list[Record]] = {}
    for record in found:
        if record["set"] == name:
            variant = Variant(record["method"], record["recalibration"])
            grouped.setdefault(variant, []).append(record)
    return grouped


def _cell(score: Score, own: Sequence[Record]) -> str:
    values = [record[score.name] for record in own]
    if None in values:
        return "-"
    text = score.text(float(np.mean(values)))
    if len(values) > 1:
        text += f" ± {score.text(float(np.std(values, ddof=1)))}"
    ends = [record["intervals"].get(score.name) for record in own]
    if all(ends):
        low, high = np.mean(ends, axis=0)
        text += f" [{score.text(low)}, {score.text(high)}]"
    return text
