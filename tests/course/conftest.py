"""The wheel, which several files test."""

import subprocess
import sys
from pathlib import Path

import pytest

BUILD = "from setuptools.build_meta import build_sdist; import sys; build_sdist(sys.argv[1])"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build the wheel from the sdist, and return its path."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-c", BUILD, folder],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
    )
    (sdist,) = folder.glob("*.tar.gz")
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", sdist, *options]
    subprocess.run(pip, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path
