"""Experiments: training methods and recalibrations compared with equal data, networks and seeds.

Every training is a run of its own in `EXPERIMENT/CONFIGURATION/seed-N`, so that an experiment can
be resumed and extended. All sets, including the validation set, are scored from 8-bit maps at the
images' own sizes. The maps are counted when they are predicted, and not stored.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from aslp_lib.checks import require, require_name
from aslp_lib.config import SHAPES, Settings
from aslp_lib.data.corrupted import Corrupted
from aslp_lib.data.corruptions import CORRUPTIONS
from aslp_lib.data.datasets import DATASETS
from aslp_lib.data.image_set import DataSplits, ImageSet
from aslp_lib.data.shapes import SHIFTS, graded
from aslp_lib.evaluation.scores import Evaluation
from aslp_lib.experiments import records
from aslp_lib.files import check_output, locked
from aslp_lib.maps.count import count_class_map
from aslp_lib.maps.provenance import refuse_changed
from aslp_lib.methods import METHODS, Hyperparameters
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import load_network, load_recalibrations, predicted_maps
from aslp_lib.recalibration import Recalibration
from aslp_lib.runs import Run, read_log
from aslp_lib.training.loop import train
from aslp_lib.training.recalibrate import recalibrate
from aslp_lib.training.side_by_side import side_by_side

NO_RECORDS = pd.DataFrame(columns=records.IDENTITY)
"""Records of an experiment that has not begun."""


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
        options = {k: group for k, group in vars(tuned.hyperparameters).items() if k == family}
        alone = replace(tuned, methods=(self.method,), hyperparameters=Hyperparameters(**options))
        return replace(alone, recalibrate=(), seed=seed, data_seed=seed)


@dataclass(frozen=True)
class Experiment:
    """A comparison of run configurations over several seeds, stored in a folder.

    >>> from aslp_lib.config import PRESETS
    >>> settings = replace(PRESETS["demo"], methods=("bce", "focal"))
    >>> experiment = Experiment(Path("runs/experiment"), settings, seeds=2)
    >>> list(experiment.training_runs)
    ['bce/seed-0', 'focal/seed-0', 'bce/seed-1', 'focal/seed-1']

    Args:
        path: folder of the experiment.
        settings: settings of all training runs. The recalibrations in `recalibrate` are compared
            too.
        seeds: number of seeds 0, 1, ... A seed determines the embedded data set, the initial
            weights, the order of the images and the random draws of the method.
        configurations: run configurations to train; one per method of the settings, unless given.
        corruptions: names in `data.corruptions.CORRUPTIONS`. The first test set is scored under
            each of them too.
        shifts: names in `data.shapes.SHIFTS` of further test sets of the data set shapes.
        tested: score the test sets too, not only the validation set.

    Raises:
        ValueError: there are no seeds, a corruption or shift is unknown, or shifts are asked for
            with other data than shapes.
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
        for field_, known in (("corruptions", CORRUPTIONS), ("shifts", SHIFTS)):
            for name in getattr(self, field_):
                require_name(f"a name in {field_}", name, known)
        possible = not self.shifts or self.settings.data == SHAPES
        expected = f"{SHAPES!r}, which shifts need. Leave --shifts out, or use these data."
        require("data", self.settings.data, possible, expected)

    def recalibrations(self, training: Settings) -> tuple[str, ...]:
        """Return the recalibrations of a training run; its own options decide what suits it."""
        (method,) = training.methods
        return replace(training, recalibrate=self.settings.recalibrate).recalibrations(method)

    @property
    def training_runs(self) -> dict[str, Settings]:
        """Settings of all training runs by their folders, ordered by seed, so that an interrupted
        experiment has complete seeds."""
        configurations = self.configurations or tuple(map(RunConfiguration, self.settings.methods))
        return {
            f"{configuration.name}/seed-{seed}": configuration.settings(self.settings, seed)
            for seed in range(self.seeds)
            for configuration in configurations
        }

    def sets(self, training: Settings, data: DataSplits) -> dict[str, ImageSet]:
        """Return the sets to score by name: validation, tests, and tests under shift or corruption.

        Args:
            training: settings of the training.
            data: data of the training.

        Raises:
            ValueError: a test set has the name of the training or validation set.
        """
        sets: dict[str, ImageSet] = {data.validation.name: data.validation}
        if not self.tested:
            return sets
        for part in (data.train, data.validation):
            expected = "another one, which no other set has. Rename the test set's folder."
            require("the name of a test set", part.name, part.name not in data.tests, expected)
        seed, limit = training.data_seed, training.limit
        sets |= data.tests | graded(training.size, self.shifts, data_seed=seed, limit=limit)
        first = list(data.tests.values())[:1]
        corrupted = (Corrupted(*pair, training.seed) for pair in product(first, self.corruptions))
        return sets | {part.name: part for part in corrupted}

    def data(self) -> records.Data:
        """Compute the fingerprints of the images and masks that the experiment uses.

        All images are read, once per data seed. Corrupted sets are left out, because the sets that
        they are made from identify them.

        Raises:
            ValueError: a test set has the name of the training or validation set.
        """
        # The data of a folder are the same for every seed.
        embedded = self.settings.data in DATASETS
        by_seed = {run.data_seed if embedded else None: run for run in self.training_runs.values()}
        fingerprints = {}
        for seed, training in by_seed.items():
            splits = training.load_data()
            for part in (splits.train, *self.sets(training, splits).values()):
                if not isinstance(part, Corrupted):
                    fingerprints[seed, part.name] = part.fingerprints()
        return fingerprints

    def run(self, folder: str, training: Settings) -> Run:
        """Create a run, or open it if it exists.

        Args:
            folder: folder of the run, relative to that of the experiment.
            training: settings of the training.

        Raises:
            ValueError: the run was made with other settings; the message names them.
        """
        path = self.path / folder
        if not path.exists():
            return Run.create(path, training)
        run = Run.open(path)
        records.check_settings(path, asdict(training), asdict(run.settings), "--out")
        return run


def collect(experiment: Experiment, file: Path, processes: int = 1) -> pd.DataFrame:
    """Run an experiment and save its records after every training run.

    Records that the file already has are reused, and records of other experiments in it are kept.

    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.config import PRESETS
    >>> settings = replace(PRESETS["demo"], methods=("bce",), size=16, epochs=1, limit=4)
    >>> with TemporaryDirectory() as folder:
    ...     experiment = Experiment(Path(folder), settings, seeds=1)
    ...     records = collect(experiment, Path(folder) / "records.json")
    >>> records["set"].tolist()
    ['validation', 'test', 'shifted', 'textures']

    Args:
        experiment: the experiment.
        file: JSON file of the records.
        processes: number of training runs in parallel.

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
        known = records.read(file, experiment.settings) if file.exists() else NO_RECORDS
        data = experiment.data() if known.empty else _joined_data(file, experiment.data())
        collected = NO_RECORDS
        for of_run in compare(experiment, processes, known):
            collected = pd.concat([collected, of_run], ignore_index=True)
            joined = pd.concat([collected, known], ignore_index=True)
            whole = joined[~records.keyed(joined).duplicated()]
            records.save(file, whole, experiment.settings, experiment.seeds, data)
    return collected


def _joined_data(file: Path, current: records.Data) -> records.Data:
    """Return the data of a file's records and the current data, which must not contradict them.

    Raises:
        ValueError: the records were made from images or masks that have changed since.
    """
    saved = records.read_data(file)
    if not saved:
        raise ValueError(
            f"{file} does not say what images its records were made from; expected fingerprints of "
            "every set. Choose another --out or --results, or remove the file."
        )
    since, remedy = f"the records in {file} were made", "choose another --out and --results"
    for key, after in current.items():
        refuse_changed(f"the set {key[1]}", saved.get(key, after), after, since, remedy)
    return {**saved, **current}


def compare(
    experiment: Experiment, processes: int = 1, known: pd.DataFrame = NO_RECORDS
) -> Iterator[pd.DataFrame]:
    """Train, predict and score all training runs of an experiment.

    >>> from tempfile import TemporaryDirectory
    >>> from aslp_lib.config import PRESETS
    >>> settings = replace(PRESETS["demo"], methods=("bce",), size=16, epochs=1, limit=4)
    >>> with TemporaryDirectory() as folder:
    ...     experiment = Experiment(Path(folder), settings, seeds=2, tested=False)
    ...     records = pd.concat(compare(experiment))
    >>> records["set"].tolist(), records.seed.tolist()
    (['validation', 'validation'], [0, 1])

    Args:
        experiment: the experiment.
        processes: number of training runs in parallel. With 1, this process trains; otherwise each
            process gets an equal share of the processors.
        known: records to reuse, see `records.read`. A run whose records are all known is
            skipped, and its folder need not exist.

    Yields:
        The records of each run, in the order of `Experiment.training_runs`.

    Raises:
        RuntimeError: a training process was killed.
        ValueError: a run exists with other settings, which is checked before anything is trained;
            or training or scoring failed.
    """
    jobs = []
    for folder, training in experiment.training_runs.items():
        if (experiment.path / folder).exists():
            experiment.run(folder, training)  # refuses other settings
        # All known records would be megabytes for every process.
        of_seed = known[known.seed == training.seed]
        of_run = records.of_method(of_seed, training.methods[0], _options(training))
        jobs.append((experiment, folder, training, of_run))
    alone = processes == 1  # the only one that can show the progress within a training run
    calls = [partial(recorded, *job, progress=alone) for job in jobs]
    yield from tqdm(side_by_side(calls, processes), total=len(jobs), desc="training runs")


def recorded(
    experiment: Experiment,
    folder: str,
    training: Settings,
    known: pd.DataFrame = NO_RECORDS,
    *,
    progress: bool = True,
) -> pd.DataFrame:
    """Return the records of one run on every set, with and without each recalibration.

    The run is trained and scored as far as its records are not known.

    Args:
        experiment: the experiment.
        folder: folder of the run, relative to that of the experiment.
        training: settings of the training.
        known: records of the run to reuse.
        progress: show progress bars.
    """
    data = training.load_data()
    sets = experiment.sets(training, data)
    kinds = experiment.recalibrations(training)
    asked = list(product((records.NONE, *kinds), sets))
    rows = {(row["recalibration"], row["set"]): row for row in known.to_dict("records")}
    if missing := {name: sets[name] for kind, name in asked if (kind, name) not in rows}:
        run = experiment.run(folder, training)
        with run.held():
            run.check_lists(data)
            run.keep_lists(data)
            rows = _records(run, data, missing, kinds, progress=progress) | rows
    return pd.DataFrame([rows[pair] for pair in asked])


def _options(training: Settings) -> dict[str, Any]:
    """Return the hyperparameters of a run's method."""
    options = getattr(training.hyperparameters, METHODS[training.methods[0]].family, None)
    return {} if options is None else asdict(options)


def _records(
    run: Run,
    data: DataSplits,
    sets: Mapping[str, ImageSet],
    kinds: Sequence[str],
    *,
    progress: bool,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Compute the records of a run by recalibration and set; it is trained and fitted if necessary.

    Args:
        sets: the sets to score, by name.
        kinds: names of the recalibrations.
    """
    settings = run.settings
    (method,) = settings.methods
    folder = run.method(method)
    if not folder.weights.exists():
        train(settings, data, method, folder, progress=progress)
    network = load_network(settings, method, folder.weights)
    if new := [kind for kind in kinds if not folder.recalibration(kind).exists()]:
        recalibrate(network, data, replace(settings, recalibrate=tuple(new)), method, folder)
    fitted = load_recalibrations(settings, method, network, folder, kinds)
    of_run = {"method": method, "options": _options(settings), "seed": settings.seed}
    last = read_log(folder.log)[-1]
    alphas = {column: value for column, value in last.items() if column.startswith("alpha_")}
    rows = {}
    for name, part in tqdm(sets.items(), desc="scores", disable=not progress, leave=False):
        if settings.cache_images:
            part.cache()
        scored = _scored(network, part, settings, {records.NONE: None, **fitted})
        for kind, fields in scored.items():
            identity = {"recalibration": kind, "set": name, **of_run}
            rows[kind, name] = {**identity, **fields, **alphas}
    return rows


def _scored(
    network: torch.nn.Module,
    dataset: ImageSet,
    settings: Settings,
    changes: Mapping[str, Recalibration | None],
) -> dict[str, dict[str, float]]:
    """Return the scores of a set, with their intervals and the number of images, by recalibration.

    The posterior error is the mean over images of the mean squared difference from the true
    posterior over pixels. Corrupted sets have no intervals.
    """
    posterior = getattr(dataset, "posterior", None)
    parts: dict[str, list[Any]] = {kind: [] for kind in changes}
    errors: dict[str, list[float]] = {kind: [] for kind in changes}
    count: Callable[..., AnyCounts] = count_class_map if dataset.classes else Counts.from_map
    for index, maps in predicted_maps(network, dataset, settings, changes):
        mask = dataset.mask(index)
        for kind, prediction in maps.items():
            parts[kind].append(count(prediction, mask, dataset.ignored))
            if posterior is not None:
                errors[kind].append(float(np.mean((prediction / 255 - posterior[index]) ** 2)))
    counts = {
        kind: type(images[0]).of_images(images, groups=dataset.groups)
        for kind, images in parts.items()
    }
    bounded = () if isinstance(dataset, Corrupted) else records.BOUNDED
    evaluation = Evaluation({dataset.name: counts}, names=bounded)
    rows = {}
    for row in evaluation.rows(records.score_names(evaluation.known)):
        kind = str(row.pop("method"))
        values: dict[str, Any] = row | evaluation.facts[dataset.name, kind]
        del values["set"]
        if posterior is not None:
            values["posterior_error"] = np.mean(errors[kind])
        rows[kind] = {k: math.nan if v is None else round(v, 6) for k, v in values.items()}
    return rows
