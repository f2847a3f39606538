"""The command line: `aslp [COMMAND] [--preset NAME] [settings]`; without arguments, everything."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from aslp_lib import networks, processes
from aslp_lib.comparison import count_methods, parse_methods, set_name
from aslp_lib.config import EMBEDDED, PRESETS, Settings, default_preset
from aslp_lib.data.base import DataSets
from aslp_lib.data.folders import Grey, find_images
from aslp_lib.data.textures import prepare_textures
from aslp_lib.evaluation import SCORES, evaluate_run, flat, labelled, record
from aslp_lib.files import write, write_csv
from aslp_lib.loading import accelerator_for
from aslp_lib.maps import WEIGHTED_F, Reading
from aslp_lib.metrics.calibration import BINS
from aslp_lib.prediction import predict_run
from aslp_lib.report import write_comparison, write_report
from aslp_lib.runs import Run
from aslp_lib.tables import as_table, latex, markdown
from aslp_lib.training import train

PROGRAM = "main_ASLP.py"
USAGE = """Train, test and evaluate adaptive label perturbation (ASLP).

    main_ASLP.py [--preset demo|small] [--resume RUN] [settings]   all steps, one after another
    main_ASLP.py train [the same]             only train
    main_ASLP.py test RUN                     predict the maps of a trained run's test sets
    main_ASLP.py evaluate RUN                 score those maps, print the table, write the report
    main_ASLP.py evaluate --maps DIR ... --masks DIR ... [--out FILE.json] [--table FILE.tex]
                 [--report FILE.html] [--bins 10]           score and compare anyone's maps
    main_ASLP.py textures --dtd DIR           prepare the 500 textures of DTD
    accelerate launch --num_processes 4 main_ASLP.py ...       train and test on several GPUs

Without --preset: "small" if Dataset/ holds DUTS-TR, else "demo", on the embedded data set.
Every setting and its default: main_ASLP.py --preset NAME --help
"""


@dataclass(frozen=True)
class Request:
    """What `run` and `train` are asked for."""

    settings: tyro.conf.OmitArgPrefixes[Settings]
    out: Path | None = None
    """The run's folder; default runs/PRESET. A taken one gets a number."""
    resume: Path | None = None
    """Go on with the run in this folder, with its own settings."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status. A user's mistake is one line, not a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    command = words.pop(0) if words and not words[0].startswith("-") else "run"
    try:
        if command in ("run", "train"):
            _run(words, everything=command == "run")
        elif command in STEPS:
            if command == "test" or processes.is_main():
                STEPS[command](words)
        else:
            print(f"there is no command {command!r}\n\n{USAGE}", file=sys.stderr)
            return 2
    except KeyboardInterrupt:
        resume = "; a run that had begun goes on with --resume and its folder"
        print(f"\nstopped{resume if command in ('run', 'train') else ''}", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _run(words: list[str], everything: bool) -> None:
    preset, words = _preset(words)
    if words in (["--help"], ["-h"]):
        print(USAGE)
    request = tyro.cli(Request, prog=PROGRAM, args=words, default=Request(PRESETS[preset]))
    if request.resume is not None:
        if request.settings != PRESETS[preset] or request.out is not None:
            raise ValueError("--resume goes on with the run's own settings: leave the others out")
        run = Run.open(request.resume)
        data = run.settings.load_data()
        run.check_lists(data)
        _announce(f"going on with {run.path}, with its own settings; data: {data.origin}")
    else:
        data = request.settings.load_data()  # first: bad data leave no empty run
        networks.build(request.settings.network, request.settings.weights)  # so do bad weights
        path = request.out or Path("runs") / preset
        accelerator_for(request.settings)  # joins the processes, so that the main one names the run
        run = processes.from_main(lambda: Run.create(path, request.settings))
        _announce(f"preset {preset}; data: {data.origin}; run: {run.path}")
    if run.settings.data == EMBEDDED and default_preset() == "demo":
        _announce("(no DUTS-TR in Dataset/: see Dataset/README.md to train on the paper's data)")
    _describe(data)
    if processes.is_main():
        run.keep_lists(data)
    for method in run.settings.methods:
        train(run.settings, data, method, run.method(method))
    if everything:
        _test(run, data)
        if processes.is_main():
            _evaluate(run, data)


def _preset(words: list[str]) -> tuple[str, list[str]]:
    """The preset, taken out of the words: it decides the defaults that the rest is read with."""
    for i, word in enumerate(words):
        if word.split("=")[0] == "--preset":
            value = word.partition("=")[2] or "".join(words[i + 1 : i + 2])
            if value not in PRESETS:
                raise ValueError(f"there is no preset {value!r}: choose of {', '.join(PRESETS)}")
            return value, words[:i] + words[i + (1 if "=" in word else 2) :]
    return default_preset(), words


def _test(run: Run, data: DataSets) -> None:
    for method in run.settings.methods:
        predict_run(run.settings, data, method, run.method(method))


def _evaluate(run: Run, data: DataSets) -> None:
    results = evaluate_run(run, data)
    print(f"\n{as_table(labelled(results))}\n")
    write_report(run, data, results)
    print(f"report: {run.report}")


def _on_run(step):
    """A command on a finished training: `COMMAND RUN`."""

    def command(words: list[str]) -> None:
        run = Run.open(tyro.cli(_RunFolder, prog=PROGRAM, args=words).run)
        data = run.settings.load_data()
        _describe(data)
        step(run, data)

    return command


@dataclass(frozen=True)
class _RunFolder:
    run: tyro.conf.Positional[Path]
    """A trained run's folder."""


@dataclass(frozen=True)
class _Evaluate:
    """Score a trained run's maps, or with --maps and --masks anyone's."""

    run: tyro.conf.Positional[Path | None] = None
    """A run whose maps were predicted."""
    maps: tuple[str, ...] = ()
    """Folders of 8-bit greyscale maps (255 = surely foreground), one a method: DIR or LABEL=DIR.
    Maps lie in DIR/SET, or for one set in DIR itself."""
    masks: tuple[Path, ...] = ()
    """Folders of masks of the same stems and sizes, one a set."""
    out: Path | None = None
    """A JSON file for every score and its interval over images."""
    table: tuple[Path, ...] = ()
    """Files for the comparison table: .csv (every score), .md, .tex."""
    report: Path | None = None
    """An HTML page with tables and figures."""
    bins: int = BINS
    """Bins of the calibration scores and diagrams."""
    min_max: bool = False
    """Stretch each map to the full range first, as the authors' release did. It changes every
    confidence: only to compare with numbers made that way."""
    allow_missing: bool = False
    """Leave masks without a map out, instead of refusing them."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""
    workers: int | None = None
    """Threads that read; default: one a processor."""


def evaluate(words: list[str]) -> None:
    """The command `evaluate`."""
    asked = tyro.cli(_Evaluate, prog=PROGRAM, args=words)
    if asked.run is not None and asked == _Evaluate(asked.run):
        return _on_run(_evaluate)([str(asked.run)])
    if asked.run is not None or not asked.maps or not asked.masks:
        raise ValueError("evaluate needs a run's folder alone, or --maps and --masks together")
    return _compare(asked)


def _compare(asked: _Evaluate) -> None:
    """Score anyone's maps."""
    if unknown := [path for path in asked.table if path.suffix not in (".csv", ".md", ".tex")]:
        raise ValueError(f"--table writes .csv, .md or .tex, not {unknown[0].name}")
    if asked.bins < 1:
        raise ValueError(f"bins is {asked.bins}, but at least 1 is needed")
    notes = []
    if asked.min_max:
        notes.append("maps were stretched to the full range: not the network's confidences")
    if not WEIGHTED_F:
        notes.append("weighted F was not measured: pip install 'aslp-lib[saliency]'")
    reading = Reading(
        asked.min_max, WEIGHTED_F, asked.grey, asked.allow_missing, workers=asked.workers
    )
    results = count_methods(parse_methods(asked.maps), asked.masks, reading)
    masks = {set_name(folder): len(find_images(folder)) for folder in asked.masks}
    for name, methods in results.items():
        for label, counts in methods.items():
            if left := masks[name] - len(counts):
                notes.append(f"{name}: {left} masks have no map of {label} and are left out")
        if len({counts.names for counts in methods.values()}) > 1:
            notes.append(f"{name}: the methods have maps of different images, so none is paired")
    for note in notes:
        _announce(f"note: {note}")
    print(as_table(results, asked.bins))
    if asked.out is None and not asked.table and asked.report is None:
        return
    names = SCORES if asked.out else ()
    records = {
        name: {label: record(counts, names, asked.bins) for label, counts in methods.items()}
        for name, methods in results.items()
    }
    if asked.out is not None:
        single = len(results) == len(asked.maps) == 1
        content = next(iter(next(iter(records.values())).values())) if single else records
        write(asked.out, json.dumps(content, indent=2, allow_nan=False))
    for path in asked.table:
        if path.suffix == ".csv":
            write_csv(path, *flat(records))
        else:
            write(path, markdown(records) if path.suffix == ".md" else latex(records))
    if asked.report is not None:
        write_comparison(asked.report, results, asked.bins, notes)
        print(f"report: {asked.report}")


@dataclass(frozen=True)
class Textures:
    """Copy the paper's 500 textures out of DTD and write their all-background masks."""

    dtd: Path
    """The unpacked Describable Textures Dataset."""
    names: Path = Path("Dataset/Texture_Image_Names.txt")
    """One file name a line."""
    target: Path = Path("Dataset/Test/DTD_Texture_500")
    """The folder to make."""


def textures(words: list[str], default: Textures | None = None) -> None:
    """The command `textures`."""
    asked = tyro.cli(Textures, prog=PROGRAM, args=words, default=default)
    made = prepare_textures(asked.dtd, asked.names, asked.target)
    print(f"{made} textures in {asked.target}")


STEPS = {"test": _on_run(_test), "evaluate": evaluate, "textures": textures}


def _describe(data: DataSets) -> None:
    sizes = ", ".join(f"{name} ({len(part)})" for name, part in data.tests.items())
    _announce(
        f"{len(data.train)} images to train, {len(data.validation)} to validate; tests: {sizes}"
    )
    for note in data.notes:
        _announce(f"note: {note}")


def _announce(text: str) -> None:
    if processes.is_main():
        print(text, flush=True)
