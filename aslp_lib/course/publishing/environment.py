"""Is this machine ready for the course? What is not, and what to do.

    python -m aslp_lib.course.publishing.environment [DATA]      # or `make check`

What the course needs decides over the exit status; all else is only told.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from aslp_lib import console

NAME = "aslp-lib"
COURSE = "course"
"""The extra that the notebooks need."""
SPACE = 1e9
"""Bytes that should be free where runs are written."""
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
"""Names of a browser that the browser tests can drive."""


@dataclass(frozen=True)
class Check:
    """What was looked for.

    Args:
        found: in words; differs between machines that are all ready.
        todo: what to do, if it is not `fine`.
    """

    what: str
    fine: bool
    found: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what}: {self.found}" + ("" if self.fine else f". {self.todo}")


def check_environment() -> str:
    """A line for each thing that the course needs. No versions where all is well: it reads alike
    everywhere."""
    return "\n".join(f"{c.what}: ok" if c.fine else f"{c}" for c in needed())


def needed() -> list[Check]:
    """What the course needs."""
    checks = [python(), *packages()]
    if all(check.fine for check in checks):
        checks += [imports(), kernel(), writable(Path.cwd()), space(Path.cwd())]
    return checks


def optional(data: Path | None = None) -> list[Check]:
    """What is good to have; nothing where packages are missing.

    Args:
        data: the paper's folders; None: Dataset here, or beside this folder, as for notebooks.
    """
    if not all(check.fine for check in (*packages(), imports())):
        return []
    beside = (Path("Dataset"), Path("../Dataset"))
    data = data or next((each for each in beside if each.is_dir()), beside[0])
    extras = metadata.metadata(NAME).get_all("Provides-Extra") or []
    return [
        cuda(),
        real_data(data),
        *(pretrained_weights(preset) for preset in ("small", "paper")),
        make(),
        chromium(),
        *(extra_packages(extra) for extra in extras if extra != COURSE),
    ]


def python() -> Check:
    """The interpreter's version, against what the package says of itself where it is installed."""
    here = ".".join(map(str, sys.version_info[:3]))
    try:
        asked = metadata.metadata(NAME)["Requires-Python"]
    except metadata.PackageNotFoundError:
        asked = ">=3.11"
    fine = SpecifierSet(asked).contains(here, prereleases=True)
    return Check(f"Python {asked}", fine, here, "Install one, remove .venv, and call make again")


def packages() -> list[Check]:
    """One check of all that is installed as it should be, and one of each package that is not."""
    try:
        asked = [*_requirements(""), *_requirements(COURSE)]
    except metadata.PackageNotFoundError:
        todo = f"In the project's folder: {_install('-e', f'.[{COURSE}]')}"
        return [Check(NAME, False, "not installed", todo)]
    wrong = [
        Check(each.name, False, found, _install(f"{each.name}{each.specifier}"))
        for each, found in asked
        if found
    ]
    fine = len(asked) - len(wrong)
    return [Check("packages", True, f"{fine} as {NAME} asks for", ""), *wrong]


def extra_packages(extra: str) -> Check:
    """Of an extra that not everybody needs."""
    wrong = [f"{asked.name} {found}" for asked, found in _requirements(extra) if found]
    todo = f"If you want it: {_install(f'{NAME}[{extra}]')}"
    return Check(f"extra {extra!r}", not wrong, "; ".join(wrong) or "there", todo)


def _requirements(extra: str) -> Iterator[tuple[Requirement, str]]:
    """What an extra (or "", none) asks for, and what is wrong with it, or ""."""
    for asked in map(Requirement, metadata.requires(NAME) or []):
        own = "extra" in str(asked.marker or "")
        if own != bool(extra) or (asked.marker and not asked.marker.evaluate({"extra": extra})):
            continue
        try:
            version = metadata.version(asked.name)
        except metadata.PackageNotFoundError:
            yield asked, "missing"
            continue
        fine = asked.specifier.contains(version, prereleases=True)
        yield asked, "" if fine else f"{version} is installed, but {asked.specifier} is needed"


def _install(*what: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *what])


def imports() -> Check:
    """Whether the two that most often do not fit each other can be imported."""
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except Exception as error:  # OSError of a library, RuntimeError of a missing operator
        todo = _install("--force-reinstall", "torch", "torchvision")
        return Check("torch and torchvision", False, f"cannot be imported ({error})", todo)
    return Check("torch and torchvision", True, "can be imported", "")


def kernel() -> Check:
    """Whether Jupyter's kernel python3 is this Python."""
    command = [sys.executable, "-m", "jupyter", "kernelspec", "list", "--json"]
    listed = subprocess.run(command, capture_output=True, text=True)
    specs = json.loads(listed.stdout)["kernelspecs"] if listed.returncode == 0 else {}
    runs = specs["python3"]["spec"]["argv"][0] if "python3" in specs else ""
    # "python" stands for the interpreter of the Jupyter that starts it.
    fine = runs == "python" or Path(runs).parent == Path(sys.executable).parent
    found = f"runs {runs}" if "python3" in specs else "not there"
    todo = f"{sys.executable} -m ipykernel install --sys-prefix"
    return Check("Jupyter's kernel python3", fine, found, todo)


def writable(folder: Path) -> Check:
    """Whether a file can be written to a folder."""
    what, todo = "leave to write here", "Start in a folder of your own: runs are written there"
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"a")
    except OSError as error:
        return Check(what, False, f"none in {folder} ({error.strerror})", todo)
    return Check(what, True, f"in {folder}", todo)


def space(folder: Path) -> Check:
    """How much is free where runs are written."""
    free = shutil.disk_usage(folder).free
    todo = f"Runs and figures are written there: free {SPACE / 1e9:.0f} GB, or start elsewhere"
    return Check("disk space", free >= SPACE, f"{free // 10**9} GB free in {folder}", todo)


def cuda() -> Check:
    """Whether PyTorch sees a CUDA device."""
    import torch

    if torch.cuda.is_available():
        return Check("CUDA", True, torch.cuda.get_device_name(), "")
    todo = "Everything runs on the CPU; the presets `paper` and `release` want a GPU"
    return Check("CUDA", False, f"PyTorch {torch.__version__} sees no device", todo)


def real_data(root: Path) -> Check:
    """Whether the paper's data are there and complete, by their names."""
    from aslp_lib.data.check import check_names

    what = "the paper's data"
    if not any((root / part).is_dir() for part in ("Train", "Test")):
        todo = "Without, the embedded set is used; Dataset/README.md says where to get them"
        return Check(what, False, f"not in {root}", todo)
    found = check_names(root)
    wrong = [*found.problems, *found.notes]
    counts = ", ".join(f"{name} {images}" for name, images in found.images.items())
    todo = f"`python main_ASLP.py check-data {root}` looks into every file"
    return Check(what, not wrong, "; ".join([counts, *wrong]), todo)


def pretrained_weights(preset: str) -> Check:
    """Whether the ImageNet weights of a preset are on this machine."""
    from aslp_lib.config import PRESETS
    from aslp_lib.networks.base import cached_weights

    settings = PRESETS[preset]
    path = cached_weights(settings.network, str(settings.weights))
    todo = f"Downloaded when preset `{preset}` first trains; without internet put {path.name} there"
    what = f"ImageNet weights of {settings.network}"
    home, place = f"{os.environ.get('HOME', '~')}/", str(path.parent)
    if place.startswith(home):
        place = f"~/{place.removeprefix(home)}"
    return Check(what, path.is_file(), f"{'' if path.is_file() else 'not '}in {place}", todo)


def make() -> Check:
    """Whether GNU make is there."""
    path, said = shutil.which("make"), ""
    if path:
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    todo = "Without it, call what the Makefile calls: python main_ASLP.py, python -m pytest"
    found = said.splitlines()[0] if said else "not found"
    return Check("GNU make", "GNU" in said, found, todo)


def chromium() -> Check:
    """Whether there is a browser for the browser tests."""
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    todo = "The browser tests are skipped; on Debian or Ubuntu: apt-get install chromium"
    return Check("Chromium", path is not None, path or "not found", todo)


def main(words: Sequence[str]) -> int:
    """Print all checks; the exit status."""
    checks = needed()
    ready = all(check.fine for check in checks)
    for check in checks:
        print(f"{'ok' if check.fine else 'NO':3} {check}")
    for check in optional(Path(words[0]) if words else None):
        print(f"{'ok' if check.fine else '-':3} {check}")
    print("ready" if ready else "not ready: mend what the lines with NO name")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(console.run(lambda: main(sys.argv[1:])))
