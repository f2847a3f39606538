import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_pairs(folder: Path, images: int, seed: int, size: int = 40) -> None:
    """`images` pairs of the synthetic data as `Image/*.jpg` and `GT/*.png`, not square."""
    # Imported here, because pytest-xdist's master has no need of torch.
    from aslp_lib.data.shapes import Shapes

    (folder / "Image").mkdir(parents=True)
    (folder / "GT").mkdir()
    shapes = Shapes(folder.name, images, seed, size=size)
    for i, stem in enumerate(shapes.stems):
        picture = shapes.images[i].permute(1, 2, 0).numpy()[: size - 8]
        mask = 255 * shapes.mask(i)[: size - 8]
        Image.fromarray(picture).save(folder / "Image" / f"{stem}.jpg", quality=95)
        Image.fromarray(mask).save(folder / "GT" / f"{stem}.png")


@pytest.fixture
def paper_root(tmp_path) -> Path:
    """The paper's layout in small: 12 training pairs, SOD, and textures without a GT folder."""
    root = tmp_path / "Dataset"
    write_pairs(root / "Train" / "DUTS-TR", 12, seed=1)
    write_pairs(root / "Test" / "SOD", 5, seed=2)
    textures = root / "Test" / "DTD_Texture_500" / "Image"
    textures.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(
            textures / f"banded_{i:04d}.jpg"
        )
    return root


@pytest.fixture
def own_root(tmp_path) -> Path:
    """Folders of a user's own: 8 and 4 training pairs, and a test set of 3."""
    root = tmp_path / "mydata"
    write_pairs(root / "Train" / "leaves", 8, seed=1)
    write_pairs(root / "Train" / "fruit", 4, seed=2, size=44)
    write_pairs(root / "Test" / "garden", 3, seed=3)
    return root


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real images in the paper's layout: `ASLP_DATA`, or a folder beside the project."""
    default = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get("ASLP_DATA", default))
    if not (root / "Train" / "DUTS-TR").is_dir():
        pytest.skip(f"no real images in {root}; set ASLP_DATA to a folder in the paper's layout")
    return root


@pytest.fixture
def double():
    """Train in float64, in which no order of a sum changes a digit that is compared."""
    import torch

    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def few_resamples(monkeypatch):
    """Intervals from 20 resamples; tests/metrics/test_bootstrap.py has the 1,000."""
    monkeypatch.setattr("aslp_lib.metrics.bootstrap.Resamples.__init__.__defaults__", (20, 0))


@pytest.fixture
def quick_reports(few_resamples, few_figures, monkeypatch):
    """Few resamples and figures, and empty pictures, which have tests of their own."""
    monkeypatch.setattr("aslp_lib.evaluation.report.EXAMPLES", 1)
    monkeypatch.setattr("aslp_lib.evaluation.figures.to_png", lambda *_: b"")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working folder without data."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def few_figures(monkeypatch):
    """Draw one figure of each kind in a report, and show it in the place of the others."""
    from aslp_lib.evaluation import figures

    def first_of(draw):
        drawn = []

        def draw_once(*arguments, **options):
            if not drawn:
                drawn.append(draw(*arguments, **options))
            return drawn[0]

        return draw_once

    for draw in (
        *(figures.reliability_diagrams, figures.joint_density, figures.image_scatter),
        *(figures.calibration_errors, figures.detection_curves, figures.gallery),
    ):
        monkeypatch.setattr(figures, draw.__name__, first_of(draw))
