from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from aslp_lib.config import PRESETS
from aslp_lib.data.folders import paper_layout
from aslp_lib.evaluation.scores import count_maps
from aslp_lib.maps.read import read_map
from aslp_lib.metrics.counts import Counts
from aslp_lib.networks import DenseNetwork
from aslp_lib.prediction import predict

SETTINGS = replace(PRESETS["demo"], size=32, batch_size=2, device="cpu")


class Brightness(DenseNetwork):
    """Says 1/4 + an image's own red channel / 2: its map is known, and never sure."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))  # so that it has a device

    def forward(self, images):
        return torch.logit(0.25 + images[:, :1].float() / 255 / 2)


@pytest.fixture
def sod(paper_root):
    return paper_layout(paper_root, size=32).tests["SOD"]


def test_maps_in_files_and_in_memory_are_raw_probabilities_at_the_image_s_size(sod, tmp_path):
    predict.predict(Brightness(), sod, SETTINGS, {tmp_path / "SOD": None})
    assert sorted(p.stem for p in (tmp_path / "SOD").iterdir()) == sod.stems
    written = [read_map(tmp_path / "SOD" / f"{stem}.png") for stem in sod.stems]
    for i, level_map in enumerate(written):
        assert level_map.shape == sod.shape(i)
        small = 0.25 + sod.load(i)[0][0].float() / 255 / 2
        oracle = torch.nn.functional.interpolate(
            small[None, None], size=sod.shape(i), mode="bilinear", align_corners=False
        )[0, 0]
        assert np.abs(level_map / 255 - oracle.numpy()).max() < 0.5 / 255 + 1e-4
        assert 63 <= level_map.min() <= level_map.max() <= 192  # never stretched to the full range
    for i, maps in predict.predicted_maps(Brightness(), sod, SETTINGS, {"": None}):
        np.testing.assert_array_equal(maps[""], written[i])
    expected = Counts.from_maps(written, map(sod.mask, range(len(sod)))).table
    np.testing.assert_array_equal(count_maps(tmp_path / "SOD", sod).table, expected)


@pytest.mark.claim(
    "release",
    "The authors' min-max normalisation of maps changes calibration",
    "release: 3. A map that is stretched",
)
def test_maps_stretched_as_the_release_did(sod, tmp_path):
    settings = replace(SETTINGS, min_max_maps=True)
    predict.predict(Brightness(), sod, settings, {tmp_path / "SOD": None})
    predict.predict(Brightness(), sod, SETTINGS, {tmp_path / "raw": None})
    for stem in sod.stems:
        stretched = read_map(tmp_path / "SOD" / f"{stem}.png").astype(float)
        raw = read_map(tmp_path / "raw" / f"{stem}.png").astype(float)
        assert (stretched.min(), stretched.max()) == (0, 255)
        slope = 255 / (raw.max() - raw.min())
        # A raw level is rounded by up to a half, and so are the two ends.
        assert np.abs(stretched - slope * (raw - raw.min())).max() <= 1.5 * slope + 0.5


@pytest.mark.fault
def test_maps_that_do_not_fit_are_named(sod, tmp_path):
    predict.predict(Brightness(), sod, SETTINGS, {tmp_path / "SOD": None})
    victim = tmp_path / "SOD" / f"{sod.stems[2]}.png"
    Image.new("L", (4, 4)).save(victim)
    with pytest.raises(ValueError, match=rf"{victim.name}.*is 4 x 4, but its mask is 40 x 32"):
        count_maps(tmp_path / "SOD", sod)
    victim.unlink()
    with pytest.raises(ValueError, match=rf"maps of SOD missing from .*: {victim.stem}"):
        count_maps(tmp_path / "SOD", sod)
