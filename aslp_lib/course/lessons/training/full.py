"""The paper's training run as one call: whole where it can run, otherwise a rehearsal."""

import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import torch

from aslp_lib.methods import METHOD_LABELS
from aslp_lib.runs import Run, read_log

Log = list[dict[str, float]]
BASE = Path("..")
"""Folder above the notebooks: the command runs in it, and relative paths are taken from it."""
REHEARSAL: Mapping[str, object] = {
    "data": "shapes",
    "weights": None,
    "limit": 4,
    "size": 96,
    "epochs": 1,
    "batch_size": 2,
    "methods": "aslp_mc",
    "aslp.alpha_warm_up": 0,
}
"""Settings of a rehearsal: two steps with random weights on embedded images, without a warm-up, so
that the alphas begin to move. All others are those of the whole run."""


def full_training(
    data: Path | str = "Dataset", folder: Path | str = "runs/full", **flags: object
) -> dict[str, Log]:
    """Train the paper's configuration with the command `train`, and say what is done and why.

    The whole run needs ASLP_FULL=1 in the environment, a CUDA GPU, and the images of DUTS-TR. It
    uses every GPU, and goes on where an earlier call stopped. If anything is missing, the same
    command rehearses it with the settings `REHEARSAL`, in a folder that is deleted at the end.
    Relative paths are taken from `BASE`.

    Args:
        data: folder of the paper's data sets.
        folder: folder of the run.
        flags: settings that differ from the preset `paper`, such as `precision="fp16"`. A run that
            goes on keeps those it began with.

    Returns:
        Label of the method -> its training log, with one row per epoch.

    Raises:
        RuntimeError: the command failed; the message ends with what it printed.
    """
    data, folder = Path(data), Path(folder)
    lacking = missing(data)
    chosen, gpus = {"preset": "paper", "data": data, **flags}, torch.cuda.device_count()
    if lacking:
        print(f"A rehearsal, because this is missing: {'; '.join(lacking)}.")
        chosen, gpus = {"preset": "paper", **REHEARSAL, **flags}, 1
        folder = folder.with_name(f"{folder.name}-rehearsal")
        shutil.rmtree(BASE / folder, ignore_errors=True)  # of an interrupted rehearsal
    words = command(chosen, folder, gpus)
    lines = textwrap.wrap(shlex.join(words), 70, break_long_words=False, break_on_hyphens=False)
    print("$", " \\\n    ".join(lines), flush=True)
    _run(words, quiet=bool(lacking))
    run = Run.open(BASE / folder)
    logs = {METHOD_LABELS[m]: read_log(run.method(m).log) for m in run.settings.methods}
    if lacking:
        shutil.rmtree(BASE / folder)
    for label, (*_, row) in logs.items():
        scores = f"loss {row['loss']:.2f}, accuracy {100 * row['accuracy']:.0f} %"
        print(f"{label}, epoch {row['epoch']:.0f}: {scores}")
    return logs


def missing(data: Path) -> list[str]:
    """Return what the whole run needs and does not find.

    Args:
        data: folder of the paper's data sets.
    """
    images = BASE / data / "Train" / "DUTS-TR" / "Image"
    needs = {
        "ASLP_FULL=1 in the environment": os.environ.get("ASLP_FULL") == "1",
        "a CUDA GPU": torch.cuda.is_available(),
        f"DUTS-TR in {data}": any(images.glob("[!.]*")),
    }
    return [need for need, met in needs.items() if not met]


def command(flags: Mapping[str, object], folder: Path, gpus: int) -> list[str]:
    """Return the command that begins the run in a folder, or that goes on with it.

    >>> " ".join(command({"preset": "paper", "size": 96}, Path("runs/first"), gpus=1))
    'python -m aslp_lib train --preset paper --size 96 --out runs/first'

    Args:
        flags: settings of a run that begins.
        folder: folder of the run.
        gpus: number of CUDA GPUs, each of which gets a process if there are several.
    """
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(gpus)]
    words = ["--resume", str(folder)]
    if not (BASE / folder).exists():
        pairs = [(f"--{name.replace('_', '-')}", str(flag)) for name, flag in flags.items()]
        words = [*(word for pair in pairs for word in pair), "--out", str(folder)]
    return ["python", *(launcher if gpus > 1 else []), "-m", "aslp_lib", "train", *words]


def _run(words: list[str], *, quiet: bool) -> None:
    """Run a command, which prints its progress unless it is quiet."""
    result = subprocess.run([sys.executable, *words[1:]], cwd=BASE, capture_output=quiet, text=True)
    if result.returncode:
        raise RuntimeError(
            f"the command ended with exit status {result.returncode}; expected 0. Correct what it "
            f"says, and call again: finished epochs are kept. {result.stderr or ''}".rstrip()
        )
