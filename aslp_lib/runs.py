"""A run's folder, and files that are either whole or not there.

settings.json  train.txt  validation.txt  fingerprints.csv (of these images and masks)
METHOD/        log.csv  alphas.csv  last.safetensors (checkpoint)  weights.safetensors (final)
               maps/SET/STEM.png  maps/SET.json (what made them)
               RECALIBRATION.json (or .safetensors)  maps+RECALIBRATION/SET/STEM.png
metrics.json  metrics.csv  report.html
.lock          empty; held by the process that works on the run
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from aslp_lib.config import Settings
from aslp_lib.data.base import DataSplits
from aslp_lib.files import discard_partials, locked, whole_folder, write, write_csv
from aslp_lib.methods import METHOD_LABELS
from aslp_lib.networks.base import fill
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.tensors import load_tensors

PATIENCE = 10.0
"""Seconds to wait for a run that is held: what loads images for a killed process ends after 5, and
holds what it held."""


@dataclass(frozen=True)
class MethodFolder:
    """Where one method's files lie."""

    path: Path

    @property
    def log(self) -> Path:
        return self.path / "log.csv"

    def per_image(self, name: str) -> Path:
        return self.path / f"{name}s.csv"

    @property
    def checkpoint(self) -> Path:
        return self.path / "last.safetensors"

    @property
    def weights(self) -> Path:
        return self.path / "weights.safetensors"

    def recalibration(self, name: str) -> Path:
        """Where the numbers of a fitted recalibration are kept."""
        return self.path / f"{name}{RECALIBRATIONS[name].suffix}"

    def maps(self, name: str, recalibration: str | None = None) -> Path:
        """Of a set; of the network as it was trained, or with a recalibration."""
        return self.path / ("maps" if recalibration is None else f"maps+{recalibration}") / name


@dataclass(frozen=True)
class Variant:
    """What maps and scores are of: a method as it was trained, or with a recalibration."""

    method: str
    recalibration: str | None = None

    @property
    def name(self) -> str:
        """In metrics.json and metrics.csv: `bce`, `bce+temperature_scaling`."""
        return "+".join(filter(None, (self.method, self.recalibration)))

    @property
    def label(self) -> str:
        """In tables and figures: `BCE`, `BCE + temperature scaling`."""
        label = METHOD_LABELS[self.method]
        if self.recalibration is None:
            return label
        return f"{label} + {RECALIBRATIONS[self.recalibration].label}"


@dataclass(frozen=True)
class Run:
    """A run's folder and the settings it was made with."""

    path: Path
    settings: Settings

    @classmethod
    def create(cls, path: Path, settings: Settings) -> Run:
        """A new run at `path`, or at `path-2`, `path-3`, ... if that is taken: by nobody else, and
        there with its settings or not at all."""
        chosen, number = Path(path), 1
        while True:
            try:
                with whole_folder(chosen) as folder:
                    write(folder / "settings.json", settings.to_json())
                return cls(chosen, settings)
            except OSError:
                if not chosen.exists():
                    raise
            number += 1
            chosen = Path(f"{path}-{number}")

    @classmethod
    def open(cls, path: Path) -> Run:
        """The run at `path`, with its own settings. Raises FileNotFoundError, ValueError."""
        file = Path(path) / "settings.json"
        if not file.is_file():
            raise FileNotFoundError(f"{path} is no run: it has no settings.json")
        try:
            return cls(Path(path), Settings.from_json(file.read_text(encoding="utf-8")))
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{file} cannot be used: {error}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Work on the run alone, and remove what killed processes left in it. The lock ends with
        its process, however that ends.

        Raises:
            RuntimeError: another process works on it.
        """
        busy = f"another process is at work on {self.path}: wait until it is done, or stop it"
        with locked(self.path / ".lock", busy, PATIENCE):
            discard_partials(self.path)
            yield

    def keep_lists(self, data: DataSplits) -> None:
        """Write down which images train and which validate, and their fingerprints."""
        rows: list[tuple[str, ...]] = []
        for part in (data.train, data.validation):
            write(self.path / f"{part.name}.txt", "".join(f"{stem}\n" for stem in part.stems))
            rows += [(part.name, stem, *each) for stem, each in part.fingerprints().items()]
        write_csv(self._fingerprints, ("set", "stem", "image", "mask"), rows)

    def check_lists(self, data: DataSplits) -> None:
        """Raise ValueError if the data are not those that the run began with."""
        if not self._fingerprints.exists():  # it was killed at once
            return
        with self._fingerprints.open(newline="", encoding="utf-8") as table:
            rows = list(csv.DictReader(table))
        for part in (data.train, data.validation):
            then = {r["stem"]: (r["image"], r["mask"]) for r in rows if r["set"] == part.name}
            now = part.fingerprints()
            stems = sorted(then.keys() | now.keys())
            if changed := [stem for stem in stems if then.get(stem) != now.get(stem)]:
                raise ValueError(
                    f"{len(changed)} images or masks to {part.name} came, went or changed since "
                    f"{self.path} began, such as {changed[0]}: bring them back, or start a new run"
                )

    @property
    def _fingerprints(self) -> Path:
        return self.path / "fingerprints.csv"

    def method(self, name: str) -> MethodFolder:
        """Where a method's files lie."""
        return MethodFolder(self.path / name)

    def variants(self) -> list[Variant]:
        """Each method, then the same with each recalibration."""
        kinds = (None, *self.settings.recalibrate)
        return [Variant(method, kind) for method in self.settings.methods for kind in kinds]

    def maps(self, variant: Variant, name: str) -> Path:
        """Where a variant's maps of a set lie."""
        return self.method(variant.method).maps(name, variant.recalibration)

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a training log, one an epoch."""
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


def load_weights(network: nn.Module, path: Path) -> dict[str, Any]:
    """Fill a network from a weights file and return its facts.

    Raises:
        ValueError: a damaged file, one of another network, or weights that are no numbers; names
            what differs.
    """
    tensors, facts = load_tensors(path)
    fill(network, tensors, path)
    return facts
