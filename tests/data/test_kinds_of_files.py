"""Files that are not plain RGB JPEGs and grey PNGs, through all that reads them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from aslp_lib.config import PRESETS
from aslp_lib.data.folders import paper_tests
from aslp_lib.maps.count import ReadOptions, count_folders
from aslp_lib.networks import TinyUNet
from aslp_lib.prediction import predict

PLAIN = ReadOptions(weighted_f=False, num_workers=2)


@pytest.mark.fault
def test_an_image_on_its_side_goes_with_its_upright_mask_and_map(paper_root, tmp_path):
    """As a camera stores it, and says so in its EXIF."""
    sod = paper_tests(paper_root, 32)[0]["SOD"]
    path, mask = sod.images[sod.stems[1]], sod.masks[sod.stems[1]]
    picture, exif = Image.open(path), Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, quality=100, subsampling=0, exif=exif)
    size = picture.height, picture.width
    assert sod.shape(1) == size == sod.mask(1).shape
    upright = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().mean((1, 2))
    torch.testing.assert_close(sod.load(1)[0].float().mean((1, 2)), upright, atol=1, rtol=0)
    settings = replace(PRESETS["demo"], size=32, batch_size=2, device="cpu")
    predict.predict(TinyUNet(), sod, settings, {tmp_path / "SOD": None})
    with Image.open(tmp_path / "SOD" / f"{sod.stems[1]}.png") as level_map:
        assert (level_map.height, level_map.width) == size
    count_folders(tmp_path / "SOD", mask.parent, PLAIN, progress=False)
    # A mask that was drawn on the pixels as the camera stored them.
    Image.open(mask).transpose(Image.Transpose.ROTATE_90).save(mask)
    with pytest.raises(ValueError, match=r"is 40 x 32, but its mask is 32 x 40; .* Rotate one"):
        sod.load(1)
