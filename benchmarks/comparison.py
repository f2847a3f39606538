"""The comparison of training and recalibration methods: its training runs, records and tables.

    python benchmarks/comparison.py                   # on synthetic data: `make comparison`
    python benchmarks/comparison.py --preset small    # on photographs, in ASLP_DATA or Dataset/

A small grid of hyperparameters of each method is trained on the synthetic data with seed 0, and the
one with the lowest validation NLL is compared, on photographs too. Further runs on the synthetic
data have every rule and several constants with every technique. Runs and records are kept in
`runs/comparison-PRESET`, and a call continues where the last one stopped; `--record` copies the
records to `results/` and their tables to `README.md` and `docs/results.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from harness import RESULTS, ROOT, put

from aslp_lib import console
from aslp_lib.aslp.perturbation import TECHNIQUES
from aslp_lib.config import PRESETS
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.experiment import Experiment, RunConfiguration, collect
from aslp_lib.experiments.records import NONE, by_label, of_method, one_per_seed, read
from aslp_lib.experiments.seed_statistics import (
    difference,
    rank_correlation_with_posterior_error,
)
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS, METHODS
from aslp_lib.metrics import SCORES
from aslp_lib.recalibration import RECALIBRATIONS

GRID_FILE = "comparison_grid.json"
FILES = {"demo": "comparison_shapes.json", "small": "comparison_photographs.json"}
TECHNIQUE_FILE = "techniques_shapes.json"
PAGE = ROOT / "docs" / "results.md"
RULES = ("aslp_mc", "aslp_me", "aslp_gap")
GRID: dict[str, tuple[str, Sequence[object]]] = {
    **dict.fromkeys(RULES, ("technique", ("M", "SI", "HI"))),
    # With hard inversion, the doses alpha * beta are 0.1, 0.2 and 0.3.
    "constant_alpha": ("alpha", (0.05, 0.1, 0.15)),
    "label_smoothing": ("epsilon", (0.1, 0.2, 0.3)),
    "disturb_label": ("rate", (0.1, 0.2, 0.3)),
    "focal": ("gamma", (1.0, 2.0, 3.0)),
    "mixup": ("alpha", (0.2, 0.5, 1.0)),
    "regmixup": ("weight", (0.5, 1.0, 2.0)),
    "ema": ("decay", (0.99, 0.997, 0.999)),
    "confidence_penalty": ("beta", (0.1, 0.3, 1.0)),
    "mbls": ("margin", (2.5, 5.0, 10.0)),
    "svls": ("sigma", (0.5, 1.0, 2.0)),
    "ml1_ace": ("weight", (1.0, 3.0, 10.0)),
    "ml1_ace_soft": ("weight", (1.0, 3.0, 10.0)),
    "mmce": ("weight", (2.0, 4.0, 8.0)),
    "corruption_augmentation": ("share", (0.25, 0.5, 1.0)),
}
"""Method -> the hyperparameter of its grid and its values. Other methods have no grid."""
CORRUPTIONS = ("noise2", "blur2", "contrast2", "zoom2", "paste2")
"""Corruptions of the first test set that are scored."""
SHIFTS = ("contrast2", "texture2", "crowd2", "empty2")
"""Distribution shifts of the synthetic data that are scored."""
STRENGTH = 0.2
"""Dose alpha * beta at which every technique has a run with a constant alpha."""
EVERYWHERE = ("temperature_scaling", "image_wise_shrinkage", "image_wise_temperature")
"""Recalibrations of every method."""
DIFFERENCES = (NONE, *EVERYWHERE)
"""Recalibrations whose differences are shown."""
CLOSELY = ("bce", *RULES)
"""Methods that are compared with all recalibrations."""
REAL = (
    *CLOSELY, "label_smoothing", "constant_alpha", "early_stopping", "mixup",
    "corruption_augmentation",
)  # fmt: skip
"""Methods that are trained on photographs."""


def tried(method: str) -> list[RunConfiguration]:
    """Return the run configurations in a method's grid."""
    if method not in GRID:
        return [RunConfiguration(method)]
    name, values = GRID[method]
    common = {"technique": "HI"} if method == "constant_alpha" else {}
    return [RunConfiguration(method, {**common, name: value}) for value in values]


def chosen(grid: pd.DataFrame) -> dict[str, RunConfiguration]:
    """Return the configuration of each method with the lowest validation NLL."""
    return {
        name: min(tried(name), key=lambda configuration: nll(grid, configuration))
        for name in grid.method.unique()
    }


def nll(grid: pd.DataFrame, configuration: RunConfiguration) -> float:
    """Return the validation NLL of a configuration, which has one training in the grid."""
    (nll,) = of_method(grid, configuration.method, configuration.options).nll
    return float(nll)


def compared(best: dict[str, RunConfiguration], preset: str) -> list[RunConfiguration]:
    """Return the configurations to compare.

    They are the best of each method, label smoothing with the expected targets of the constant
    alpha, and on synthetic data other techniques with the same expected targets.
    """
    strength = strength_of(best["constant_alpha"])
    configurations = [*best.values()] if preset == "demo" else [best[name] for name in REAL]
    configurations.append(smoothing(strength))
    if preset == "demo":
        configurations += [constant(strength, name) for name in ("SI", "M", "DM")]
    return [*{configuration.name: configuration for configuration in configurations}.values()]


def strength_of(configuration: RunConfiguration) -> float:
    """Return the dose alpha * beta of a constant alpha with hard inversion."""
    return round(TECHNIQUES["HI"].beta * configuration.options["alpha"], 6)


def constant(strength: float, technique: str) -> RunConfiguration:
    """Return the configuration whose constant alpha has a dose alpha * beta."""
    alpha = round(strength / TECHNIQUES[technique].beta, 6)
    return RunConfiguration("constant_alpha", {"technique": technique, "alpha": alpha})


def smoothing(strength: float) -> RunConfiguration:
    """Return the configuration of label smoothing with the same expected targets."""
    return RunConfiguration("label_smoothing", {"epsilon": strength})


def techniques() -> list[RunConfiguration]:
    """Return every rule with three techniques, and sampled targets beside their expectations."""
    configurations = [RunConfiguration("bce")]
    for rule, name in product(RULES, ("HI", "SI", "M")):
        configurations.append(RunConfiguration(rule, {"technique": name}))
    for strength in (STRENGTH, 0.25, 0.3):
        configurations += [constant(strength, "HI"), smoothing(strength)]
    return [*configurations, *(constant(STRENGTH, name) for name in ("SI", "M", "DM"))]


def make_grid(path: Path, processes: int) -> None:
    """Train all grids, by which the hyperparameters are chosen."""
    configurations = tuple(c for method in METHODS for c in tried(method))
    grid = Experiment(path, PRESETS["demo"], seeds=1, configurations=configurations, tested=False)
    collect(grid, path / GRID_FILE, processes)


def make(preset: str, seeds: int, processes: int, path: Path, grid: pd.DataFrame) -> None:
    """Train and score all configurations."""
    best, settings = chosen(grid), PRESETS[preset]
    if preset == "small":
        settings = replace(settings, data=os.environ.get("ASLP_DATA", settings.data))
    shifts = SHIFTS if preset == "demo" else ()
    parts = [
        (FILES[preset], compared(best, preset), EVERYWHERE),
        (FILES[preset], [best[name] for name in CLOSELY], tuple(RECALIBRATIONS)),
    ]
    if preset == "demo":
        parts.insert(0, (TECHNIQUE_FILE, techniques(), ("temperature_scaling",)))
    for file, configurations, recalibrations in parts:
        common = replace(settings, recalibrate=recalibrations)
        experiment = Experiment(path, common, seeds, tuple(configurations), CORRUPTIONS, shifts)
        collect(experiment, path / file, processes)


def tables(folder: Path = RESULTS) -> str:
    """Format all records in a folder as Markdown."""
    grid = read(folder / GRID_FILE)
    parts = [of_grid(grid)]
    for preset, name in FILES.items():
        if (file := folder / name).exists():
            facts = json.loads(file.read_text(encoding="utf-8"))
            parts += of_records(read(file), facts, preset, chosen(grid))
    if (file := folder / TECHNIQUE_FILE).exists():
        records = read(file)
        parts += [of_alphas(records, "test"), of_ranks(records)]
    return "\n\n".join(parts)


def of_grid(grid: pd.DataFrame) -> str:
    """Format the grid of each method with its validation NLL as a table."""
    rows, best = [], chosen(grid)
    for method in (method for method in best if method in GRID):
        name, values = GRID[method]
        cells = [
            f"{value}: {nll(grid, configuration):.4f}"
            for value, configuration in zip(values, tried(method), strict=True)
        ]
        label, value = METHOD_LABELS[method], str(best[method].options[name])
        rows.append([label, f"{name} = {', '.join(cells)}", value])
    return markdown_table(["method", "tried: NLL on validation", "chosen"], rows, "l")


def of_records(
    records: pd.DataFrame, facts: dict, preset: str, best: dict[str, RunConfiguration]
) -> list[str]:
    """Format the tables of a preset."""
    names = [*records["set"].unique()]
    inside = "test" if preset == "demo" else "validation"
    further = ["shifted", "textures"] if preset == "demo" else names[1:3]
    corrupted = [name for name in names if ", " in name]
    data = "Embedded data" if preset == "demo" else "Real images"
    seeds = records.seed.nunique()
    torch = facts["versions"]["torch"].split("+")[0]
    parts = [
        f"{data}, preset `{preset}`, {seeds} seeds, {facts['date']}, torch {torch}. "
        f"Percent, mean ± standard deviation over seeds; corrupted: mean over "
        f"{', '.join(name.split(', ')[1] for name in corrupted)} of {corrupted[0].split(', ')[0]}."
    ]
    as_trained = records[records.recalibration == NONE]
    columns = [(inside, key) for key in ("ece", "oe", "accuracy", "brier")]
    columns += [(name, "ece") for name in further] + [(tuple(corrupted), "ece")]
    parts.append(table(as_trained, columns, "as trained"))
    for kind in ("temperature_scaling", "image_wise_shrinkage"):
        rows = records[records.recalibration == kind]
        parts.append(table(rows, columns, f"with {RECALIBRATIONS[kind].label}", bare=True))
    for method in CLOSELY:
        rows = records[records.method == method]
        parts.append(table(rows, columns, f"{METHOD_LABELS[method]}, recalibrated"))
    parts.append(of_differences(records, names, best))
    return parts


Columns = Sequence[tuple[str | tuple[str, ...], str]]
"""Set, or sets to average over, and score of each column."""


def table(records: pd.DataFrame, columns: Columns, title: str, *, bare: bool = False) -> str:
    """Format a table with a row per method and recalibration and a column per set and score.

    Args:
        records: the records.
        columns: set, or sets to average over, and score of each column.
        title: title of the first column.
        bare: leave the recalibration out of the labels.
    """
    head = [
        f"{'corrupted' if isinstance(where, tuple) else where} "
        f"{SCORES[key].title if key in SCORES else key.replace('_', ' ')}"
        for where, key in columns
    ]
    rows = []
    grouped = {name: by_label(records, name) for name in records["set"].unique()}
    for label, first in grouped[str(columns[0][0])].items():
        cells = [str(len(first))]
        for where, key in columns:
            sets = where if isinstance(where, tuple) else (where,)
            groups = [grouped[name][label] for name in sets]
            by_seed = np.mean([group.sort_values("seed")[key] for group in groups], axis=0)
            cells.append(spread(by_seed.tolist()))
        rows.append([label.split(" + ")[0] if bare else label, *cells])
    return markdown_table([title, "seeds", *head], rows)


SUMMARY = (
    ("bce", NONE), ("bce", "temperature_scaling"), ("bce", "corruption_temperature"),
    ("bce", "image_wise_temperature"), ("early_stopping", NONE), ("label_smoothing", NONE),
    ("constant_alpha", NONE), ("aslp_mc", NONE), ("aslp_gap", NONE),
    ("aslp_mc", "temperature_scaling"), ("aslp_mc", "image_wise_temperature"),
    ("corruption_augmentation", NONE),
)  # fmt: skip
"""Methods and recalibrations in the tables of `docs/results.md`."""


def summary(preset: str, folder: Path = RESULTS) -> str:
    """Format a preset's table of `docs/results.md`."""
    records, best = read(folder / FILES[preset]), chosen(read(folder / GRID_FILE))
    rows = pd.concat(
        [
            of_method(records[records.recalibration == kind], method, best[method].options)
            for method, kind in SUMMARY
            if method in best
        ]
    )
    names = [*rows["set"].unique()]
    corrupted = tuple(name for name in names if ", " in name)
    if preset == "demo":
        columns = [("test", key) for key in ("ece", "oe", "accuracy", "brier")]
        columns += [("shifted", "ece"), ("textures", "ece")]
    else:
        columns = [(name, key) for name in names[:2] for key in ("ece", "oe", "accuracy")]
        columns += [(names[2], "ece")]
    return table(rows, [*columns, (corrupted, "ece")], "")


def spread(values: Sequence[float], factor: float = 100, digits: int = 2) -> str:
    """Format mean ± standard deviation, in percent by default; a single value has no deviation."""
    text = f"{factor * statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {factor * statistics.stdev(values):.{digits}f}"
    return text


def of_differences(
    records: pd.DataFrame, names: Sequence[str], best: dict[str, RunConfiguration]
) -> str:
    """Format the differences ASLP minus BCE and label noise minus label smoothing.

    Both have the same recalibration. Differences are paired over seeds, with 95 % intervals.
    """
    bce, noisy = RunConfiguration("bce"), best["constant_alpha"]
    rules = {f"{METHOD_LABELS[k]} - BCE": (best[k], bce) for k in ("aslp_mc", "aslp_gap")}
    pair = noisy, smoothing(strength_of(noisy))
    targets = {"constant alpha: sampled - expected targets": pair}
    pairs = [*product(DIFFERENCES, rules.items()), *product(DIFFERENCES[:3], targets.items())]
    sets = [name for name in names if ", " not in name][:4]
    cells = [*product(sets, ("ece", "brier"))]
    rows = []
    for kind, (label, pair) in pairs:
        how = "as trained" if kind == NONE else f"with {RECALIBRATIONS[kind].label}"
        row = [f"{label}, both {how}"]
        for name, score in cells:
            runs = (one_per_seed(records, name, c.method, kind, **c.options) for c in pair)
            change = difference(*runs, score)
            text = f"{100 * change.value:+.2f} [{100 * change.low:+.2f}, {100 * change.high:+.2f}]"
            row.append(f"**{text}**" if change.excludes_zero else text)
        rows.append(row)
    head = [f"{name} {SCORES[score].title}" for name, score in cells]
    return markdown_table(["difference, points", *head], rows)


def of_alphas(records: pd.DataFrame, name: str) -> str:
    """Format the perturbation levels at the end of training as a table."""
    adaptive = records[records.alpha_mean.notna() & (records.recalibration == NONE)]
    rows = []
    for label, group in by_label(adaptive, name).items():
        alphas = [group[f"alpha_{key}"].tolist() for key in ("mean", "p10", "p90")]
        rows.append([label, str(len(group)), *(spread(values, 1, 3) for values in alphas)])
    head = ["perturbation levels at the end", "seeds", "mean", "10 %", "90 %"]
    return markdown_table(head, rows)


def of_ranks(records: pd.DataFrame) -> str:
    """Format the rank correlation of each score with the posterior error."""
    sets = ("test", "shifted", "textures")
    ranks = {name: rank_correlation_with_posterior_error(records, name) for name in sets}
    rows = [[score, *(f"{ranks[name][score]:.2f}" for name in sets)] for score in ranks["test"]]
    return markdown_table(["rank correlation with the posterior error", *sets], rows)


def recorded(text: str, preset: str) -> str:
    """Return the text of a file of records as it is published.

    Records of photographs lose the folder of the images, their names and their fingerprints.
    """
    if preset == "small":
        text = re.sub(r'(?<="data": ")/[^"]*(?=")', "Dataset", text)
        text = text.partition(',\n "data": [')[0].removesuffix("\n}\n") + "\n}\n"
    return text


def main() -> None:
    """Run the comparison as the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=tuple(FILES), default="demo")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="folder of the training runs and records")
    parser.add_argument("--record", action="store_true", help="publish the records and tables")
    arguments = parser.parse_args()
    preset, path = arguments.preset, arguments.out or Path(f"runs/comparison-{arguments.preset}")
    if preset == "demo":
        make_grid(path, arguments.processes)
    else:  # hyperparameters are chosen on the synthetic data
        write(path / GRID_FILE, (RESULTS / GRID_FILE).read_text(encoding="utf-8"))
    seeds = arguments.seeds or {"demo": 5, "small": 3}[preset]
    make(preset, seeds, arguments.processes, path, read(path / GRID_FILE))
    print(tables(path))
    if arguments.record:
        for name in (GRID_FILE, FILES[preset], TECHNIQUE_FILE):
            if (made := path / name).exists():
                write(RESULTS / name, recorded(made.read_text(encoding="utf-8"), preset))
        put(tables(), "comparison")
        for name in FILES:
            put(summary(name), f"summary, {name}", PAGE)


if __name__ == "__main__":
    sys.exit(console.run(main))
