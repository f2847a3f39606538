"""Check whether this machine is ready for the course.

    python -m aslp_lib.course.publishing.environment      # or `make check`

Only what the course needs decides the exit status.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from aslp_lib import console

PYTHON = (3, 11)
"""The oldest version that `pyproject.toml` allows."""


def check_environment() -> str:
    """Return a line for each requirement, without versions: the text is the same everywhere."""
    return "\n".join(f"{what}: {problem or 'ok'}" for what, problem in problems().items())


def problems() -> dict[str, str]:
    """Return what is wrong with each requirement and what to do, or "" where it is met."""
    version = sys.version.split()[0]
    old = f"this is {version}. Install a newer Python, remove .venv, and call make again"
    return {
        "Python {}.{} or newer".format(*PYTHON): old if sys.version_info < PYTHON else "",
        "packages": packages_problem(),
        "torch and torchvision": torch_problem(),
        "writable folder": folder_problem(Path.cwd()),
    }


def packages_problem() -> str:
    """Compare the installed versions with those that the package and its extra ask for."""
    try:
        required = [Requirement(line) for line in metadata.requires("aslp-lib") or []]
    except metadata.PackageNotFoundError:
        return f"aslp-lib is not installed. In the project's folder: {_install('-e', '.[course]')}"
    wrong = [
        f"{each.name}{each.specifier}"
        for each in required
        if (each.marker is None or each.marker.evaluate({"extra": "course"})) and not _is_met(each)
    ]
    return f"missing or of another version. {_install(*wrong)}" if wrong else ""


def _is_met(required: Requirement) -> bool:
    try:
        return required.specifier.contains(metadata.version(required.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def _install(*what: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *what])


def torch_problem() -> str:
    """Import the two packages whose versions most often do not fit each other."""
    try:
        import torch  # noqa: F401
        import torchvision  # noqa: F401
    except Exception as error:  # OSError of a library, RuntimeError of a missing operator
        todo = _install("--force-reinstall", "torch", "torchvision")
        return f"cannot be imported ({error}). {todo}"
    return ""


def folder_problem(folder: Path) -> str:
    """Write a temporary file to a folder."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"a")
    except OSError as error:
        return f"{folder}: {error.strerror}. Start in a folder of your own: runs are written there"
    return ""


def optional() -> list[str]:
    """Describe what makes training faster or closer to the paper, and is not required."""
    import torch

    cuda = "no device. Everything runs on the CPU; the presets `paper` and `release` need a GPU"
    if torch.cuda.is_available():
        cuda = torch.cuda.get_device_name()
    data = "not found. The embedded set is used; Dataset/README.md says where to get them"
    for folder in ("Dataset", "../Dataset"):
        if (Path(folder) / "Train").is_dir():
            data = f"in {folder}"
    return [f"CUDA: {cuda}", f"the paper's data: {data}"]


def main() -> int:
    """Print all checks and return the exit status."""
    print(check_environment())
    ready = not any(problems().values())
    if ready:
        print("Optional:", *optional(), sep="\n")
    print("ready" if ready else "not ready: fix what is not ok")
    return 0 if ready else 1


if __name__ == "__main__":
    sys.exit(console.run(main))
