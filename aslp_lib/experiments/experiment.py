"""Experiments: training methods and recalibrations compared with equal data, networks and seeds.

Every training is a run of its own in `EXPERIMENT/CONFIGURATION/seed-N`, so that an experiment can
be resumed and extended. All sets, including the validation set, are scored from 8-bit maps at the
images' own sizes. The maps are counted when they are predicted, and not stored.
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
    """A training method, and those of its hyperparameters that differ from the settings.

    >>> configuration = RunConfiguration("focal", {"gamma": 3.0})
    >>> configuration.name
    'focal,gamma=3.0'

    Args:
        method: name of the training method.
        options: hyperparameter -> value.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the folder of its runs, such as `bce` or `focal,gamma=3.0`."""
        return ",".join([self.method, *(f"{key}={value}" for key, value in self.options.items())])

    def settings(self, common: Settings, seed: int) -> Settings:
        """Return the settings of its training with a seed.

        Hyperparameters of other methods are reset to their defaults, so that they may change
        between two calls of an experiment.

        Args:
            common: settings of the experiment.
            seed: seed of the data, the weights and the training.
        """
        family = METHODS[self.method].family
        tuned = common.tuned(**{family: self.options}) if self.options else common
        options = vars(tuned.hyperparameters)
        return replace(
            tuned,
            methods=(self.method,),
            recalibrate=(),
            seed=seed,
            data_seed=seed,
            hyperparameters=Hyperparameters(
                **{family: options[family]} if family in options else {}
            ),
        )


@dataclass(frozen=True)
class Experiment:
    """A comparison of run configurations over several seeds, stored in a folder.

    >>> from aslp_lib.config import PRESETS
    >>> settings = replace(PRESETS["demo"], methods=("bce", "focal"))
    >>> experiment = Experiment(Path("runs/experiment"), settings, seeds=2)
    >>> [(configuration.name, run.seed) for configuration, run in experiment.trainings]
    [('bce', 0), ('focal', 0), ('bce', 1), ('focal', 1)]

    Args:
        path: folder of the experiment.
        settings: settings of all training runs. The recalibrations in `recalibrate` are compared
            too.
        seeds: number of seeds 0, 1, ... A seed determines the synthetic data set, the initial
            weights, the order of the images and the random draws of the method.
        configurations: run configurations to train; one per method of the settings, unless given.
        corruptions: names in `data.corruptions.CORRUPTIONS`. The first test set is scored under
            each of them too.
        shifts: names in `data.shapes.SHIFTS` of further test sets of the embedded data.
        tested: score the test sets too, not only the validation set.

    Raises:
        ValueError: there are no seeds, a corruption or shift is unknown, or shifts are asked for
            with data that are not embedded.
    """

    path: Path
    settings: Settings
    seeds: int
    configurations: tuple[RunConfiguration, ...] = ()
    corruptions: tuple[str, ...] = ()
    shifts: tuple[str, ...] = ()
    tested: bool = True

    def __post_init__(self) -> None:
        require("seeds", self.seeds, self.seeds >= 1, "at least 1")
        for name, known in (("corruptions", CORRUPTIONS), ("shifts", SHIFTS)):
            for value in getattr(self, name):
                if value not in known:
                    raise ValueError(
                        f"{name} has an unknown name: {value!r}; expected names among "
                        f"{', '.join(known)}."
                    )
        if self.shifts and self.settings.data != EMBEDDED:
            raise ValueError(
                f"data is {self.settings.data!r}; expected {EMBEDDED!r}, which shifts need. Leave "
                "--shifts out, or use the embedded data."
            )

    @property
    def trainings(self) -> list[tuple[RunConfiguration, Settings]]:
        """Configurations and settings of all training runs, ordered by seed, so that an interrupted
        experiment has complete seeds."""
        configurations = self.configurations or tuple(map(RunConfiguration, self.settings.methods))
        return [
            (configuration, configuration.settings(self.settings, seed))
            for seed in range(self.seeds)
            for configuration in configurations
        ]

    def sets(self, training: Settings, data: DataSplits) -> dict[str, SaliencySet]:
        """Return the sets to score by name: validation, tests, and tests under shift or corruption.

        Args:
            training: settings of the training.
            data: data of the training.

        Raises:
            ValueError: a test set has the name of the training or validation set.
        """
        sets: dict[str, SaliencySet] = {data.validation.name: data.validation}
        if not self.tested:
            return sets
        for part in (data.train, data.validation):
            if part.name in data.tests:
                raise ValueError(
                    f"a test set is called {part.name!r}; expected another name, because the "
                    f"{part.name} set has this one. Rename the test set's folder."
                )
        sets |= data.tests
        if self.shifts:
            seed, limit = training.data_seed, training.limit
            sets |= graded(training.size, self.shifts, data_seed=seed, limit=limit)
        for test in list(data.tests.values())[:1]:
            for name in self.corruptions:
                corrupted = Corrupted(test, name, training.seed)
                sets[corrupted.name] = corrupted
        return sets

    def data(self) -> Data:
        """Compute the fingerprints of the images and masks that the experiment uses.

        All images are read, once per data seed. Corrupted sets are left out, because the sets that
        they are made from identify them.

        Raises:
            ValueError: a test set has the name of the training or validation set.
        """
        # The data of a folder are the same for every seed.
        synthetic = self.settings.data in DATASETS
        by_seed = {run.data_seed if synthetic else None: run for _, run in self.trainings}
        fingerprints = {}
        for seed, training in by_seed.items():
            splits = training.load_data()
            parts = {splits.train.name: splits.train, **self.sets(training, splits)}
            for name, part in parts.items():
                if not isinstance(part, Corrupted):
                    fingerprints[seed, name] = {
                        stem: image[:8] + mask[:8]
                        for stem, (image, mask) in part.fingerprints().items()
                    }
        return fingerprints

    def run(self, configuration: RunConfiguration, training: Settings) -> Run:
        """Create the run of a training, or open it if it exists.

        Args:
            configuration: configuration of the training.
            training: settings of the training.

        Raises:
            ValueError: the run was made with other settings; the message names them.
        """
        path = self.path / configuration.name / f"seed-{training.seed}"
        if not path.exists():
            return Run.create(path, training)
        run = Run.open(path)
        if names := differing(asdict(training), asdict(run.settings)):
            raise ValueError(
                f"{path} was made with another {', '.join(names)}; expected the same settings. "
                "Choose another --out, or remove the folder."
            )
        return run


def collect(
    experiment: Experiment, file: Path, processes: int = 1, *, progress: bool = True
) -> list[Record]:
    """Run an experiment and save its records after every training.

    Records that the file already has are reused, and records of other experiments in it are kept.

    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.config import PRESETS
    >>> settings = replace(PRESETS["demo"], methods=("bce",), size=16, epochs=1, limit=4)
    >>> with TemporaryDirectory() as folder:
    ...     experiment = Experiment(Path(folder), settings, seeds=1)
    ...     records = collect(experiment, Path(folder) / "records.json", progress=False)
    >>> [record["set"] for record in records]
    ['validation', 'test', 'shifted', 'textures']

    Args:
        experiment: the experiment.
        file: JSON file of the records.
        processes: number of training runs in parallel.
        progress: show progress bars.

    Returns:
        The records of the experiment.

    Raises:
        OSError: the file cannot be written. This is checked before anything is trained.
        RuntimeError: another process works on the experiment or the file, or a training process
            was killed.
        ValueError: the file is a folder, or its records are malformed or were made with other
            settings, images or masks; see also `compare`.
    """
    check_output("--results", file)
    target = file.resolve()  # all links to a file share one lock
    busy = (
        "another comparison is at work on {}; expected none. Wait until it is done, or choose "
        "another --out and --results."
    )
    with (
        locked(experiment.path / ".lock", busy.format(experiment.path)),
        locked(target.with_name(f".{target.name}.lock"), busy.format(file)),
    ):
        known = read(file, experiment.settings) if file.exists() else []
        saved_data, data = read_data(file) if known else {}, experiment.data()
        if known:
            _check_data(file, saved_data, data)
        records: list[Record] = []
        for new_records in compare(experiment, processes, known, progress=progress):
            records += new_records
            rows = in_order(experiment, records, known)
            save(file, rows, experiment.settings, experiment.seeds, {**saved_data, **data})
    return records


def _check_data(file: Path, saved: Data, current: Data) -> None:
    """Raise ValueError if the records were made from images or masks that have changed since."""
    if not saved:
        raise ValueError(
            f"{file} does not say what images its records were made from; expected fingerprints of "
            "every set. Choose another --results, or remove the file."
        )
    for key in (key for key in current if key in saved):
        before, after = saved[key], current[key]
        stems = sorted(before.keys() | after.keys())
        if changed := [stem for stem in stems if before.get(stem) != after.get(stem)]:
            raise ValueError(
                f"{len(changed)} images or masks of the set {key[1]} changed since the records in "
                f"{file} were made, such as {changed[0]}; expected the same files. Restore them, "
                "or choose another --out and --results."
            )


def in_order(
    experiment: Experiment, new: Sequence[Record], known: Sequence[Record]
) -> list[Record]:
    """Sort records by the order of the experiment's training runs; other records come last.

    Args:
        experiment: the experiment.
        new: new records.
        known: earlier records, which new records of the same maps replace.
    """
    kinds = (None, *experiment.settings.recalibrate)
    identities = [
        (training.seed, configuration.method, json.dumps(_options(training)), kind)
        for configuration, training in experiment.trainings
        for kind in kinds
    ]
    order: dict[Hashable, int] = {key: number for number, key in enumerate(identities)}
    rows: dict[Hashable, tuple[int, Record]] = {}
    for record in (*new, *known):
        options = json.dumps(record["options"])
        identity = record["seed"], record["method"], options, record["recalibration"]
        rows.setdefault((identity, record["set"]), (order.get(identity, len(order)), record))
    return [record for _, record in sorted(rows.values(), key=lambda row: row[0])]


def compare(
    experiment: Experiment,
    processes: int = 1,
    known: Sequence[Record] = (),
    *,
    progress: bool = True,
) -> Iterator[list[Record]]:
    """Train, predict and score all training runs of an experiment.

    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.config import PRESETS
    >>> settings = replace(PRESETS["demo"], methods=("bce",), size=16, epochs=1, limit=4)
    >>> with TemporaryDirectory() as folder:
    ...     experiment = Experiment(Path(folder), settings, seeds=2, tested=False)
    ...     recorded_runs = list(compare(experiment, progress=False))
    >>> [(record["set"], record["seed"]) for records in recorded_runs for record in records]
    [('validation', 0), ('validation', 1)]

    Args:
        experiment: the experiment.
        processes: number of training runs in parallel. With 1, this process trains; otherwise each
            process gets an equal share of the processors.
        known: records to reuse, see `records.read`. A training whose records are all known is
            skipped, and its run need not exist.
        progress: show progress bars.

    Yields:
        The records of each training when it is finished. With several processes the order varies.

    Raises:
        RuntimeError: a training process was killed.
        ValueError: a run exists with other settings, which is checked before anything is trained;
            or training or scoring failed.
    """
    trainings = experiment.trainings
    for configuration, training in trainings:
        if (experiment.path / configuration.name / f"seed-{training.seed}").exists():
            experiment.run(configuration, training)
    bar = partial(tqdm, total=len(trainings), desc="trainings", disable=not progress)
    if processes == 1:
        for configuration, training in bar(trainings):
            yield recorded(experiment, configuration, training, known, progress=progress)
        return
    threads = max(1, (os.cpu_count() or 1) // processes)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _begin_process, (threads,)) as pool:
        try:
            jobs = []
            for configuration, training in trainings:
                # All known records would be megabytes for every process.
                reusable = [*_among(known, training).values()]
                jobs.append(
                    pool.submit(
                        recorded, experiment, configuration, training, reusable, progress=False
                    )
                )
            for job in bar(as_completed(jobs)):
                yield job.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "the process of a training was ended from outside, as the system does when memory "
                "runs out; expected it to finish. Repeat the command, with a smaller --processes "
                "if memory is short; it continues where it stopped."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin_process(threads: int) -> None:
    """Set the number of threads of a process of the pool, and let it end with its parent."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when its parent has ended.

    A killed parent cannot stop its processes: they would finish their training and then wait for
    the next one forever.

    Args:
        sentinel: handle that becomes ready when the parent ends.
    """
    connection.wait([sentinel])
    os._exit(1)


def recorded(
    experiment: Experiment,
    configuration: RunConfiguration,
    training: Settings,
    known: Sequence[Record] = (),
    *,
    progress: bool = True,
) -> list[Record]:
    """Return the records of one training on every set, with and without each recalibration.

    The run is trained and scored as far as its records are not known.

    Args:
        experiment: the experiment.
        configuration: configuration of the training.
        training: settings of the training.
        known: records to reuse.
        progress: show progress bars.
    """
    data = training.load_data()
    sets, kinds = experiment.sets(training, data), (None, *experiment.settings.recalibrate)
    records = _among(known, training)
    missing = [(name, kind) for name in sets for kind in kinds if (name, kind) not in records]
    if missing:
        run = experiment.run(configuration, training)
        with run.held():
            run.check_lists(data)
            run.keep_lists(data)
            records |= _scored(run, data, sets, missing, progress)
    return [records[name, kind] for kind in kinds for name in sets]


Key = tuple[str, str | None]
"""Name of a set, and name of a recalibration or None."""


def _among(known: Sequence[Record], training: Settings) -> dict[Key, Record]:
    """Return those of the known records that belong to a training."""
    (method,) = training.methods
    return {
        (record["set"], record["recalibration"]): record
        for record in of_method(known, method, _options(training))
        if record["seed"] == training.seed
    }


def _options(training: Settings) -> dict[str, Any]:
    """Return the hyperparameters of a training's method."""
    (method,) = training.methods
    options = getattr(training.hyperparameters, METHODS[method].family, None)
    return {} if options is None else asdict(options)


def _scored(
    run: Run,
    data: DataSplits,
    sets: Mapping[str, SaliencySet],
    missing: Sequence[Key],
    progress: bool,
) -> dict[Key, Record]:
    """Compute the missing records of a run, which is trained and recalibrated if necessary."""
    settings = run.settings
    (method,) = settings.methods
    folder = run.method(method)
    clock = folder.path / "seconds.json"  # only of a training that was not interrupted
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
    records: dict[Key, Record] = {}
    for name, dataset in tqdm(sets.items(), desc="scores", disable=not progress, leave=False):
        changes = {kind: fitted.get(kind or "") for set_, kind in missing if set_ == name}
        if changes and settings.cache_images:
            dataset.cache()
        for kind, (counts, error) in _counted(network, dataset, settings, changes).items():
            row = scores(counts, BINS, (*NAMES, *ESTIMATORS))
            records[name, kind] = {
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
    return records


def alphas_of(folder: MethodFolder) -> dict[str, dict[str, float]]:
    """Return the field `alpha` of a training's records, from the last row of its log."""
    last = read_log(folder.log)[-1]
    quantities = [name for name in ("mean", "p10", "p90") if f"alpha_{name}" in last]
    return {"alpha": {name: last[f"alpha_{name}"] for name in quantities}} if quantities else {}


def _rounded(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None


def _ends(counts: Counts) -> dict[str, list[float | None]]:
    """Return 95 % intervals over images where they are defined; a single image has none."""
    bounds = error_bounds(counts) if len(counts) > 1 else {}
    return {
        name: [*map(_rounded, ends)] for name, ends in bounds.items() if np.isfinite(ends).all()
    }


def _counted(
    network: torch.nn.Module,
    dataset: SaliencySet,
    settings: Settings,
    changes: Mapping[str | None, Recalibration | None],
) -> dict[str | None, tuple[Counts, float | None]]:
    """Count the pixels of a set's maps and compute their posterior error.

    The posterior error is the mean over images of the mean squared difference from the true
    posterior over pixels; it is None where the true posterior is unknown.
    """
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
        kind: (Counts.join(counts), None if posterior is None else errors[kind] / len(counts))
        for kind, counts in parts.items()
    }
