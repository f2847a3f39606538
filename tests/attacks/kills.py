"""Runs that are killed at random moments and gone on with, against one that nobody disturbed.

    python tests/attacks/kills.py --kills 50 --seed 0

Each trial begins a run of a tiny data set on disk: two methods, a recalibration, maps, scores, the
report. In one of its phases a signal comes: in every other trial at a random moment, in the others
in the middle of a random one of the files that the phase writes, which on this disk take a while.
Then the run is gone on with to its end, by a command of its own. All that lies in the folder must
be, byte for byte, what the undisturbed run left there: weights, checkpoints, logs, levels, maps,
scores, the page; nothing more, and nothing less. MASKED says what may differ.

Processes are forked from this one, which has imported what they need, so that a trial takes
seconds. Two are told of each other as torchrun does it. SIGINT goes to both, as Ctrl-C in a
terminal; SIGKILL to one or to both, and who is left gets SIGTERM, as torchrun sends it.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import py_sod_metrics  # noqa: F401  these three once, here, and not in each process
import torchvision.transforms.v2  # noqa: F401
from PIL import Image

from aslp_lib import cli, files
from aslp_lib.cli import evaluate, run
from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation import run_report
from aslp_lib.training import loop

PHASES: dict[str, tuple[object, str] | None] = {
    "beginning": None,  # from the first word to the first training
    "training": (run, "train"),
    "recalibrating": (loop, "recalibrate"),
    "predicting": (run, "predict_methods"),
    "scoring": (evaluate, "evaluate_run"),
    "report": (run_report, "write_report"),
}
"""What a trial is killed in, and the function that it begins with."""

MASKED = {"report.html": re.compile(rb"<time[^>]*>[^<]*</time>")}
"""File -> what may differ in it: the day and the time."""

DATA = Path("data")
ARGUMENTS = [
    *("--preset", "small", "--data", f"../{DATA}", "--network", "tiny", "--weights", "None"),
    *("--epochs", "4", "--size", "32", "--batch-size", "4", "--device", "cpu", "--augment"),
    *("--methods", "bce", "calibration", "--aslp.alpha-warm-up", "1"),
    *("--recalibrate", "temperature", "--out", "run"),
]
WRITING = 0.05
"""Seconds that a file takes to reach the disk, so that a signal can come before it has."""
PATIENCE = 600.0
"""Seconds until a process that does not end is a failure."""


def write_data(root: Path) -> None:
    """The paper's layout in small: 16 images to train and validate, and SOD of 6."""
    for seed, (folder, images) in enumerate({"Train/DUTS-TR": 16, "Test/SOD": 6}.items()):
        shapes = Shapes(Path(folder).name, images, seed, size=40)
        for name in ("Image", "GT"):
            (root / folder / name).mkdir(parents=True)
        for i, stem in enumerate(shapes.stems):
            picture = shapes.images[i].permute(1, 2, 0).numpy()
            Image.fromarray(np.ascontiguousarray(picture)).save(root / folder / f"Image/{stem}.png")
            Image.fromarray(255 * shapes.mask(i)).save(root / folder / f"GT/{stem}.png")


class Launch:
    """Processes of a command line in a folder, and what the main one notes of its phases."""

    def __init__(self, folder: Path, arguments: Sequence[str], processes: int) -> None:
        self.notes, self.output = (folder.with_name(f"{folder.name}.{x}") for x in ("notes", "out"))
        for file in (self.notes, self.output):
            file.write_bytes(b"")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.alive: list[int] = []
        self.statuses: list[int] = []
        for rank in range(processes):
            if child := os.fork():
                self.alive.append(child)
            else:
                self._be_one(folder, arguments, rank, processes, port)

    def _be_one(
        self, folder: Path, arguments: Sequence[str], rank: int, processes: int, port: int
    ) -> None:
        status = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            out = os.open(self.output, os.O_WRONLY | os.O_APPEND)
            os.dup2(out, 1)
            os.dup2(out, 2)
            os.chdir(folder)
            if processes > 1:
                place = {"RANK": rank, "LOCAL_RANK": rank, "MASTER_PORT": port}
                place |= {"WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
                os.environ |= {k: str(v) for k, v in place.items()} | {"MASTER_ADDR": "127.0.0.1"}
            if rank == 0:
                self._note_phases()
            status = cli.main(arguments)
        except KeyboardInterrupt:  # as the interpreter says it, of one that comes too early or late
            status = 130
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _note_phases(self) -> None:
        notes = os.open(self.notes, os.O_WRONLY | os.O_APPEND)
        begin = time.monotonic()

        def note(name: str) -> None:
            os.write(notes, f"{name} {time.monotonic() - begin}\n".encode())

        def noted(name: str, function: Callable) -> Callable:
            def call(*arguments: object, **options: object) -> object:
                note(name)
                try:
                    return function(*arguments, **options)
                finally:
                    note(f"after {name}")

            return call

        def fsync(descriptor: int) -> None:
            note("write")
            time.sleep(WRITING)

        note("beginning")
        files.os = SimpleNamespace(**{**vars(os), "fsync": fsync})
        for name, place in PHASES.items():
            if place is not None:
                setattr(*place, noted(name, getattr(*place)))

    def phases(self) -> list[tuple[str, float]]:
        """What has been noted: names, and seconds since the beginning."""
        lines = self.notes.read_text().splitlines()
        return [(name, float(at)) for name, at in (line.rsplit(" ", 1) for line in lines)]

    def reap(self) -> None:
        for process in list(self.alive):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                self.alive.remove(process)
                self.statuses.append(os.waitstatus_to_exitcode(status))

    def send(self, number: int, processes: Sequence[int]) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def wait(self, seconds: float) -> bool:
        """Whether all end in so many seconds."""
        end = time.monotonic() + seconds
        while self.alive and time.monotonic() < end:
            self.reap()
            time.sleep(0.01)
        return not self.alive

    def stop(self) -> None:
        """As torchrun ends those that are left when one has ended."""
        for number, seconds in ((signal.SIGTERM, 30), (signal.SIGKILL, 30)):
            self.send(number, self.alive)
            if self.wait(seconds):
                return
        raise RuntimeError("a killed process does not end")

    def finish(self) -> None:
        """Raises RuntimeError, with what it printed, if it does not end well."""
        if not self.wait(PATIENCE) or any(self.statuses):
            self.stop()
            raise RuntimeError(f"ended with {self.statuses}:\n{self.output.read_text()[-3000:]}")


def durations(launch: Launch) -> dict[str, float]:
    """Seconds of each phase's first time."""
    noted = launch.phases()
    first = dict(reversed(noted))
    first["after beginning"] = first["training"]
    return {name: first[f"after {name}"] - first[name] for name in PHASES}


def writes(launch: Launch, phase: str) -> int:
    """How many files have been begun in a phase."""
    names = [name for name, _ in launch.phases()]
    return names[names.index(phase) :].count("write") if phase in names else -1


def writes_within(launch: Launch, phase: str) -> int:
    """How many files a phase writes, its first time."""
    names = [name for name, _ in launch.phases()]
    end = "training" if phase == "beginning" else f"after {phase}"
    return names[names.index(phase) : names.index(end)].count("write")


def disturb(
    launch: Launch, phase: str, wait: float, write: int, number: int, rng: random.Random
) -> str | None:
    """Send a signal; returns the phase that it came in, or None if all was done.

    Args:
        phase: to wait for.
        wait: seconds from then on.
        write: how many files to wait for, from then on.
    """
    end = time.monotonic() + PATIENCE
    while writes(launch, phase) < write and launch.alive and time.monotonic() < end:
        launch.reap()
        time.sleep(0.001)
    time.sleep(wait)
    launch.reap()
    if not launch.alive or any(launch.statuses):
        return None
    chosen = launch.alive
    if number == signal.SIGKILL and len(chosen) > 1:
        chosen = rng.choice([chosen, chosen[:1], chosen[1:]])
    launch.send(number, chosen)
    noted = [name for name, _ in launch.phases() if name in PHASES]
    launch.wait(PATIENCE if number == signal.SIGINT and len(launch.alive) == 1 else 3)
    launch.stop()
    return noted[-1] if any(launch.statuses) else None


def tree(folder: Path) -> dict[str, bytes]:
    """What lies in a folder and below, hidden files too."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b"a folder"
        if pattern := MASKED.get(path.name):
            content = pattern.sub(b"", content)
        found[path.relative_to(folder).as_posix()] = content
    return found


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """What is other than it should be, one a line."""
    lines = [f"litter: {name}" for name in found.keys() - expected.keys()]
    lines += [f"missing: {name}" for name in expected.keys() - found.keys()]
    same = found.keys() & expected.keys()
    return sorted(lines + [f"other: {name}" for name in same if found[name] != expected[name]])


def trials(rng: random.Random) -> Iterator[tuple[str, int, int]]:
    """Phase, signal, number of processes: each as often as any other, shuffled."""
    while True:
        each = list(itertools.product(PHASES, (signal.SIGKILL, signal.SIGINT), (1, 2)))
        rng.shuffle(each)
        yield from each


def table(kills: Counter, equal: Counter) -> str:
    """Kills by phase, signal and number of processes, as Markdown."""
    columns = list(itertools.product((signal.SIGKILL, signal.SIGINT), (1, 2)))
    heads = [f"{signal.Signals(s).name}, {n} process{'es' * (n > 1)}" for s, n in columns]
    lines = [
        f"| killed while | {' | '.join(heads)} | all |",
        "|---|" + "---:|" * (len(columns) + 1),
    ]
    for phase in (*PHASES, "all"):
        row = []
        for column in (*columns, None):
            chosen = [
                key
                for key in kills
                if phase in (key[0], "all") and (column is None or column == key[1:])
            ]
            row.append(f"{sum(equal[k] for k in chosen)} of {sum(kills[k] for k in chosen)}")
        lines.append(f"| {phase} | {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    work = Path(tempfile.mkdtemp(prefix="kills-"))
    write_data(work / DATA)
    expected, lasts, files_of = {}, {}, {}
    for processes in (1, 2):
        folder = work / f"undisturbed-{processes}"
        folder.mkdir()
        launch = Launch(folder, ARGUMENTS, processes)
        launch.finish()
        expected[processes], lasts[processes] = tree(folder), durations(launch)
        files_of[processes] = {phase: writes_within(launch, phase) for phase in PHASES}
        shown = ", ".join(f"{name} {last:.2f}" for name, last in lasts[processes].items())
        print(f"undisturbed, {processes}: {len(expected[processes])} files; seconds: {shown}")
    kills: Counter = Counter()
    equal: Counter = Counter()
    halves = 0
    for number, (phase, sent, processes) in enumerate(trials(rng)):
        if kills.total() == asked.kills:
            break
        folder = work / f"trial-{number}"
        folder.mkdir()
        launch = Launch(folder, ARGUMENTS, processes)
        if number % 2:
            wait, write = rng.uniform(0, lasts[processes][phase]), 0
        else:
            # Half of the time that it takes; the other half is for those who notice.
            wait, write = rng.uniform(0, WRITING / 2), rng.randint(1, files_of[processes][phase])
        met = disturb(launch, phase, wait, write, sent, rng)
        if met is None:  # it was done before the signal came
            shutil.rmtree(folder)
            continue
        key = (met, sent, processes)
        kills[key] += 1
        left = [name for name in tree(folder) if name.endswith(".partial")]
        halves += bool(left)
        begun = (folder / "run").exists()
        try:
            Launch(folder, ["--resume", "run"] if begun else ARGUMENTS, processes).finish()
            wrong = differences(tree(folder), expected[processes])
        except RuntimeError as error:
            wrong = [str(error)]
        equal[key] += not wrong
        print(
            f"{kills.total()}: {signal.Signals(sent).name} of {processes} while {met}, "
            f"{len(left)} half made: {'equal' if not wrong else folder}",
            *wrong,
            sep="\n  ",
            flush=True,
        )
        if not wrong:
            shutil.rmtree(folder)
    print(f"\n{table(kills, equal)}\n\n{halves} left something half made.")
    print(f"{equal.total()} of {kills.total()} ended equal, no litter.")
    if equal.total() == kills.total():
        shutil.rmtree(work)
    return int(equal.total() < kills.total())


if __name__ == "__main__":
    sys.exit(main())
