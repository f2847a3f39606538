"""Records of an experiment: written, read, selected and formatted as tables."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from aslp_lib.checks import fits, in_words, json_object, require, short_repr
from aslp_lib.config import Settings
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS, METHODS
from aslp_lib.metrics import SCORES, Score
from aslp_lib.recalibration import RECALIBRATIONS
from aslp_lib.runs import Variant

NAMES = ("ece", "oe", "gap", "accuracy", "brier", "nll", "mae", "max_f")
"""Names of the scores in a record."""
ESTIMATORS = ("ece_equal_mass", "ece_debiased", "ece_sweep", "smooth_ece", "ks", "mce")
"""Names of other estimators of the calibration error in a record."""

Record = dict[str, Any]
"""Scores of one run on one set, with or without a recalibration.

`method`, `options` (its hyperparameters), `recalibration` (or None), `seed`, `set`, the scores
of NAMES and ESTIMATORS (None where one is not defined), 95 % `intervals` over images of ECE and OE
(unless the set is corrupted), `images`, and `seconds` of the training (None if it was interrupted
and resumed). Three fields are optional: `ece_floor`, the noise floor of the ECE; `posterior_error`,
the mean squared difference from the true posterior; and `alpha`, the `mean` and the deciles `p10`
and `p90` of the perturbation levels at the end of the training, for methods that learn them.
Records of earlier versions lack `ece_floor`, and their intervals of the ECE are percentiles.
"""

Data = Mapping[tuple[int | None, str], Mapping[str, str]]
"""Fingerprints of the images and masks that records were made from: (data seed, name of the set) ->
stem -> fingerprint of the image and its mask. The data seed is None if the data are the same for
every seed."""

COMMON = ("methods", "recalibrate", "hyperparameters", "seed", "data_seed")
"""Settings that may differ between the records of a file."""


def save(
    path: Path,
    records: Sequence[Record],
    settings: Settings,
    seeds: int,
    data: Data = MappingProxyType({}),
) -> None:
    """Write records to a JSON file, one per line, with the settings and data they were made with.

    >>> from tempfile import TemporaryDirectory
    >>> scores = dict.fromkeys((*NAMES, *ESTIMATORS), 0.1)
    >>> record = {"method": "bce", "options": {}, "recalibration": None, "seed": 0, "set": "test"}
    >>> record |= {**scores, "images": 4, "seconds": None}
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "records.json"
    ...     save(file, [record], Settings(), seeds=1)
    ...     read(file) == [record]
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
        for (seed, name), fingerprints in data.items()
    ]
    write(path, f'{head},\n "records": {_lines(records)},\n "data": {_lines(sets)}\n}}\n')


def _lines(rows: Sequence[Mapping[str, object]]) -> str:
    """Format rows as a JSON list with a line for each."""
    return "[\n  " + ",\n  ".join(json.dumps(row, allow_nan=False) for row in rows) + "\n ]"


def read(path: Path, settings: Settings | None = None) -> list[Record]:
    """Read the records that `save` wrote. See `save` for an example.

    Args:
        path: the file.
        settings: settings of the experiment that will reuse the records, or None.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds no records, one is malformed, or they were made with other
            settings; the message names the record or the settings.
    """
    content = _content(path)
    records: list[Record] = content["records"]
    numbers: dict[str, int] = {}
    for number, record in enumerate(records, start=1):
        if not (problem := _problem(record)):
            first = numbers.setdefault(json.dumps([record[name] for name in IDENTITY]), number)
            if first != number:
                problem = f"it scores the same maps as record {first}; expected one record of them"
        if problem:
            raise ValueError(
                f"{path}, record {number}: {problem}. Remove it, and compare will make it again."
            )
    if settings is None:
        return records
    current = {name: value for name, value in asdict(settings).items() if name not in COMMON}
    check_settings(path, current, asdict(content["settings"]), "--results")
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
    try:
        content = json_object(Path(path).read_text(encoding="utf-8"))
        records = content["records"]
        require("records", records, isinstance(records, list), "a list")
        return {
            "settings": Settings.from_json(json.dumps(content["settings"])),
            "records": records,
            "data": {
                (row["data_seed"], row["set"]): dict(row["fingerprints"])
                for row in content.get("data", ())
            },
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} holds no records ({error}); expected a file that compare wrote. Choose one."
        ) from error


def _problem(record: Any) -> str:
    """Describe what is wrong with a record and what was expected; empty if the record is valid."""
    if not isinstance(record, dict):
        return f"it is {short_repr(record)}; expected an object"
    if missing := [name for name in REQUIRED if name not in record]:
        return f"{missing[0]} is missing; expected {in_words(KINDS.get(missing[0], SCORE))}"
    for name, value in record.items():
        kind = KINDS.get(name, SCORE)
        if not fits(value, kind):
            return f"{short_repr(name)[1:-1]} is {short_repr(value)}; expected {in_words(kind)}"
    for name, known in (("method", (*METHODS,)), ("recalibration", (None, *RECALIBRATIONS))):
        if record[name] not in known:
            expected = ", ".join(map(str, known))
            return f"{name} is {short_repr(record[name])}; expected one of {expected}"
    return ""


IDENTITY = ("method", "options", "recalibration", "seed", "set")
"""Keys that identify a record in a file."""
SCORE: Any = float | None
"""Type of a score."""
KINDS: dict[str, Any] = {
    "method": str,
    "options": dict[str, str | bool | float | None],
    "recalibration": str | None,
    "seed": int,
    "set": str,
    "intervals": dict[str, list[float]],
    "images": int,
    "alpha": dict[str, float],
}
"""Types of a record's values. All other keys are scores, even those that this version does not
know."""
REQUIRED = (*IDENTITY, *NAMES, *ESTIMATORS, "images", "seconds")
"""Keys that every record has."""


def of_method(
    records: Sequence[Record], method: str, options: Mapping[str, object] = MappingProxyType({})
) -> list[Record]:
    """Select the records of a method with the given hyperparameters. Others may have any value.

    >>> records = [{"method": "focal", "options": {"gamma": gamma}} for gamma in (1.0, 2.0)]
    >>> of_method(records, "focal", {"gamma": 2.0})
    [{'method': 'focal', 'options': {'gamma': 2.0}}]

    Args:
        records: the records.
        method: name of the method.
        options: hyperparameter -> value.
    """
    return [
        record
        for record in records
        if record["method"] == method and options.items() <= record["options"].items()
    ]


def select(
    records: Sequence[Record],
    methods: Mapping[str, Mapping[str, object]],
    recalibrations: Sequence[str | None] = (None,),
) -> list[Record]:
    """Select the records of several methods and recalibrations, of all sets and seeds.

    >>> kinds = (None, "temperature_scaling")
    >>> records = [{"method": "bce", "options": {}, "recalibration": kind} for kind in kinds]
    >>> [record["recalibration"] for record in select(records, {"bce": {}})]
    [None]

    Args:
        records: the records.
        methods: method -> hyperparameters that a record must have. The result has the order of
            this mapping; methods without records are left out.
        recalibrations: names of recalibrations, and None for the network as trained.
    """
    return [
        record
        for method, options in methods.items()
        for kind in recalibrations
        for record in of_method(records, method, options)
        if record["recalibration"] == kind
    ]


def one_per_seed(
    records: Sequence[Record], name: str, method: str, recalibration: str | None, **options: object
) -> list[Record]:
    """Select the records of one method and recalibration on one set, one record per seed.

    >>> keys = {"method": "bce", "options": {}, "recalibration": None}
    >>> records = [{**keys, "seed": seed, "set": "test"} for seed in (0, 1)]
    >>> [record["seed"] for record in one_per_seed(records, "test", "bce", None)]
    [0, 1]

    Args:
        records: the records.
        name: name of the set.
        method: name of the method.
        recalibration: name of the recalibration, or None for the network as trained.
        options: hyperparameters that the records must have.

    Raises:
        ValueError: there are no such records, or several of one seed; the message names the
            hyperparameters to choose from.
    """
    selected = [r for r in select(records, {method: options}, [recalibration]) if r["set"] == name]
    if not selected or len({record["seed"] for record in selected}) < len(selected):
        choices = {str(record["options"]) for record in records if record["method"] == method}
        raise ValueError(
            f"records of {method!r} with {recalibration!r} on {name!r} are not unique: there are "
            f"{len(selected)}; expected one per seed. Choose among the options "
            f"{', '.join(sorted(choices)) or 'none'}."
        )
    return selected


def by_label(records: Sequence[Record], name: str) -> dict[str, list[Record]]:
    """Group the records of a set by their label in tables, one record per seed in each group.

    A label names the method, the recalibration, and those of the method's hyperparameters that
    differ between the records.

    >>> keys = {"method": "bce", "options": {}, "set": "test"}
    >>> kinds = (None, "temperature_scaling")
    >>> list(by_label([{**keys, "recalibration": kind} for kind in kinds], "test"))
    ['BCE', 'BCE + temperature scaling']

    Args:
        records: the records.
        name: name of the set.
    """
    options: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        different = options.setdefault(record["method"], [])
        if record["options"] not in different:
            different.append(record["options"])
    grouped: dict[str, list[Record]] = {}
    for record in records:
        if record["set"] != name:
            continue
        label = Variant(record["method"], record["recalibration"]).label
        method = METHOD_LABELS[record["method"]]
        distinguishing = [
            f"{key} = {value}"
            for key, value in record["options"].items()
            if any(others.get(key) != value for others in options[record["method"]])
        ]
        if distinguishing:
            label = label.replace(method, f"{method} ({', '.join(distinguishing)})", 1)
        grouped.setdefault(label, []).append(record)
    return grouped


def values(records: Sequence[Record], name: str, score: str = "ece") -> dict[str, list[float]]:
    """Return a score of every method and recalibration on a set: label in tables -> value per seed.

    >>> keys = {"method": "bce", "options": {}, "recalibration": None, "set": "test"}
    >>> values([{**keys, "ece": 0.1}, {**keys, "ece": 0.2}], "test")
    {'BCE': [0.1, 0.2]}

    Args:
        records: the records.
        name: name of the set.
        score: name of the score.
    """
    return {
        label: [record[score] for record in group]
        for label, group in by_label(records, name).items()
    }


def table(records: Sequence[Record], name: str) -> str:
    """Format the main scores on a set as a Markdown table.

    A cell shows mean ± standard deviation over seeds, and in brackets the 95 % interval over
    images, with each end averaged over seeds.

    >>> keys = {"method": "bce", "options": {}, "recalibration": None, "set": "test"}
    >>> scores = dict.fromkeys(("ece", "oe", "gap", "accuracy", "brier", "mae"), 0.1)
    >>> table([{**keys, **scores}], "test").splitlines()[2][:13]
    '| BCE | 10.00'

    Args:
        records: the records.
        name: name of the set.
    """
    names = ("ece", "ece_floor", "oe", "gap", "accuracy", "brier", "mae")
    columns = [SCORES[key] for key in names]
    rows = [
        [label, *(cell(score, group) for score in columns)]
        for label, group in by_label(records, name).items()
    ]
    return markdown_table([name, *(score.heading for score in columns)], rows)


def cell(score: Score, records: Sequence[Record]) -> str:
    """Format a score of one record per seed; a dash if it is undefined or unknown for one."""
    if any(record.get(score.name) is None for record in records):
        return "-"
    values = [record[score.name] for record in records]
    text = score.text(float(np.mean(values)))
    if len(values) > 1:
        text += f" ± {score.text(float(np.std(values, ddof=1)))}"
    ends = [record.get("intervals", {}).get(score.name) for record in records]
    if all(ends):
        low, high = np.mean(ends, axis=0)
        text += f" {score.interval_text(low, high)}"
    return text


def check_settings(
    path: Path, current: Mapping[str, object], earlier: Mapping[str, object], flag: str
) -> None:
    """Raise ValueError unless all current settings have the values that made a file or folder.

    >>> check_settings(Path("all"), {"epochs": 2}, {"epochs": 1, "size": 16}, "--out")
    Traceback (most recent call last):
    ValueError: all was made with another epochs; expected the same settings. Choose another \
--out, or remove it.

    Args:
        path: the file or folder.
        current: settings by name.
        earlier: settings that the file or folder was made with.
        flag: command-line option that names the path, such as `--out`, for the message.
    """
    if names := sorted(name for name in current if current[name] != earlier.get(name)):
        raise ValueError(
            f"{path} was made with another {', '.join(names)}; expected the same settings. Choose "
            f"another {flag}, or remove it."
        )
