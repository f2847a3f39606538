"""The comparison of training and recalibration methods: its trainings, records and tables.

    python benchmarks/comparison.py                   # on synthetic data: `make comparison`
    python benchmarks/comparison.py --preset small    # on photographs, in ASLP_DATA or Dataset/

A small grid of hyperparameters of each method is trained on the synthetic data with seed 0, and the
one with the lowest validation NLL is compared, on photographs too. The trainings of
`course.letters` isolate what each letter of ASLP contributes. Trainings and records are kept in
`runs/comparison-PRESET`, and a call continues where the last one stopped; `--record` copies the
records to `results/` and their tables to `README.md` and `docs/results.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from timing import put_in_readme, spread

from aslp_lib.aslp.perturbation import TECHNIQUES
from aslp_lib.config import PRESETS
from aslp_lib.course.models import letters
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.experiments.experiment import Experiment, RunConfiguration, collect
from aslp_lib.experiments.records import Record, by_label, of_method, one_per_seed, read
from aslp_lib.experiments.seed_statistics import (
    Difference,
    difference,
    rank_correlation_with_posterior_error,
)
from aslp_lib.files import write
from aslp_lib.methods import METHOD_LABELS, METHODS
from aslp_lib.metrics import SCORES
from aslp_lib.recalibration import RECALIBRATIONS

RESULTS = Path(__file__).parent / "results"
GRID_FILE = "comparison_grid.json"
FILES = {"demo": "comparison_embedded.json", "small": "comparison_real.json"}
LETTER_FILES = {"demo": "letters_embedded.json", "small": "letters_real.json"}
PAGE = Path(__file__).parents[1] / "docs" / "results.md"
START, END = "<!-- comparison -->", "<!-- end of comparison -->"
RULES = ("calibration", "entropy", "measured_gap")
GRID: dict[str, tuple[str, Sequence[object]]] = {
    **dict.fromkeys(RULES, ("technique", ("M", "SI", "HI"))),
    "constant_alpha": ("alpha", (0.05, 0.1, 0.15)),  # of hard inversion: strengths .1, .2, .3
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
"""What is tried of each method; the others have nothing to choose."""
CORRUPTIONS = ("noise2", "blur2", "contrast2", "zoom2", "paste2")
SHIFTS = ("contrast2", "texture2", "crowd2", "empty2")
LETTERS = {"demo": (0.1, 0.125, 0.15), "small": (0.06,)}
"""Constant alphas of hard inversion: one is the best by validation NLL, the others have MC's."""
EVERYWHERE = ("temperature_scaling", "image_wise_shrinkage", "image_wise_temperature")
"""Recalibrations of every method; of BCE and ASLP's rules all are compared."""
CLOSELY = ("bce", *RULES)
REAL = (
    *CLOSELY, "label_smoothing", "constant_alpha", "early_stopping", "mixup",
    "corruption_augmentation",
)  # fmt: skip
"""What is trained on real images."""


def tried(method: str) -> list[RunConfiguration]:
    """A method's grid."""
    if method not in GRID:
        return [RunConfiguration(method)]
    name, values = GRID[method]
    more = {"technique": "HI"} if method == "constant_alpha" else {}
    return [RunConfiguration(method, {**more, name: value}) for value in values]


def chosen(grid: Sequence[Record]) -> dict[str, RunConfiguration]:
    """Of each method what has the least NLL on validation."""
    methods = dict.fromkeys(record["method"] for record in grid)
    return {name: min(tried(name), key=lambda each: nll(grid, each)) for name in methods}


def nll(grid: Sequence[Record], candidate: RunConfiguration) -> float:
    """Of the one training that the grid has of a candidate."""
    (record,) = of_method(grid, candidate.method, candidate.options)
    return float(record["nll"])


def compared(best: dict[str, RunConfiguration], preset: str) -> list[RunConfiguration]:
    """Return the trainings to compare: each method as it was chosen, label smoothing with the
    expected targets of the constant alpha, and on synthetic data other techniques with them."""
    strength = strength_of(best["constant_alpha"])
    asked = [*best.values()] if preset == "demo" else [best[name] for name in REAL]
    asked.append(RunConfiguration("label_smoothing", {"epsilon": strength}))
    if preset == "demo":
        asked += [letters.constant(strength / TECHNIQUES[n].beta, n) for n in ("SI", "M", "DM")]
    return [*{candidate.name: candidate for candidate in asked}.values()]


def strength_of(level: RunConfiguration) -> float:
    """alpha * beta of a constant alpha of hard inversion."""
    return round(TECHNIQUES["HI"].beta * level.options["alpha"], 6)


def make_grid(path: Path, processes: int) -> None:
    """The trainings that hyperparameters are chosen by."""
    every = tuple(candidate for method in METHODS for candidate in tried(method))
    grid = Experiment(path, PRESETS["demo"], seeds=1, candidates=every, tested=False)
    collect(grid, path / GRID_FILE, processes)


def isolating(best: dict[str, RunConfiguration], preset: str) -> list[RunConfiguration]:
    """The trainings that isolate the letters of ASLP. Photographs take longest, so those that are
    compared anyway are not trained again."""
    asked = letters.design(LETTERS[preset], every_technique=preset == "demo")
    known = {each.name for each in compared(best, preset)} if preset == "small" else set()
    return [each for each in asked if each.name not in known]


def make(preset: str, seeds: int, processes: int, path: Path, grid: Sequence[Record]) -> None:
    """The trainings that are compared, first those that isolate the letters of ASLP."""
    best, settings = chosen(grid), PRESETS[preset]
    if preset == "small":
        settings = replace(settings, data=os.environ.get("ASLP_DATA", settings.data))
    shifts = SHIFTS if preset == "demo" else ()
    for file, asked, recalibrations in (
        (LETTER_FILES[preset], isolating(best, preset), ("temperature_scaling",)),
        (FILES[preset], compared(best, preset), EVERYWHERE),
        (FILES[preset], [best[name] for name in CLOSELY], tuple(RECALIBRATIONS)),
    ):
        common = replace(settings, recalibrate=recalibrations)
        study = Experiment(path, common, seeds, tuple(asked), CORRUPTIONS, shifts)
        collect(study, path / file, processes)


def of_preset(preset: str, folder: Path = RESULTS) -> list[Record]:
    """The records that isolate the letters of ASLP; empty if they were not made."""
    files = [LETTER_FILES[preset]] + [FILES[preset]] * (preset == "small")
    return [record for name in files if (folder / name).exists() for record in read(folder / name)]


def tables(folder: Path = RESULTS) -> str:
    """Markdown of all that is recorded in a folder."""
    grid = read(folder / GRID_FILE)
    parts = [of_grid(grid)]
    for preset, name in FILES.items():
        if (file := folder / name).exists():
            facts = json.loads(file.read_text(encoding="utf-8"))
            parts += of_records(read(file), facts, preset, chosen(grid))
        if isolated := of_preset(preset, folder):
            parts += of_letters(isolated, preset)
    return "\n\n".join(parts)


def of_grid(grid: Sequence[Record]) -> str:
    """What was tried, and its NLL on validation."""
    rows, best = [], chosen(grid)
    for method in (method for method in best if method in GRID):
        name, values = GRID[method]
        cells = [
            f"{value}: {nll(grid, candidate):.4f}"
            for value, candidate in zip(values, tried(method), strict=True)
        ]
        label, found = METHOD_LABELS[method], str(best[method].options[name])
        rows.append([label, f"{name} = {', '.join(cells)}", found])
    return markdown_table(["method", "tried: NLL on validation", "chosen"], rows, "l")


def of_records(
    found: Sequence[Record], facts: dict, preset: str, best: dict[str, RunConfiguration]
) -> list[str]:
    """The tables of a preset."""
    names = list(dict.fromkeys(record["set"] for record in found))
    inside = "test" if preset == "demo" else "validation"
    further = ["shifted", "textures"] if preset == "demo" else names[1:3]
    corrupted = [name for name in names if ", " in name]
    data = "Embedded data" if preset == "demo" else "Real images"
    seeds = len({record["seed"] for record in found})
    torch = facts["versions"]["torch"].split("+")[0]
    parts = [
        f"{data}, preset `{preset}`, {seeds} seeds, {facts['date']}, torch {torch}. "
        f"Percent, mean ± standard deviation over seeds; corrupted: mean over "
        f"{', '.join(name.split(', ')[1] for name in corrupted)} of {corrupted[0].split(', ')[0]}."
    ]
    plain = [record for record in found if record["recalibration"] is None]
    columns = [(inside, key) for key in ("ece", "oe", "accuracy", "brier")]
    columns += [(name, "ece") for name in further] + [(tuple(corrupted), "ece")]
    parts.append(table(plain, columns, "as it was trained"))
    for kind in ("temperature_scaling", "image_wise_shrinkage"):
        own = [record for record in found if record["recalibration"] == kind]
        parts.append(table(own, columns, f"with {RECALIBRATIONS[kind].label}", bare=True))
    for method in CLOSELY:
        own = [record for record in found if record["method"] == method]
        parts.append(table(own, columns, f"{METHOD_LABELS[method]}, recalibrated"))
    parts.append(of_differences(found, names, best))
    return parts


Columns = Sequence[tuple[str | tuple[str, ...], str]]


def table(found: Sequence[Record], columns: Columns, title: str, *, bare: bool = False) -> str:
    """A row each way, a column each set (or mean over sets) and score."""
    head = [
        f"{'corrupted' if isinstance(where, tuple) else where} "
        f"{SCORES[key].title if key in SCORES else key.replace('_', ' ')}"
        for where, key in columns
    ]
    rows = []
    grouped = {name: by_label(found, name) for name in {record["set"] for record in found}}
    for label, first in grouped[str(columns[0][0])].items():
        cells = [str(len(first))]
        for where, key in columns:
            sets = where if isinstance(where, tuple) else (where,)
            own = [grouped[name][label] for name in sets]
            by_seed = np.mean([[record[key] for record in each] for each in own], axis=0)
            cells.append(spread(by_seed.tolist()))
        rows.append([label.split(" + ")[0] if bare else label, *cells])
    return markdown_table([title, "seeds", *head], rows)


SUMMARY = (
    ("bce", None), ("bce", "temperature_scaling"), ("bce", "corruption_temperature"),
    ("bce", "image_wise_temperature"), ("early_stopping", None), ("label_smoothing", None),
    ("constant_alpha", None), ("calibration", None), ("measured_gap", None),
    ("calibration", "temperature_scaling"), ("calibration", "image_wise_temperature"),
    ("corruption_augmentation", None),
)  # fmt: skip
"""What the tables of `docs/results.md` show."""


def summary(preset: str, folder: Path = RESULTS) -> str:
    """A table of `docs/results.md`."""
    found, best = read(folder / FILES[preset]), chosen(read(folder / GRID_FILE))
    kept = [
        record
        for method, kind in SUMMARY
        if method in best
        for record in of_method(found, method, best[method].options)
        if record["recalibration"] == kind
    ]
    names = list(dict.fromkeys(record["set"] for record in kept))
    corrupted = tuple(name for name in names if ", " in name)
    if preset == "demo":
        columns = [("test", key) for key in ("ece", "oe", "accuracy", "brier")]
        columns += [("shifted", "ece"), ("textures", "ece")]
    else:
        columns = [(name, key) for name in names[:2] for key in ("ece", "oe", "accuracy")]
        columns += [(names[2], "ece")]
    return table(kept, [*columns, (corrupted, "ece")], "")


def markers(preset: str) -> tuple[str, str]:
    """The comments before and after a preset's table."""
    return f"<!-- summary, {preset} -->", f"<!-- end of summary, {preset} -->"


def of_differences(
    found: Sequence[Record], names: Sequence[str], best: dict[str, RunConfiguration]
) -> str:
    """Whether ASLP plus a recalibration is better than BCE plus it, and noise than smoothing:
    paired over seeds, with 95 % intervals."""
    pairs = [
        (
            f"{METHOD_LABELS[rule]} - BCE, both {_with(kind)}",
            best[rule],
            RunConfiguration("bce"),
            kind,
        )
        for kind in (None, "temperature_scaling", "image_wise_shrinkage", "image_wise_temperature")
        for rule in ("calibration", "measured_gap")
    ]
    noisy = best["constant_alpha"]
    smooth = RunConfiguration("label_smoothing", {"epsilon": strength_of(noisy)})
    pairs += [
        (f"hard inversion drawn - its mean, both {_with(kind)}", noisy, smooth, kind)
        for kind in (None, "temperature_scaling", "image_wise_shrinkage")
    ]
    sets = [name for name in names if ", " not in name][:4]
    scores = ("ece", "brier")
    rows = []
    for label, *ways, kind in pairs:
        rows.append([label])
        for name in sets:
            first, second = (
                one_per_seed(found, name, way.method, kind, **way.options) for way in ways
            )
            rows[-1] += [_points(difference(first, second, key)) for key in scores]
    head = [f"{name} {SCORES[key].title}" for name in sets for key in scores]
    return markdown_table(["difference, points", *head], rows)


def _with(kind: str | None) -> str:
    return "as trained" if kind is None else f"with {RECALIBRATIONS[kind].label}"


def _points(found: Difference) -> str:
    text = f"{100 * found.mean:+.2f} [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"
    return f"**{text}**" if found.excludes_zero else text


TITLES = {
    "S": "What the stochastic switch contributes",
    "A": "What the adaptive perturbation levels contribute",
    "rule": "How the rules differ",
}


def of_letters(found: Sequence[Record], preset: str) -> list[str]:
    """The tables that isolate the letters of ASLP, each with temperature scaling and without."""
    sets = ("test", "shifted") if preset == "demo" else ("validation", "SOD")
    parts = []
    for letter, group in letters.contrasts(found).items():
        for kind in ("temperature_scaling", None):
            words = "both temperature-scaled" if kind else "both as trained"
            parts.append(f"{TITLES[letter]}: NLL in nats, {words}.")
            parts.append(letters.table(found, group, sets, recalibration=kind))
        if preset == "demo":
            parts.append(f"{TITLES[letter]}: posterior error, both temperature-scaled.")
            parts.append(letters.table(found, group, sets, "posterior_error", smallest=0.0))
    parts.append(of_alphas(found, sets[0]))
    return [*parts, of_ranks(found)] if preset == "demo" else parts


def of_alphas(found: Sequence[Record], name: str) -> str:
    """Return the table of perturbation levels at the end of training."""
    rows = []
    adaptive = [r for r in found if "alpha" in r and r["recalibration"] is None]
    for label, records in by_label(adaptive, name).items():
        alphas = [[r["alpha"][key] for r in records] for key in ("mean", "p10", "p90")]
        rows.append([label, str(len(records)), *(spread(values, 1, 3) for values in alphas)])
    head = ["perturbation levels at the end", "seeds", "mean", "10 %", "90 %"]
    return markdown_table(head, rows)


def of_ranks(found: Sequence[Record]) -> str:
    """How well each score ranks the networks by posterior error."""
    sets = ("test", "shifted", "textures")
    own = {name: rank_correlation_with_posterior_error(found, name) for name in sets}
    rows = [[score, *(f"{own[name][score]:.2f}" for name in sets)] for score in own["test"]]
    return markdown_table(["rank correlation with the posterior error", *sets], rows)


def recorded(text: str, preset: str) -> str:
    """The records as they are published: of photographs, without the folder that they lie in and
    without their names and fingerprints."""
    if preset == "small":
        text = re.sub(r'(?<="data": ")/[^"]*(?=")', "Dataset", text)
        text = text.partition(',\n "data": [')[0].removesuffix("\n}\n") + "\n}\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=tuple(FILES), default="demo")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="where trainings and records are kept")
    parser.add_argument("--record", action="store_true", help="keep records and tables here")
    arguments = parser.parse_args()
    preset, path = arguments.preset, arguments.out or Path(f"runs/comparison-{arguments.preset}")
    if preset == "demo":
        make_grid(path, arguments.processes)
    else:  # chosen on the embedded data
        write(path / GRID_FILE, (RESULTS / GRID_FILE).read_text(encoding="utf-8"))
    seeds = arguments.seeds or {"demo": 5, "small": 3}[preset]
    make(preset, seeds, arguments.processes, path, read(path / GRID_FILE))
    print(tables(path))
    if arguments.record:
        for name in (GRID_FILE, FILES[preset], LETTER_FILES[preset]):
            write(RESULTS / name, recorded((path / name).read_text(encoding="utf-8"), preset))
        put_in_readme(tables(), START, END)
        for name in FILES:
            put_in_readme(summary(name), *markers(name), PAGE)


if __name__ == "__main__":
    main()
