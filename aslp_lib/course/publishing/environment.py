"""Check of the requirements of the course on this machine: `aslp check`."""

import shlex
import sys
import tempfile
from importlib import metadata
from pathlib import Path

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
    return {
        "Python {}.{} or newer".format(*PYTHON): outdated if sys.version_info < PYTHON else "",
        "packages": packages_problem(),
        "torch and torchvision": torch_problem(),
        "the course's files": files_problem(),
        "writable folder": folder_problem(Path.cwd()),
    }


def packages_problem() -> str:
    """Compare the installed versions with those required by the package and its extra `course`."""
    try:
        requirements = [Requirement(line) for line in metadata.requires("aslp-lib") or []]
    except metadata.PackageNotFoundError:
        remedy = _pip_install("-e", ".[course]")
        return f"aslp-lib is not installed. Run in the clone: {remedy}"
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


def torch_problem() -> str:
    """Import torch and torchvision, whose versions are often incompatible with each other."""
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except Exception as error:  # OSError of a library, RuntimeError of a missing operator
        remedy = _pip_install("--force-reinstall", "torch", "torchvision")
        return f"cannot be imported ({error}). Run: {remedy}"
    return ""


def files_problem() -> str:
    """Look for the notebooks, which are in a clone or in the wheel."""
    try:
        next(course_files())
    except FileNotFoundError as error:
        return str(error)
    return ""


def folder_problem(folder: Path) -> str:
    """Try to write a temporary file to a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"a")
    except OSError as error:
        return f"{folder}: {error.strerror}. Start in a folder of your own: runs are written there"
    return ""


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
