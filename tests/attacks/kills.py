"""Runs that are killed at random moments and continued, compared with an undisturbed run.

    python tests/attacks/kills.py --kills 50 --seed 0

Each trial starts a run of a tiny data set on disk (two methods, a temperature, maps, scores, the
report) as one process or two. SIGKILL meets one process or all, and those that are left get
SIGTERM, as torchrun does it; SIGINT meets all, as Ctrl-C does. Then a second command continues the
run. Its folder must equal that of an undisturbed run byte for byte, with no file more or less; only
the times in report.html may differ. Writing a file is made slow, so that many signals come in the
middle of one.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torchvision.transforms.v2  # noqa: F401  imported here once, and not in each process
from PIL import Image

from aslp_lib import cli, files
from aslp_lib.data.shapes import Shapes

ARGUMENTS = [
    *("--preset", "small", "--data", "../data", "--network", "tiny", "--weights", "None"),
    *("--epochs", "4", "--size", "32", "--batch-size", "4", "--device", "cpu", "--augment"),
    *("--methods", "bce", "calibration", "--aslp.alpha-warm-up", "1"),
    *("--recalibrate", "temperature_scaling", "--out", "run"),
]
WRITING = 0.05
"""Seconds that a file takes to reach the disk."""
PATIENCE = 600
"""Seconds after which a process that does not end is a failure."""


def write_data(root: Path) -> None:
    """The paper's layout in small: 16 images to train and validate, and SOD of 6."""
    for seed, (folder, images) in enumerate({"Train/DUTS-TR": 16, "Test/SOD": 6}.items()):
        shapes = Shapes(Path(folder).name, images, seed, size=40)
        for i, stem in enumerate(shapes.stems):
            picture = np.ascontiguousarray(shapes.images[i].permute(1, 2, 0).numpy())
            for kind, pixels in (("Image", picture), ("GT", 255 * shapes.mask(i))):
                path = root / folder / kind / f"{stem}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)


def launch(folder: Path, arguments: list[str], processes: int) -> list[int]:
    """Start a command in a folder, as torchrun starts its processes; return their numbers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    places |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(processes))
    numbers = []
    for rank in range(processes):
        if number := os.fork():
            numbers.append(number)
        else:
            places |= dict.fromkeys(("RANK", "LOCAL_RANK"), str(rank))
            run(folder, arguments, places if processes > 1 else {})
    return numbers


def run(folder: Path, arguments: list[str], variables: dict[str, str]) -> None:
    """Run a command in this process, and end it."""
    status = 130  # of a command that Ctrl-C ended
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream in (1, 2):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            os.dup2(os.open(folder.with_suffix(".out"), flags), stream)
        os.chdir(folder)
        os.environ |= variables
        files.os = SimpleNamespace(**{**vars(os), "fsync": lambda _: time.sleep(WRITING)})
        files.ABANDONED = 0
        status = cli.main(arguments)
    finally:
        os._exit(status)


def wait(processes: list[int], seconds: float) -> list[int]:
    """Wait until the processes have ended, and return their exit codes; those that are left get
    SIGTERM, and then SIGKILL."""
    codes: dict[int, int] = {}
    for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 30), (None, 30)):
        end = time.monotonic() + patience
        while len(codes) < len(processes) and time.monotonic() < end:
            for process in set(processes) - codes.keys():
                ended, status = os.waitpid(process, os.WNOHANG)
                if ended:
                    codes[process] = os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        for process in set(processes) - codes.keys() if number else ():
            os.kill(process, number)
    return list(codes.values())


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, without the times in the report."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    times = re.compile(rb"<time[^>]*>[^<]*</time>")
    return {str(path.relative_to(folder)): times.sub(b"", path.read_bytes()) for path in paths}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    work = Path(tempfile.mkdtemp(prefix="kills-"))
    write_data(work / "data")
    expected, seconds = {}, {}
    for count in (1, 2):
        folder = work / f"undisturbed-{count}"
        folder.mkdir()
        begin = time.monotonic()
        if any(wait(launch(folder, ARGUMENTS, count), PATIENCE)):
            raise SystemExit(folder.with_suffix(".out").read_text())
        expected[count], seconds[count] = content(folder), time.monotonic() - begin
    findings = 0
    for number in range(asked.kills):
        folder = work / f"trial-{number}"
        folder.mkdir()
        count, sent = rng.choice((1, 2)), rng.choice((signal.SIGKILL, signal.SIGINT))
        processes = launch(folder, ARGUMENTS, count)
        time.sleep(rng.uniform(0, seconds[count]))
        victims = rng.sample(processes, rng.randint(1, count) if sent == signal.SIGKILL else count)
        for process in victims:
            os.kill(process, sent)
        wait(processes, 5)
        half_written = sum(name.endswith(".partial") for name in content(folder))
        again = ["--resume", "run"] if (folder / "run").exists() else ARGUMENTS
        codes = wait(launch(folder, again, count), PATIENCE)
        wrong = sorted(dict(content(folder).items() ^ expected[count].items()))
        findings += bool(wrong or any(codes))
        result = f"exit codes {codes}, {wrong} in {folder}" if wrong or any(codes) else "equal"
        killed = f"{sent.name} of {len(victims)} of {count}, {half_written} half-written files"
        print(f"{number}: {killed}: {result}", flush=True)
    print(f"{findings} findings in {asked.kills} kills")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
