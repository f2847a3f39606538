"""Records of an experiment, as data frames: written, read and selected.

A record is a row: the scores of one run on one set, with or without a recalibration. Its columns
are

- `method`; `options`, its hyperparameters, as a dict; `recalibration`, or "none"; `seed`; `set`;
- the scores of `score_names` (NaN where one is not defined, or not in a record of an earlier
  version), and `images`;
- where they are known, `posterior_error`, the mean squared difference from the true posterior;
  `ece_low`, `ece_high`, `oe_low` and `oe_high`, the ends of 95 % intervals over images; the facts
  of `evaluation.notes`; and `alpha_mean`, `alpha_p10` and `alpha_p90`, the mean and the deciles of
  the perturbation levels at the end of the run.
"""

import json
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from aslp_lib.checks import explained, json_object, require_name
from aslp_lib.config import Settings
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS, METHODS
from aslp_lib.recalibration import CLASS_RECALIBRATIONS, RECALIBRATIONS

BOUNDED = ("ece", "oe", "class_ece")
"""Names of the scores whose intervals over images are in a record."""
WRITTEN = "a file that compare wrote. Restore it, or remove it, and compare will make it again."
"""What is expected of a file of records, for messages."""
LABELS = {k: kind.label for k, kind in {**CLASS_RECALIBRATIONS, **RECALIBRATIONS}.items()}
"""Labels of all recalibrations by name."""
NONE = "none"
"""Recalibration of a network as trained."""
IDENTITY = ["method", "options", "recalibration", "seed", "set"]
"""Columns that identify a record in a file."""

Data = Mapping[tuple[int | None, str], Mapping[str, str]]
"""Fingerprints of the images and masks that records were made from: (data seed, name of the set) ->
stem -> fingerprint of the image and its mask. The data seed is None if the data are the same for
every seed."""

COMMON = ("methods", "recalibrate", "hyperparameters", "seed", "data_seed")
"""Settings that may differ between the records of a file."""


def score_names(known: Iterable[str]) -> list[str]:
    """Return the names of the scores in a record: all but weighted F, which takes too long.

    >>> score_names(["ece", "weighted_f"])
    ['ece']

    Args:
        known: names of the scores of two classes or of K.
    """
    return [name for name in known if name != "weighted_f"]


def save(
    path: Path, records: pd.DataFrame, settings: Settings, seeds: int, data: Data | None = None
) -> None:
    """Write records to a JSON file, one per line, with the settings and data they were made with.

    >>> from tempfile import TemporaryDirectory
    >>> record = {"method": "bce", "options": {}, "recalibration": "none", "seed": 0, "set": "test"}
    >>> records = pd.DataFrame([{**record, "ece": 0.1, "images": 4}])
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "records.json"
    ...     save(file, records, Settings(), seeds=1)
    ...     read(file).equals(records)
    True

    Args:
        path: the file.
        records: the records.
        settings: settings of the experiment.
        seeds: number of seeds of the experiment.
        data: fingerprints of the images and masks. An experiment can be resumed only from a file
            that has them.
    """
    facts = {
        "date": str(date.today()),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": {name: version(name) for name in ("torch", "numpy")},
        "settings": json.loads(settings.to_json()),
        "seeds": seeds,
    }
    head = json.dumps(facts, indent=1).removesuffix("\n}")
    sets = [
        {"data_seed": seed, "set": name, "fingerprints": dict(fingerprints)}
        for (seed, name), fingerprints in (data or {}).items()
    ]
    rows = records.astype(object).where(records.notna(), None).to_dict("records")
    write(path, f'{head},\n "records": {_lines(rows)},\n "data": {_lines(sets)}\n}}\n')


def _lines(rows: list[dict[Any, Any]]) -> str:
    """Format rows as a JSON list with a line for each."""
    return "[\n  " + ",\n  ".join(json.dumps(row, allow_nan=False) for row in rows) + "\n ]"


def read(path: Path, settings: Settings | None = None) -> pd.DataFrame:
    """Read the records that `save` wrote. See `save` for an example.

    Args:
        path: the file.
        settings: settings of the experiment that will reuse the records, or None.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds no records, one is damaged or repeated, or they were made with
            other settings; the message names the file and what is wrong.
    """
    content = _content(path)
    with explained(f"{path} holds no records", WRITTEN, OverflowError):
        records = pd.DataFrame(content["records"])
        texts = ["method", "options", "recalibration", "set"]
        kinds = dict.fromkeys(records.columns.difference(texts), float)
        records = records.astype(kinds | {"seed": int, "images": int})
        for method, kind in {*zip(records["method"], records["recalibration"], strict=True)}:
            require_name("a method", method, METHODS)
            require_name("a recalibration", kind, (NONE, *LABELS))
        if keyed(records).duplicated().any():
            raise ValueError("a record occurs twice")
    if settings is not None:
        current = {name: value for name, value in asdict(settings).items() if name not in COMMON}
        check_settings(path, current, asdict(content["settings"]), "--out or --results")
    return records


def read_data(path: Path) -> Data:
    """Read the fingerprints of the data that records were made from; empty if the file has none.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds no records.
    """
    return _content(path)["data"]


def _content(path: Path) -> dict[str, Any]:
    """Read `settings`, `records` and `data` from a file. The records are not checked yet."""
    with explained(f"{path} holds no records", WRITTEN):
        content = json_object(Path(path).read_text(encoding="utf-8"))
        content["settings"] = Settings.from_json(json.dumps(content["settings"]))
        rows = content.get("data", ())
        content["data"] = {(r["data_seed"], r["set"]): dict(r["fingerprints"]) for r in rows}
        return content


def keyed(records: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `IDENTITY`, with options as text, which can be compared and sorted."""
    return records[IDENTITY].assign(options=records.options.map(json.dumps))


def of_method(records: pd.DataFrame, method: str, options: Mapping[str, object]) -> pd.DataFrame:
    """Select the records of a method with the given hyperparameters. Others may have any value.

    >>> options = [{"gamma": gamma} for gamma in (1.0, 2.0)]
    >>> records = pd.DataFrame({"method": "focal", "options": options})
    >>> of_method(records, "focal", {"gamma": 2.0}).index.tolist()
    [1]

    Args:
        records: the records.
        method: name of the method.
        options: hyperparameter -> value.
    """
    chosen = records.options.map(lambda own: options.items() <= own.items())
    return records[(records.method == method) & chosen.astype(bool)]


def one_per_seed(
    records: pd.DataFrame, name: str, method: str, recalibration: str = NONE, **options: object
) -> pd.DataFrame:
    """Select the records of one method and recalibration on one set, one record per seed.

    >>> records = pd.DataFrame({"method": "bce", "options": [{}, {}], "recalibration": "none"})
    >>> records = records.assign(seed=[0, 1], set="test")
    >>> one_per_seed(records, "test", "bce").seed.tolist()
    [0, 1]

    Args:
        records: the records.
        name: name of the set.
        method: name of the method.
        recalibration: name of the recalibration, or "none" for the network as trained.
        options: hyperparameters that the records must have.

    Raises:
        ValueError: there are no such records, or several of one seed; the message names the
            hyperparameters to choose from.
    """
    of_set = records[(records["set"] == name) & (records.recalibration == recalibration)]
    selected = of_method(of_set, method, options)
    if selected.empty or selected.seed.duplicated().any():
        choices = sorted(set(map(str, records.options[records.method == method])))
        raise ValueError(
            f"records of {method!r} with {recalibration!r} on {name!r} are not unique: there are "
            f"{len(selected)}; expected one per seed. Choose among the options "
            f"{', '.join(choices) or 'none'}."
        )
    return selected


def by_label(records: pd.DataFrame, name: str) -> dict[str, pd.DataFrame]:
    """Group the records of a set by their label in tables, one record per seed in each group.

    A label names the method, the recalibration, and those of the method's hyperparameters that
    differ between the records.

    >>> records = pd.DataFrame({"method": "bce", "options": [{}, {}], "set": "test"})
    >>> list(by_label(records.assign(recalibration=["none", "temperature_scaling"]), "test"))
    ['BCE', 'BCE + temperature scaling']

    Args:
        records: the records.
        name: name of the set.
    """
    grouped: dict[str, pd.DataFrame] = {}
    of_set = records[records["set"] == name]
    keys = [of_set.method, of_set.options.map(json.dumps), of_set.recalibration]
    for (method, text, kind), group in of_set.groupby(keys, sort=False):
        others = records.options[records.method == method]
        distinguishing = [
            f"{key} = {value}"
            for key, value in json.loads(text).items()
            if any(other.get(key) != value for other in others)
        ]
        label = METHOD_LABELS[method]
        if distinguishing:
            label += f" ({', '.join(distinguishing)})"
        grouped[label if kind == NONE else f"{label} + {LABELS[kind]}"] = group
    return grouped


def check_settings(
    path: Path, current: Mapping[str, object], earlier: Mapping[str, object], flag: str
) -> None:
    """Raise ValueError unless all current settings have the values that made a file or folder.

    >>> check_settings(Path("all"), {"epochs": 2}, {"epochs": 1, "size": 16}, "--out")
    Traceback (most recent call last):
    ValueError: all was made with other settings: epochs; expected the same. Choose another \
--out, or remove it.

    Args:
        path: the file or folder.
        current: settings by name.
        earlier: settings that the file or folder was made with.
        flag: command-line option that names the path, such as `--out`, for the message.
    """
    if names := sorted(name for name in current if current[name] != earlier.get(name)):
        raise ValueError(
            f"{path} was made with other settings: {', '.join(names)}; expected the same. Choose "
            f"another {flag}, or remove it."
        )
