"""The wheel, which several files test."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

BUILD = "from setuptools import build_meta; import sys; build_meta.build_{}(sys.argv[1])"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build the wheel from the sdist, and return its path."""
    folder = tmp_path_factory.mktemp("dist")

    def build(kind: str, source: Path) -> None:
        command = [sys.executable, "-c", BUILD.format(kind), folder]
        subprocess.run(command, cwd=source, check=True, capture_output=True)

    build("sdist", Path(__file__).parents[2])
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    build("wheel", folder / sdist.name.removesuffix(".tar.gz"))
    (path,) = folder.glob("*.whl")
    return path
