"""Check of the requirements of the course on this machine: `aslp check`."""

import shlex
import sys
from collections.abc import Callable
from importlib import import_module, metadata
from pathlib import Path
from tempfile import TemporaryFile

from packaging.requirements import Requirement

from aslp_lib.course.material import course_files

PYTHON = (3, 11)
"""Oldest version that `pyproject.toml` allows."""


def check_environment() -> str:
    """Report on each requirement in a line, without versions: the same text on every machine."""
    return "\n".join(f"{name}: {problem or 'ok'}" for name, problem in problems().items())


def problems() -> dict[str, str]:
    """Return requirement -> its problem with the remedy, or an empty string if it is met."""
    version = sys.version.split()[0]
    outdated = f"this is {version}. Install a newer Python, remove .venv, and run make again"
    reinstall = _pip_install("--force-reinstall", "torch", "torchvision")
    start = "Start in a folder of your own: runs are written there"
    return {
        "Python {}.{} or newer".format(*PYTHON): outdated if sys.version_info < PYTHON else "",
        "packages": packages_problem(),
        "torch and torchvision": _error(  # whose versions are often incompatible with each other
            lambda: [import_module(name) for name in ("torch", "torchvision")],
            f"cannot be imported ({{}}). Run: {reinstall}",
        ),
        "the course's files": _error(lambda: next(course_files()), "{}"),
        "writable folder": _error(lambda: TemporaryFile(dir=Path.cwd()).close(), f"{{}}. {start}"),
    }


def _error(action: Callable[[], object], problem: str) -> str:
    """Try something, and return its error in the text of the problem, or an empty string."""
    try:
        action()
    except Exception as error:  # OSError of a library, RuntimeError of a missing operator
        return problem.format(error)
    return ""


def packages_problem() -> str:
    """Compare the installed versions with those required by the package and its extra `course`."""
    try:
        requirements = [Requirement(line) for line in metadata.requires("aslp-lib") or []]
    except metadata.PackageNotFoundError:
        return f"aslp-lib is not installed. Run in the clone: {_pip_install('-e', '.[course]')}"
    unmet = [
        f"{requirement.name}{requirement.specifier}"
        for requirement in requirements
        if (requirement.marker is None or requirement.marker.evaluate({"extra": "course"}))
        and not _is_met(requirement)
    ]
    return f"missing or incompatible. Run: {_pip_install(*unmet)}" if unmet else ""


def _is_met(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def _pip_install(*arguments: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def optional() -> list[str]:
    """Describe optional components that make training faster or closer to the paper."""
    import torch

    cuda = "no device. Everything runs on the CPU; the presets `paper` and `release` need a GPU"
    if torch.cuda.is_available():
        cuda = torch.cuda.get_device_name()
    data = "not found. The synthetic set is used; Dataset/README.md says where to get them"
    for folder in ("Dataset", "../Dataset"):
        if (Path(folder) / "Train").is_dir():
            data = f"in {folder}"
    return [f"CUDA: {cuda}", f"the paper's data: {data}"]
