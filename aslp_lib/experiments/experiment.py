"""A study: ways to train and recalibrations compared on the same data, network, seeds and budget.

Every training is a run of its own, `STUDY/CANDIDATE/seed-N`, so that a study goes on where it was
stopped, and may be asked for more later. All are scored from 8-bit maps at the images' own sizes,
the validation set too; the maps are counted as they are predicted, and not kept.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from multiprocessing import connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from aslp_lib.checks import require
from aslp_lib.config import EMBEDDED, Settings
from aslp_lib.data.base import DataSplits, SaliencySet
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.datasets import DATASETS
from aslp_lib.data.shapes import SHIFTS, graded
from aslp_lib.experiments.records import (
    ESTIMATORS,
    NAMES,
    Data,
    Record,
    differing,
    of_method,
    read,
    read_data,
    save,
)
from aslp_lib.files import check_output, locked, write
from aslp_lib.methods import METHODS, Hyperparameters
from aslp_lib.metrics import scores
from aslp_lib.metrics.bootstrap import error_bounds
from aslp_lib.metrics.calibration import BINS
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import load_network, predicted_maps
from aslp_lib.recalibration import RECALIBRATIONS, Recalibration
from aslp_lib.runs import MethodFolder, Run, read_log
from aslp_lib.training.batches import accelerator_for
from aslp_lib.training.loop import train
from aslp_lib.training.recalibrate import recalibrate


@dataclass(frozen=True)
class RunConfiguration:
    """A way to train: a method, and those of its hyperparameters that are not the settings'."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of its folder: `bce`, `focal,gamma=3.0`."""
        return ",".join([self.method, *(f"{key}={each}" for key, each in self.options.items())])

    def settings(self, common: Settings, seed: int) -> Settings:
        """Of its training with a seed. Hyperparameters of other methods are as if nobody had chosen
        them, so that they may change between two calls of a study."""
        family = METHODS[self.method].family
        own = common.tuned(**{family: self.options}) if self.options else common
        held = vars(own.hyperparameters)
        return replace(
            own,
            methods=(self.method,),
            recalibrate=(),
            seed=seed,
            data_seed=seed,
            hyperparameters=Hyperparameters(**{family: held[family]} if family in held else {}),
        )


@dataclass(frozen=True)
class Experiment:
    """What is compared, and where it is kept.

    Args:
        path: the study's folder.
        settings: of all trainings; its `recalibrate` are compared too.
        seeds: how many: 0, 1, ... A seed draws a made data set, the weights, the order and the
            method's draws anew.
        candidates: what is trained; the settings' `methods`, unless given.
        corruptions: names of `data.corruptions.CORRUPTIONS`, of which the first test set is
            scored too.
        shifts: names of `data.shapes.SHIFTS`, as further test sets of the embedded data.
        tested: score the tests too, not the validation set alone.
    """

    path: Path
    settings: Settings
    seeds: int
    candidates: tuple[RunConfiguration, ...] = ()
    corruptions: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    tested: bool = True

    def __post_init__(self) -> None:
        require("seeds", self.seeds, self.seeds >= 1, "at least 1")
        for name, known in (("corruptions", CORRUPTIONS), ("shifts", SHIFTS)):
            for each in getattr(self, name):
                if each not in known:
                    raise ValueError(f"{name} has {each!r}, but must be of {', '.join(known)}")
        if self.shifts and self.settings.data != EMBEDDED:
            raise ValueError(f"shifts are of the data {EMBEDDED!r}, not of {self.settings.data!r}")

    @property
    def trainings(self) -> list[tuple[RunConfiguration, Settings]]:
        """Seed after seed, so that a study that is stopped has whole seeds."""
        candidates = self.candidates or tuple(map(RunConfiguration, self.settings.methods))
        return [
            (candidate, candidate.settings(self.settings, seed))
            for seed in range(self.seeds)
            for candidate in candidates
        ]

    def sets(self, training: Settings, data: DataSplits) -> dict[str, SaliencySet]:
        """What is scored, by name: the validation set, the tests, and these under shift.

        Raises:
            ValueError: a test set has the name of the training or validation set.
        """
        found: dict[str, SaliencySet] = {data.validation.name: data.validation}
        if not self.tested:
            return found
        for part in (data.train, data.validation):
            if part.name in data.tests:
                raise ValueError(
                    f"a test set is called {part.name!r}; expected another name, as that is the "
                    f"{part.name} set's. Rename the test set's folder."
                )
        found |= data.tests
        if self.shifts:
            seed, limit = training.data_seed, training.limit
            found |= graded(training.size, self.shifts, data_seed=seed, limit=limit)
        for test in list(data.tests.values())[:1]:
            for name in self.corruptions:
                corrupted = Corrupted(test, name, training.seed)
                found[corrupted.name] = corrupted
        return found

    def data(self) -> Data:
        """What identifies the images and masks that the study trains and scores on.

        All of them are read, once for every data seed. Sets under corruption are left out, as the
        sets that they are made from identify them.

        Raises:
            ValueError: as `sets`.
        """
        # A folder's data are the same for every seed.
        drawn = self.settings.data in DATASETS
        by_seed = {
            training.data_seed if drawn else None: training for _, training in self.trainings
        }
        found = {}
        for seed, training in by_seed.items():
            splits = training.load_data()
            parts = {splits.train.name: splits.train, **self.sets(training, splits)}
            for name, part in parts.items():
                if not isinstance(part, Corrupted):
                    found[seed, name] = {
                        stem: image[:8] + mask[:8]
                        for stem, (image, mask) in part.fingerprints().items()
                    }
        return found

    def run(self, candidate: RunConfiguration, training: Settings) -> Run:
        """The run of a training: made, or gone on with.

        Raises:
            ValueError: one is there that was made with other settings; names them.
        """
        path = self.path / candidate.name / f"seed-{training.seed}"
        if not path.exists():
            return Run.create(path, training)
        run = Run.open(path)
        if other := differing(asdict(training), asdict(run.settings)):
            made = f"{path} was made with another {', '.join(other)}"
            raise ValueError(f"{made}: choose another --out, or remove it")
        return run


def collect(
    study: Experiment, file: Path, processes: int = 1, *, progress: bool = True
) -> list[Record]:
    """All records that a study asks for, each written to a file as it comes. Those that the file
    has are taken over, and none of it is lost.

    Raises:
        OSError: the file cannot be written; before anything is trained.
        RuntimeError: another call works on the study or the file; or as `compare`.
        ValueError: the file is a folder, or its records were made from other images or masks; and
            as `compare` and `records.read`.
    """
    check_output("--results", file)
    place = file.resolve()  # all links to a file have one lock
    busy = (
        "another comparison is at work on {}; expected none. Wait until it is done, or choose "
        "another --out and --results."
    )
    with (
        locked(study.path / ".lock", busy.format(study.path)),
        locked(place.with_name(f".{place.name}.lock"), busy.format(file)),
    ):
        known = read(file, study.settings) if file.exists() else []
        then, now = read_data(file) if known else {}, study.data()
        if known:
            _check_data(file, then, now)
        found: list[Record] = []
        for rows in compare(study, processes, known, progress=progress):
            found += rows
            rows = in_order(study, found, known)
            save(file, rows, study.settings, study.seeds, {**then, **now})
    return found


def _check_data(file: Path, then: Data, now: Data) -> None:
    """Raise ValueError if records were made from other images or masks than there are now."""
    if not then:
        raise ValueError(
            f"{file} does not say what images its records were made from; expected fingerprints of "
            "every set. Choose another --results, or remove the file."
        )
    for key in (key for key in now if key in then):
        before, after = then[key], now[key]
        stems = sorted(before.keys() | after.keys())
        if changed := [stem for stem in stems if before.get(stem) != after.get(stem)]:
            raise ValueError(
                f"{len(changed)} images or masks of the set {key[1]} are not what they were when "
                f"the records in {file} were made, as {changed[0]}; expected the same. Bring them "
                "back, or choose another --out and --results."
            )


def in_order(study: Experiment, found: Sequence[Record], known: Sequence[Record]) -> list[Record]:
    """Records in the order in which a study asks for them, then those that it does not ask for."""
    kinds = (None, *study.settings.recalibrate)

    asked = [
        (training.seed, candidate.method, json.dumps(_options(training)), kind)
        for candidate, training in study.trainings
        for kind in kinds
    ]
    order: dict[Hashable, int] = {each: number for number, each in enumerate(asked)}
    rows: dict[Hashable, tuple[int, Record]] = {}
    for record in (*found, *known):
        options = json.dumps(record["options"])
        own = record["seed"], record["method"], options, record["recalibration"]
        rows.setdefault((own, record["set"]), (order.get(own, len(order)), record))
    return [record for _, record in sorted(rows.values(), key=lambda row: row[0])]


def compare(
    study: Experiment, processes: int = 1, known: Sequence[Record] = (), *, progress: bool = True
) -> Iterator[list[Record]]:
    """Train, predict and score all that a study asks for, of each training as it is done.

    Args:
        processes: trainings at a time; each gets its share of the processors. 1: in this process.
        known: records to take over (`read`): a training whose records are all among them is
            neither done nor looked for.

    Raises:
        RuntimeError: a process of the pool was ended from outside.
        ValueError: as `Experiment.run`, before anything is trained; and as training and scoring do.
    """
    trainings = study.trainings
    for candidate, training in trainings:
        if (study.path / candidate.name / f"seed-{training.seed}").exists():
            study.run(candidate, training)
    bar = partial(tqdm, total=len(trainings), desc="trainings", disable=not progress)
    if processes == 1:
        for candidate, training in bar(trainings):
            yield recorded(study, candidate, training, known, progress=progress)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin_process, (threads,)) as pool:
        try:
            jobs = []
            for candidate, training in trainings:
                own = [*_among(known, training).values()]  # of all, a process would get megabytes
                jobs.append(pool.submit(recorded, study, candidate, training, own, progress=False))
            for job in bar(as_completed(jobs)):
                yield job.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "the process of a training was ended from outside, as the system does when memory "
                "runs out; expected it to run to its end. Repeat the command, with a smaller "
                "--processes if memory is short: it goes on where it was stopped."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_process(threads: int) -> None:
    """Prepare a process of the pool."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when its parent has ended: a killed parent cannot tell it to, and it would
    train, and then wait for the next training for ever."""
    connection.wait([sentinel])
    os._exit(1)


def recorded(
    study: Experiment,
    candidate: RunConfiguration,
    training: Settings,
    known: Sequence[Record] = (),
    *,
    progress: bool = True,
) -> list[Record]:
    """One of a study's trainings: done to its end, if it is not yet, and scored on every set, with
    each recalibration too."""
    data = training.load_data()
    sets, kinds = study.sets(training, data), (None, *study.settings.recalibrate)
    found = _among(known, training)
    missing = [(name, kind) for name in sets for kind in kinds if (name, kind) not in found]
    if missing:
        run = study.run(candidate, training)
        with run.held():
            run.check_lists(data)
            run.keep_lists(data)
            found |= _scored(run, data, sets, missing, progress)
    return [found[name, kind] for kind in kinds for name in sets]


Key = tuple[str, str | None]
"""A set's name, and a recalibration's or None."""


def _among(known: Sequence[Record], training: Settings) -> dict[Key, Record]:
    """A training's records among those that are known."""
    (method,) = training.methods
    return {
        (record["set"], record["recalibration"]): record
        for record in of_method(known, method, _options(training))
        if record["seed"] == training.seed
    }


def _options(training: Settings) -> dict[str, Any]:
    """The hyperparameters of a training's method."""
    (method,) = training.methods
    own = getattr(training.hyperparameters, METHODS[method].family, None)
    return {} if own is None else asdict(own)


def _scored(
    run: Run,
    data: DataSplits,
    sets: Mapping[str, SaliencySet],
    missing: Sequence[Key],
    progress: bool,
) -> dict[Key, Record]:
    """The missing records of a run, which is trained and recalibrated if it is not yet."""
    settings = run.settings
    (method,) = settings.methods
    folder = run.method(method)
    clock = folder.path / "seconds.json"  # of a training that was not stopped in between
    if not folder.weights.exists():
        whole, start = not folder.checkpoint.exists(), time.perf_counter()
        train(settings, data, method, folder, progress=progress)
        if whole:
            write(clock, json.dumps(time.perf_counter() - start))
    seconds = round(float(json.loads(clock.read_text())), 2) if clock.exists() else None
    network = load_network(settings, folder.weights).to(accelerator_for(settings).device)
    kinds = [kind for kind in dict.fromkeys(kind for _, kind in missing) if kind is not None]
    if new := [kind for kind in kinds if not folder.recalibration(kind).exists()]:
        recalibrate(network, data, replace(settings, recalibrate=tuple(new)), folder)
    fitted = {kind: RECALIBRATIONS[kind].load(folder.recalibration(kind)) for kind in kinds}
    found: dict[Key, Record] = {}
    for name, dataset in tqdm(sets.items(), desc="scores", disable=not progress, leave=False):
        changes = {kind: fitted.get(kind or "") for set_, kind in missing if set_ == name}
        if changes and settings.cache_images:
            dataset.cache()
        for kind, (counts, error) in _counted(network, dataset, settings, changes).items():
            row = scores(counts, BINS, (*NAMES, *ESTIMATORS))
            found[name, kind] = {
                "method": method,
                "options": _options(settings),
                "recalibration": kind,
                "seed": settings.seed,
                "set": name,
                **{key: _rounded(value) for key, value in row.items()},
                **({} if error is None else {"posterior_error": _rounded(error)}),
                **({} if isinstance(dataset, Corrupted) else {"intervals": _ends(counts)}),
                "images": len(counts),
                "seconds": seconds,
                **alphas_of(folder),
            }
    return found


def alphas_of(folder: MethodFolder) -> dict[str, dict[str, float]]:
    """Return the field `alpha` of a training's records, from the last row of its log."""
    last = read_log(folder.log)[-1]
    quantities = [name for name in ("mean", "p10", "p90") if f"alpha_{name}" in last]
    return {"alpha": {name: last[f"alpha_{name}"] for name in quantities}} if quantities else {}


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _ends(counts: Counts) -> dict[str, list[float | None]]:
    """95 % intervals over images, where they are defined; none of a single image."""
    found = error_bounds(counts) if len(counts) > 1 else {}
    return {name: [*map(_rounded, ends)] for name, ends in found.items() if np.isfinite(ends).all()}


def _counted(
    network: torch.nn.Module,
    dataset: SaliencySet,
    settings: Settings,
    changes: Mapping[str | None, Recalibration | None],
) -> dict[str | None, tuple[Counts, float | None]]:
    """Counts of a set's maps, and their posterior error where the true posterior is known: the mean
    over images of the mean squared difference over pixels."""
    posterior = getattr(dataset, "posterior", None)
    parts: dict[str | None, list[Counts]] = {kind: [] for kind in changes}
    errors = dict.fromkeys(changes, 0.0)
    for index, maps in predicted_maps(network, dataset, settings, changes) if changes else ():
        mask = dataset.mask(index)
        for kind, prediction in maps.items():
            parts[kind].append(Counts.from_map(prediction, mask))
            if posterior is not None:
                errors[kind] += float(np.mean((prediction / 255 - posterior[index]) ** 2))
    return {
        kind: (Counts.join(own), None if posterior is None else errors[kind] / len(own))
        for kind, own in parts.items()
    }
