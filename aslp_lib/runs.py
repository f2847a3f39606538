"""The layout of a run's folder.

settings.json  train.txt  validation.txt  fingerprints.json (of their images and masks)
METHOD/        log.csv  alphas.csv  last.safetensors (checkpoint)  weights.safetensors (final)
               maps/SET/STEM.png (.npy of K classes)  maps/SET.json (provenance of the maps)
               RECALIBRATION.safetensors  maps+RECALIBRATION/SET/STEM.png
metrics.json  metrics.csv  report.html
.lock          empty; locked by the process that works on the run
"""

from __future__ import annotations

import csv
import json
from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aslp_lib.checks import explained, fits, json_object, require
from aslp_lib.config import Settings
from aslp_lib.data.image_set import DataSplits
from aslp_lib.files import PARTIAL, locked, remove, whole_folder, write
from aslp_lib.maps.provenance import refuse_changed
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.recalibration import CLASS_RECALIBRATIONS, RECALIBRATIONS

PATIENCE = 10.0
"""Seconds to wait for a locked run. A killed process's loading workers keep its lock until they
end, about 5 seconds later."""


class MethodFolder:
    """Paths of one training method's files.

    Attributes:
        log: the training log, with one row per epoch.
        checkpoint: the last epoch's checkpoint.
        weights: the weights of a finished training.

    >>> MethodFolder(Path("runs/demo/bce")).maps("test", "temperature_scaling").as_posix()
    'runs/demo/bce/maps+temperature_scaling/test'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "log.csv"
        self.checkpoint = path / "last.safetensors"
        self.weights = path / "weights.safetensors"

    def per_image(self, name: str) -> Path:
        """Return the path of a table of one value per training image, such as `alphas.csv`."""
        return self.path / f"{name}s.csv"

    def recalibration(self, name: str) -> Path:
        """Return the path of a fitted recalibration's parameters."""
        return self.path / f"{name}.safetensors"

    def maps(self, name: str, recalibration: str | None = None) -> Path:
        """Return the folder of a set's maps.

        Args:
            name: name of the set.
            recalibration: name of the recalibration; None for the maps of the network itself.
        """
        return self.path / ("maps" if recalibration is None else f"maps+{recalibration}") / name


@dataclass(frozen=True)
class Variant:
    """A training method with or without a recalibration: maps and scores exist for each.

    >>> variant = Variant("bce", "temperature_scaling")
    >>> variant.name, variant.label
    ('bce+temperature_scaling', 'BCE + temperature scaling')
    """

    method: str
    recalibration: str | None = None

    @property
    def name(self) -> str:
        """Name in metrics.json and metrics.csv."""
        return "+".join(filter(None, (self.method, self.recalibration)))

    @property
    def label(self) -> str:
        """Label in tables and figures."""
        label = METHOD_LABELS[self.method]
        if self.recalibration is None:
            return label
        known = {**RECALIBRATIONS, **CLASS_RECALIBRATIONS}
        return f"{label} + {known[self.recalibration].label}"


class Run:
    """The folder of a run and its settings.

    Attributes:
        metrics: path of the scores.
        report: path of the HTML report.
        fingerprints: path of the fingerprints of the training and validation images and masks.

    >>> run = Run(Path("runs/demo"), Settings(recalibrate=("temperature_scaling",)))
    >>> [variant.name for variant in run.variants()][:2]
    ['bce', 'bce+temperature_scaling']
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path, self.settings = path, settings
        self.metrics = path / "metrics.json"
        self.report = path / "report.html"
        self.fingerprints = path / "fingerprints.json"

    @classmethod
    def create(cls, path: Path, settings: Settings) -> Run:
        """Create a run at `path`, or at `path-2`, `path-3` and so on if that is taken.

        Processes that create runs at the same time get different folders. A folder appears together
        with its settings.
        """
        candidate, number = Path(path), 1
        while True:
            try:
                with whole_folder(candidate) as folder:
                    write(folder / "settings.json", settings.to_json())
                return cls(candidate, settings)
            except OSError:
                if not candidate.exists():
                    raise
            number += 1
            candidate = Path(f"{path}-{number}")

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open the run at `path` with the settings that it was created with.

        Raises:
            FileNotFoundError: the folder holds no settings.
            ValueError: the settings cannot be read; the message says why.
        """
        file = Path(path) / "settings.json"
        if not file.is_file():
            raise FileNotFoundError(
                f"{path} is not a run; expected a folder with a settings.json. Choose another."
            )
        expected = (
            "those of a run of this version; an older one has other names. Correct the file, or "
            "start a new run."
        )
        with explained(f"cannot use the settings in {file}", expected):
            return cls(Path(path), Settings.from_json(file.read_text(encoding="utf-8")))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the run for this process, and remove partial files that killed processes left.

        The system releases the lock when the process ends, even if it is killed.

        Raises:
            RuntimeError: another process holds the lock.
        """
        busy = f"another process is at work on {self.path}; expected none. Wait for it, or stop it."
        with locked(self.path / ".lock", busy, PATIENCE):
            for partial in list(self.path.rglob(PARTIAL)):
                # A folder directly in the run is the output of `predict --images`, without a lock.
                if partial.is_file() or partial.parent != self.path:
                    remove(partial)
            yield

    def keep_lists(self, data: DataSplits) -> None:
        """Write the stems of the training and validation images, and their fingerprints."""
        parts = (data.train, data.validation)
        for part in parts:
            write(self.path / f"{part.name}.txt", "".join(f"{stem}\n" for stem in part.stems))
        write(self.fingerprints, json.dumps({part.name: part.fingerprints() for part in parts}))

    def check_lists(self, data: DataSplits) -> None:
        """Raise ValueError if images, masks or their split differ from those the run began with.

        The same error is raised if the file of their fingerprints is damaged.
        """
        if not self.fingerprints.exists():  # The run was killed before it wrote them.
            return
        problem = f"{self.fingerprints} does not hold the fingerprints of a run's images"
        with explained(problem, "the file that was written. Restore it."):
            began = json_object(self.fingerprints.read_text(encoding="utf-8"))
            require("it", began, fits(began, dict[str, dict[str, str]]), "an object of objects")
        parts = {part.name: part.fingerprints() for part in (data.train, data.validation)}
        since, remedy = f"{self.path} began", "start a new run"
        # First without the split, which one file more or less may change in many places.
        before, after = (dict(ChainMap(*each.values())) for each in (began, parts))
        refuse_changed("the training and validation sets", before, after, since, remedy)
        for name, prints in parts.items():
            refuse_changed(f"the set {name}", began.get(name, {}), prints, since, remedy)

    def split_sizes(self, data: DataSplits) -> list[int]:
        """Return the numbers of training and validation images in the lists of the run.

        They are those of `data` if the run has no lists yet.
        """
        lists = {part: self.path / f"{part.name}.txt" for part in (data.train, data.validation)}
        return [
            len(path.read_text(encoding="utf-8").split("\n")) - 1 if path.exists() else len(part)
            for part, path in lists.items()
        ]

    def method(self, name: str) -> MethodFolder:
        """Return the paths of a training method's files."""
        return MethodFolder(self.path / name)

    def variants(self) -> list[Variant]:
        """Return the variants of the run: each method, then it with each recalibration."""
        return [
            Variant(method, kind)
            for method in self.settings.methods
            for kind in (None, *self.settings.recalibrations(method))
        ]

    def maps(self, variant: Variant, name: str) -> Path:
        """Return the folder of a variant's maps of a set."""
        return self.method(variant.method).maps(name, variant.recalibration)


def read_log(path: Path) -> list[dict[str, float]]:
    """Read a training log: one row per epoch, with numbers by column name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the table is damaged, has no rows or holds something else than numbers.
    """
    expected = "a row of numbers for each epoch. Restore it, or train again."
    with explained(f"{path} is not the log of a training run", expected, csv.Error):
        with path.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file, restval="", strict=True)
            # A row that is too long causes a TypeError.
            rows = [{name: float(value) for name, value in row.items()} for row in table]
        if not rows or "epoch" not in rows[0]:
            raise ValueError("there are no rows with an epoch")
        return rows
