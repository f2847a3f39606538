"""Files that are not plain RGB JPEGs and grey PNGs, through all that reads them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.cli import main
from aslp_lib.config import PRESETS
from aslp_lib.data.folders import paper_tests
from aslp_lib.networks import TinyUNet
from aslp_lib.prediction import predict
from aslp_lib.prediction.maps import ReadOptions, count_folders

PLAIN = ReadOptions(weighted_f=False, num_workers=2)


@pytest.fixture
def turned(paper_root):
    """SOD, of which one image lies on its side, as a camera stores it, and says so in its EXIF."""
    path = sorted((paper_root / "Test/SOD/Image").iterdir())[1]
    picture = Image.open(path)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=100, subsampling=0, exif=exif)
    return paper_root, np.array(picture)


@pytest.mark.fault("an image on its side by its EXIF", "it trains upright, as its mask is")
def test_an_image_on_its_side_goes_with_its_upright_mask(turned):
    root, picture = turned
    sod = paper_tests(root, 32)[0]["SOD"]
    assert sod.shape(1) == picture.shape[:2] == sod.mask(1).shape
    upright = torch.from_numpy(picture).permute(2, 0, 1).float().mean((1, 2))
    torch.testing.assert_close(sod.load(1)[0].float().mean((1, 2)), upright, atol=1, rtol=0)


@pytest.mark.fault("a test image on its side by its EXIF", "its map is upright")
def test_the_map_of_an_image_on_its_side_is_upright(turned, tmp_path):
    root, picture = turned
    sod = paper_tests(root, 32)[0]["SOD"]
    settings = replace(PRESETS["demo"], size=32, batch_size=2, device="cpu")
    predict.predict(TinyUNet(), sod, tmp_path / "SOD", settings, progress=False)
    with Image.open(tmp_path / "SOD" / f"{sod.stems[1]}.png") as level_map:
        assert (level_map.height, level_map.width) == picture.shape[:2]
    count_folders(tmp_path / "SOD", root / "Test/SOD/GT", PLAIN, progress=False)


@pytest.mark.fault("a mask on its side", "it is refused by name: turn one")
def test_a_mask_on_its_side_is_told(turned):
    """One that was drawn on the pixels as the camera stored them."""
    root, _ = turned
    path = sorted((root / "Test/SOD/GT").iterdir())[1]
    Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path)
    with pytest.raises(ValueError, match=r"is 40 x 32, but its mask is 32 x 40: turn one"):
        paper_tests(root, 32)[0]["SOD"].load(1)


def maps_and_masks(picture: Image.Image, mask: Image.Image, count: int = 3) -> None:
    for folder, drawn in (("maps", picture), ("SOD/GT", mask)):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            drawn.save(f"{folder}/m{i}.png")


@pytest.fixture
def drawn(elsewhere):
    """A map and its mask, written to `maps` and `SOD/GT`."""
    levels = Image.fromarray(np.tile(np.arange(0, 250, 10, dtype=np.uint8), (12, 1)))
    mask = levels.point(lambda v: 255 * (v > 120))
    maps_and_masks(levels, mask)
    return levels, mask


@pytest.mark.fault(
    "a map is a palette PNG, or RGB of three equal channels as U2-Net writes it",
    "it scores as the same picture in grey does",
)
def test_another_kind_of_the_same_picture_scores_the_same(drawn):
    levels, mask = drawn
    palette = levels.convert("RGB").quantize(32)
    assert (np.asarray(palette) != np.asarray(levels)).any()  # indices, not levels
    plain = count_folders(Path("maps"), Path("SOD/GT"), PLAIN, progress=False)
    deep = Image.fromarray(np.asarray(levels).astype(np.uint16) * 257)
    for picture in (palette, levels.convert("RGB"), levels.convert("LA"), deep):
        maps_and_masks(picture, mask.convert("1"))
        counts = count_folders(Path("maps"), Path("SOD/GT"), PLAIN, progress=False)
        np.testing.assert_array_equal(counts.table, plain.table)


def test_the_command_names_the_file_that_it_refuses(drawn, capsys):
    levels, mask = drawn
    arguments = ["score", "--maps", "maps", "--masks", "SOD/GT"]
    assert main(arguments) == 0
    black = Image.new("L", mask.size)
    Image.merge("RGB", [mask, black, black]).save("SOD/GT/m1.png")
    assert main(arguments) == 1
    assert "SOD/GT/m1.png has colours, but a mask must be grey" in capsys.readouterr().err
    mask.save("SOD/GT/m1.png")
    data = Path("maps/m2.png").read_bytes()
    Path("maps/m2.png").write_bytes(data[:-20])
    assert main(arguments) == 1
    assert "maps/m2.png cannot be read, it is damaged" in capsys.readouterr().err
    levels.save("maps/m2.png")
    assert main(arguments) == 0
