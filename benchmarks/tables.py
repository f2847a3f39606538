"""Write all tables again from records and settings, without measuring or training anything.

python benchmarks/tables.py   # after a label, a table's layout, a record or a setting has changed
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import comparison
import ece_intervals
import evaluation
import float_maps
import image_wise
import noise_floor
import pandas
import training
import trial as trial_runs
import trial_tables
from timing import README, put_in_readme

from aslp_lib.config import PRESETS
from aslp_lib.course import trial
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.methods import FAMILIES

SCRIPTS = (evaluation, training, float_maps, image_wise, noise_floor, ece_intervals)
"""Modules with a record and its table in `README.md`."""
ARMS = {
    "B": "BCE", "L": "expected targets", "C": "sampled in each epoch", "F": "sampled once",
}  # fmt: skip
"""Arms of the mechanism."""


def tables() -> Iterator[tuple[str, str, str, Path]]:
    """Yield each table with the markers before and after it, and its page."""
    for script in SCRIPTS:
        record = json.loads(script.RESULTS.read_text(encoding="utf-8"))
        yield script.table(record), script.START, script.END, README
    yield comparison.tables(), comparison.START, comparison.END, README
    for preset in comparison.FILES:
        yield comparison.summary(preset), *comparison.markers(preset), comparison.PAGE
    yield from of_trial()
    page = README.parents[1] / "docs" / "settings.md"
    families = [f"hyperparameters.{name}" for name in FAMILIES]
    for name, groups in {"settings": [""], "hyperparameters": families}.items():
        yield settings_table(groups), f"<!-- {name} -->", f"<!-- end of {name} -->", page


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


def of_trial() -> Iterator[tuple[str, str, str, Path]]:
    """Yield the tables of `docs/trial.md`, as `tables` does."""
    page = README.parents[1] / "docs" / "trial.md"
    chosen = json.loads(trial_runs.VALUES.read_text(encoding="utf-8"))
    tuning, units = pandas.read_csv(trial_runs.TUNING), {}
    for data in trial_runs.DATA:
        table = trial_tables.tuning_table(tuning[tuning["data"] == data], chosen[data])
        yield table, f"<!-- tuning of {data} -->", f"<!-- end of tuning of {data} -->", page
        units[data] = pandas.read_csv(trial_runs.power_file(data))
    seeds = {data: len(seeds) for data, seeds in trial_runs.SEEDS.items()}
    yield trial_tables.power_table(units, seeds), "<!-- power -->", "<!-- end of power -->", page
    frames = {data: trial.read(data) for data in trial_runs.DATA}
    yield trial.verdict_table(frames), "<!-- verdict -->", "<!-- end of verdict -->", page
    for data, frame in frames.items():
        for name, table in secondary_tables(data, frame).items():
            yield table, f"<!-- {name} of {data} -->", f"<!-- end of {name} of {data} -->", page
    yield mechanism_table(), "<!-- mechanism -->", "<!-- end of mechanism -->", page
    yield size_table(frames["shapes"]), "<!-- sizes -->", "<!-- end of sizes -->", page


def secondary_tables(data: str, frame: pandas.DataFrame) -> dict[str, str]:
    """Format the secondary results of a data set: methods, their effects, and shifted sets."""
    scaled = "temperature_scaling"
    columns = {"NLL, scaled, nats": trial.SCALED, "ECE": ("ece", "none", "test")}
    columns |= {"ECE, scaled": ("ece", scaled, "test"), "OE": ("oe", "none", "test")}
    columns |= {
        "accuracy": ("accuracy", "none", "test"),
        "Brier, scaled": ("brier", scaled, "test"),
    }
    if data == "shapes":
        columns["posterior error, scaled"] = ("posterior_error", scaled, "test")
    others = [name for name in dict.fromkeys(frame["set"]) if name != "test"]
    shifted = {f"{name}: NLL, scaled": ("nll", scaled, name) for name in others}
    shifted |= {f"{name}: ECE": ("ece", "none", name) for name in others}
    return {
        "methods": trial_tables.method_table(frame),
        "effects": trial.effect_table(frame, columns),
        "shifts": trial.effect_table(frame, shifted),
    }


def mechanism_table() -> str:
    """Format the excess of each arm at the last epoch, with its interval."""
    records = trial.read("mechanism")
    last = trial.excess(records, records.epoch.max())
    rows = [
        [f"{ARMS[arm]} ({arm})", f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"]
        for arm, (mean, low, high) in last.items()
    ]
    return markdown_table(["arm", "excess of p(y)"], rows, "l")


def size_table(frame: pandas.DataFrame) -> str:
    """Format the contrasts at each number of training images."""
    rows = [
        [label, *(trial.interval_text(effect, "nll") for effect in effects.values())]
        for label, effects in trial.training_set_size(frame).items()
    ]
    return markdown_table(["difference", *(f"{n} images" for n in trial.SIZES)], rows, "l")


if __name__ == "__main__":
    for arguments in tables():
        put_in_readme(*arguments)
