"""Validation at the images' own size, against Pillow, torch and a loop over images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from aslp_lib.config import PRESETS
from aslp_lib.data.folders import Folder, paper_layout
from aslp_lib.metrics import calibration
from aslp_lib.prediction.predict import predict
from aslp_lib.recalibration import ClassWiseTemperature, ImageWiseShrinkage, Temperature
from aslp_lib.training.validation import validate

SIDE = 16
SETTINGS = replace(PRESETS["demo"], device="cpu", batch_size=2, validate_at="image")
SIZES = ((20, 31), (44, 40), (8, 9))


class Logits(nn.Module):
    """A logit from the brightness of a pixel, with a slope that makes full use of 8 bits."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))  # so that it has a device

    def forward(self, images):
        return (images.float().mean(1, keepdim=True) - 128) / 8 + self.weight


@pytest.fixture
def folder(tmp_path) -> Path:
    """Noise of three sizes; masks with 5 % of grey pixels."""
    rng = np.random.default_rng(0)
    for kind in ("Image", "GT"):
        (tmp_path / kind).mkdir()
    for i, size in enumerate(SIZES):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)
        image.save(tmp_path / "Image" / f"{i}.png")
        mask = 255 * (np.asarray(image.convert("L")) + rng.normal(0, 30, size) > 120)
        grey = rng.random(size) < 0.05
        mask[grey] = rng.integers(1, 255, grey.sum())
        Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "GT" / f"{i}.png")
    return tmp_path


def dataset(folder, size=SIDE, **options):
    files = ({p.stem: p for p in (folder / kind).iterdir()} for kind in ("Image", "GT"))
    return Folder("noise", *files, size, **options)


def own_size_maps(part, resize_logits):
    """8-bit maps, as METHOD describes them: resized, through a sigmoid, rounded."""
    for i in range(len(part)):
        with torch.no_grad():
            logit = Logits()(part.load(i)[0][None])
        size = {"size": SIZES[i], "mode": "bilinear"}
        if resize_logits:
            probability = torch.sigmoid(F.interpolate(logit, **size))
        else:
            probability = F.interpolate(torch.sigmoid(logit), **size)
        yield (255 * probability[0, 0]).round().double().numpy()


@pytest.mark.claim(
    "release",
    "With grey masks, the authors' accuracy is not the fraction of correct pixels",
)
@pytest.mark.parametrize("soft", [False, True], ids=["cut", "soft"])
@pytest.mark.parametrize("resize_logits", [False, True], ids=["probabilities", "logits"])
def test_accuracy_and_confidence_are_those_of_all_pixels_of_the_8_bit_maps(
    folder, resize_logits, soft
):
    """A grey pixel of a mask that is not cut counts as wrong."""
    part = dataset(folder)
    settings = replace(SETTINGS, resize_logits=resize_logits, soft_masks=soft)
    right, sure, pixels = 0, 0.0, 0
    for i, level_map in enumerate(own_size_maps(part, resize_logits)):
        mask = np.asarray(Image.open(folder / "GT" / f"{i}.png"))
        if not soft:
            mask = np.where(mask >= 128, 255, 0)
        right += (np.where(level_map >= 128, 255, 0) == mask).sum()
        sure += np.maximum(level_map / 255, 1 - level_map / 255).sum()
        pixels += mask.size
    counts = validate(Logits(), part, settings)
    assert counts.pixels == pixels == sum(h * w for h, w in SIZES)
    assert calibration.accuracy(counts) == right / pixels
    assert calibration.confidence(counts) == pytest.approx(sure / pixels, rel=1e-12)


CHANGES = {
    "temperature": Temperature(1e4),  # next to 1/2 everywhere: rounding reaches it
    "two temperatures": ClassWiseTemperature(4.0, 0.25),
    "image-wise shrinkage": ImageWiseShrinkage(
        [[3.0, *[0.0] * 5], [-3.0, *[0.0] * 5]], [[each] * 5 for each in (0.0, 1.0, -9.0, 9.0)]
    ),
}


@pytest.mark.parametrize("resize_logits", [False, True], ids=["probabilities", "logits"])
def test_predicted_maps_are_those_that_are_validated_and_recalibrated_ones_decide_alike(
    folder, tmp_path, resize_logits
):
    """At every pixel of the images' own sizes, those between the network's too."""
    part = dataset(folder)
    settings = replace(SETTINGS, resize_logits=resize_logits)
    changed = {tmp_path / name: change for name, change in CHANGES.items()}
    maps = tmp_path / "maps"
    predict(Logits(), part, settings, {maps: None, **changed})
    for i, oracle in enumerate(own_size_maps(part, resize_logits)):
        np.testing.assert_array_equal(np.asarray(Image.open(maps / f"{i}.png")), oracle)
        for path in changed:
            after = np.asarray(Image.open(path / f"{i}.png"))
            np.testing.assert_array_equal(after >= 128, oracle >= 128)
            assert (after != oracle).mean() > 0.5


def test_soft_masks_are_resized_as_pillow_resizes_them(folder):
    part = dataset(folder, soft_masks=True)
    for i in range(len(part)):
        mask = Image.open(folder / "GT" / f"{i}.png")
        oracle = np.asarray(mask.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        label = part[i][1]
        assert label.shape == (1, SIDE, SIDE)
        assert np.abs(255 * label[0].numpy() - oracle).max() <= 1.001  # of one rounding
        assert ((label > 0) & (label < 1)).float().mean() > 0.1


def test_training_is_soft_and_augmented_first_and_nothing_else_is(paper_root):
    release = replace(
        PRESETS["release"], data=str(paper_root), size=SIDE, num_workers=0, weights=None
    )
    data, cached = (each.load_data() for each in (release, replace(release, cache_images=True)))
    assert data.train.load(0)[0].shape == (3, 32, 40)
    image, label, _ = data.train[0]
    assert image.shape == (3, SIDE, SIDE) and image.dtype == torch.uint8
    assert label.shape == (1, SIDE, SIDE) and ((label > 0) & (label < 1)).any()
    for part in (data.validation, *data.tests.values(), paper_layout(paper_root, SIDE).train):
        assert part.load(0)[0].shape == (3, SIDE, SIDE)
        assert set(part[0][1].unique().tolist()) <= {0, 1}
    cached.train.cache()
    for kept, read in zip(cached.train[3][:2], data.train[3][:2], strict=True):
        assert kept.dtype == read.dtype and torch.equal(kept, read)
