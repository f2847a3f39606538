"""A study's records: written, read, chosen and put into tables."""

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
"""The scores of a record."""
ESTIMATORS = ("ece_equal_mass", "ece_debiased", "ece_sweep", "smooth_ece", "ks", "mce")
"""Other estimators of the calibration error, which a record has too."""

Record = dict[str, Any]
"""`method`, `options` (its hyperparameters), `recalibration` (or None), `seed`, `set`, the scores
of NAMES and ESTIMATORS (None where one is not defined), 95 % `intervals` over images of ECE and OE
(unless the set is corrupted), `images`, `seconds` of the training (None if it was stopped and gone
on with). Two fields are optional: `posterior_error`, the mean squared difference from the true
posterior; and `alpha`, the `mean` and the deciles `p10` and `p90` of the perturbation levels at the
end of the training, for methods that learn them.
"""

Data = Mapping[tuple[int | None, str], Mapping[str, str]]
"""What identifies the images and masks that records were made from: data seed (None where the data
are the same for every seed) and name of the set -> stem -> fingerprint of the image and its mask.
"""

COMMON = ("methods", "recalibrate", "hyperparameters", "seed", "data_seed")
"""Settings that a study's records have of their own."""


def save(
    path: Path,
    found: Sequence[Record],
    settings: Settings,
    seeds: int,
    data: Data = MappingProxyType({}),
) -> None:
    """Write records as JSON, whole, a line each, with what they were made with.

    Args:
        settings, seeds: the study's.
        data: a study goes on with a file only if it has the data of its records.
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
    write(path, f'{head},\n "records": {_lines(found)},\n "data": {_lines(sets)}\n}}\n')


def _lines(rows: Sequence[Mapping[str, object]]) -> str:
    """A JSON list with a line for each row."""
    return "[\n  " + ",\n  ".join(json.dumps(row, allow_nan=False) for row in rows) + "\n ]"


def read(path: Path, settings: Settings | None = None) -> list[Record]:
    """The records that `save` wrote.

    Args:
        settings: of the study that takes them over.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no records, one that is malformed, or records of other settings; says which.
    """
    content = _content(path)
    found: list[Record] = content["records"]
    numbers: dict[str, int] = {}
    for number, record in enumerate(found, start=1):
        if not (problem := _problem(record)):
            first = numbers.setdefault(json.dumps([record[name] for name in IDENTITY]), number)
            if first != number:
                problem = f"it is of the same maps as record {first}; expected each once"
        if problem:
            raise ValueError(
                f"{path}, record {number}: {problem}. Remove the record, and compare makes it anew."
            )
    if settings is None:
        return found
    then = asdict(content["settings"])
    now = {name: each for name, each in asdict(settings).items() if name not in COMMON}
    if other := differing(now, then):
        made = f"{path} was made with another {', '.join(other)}"
        raise ValueError(f"{made}: choose another --results, or remove it")
    return found


def read_data(path: Path) -> Data:
    """What identifies the data of the records that `save` wrote; empty if the file does not say.

    Raises:
        FileNotFoundError, ValueError: as `read`.
    """
    return _content(path)["data"]


def _content(path: Path) -> dict[str, Any]:
    """What a file of records holds: `settings`, `records` that are not checked yet, and `data`."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        content = json_object(text)
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
        raise ValueError(f"{path} holds no records of a comparison: {error}") from error


def _problem(record: Any) -> str:
    """What is wrong with a record, and what was expected; empty if nothing is."""
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
"""What tells the records of a file apart."""
SCORE: Any = float | None
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
"""What a record's values must be. All others are scores, those that this version does not know
too."""
REQUIRED = (*IDENTITY, *NAMES, *ESTIMATORS, "images", "seconds")
"""What every record has."""


def of_method(
    found: Sequence[Record], method: str, options: Mapping[str, object] = MappingProxyType({})
) -> list[Record]:
    """Records of a method with these hyperparameters, whatever the others are."""
    return [
        record
        for record in found
        if record["method"] == method and options.items() <= record["options"].items()
    ]


def select(
    found: Sequence[Record],
    ways: Mapping[str, Mapping[str, object]],
    recalibrations: Sequence[str | None] = (None,),
) -> list[Record]:
    """Records of these ways to train with these recalibrations, of all sets and seeds.

    Args:
        ways: method -> hyperparameters that a record must have, in the order wanted; methods that
            the records lack are left out.
        recalibrations: names, or None for as it was trained.
    """
    return [
        record
        for method, options in ways.items()
        for kind in recalibrations
        for record in of_method(found, method, options)
        if record["recalibration"] == kind
    ]


def one_per_seed(
    found: Sequence[Record], name: str, method: str, recalibration: str | None, **options: object
) -> list[Record]:
    """A set's records of one way to train and recalibrate, a record a seed.

    Raises:
        ValueError: there are none, or some seed has several; names the options to choose from.
    """
    own = [r for r in select(found, {method: options}, [recalibration]) if r["set"] == name]
    if not own or len({record["seed"] for record in own}) < len(own):
        there = {str(record["options"]) for record in found if record["method"] == method}
        raise ValueError(
            f"there must be one record a seed of {method!r} with {recalibration!r} on {name!r}, "
            f"but there are {len(own)}: options are {', '.join(sorted(there)) or 'none'}"
        )
    return own


def by_label(found: Sequence[Record], name: str) -> dict[str, list[Record]]:
    """A set's records of each way to train and recalibration, a record a seed, by what tables call
    it: with those of a method's hyperparameters that are not the same in all of them."""
    chosen: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        chosen.setdefault(record["method"], []).append(record["options"])
    grouped: dict[str, list[Record]] = {}
    for record in found:
        if record["set"] != name:
            continue
        label = Variant(record["method"], record["recalibration"]).label
        others, method = chosen[record["method"]], METHOD_LABELS[record["method"]]
        differ = [
            f"{key} = {own}"
            for key, own in record["options"].items()
            if any(each.get(key) != own for each in others)
        ]
        if differ:
            label = label.replace(method, f"{method} ({', '.join(differ)})", 1)
        grouped.setdefault(label, []).append(record)
    return grouped


def values(found: Sequence[Record], name: str, score: str = "ece") -> dict[str, list[float]]:
    """What tables call a way to train and recalibrate -> its score on a set, seed by seed."""
    return {
        label: [record[score] for record in own] for label, own in by_label(found, name).items()
    }


def table(found: Sequence[Record], name: str) -> str:
    """Markdown of a set: mean ± standard deviation over seeds, and the mean ends of the 95 %
    intervals over images."""
    shown = [SCORES[key] for key in ("ece", "oe", "gap", "accuracy", "brier", "mae")]
    rows = [
        [label, *(_cell(score, own) for score in shown)]
        for label, own in by_label(found, name).items()
    ]
    return markdown_table([name, *(score.heading for score in shown)], rows)


def _cell(score: Score, own: Sequence[Record]) -> str:
    values = [record[score.name] for record in own]
    if None in values:
        return "-"
    text = score.text(float(np.mean(values)))
    if len(values) > 1:
        text += f" ± {score.text(float(np.std(values, ddof=1)))}"
    ends = [record.get("intervals", {}).get(score.name) for record in own]
    if all(ends):
        low, high = np.mean(ends, axis=0)
        text += f" [{score.text(low)}, {score.text(high)}]"
    return text


def differing(now: Mapping[str, object], then: Mapping[str, object]) -> list[str]:
    """Names of what is not as it was."""
    return sorted(name for name in now if now[name] != then.get(name))
