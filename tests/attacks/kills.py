"""Runs that are killed at random moments and continued, compared with an undisturbed run.

    python tests/attacks/kills.py --kills 50 --seed 0

Each trial starts a small run (two methods, a temperature, maps, scores, the report) as one process
or two. SIGKILL meets one process or all, and those that are left get SIGTERM, as torchrun does it;
SIGINT meets all, as Ctrl-C does. Then a second command continues the run. Its folder must equal
that of an undisturbed run byte for byte, with no file more or less; only the times in report.html
may differ. Writing a file is made slow, so that many signals come in the middle of one.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARGUMENTS = [
    *("--data", "shapes", "--limit", "12", "--network", "tiny", "--epochs", "4", "--size", "32"),
    *("--batch-size", "4", "--device", "cpu", "--augment", "--methods", "bce", "aslp_mc"),
    *("--aslp.alpha-warm-up", "1", "--recalibrate", "temperature_scaling", "--out", "run"),
]
SLOW = "import os, time; os.fsync = lambda _: time.sleep(0.05)"
"""What Python runs when it starts, in processes that train side by side, too."""
PROGRAM = """
import signal, sys
from aslp_lib.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # what a background job ignores
sys.exit(main())
"""


def start(folder: Path, arguments: list[str], count: int) -> list[subprocess.Popen]:
    """Start a command in a folder, in as many processes as torchrun would."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    (folder.parent / "sitecustomize.py").write_text(SLOW)
    paths = os.pathsep.join([str(folder.parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": paths}
    processes = []
    for rank in range(count):
        several = address | dict.fromkeys(("RANK", "LOCAL_RANK"), str(rank))
        several |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), str(count))
        with folder.with_suffix(".out").open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments],
                cwd=folder,
                env=environment | (several if count > 1 else {}),
                start_new_session=True,
                stdout=output,
                stderr=output,
            )
        processes.append(process)
    return processes


def wait(processes: list[subprocess.Popen], seconds: float) -> list[int]:
    """Return the exit codes. Processes that have not ended get SIGTERM, and then SIGKILL."""
    end = time.monotonic() + seconds
    for stop in (subprocess.Popen.terminate, subprocess.Popen.kill):
        while any(each.poll() is None for each in processes) and time.monotonic() < end:
            time.sleep(0.01)
        for process in processes:
            stop(process)  # which does nothing to one that has ended
        end = time.monotonic() + 30
    return [process.wait() for process in processes]


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
    rng, findings = random.Random(asked.seed), 0
    work = Path(tempfile.mkdtemp(prefix="kills-"))
    expected, seconds = {}, {}
    for number in (-2, -1, *range(asked.kills)):  # the first two runs are undisturbed
        folder = work / f"trial-{number}"
        folder.mkdir()
        count = -number if number < 0 else rng.choice((1, 2))
        begin, processes, killed = time.monotonic(), start(folder, ARGUMENTS, count), "undisturbed"
        if number >= 0:
            sent = rng.choice((signal.SIGKILL, signal.SIGINT))
            time.sleep(rng.uniform(0, seconds[count]))
            some = rng.randint(1, count) if sent == signal.SIGKILL else count
            for process in rng.sample(processes, some):
                if sent == signal.SIGINT:
                    os.killpg(process.pid, sent)  # a terminal sends it to the children, too
                else:
                    process.send_signal(sent)
            wait(processes, 5)
            half = sum(name.endswith(".partial") for name in content(folder))
            killed = f"{sent.name} of {some} of {count}, {half} half-written files"
            again = ["--resume", "run"] if (folder / "run").exists() else ARGUMENTS
            processes = start(folder, again, count)
        codes, files = wait(processes, 600), content(folder / "run")
        seconds.setdefault(count, time.monotonic() - begin)
        wrong = sorted(dict(files.items() ^ expected.setdefault(count, files).items()))
        findings += bool(wrong or any(codes))
        result = f"exit codes {codes}, {wrong} in {folder}" if wrong or any(codes) else "equal"
        print(f"{number}: {killed}: {result}", flush=True)
    print(f"{findings} findings in {asked.kills} kills")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
