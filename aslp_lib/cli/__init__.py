"""The command line: `aslp [COMMAND] [--preset NAME] [settings]`; without arguments, everything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from aslp_lib import networks
from aslp_lib.cli.score import Evaluate, compare
from aslp_lib.config import EMBEDDED, PRESETS, Settings, default_preset
from aslp_lib.data.base import DataSplits
from aslp_lib.data.folders import paper_tests
from aslp_lib.data.images import Grey
from aslp_lib.data.textures import prepare_textures
from aslp_lib.evaluation.maps import STRETCHED
from aslp_lib.evaluation.predict import predict, predict_run
from aslp_lib.evaluation.scores import evaluate_run
from aslp_lib.evaluation.tables import as_table
from aslp_lib.runs import Run
from aslp_lib.training import distributed
from aslp_lib.training.batches import accelerator_for
from aslp_lib.training.loop import train

PROGRAM = "main_ASLP.py"
USAGE = """Train, test and evaluate adaptive label perturbation (ASLP).

    main_ASLP.py [--preset NAME] [--resume RUN] [settings]   all steps, one after another
    main_ASLP.py train [the same]             only train
    main_ASLP.py test RUN                     predict the maps of a trained run's test sets
    main_ASLP.py test --official FILE.pth --data DIR --out MAPS
                                              the same by an authors' checkpoint
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

    settings: Annotated[Settings, tyro.conf.arg(name="")]
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
            if command == "test" or distributed.is_main():
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
        run = distributed.broadcast_from_main(lambda: Run.create(path, request.settings))
        _announce(f"preset {preset}; data: {data.origin}; run: {run.path}")
    if run.settings.data == EMBEDDED and default_preset() == "demo":
        _announce("(no DUTS-TR in Dataset/: see Dataset/README.md to train on the paper's data)")
    _describe(data)
    if distributed.is_main():
        run.keep_lists(data)
    for method in run.settings.methods:
        train(run.settings, data, method, run.method(method))
    if everything:
        _test(run, data)
        if distributed.is_main():
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


def _test(run: Run, data: DataSplits) -> None:
    for method in run.settings.methods:
        predict_run(run.settings, data, method, run.method(method))


def _evaluate(run: Run, data: DataSplits) -> None:
    evaluation = evaluate_run(run, data)
    print(f"\n{as_table(evaluation.scores)}\n")
    if run.settings.min_max_maps:
        _announce(f"note: {STRETCHED}")
    from aslp_lib.evaluation.report import write_report  # matplotlib and seaborn

    write_report(run, data, evaluation)
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
class _Official:
    """Predict the maps of the test sets in DATA/Test with an authors' checkpoint."""

    official: Path
    """The authors' `Model_30_Gen.pth`."""
    out: Path
    """A new folder for the maps, OUT/SET/STEM.png."""
    data: Path = Path("Dataset")
    """The paper's folders, of which only Test is needed."""
    size: int = 384
    """Side of the square images that the network sees, in pixels."""
    batch_size: int = 10
    limit: int | None = None
    """Use only the first so many images of each set."""
    grey: Grey = "refuse"
    """What to do with masks that are not binary."""
    device: Literal["auto", "cpu"] = "auto"
    min_max_maps: bool = False
    """Stretch each map to the full range, as the authors did before they scored it."""


def test(words: list[str]) -> None:
    """The command `test`."""
    if not any(word.split("=")[0] == "--official" for word in words):
        return _on_run(_test)(words)
    asked = tyro.cli(_Official, prog=PROGRAM, args=words)
    chosen = {k: v for k, v in vars(asked).items() if k not in ("official", "out", "data")}
    settings = replace(PRESETS["paper"], precision="no", data=str(asked.data), **chosen)
    accelerator_for(settings)  # joins the processes, so that they look before one of them writes
    if distributed.broadcast_from_main(asked.out.exists):
        raise FileExistsError(f"{asked.out} is there: choose a new folder for the maps")
    network = networks.load_official(asked.official)
    tests, notes = paper_tests(asked.data, asked.size, limit=asked.limit, grey=asked.grey)
    for note in notes:
        _announce(f"note: {note}")
    for name, dataset in tests.items():
        predict(network, dataset, asked.out / name, settings)
    _announce(f"maps of {', '.join(tests)}: {asked.out}; score them with evaluate --maps --masks")


@dataclass(frozen=True)
class _RunFolder:
    run: tyro.conf.Positional[Path]
    """A trained run's folder."""


def evaluate(words: list[str]) -> None:
    """The command `evaluate`."""
    asked = tyro.cli(Evaluate, prog=PROGRAM, args=words)
    if asked.run is not None and asked == Evaluate(asked.run):
        return _on_run(_evaluate)([str(asked.run)])
    if asked.run is not None or not asked.maps or not asked.masks:
        raise ValueError("evaluate needs a run's folder alone, or --maps and --masks together")
    return compare(asked)


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


STEPS = {"test": test, "evaluate": evaluate, "textures": textures}


def _describe(data: DataSplits) -> None:
    sizes = ", ".join(f"{name} ({len(part)})" for name, part in data.tests.items())
    _announce(
        f"{len(data.train)} images to train, {len(data.validation)} to validate; tests: {sizes}"
    )
    for note in data.notes:
        _announce(f"note: {note}")


def _announce(text: str) -> None:
    if distributed.is_main():
        print(text, flush=True)
