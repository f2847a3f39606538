"""Write all tables again from records and settings, without measuring or training anything.

python benchmarks/tables.py   # after a label, a table's layout, a record or a setting has changed
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import comparison
import pandas
import trial_tables
from harness import README, RESULTS, ROOT, put, record_of

from aslp_lib.config import PRESETS
from aslp_lib.course import second_trial
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.seed_statistics import difference
from aslp_lib.methods import FAMILIES
from aslp_lib.metrics import SCORES

RECORDED = ("evaluation", "training", "image_wise", "noise_floor", "ece_intervals")
"""Modules with a record and its table in `README.md`."""


def tables() -> Iterator[tuple[str, str, Path]]:
    """Yield each table with its name and its page, as `put` takes them."""
    for name in RECORDED:
        yield import_module(name).table(record_of(name)), name, README
    yield undone(), "undone", README
    yield from of_second_trial()
    yield comparison.tables(), "comparison", README
    for preset in comparison.FILES:
        yield comparison.summary(preset), f"summary, {preset}", comparison.PAGE
    families = [f"hyperparameters.{name}" for name in FAMILIES]
    for name, groups in {"settings": [""], "hyperparameters": families}.items():
        yield settings_table(groups), name, ROOT / "docs" / "settings.md"


def of_second_trial() -> Iterator[tuple[str, str, Path]]:
    """Yield the tables of the second trial: verdicts on its page, all scores in `README.md`."""
    frames, page = dict(iter(second_trial.read().groupby("regime"))), ROOT / "docs" / "trial.md"
    regimes = {name: frames[name] for name in second_trial.SHIFTED}
    for name, frame in regimes.items():
        yield trial_tables.primary(frame, name), f"verdicts, {name}", page
        yield trial_tables.methods(frame), f"methods, {name}", README
        yield trial_tables.secondary(frame, name), f"secondary, {name}", README
    yield trial_tables.paper(regimes), "as trained", page
    yield trial_tables.insurance(regimes), "insurance", page
    yield trial_tables.oracle(frames["kinds"]), "oracle", page


def settings_table(groups: Sequence[str]) -> str:
    """Format groups of settings: their meaning, their default, and other values in presets.

    Args:
        groups: paths of dataclasses in the settings, such as "hyperparameters.aslp"; "" for the
            settings themselves.
    """
    rows = []
    for group in groups:
        values = {p: attrgetter(group)(s) if group else s for p, s in PRESETS.items()}
        (body,) = ast.parse(inspect.getsource(type(values["demo"]))).body
        assert isinstance(body, ast.ClassDef)
        prefix = group.rpartition(".")[2] + "." if group else ""
        for field, text in zip(body.body, body.body[1:], strict=False):
            name = isinstance(field, ast.AnnAssign) and ast.unparse(field.target)
            if not name or name == "hyperparameters":
                continue
            meaning = " ".join(ast.literal_eval(ast.unparse(text)).split()).replace("|", r"\|")
            presets: dict[str, list[str]] = {}
            for preset, settings in values.items():
                presets.setdefault(shown(getattr(settings, name)), []).append(preset)
            default, *others = presets
            cells = [f"{', '.join(presets[value])}: {value}" for value in others]
            first = re.split(r"(?<=\.) ", meaning)[0]
            rows.append([f"`{prefix}{name}`", first, default, "; ".join(cells)])
    return markdown_table(["setting", "what it is", "default", "in other presets"], rows, "l")


def shown(value: object) -> str:
    """Format the value of a setting."""
    return ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def undone() -> str:
    """Format the networks of `undone.csv`, compared with temperature-scaled early stopping."""
    records = pandas.read_csv(RESULTS / "undone.csv").query("set == 'test'")
    key = ["data", "arm", "epoch", "recalibration"]
    groups, rows = dict(iter(records.groupby(key, sort=False))), []
    for way, runs in groups.items():
        stopped, row = groups[way[0], "B", "best", "temperature"], [*way]
        for score in (SCORES["nll"], SCORES["ece"]):
            change = difference(runs, stopped, score.name).text(score, "+")
            row += [score.text(runs[score.name].mean()), "" if runs is stopped else change]
        rows.append(row)
    change = "minus early stopping"
    return markdown_table([*key, "NLL", change, "ECE %", change], rows, "l")


if __name__ == "__main__":
    for arguments in tables():
        put(*arguments)
