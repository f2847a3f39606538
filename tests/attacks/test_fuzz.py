"""Everything that reads a file meets spoiled copies of good ones.

A reader returns a correct result or refuses in words, by ValueError or FileNotFoundError.
`make fuzz` draws other cases, and more of them.
"""

import io
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import spoiled
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from aslp_lib import networks
from aslp_lib.config import PRESETS, Settings
from aslp_lib.maps.listing import read_list
from aslp_lib.maps.read import read_image, read_map, read_mask, stored_size
from aslp_lib.recalibration import RECALIBRATIONS, Histogram, Isotonic
from aslp_lib.runs import MethodFolder, Run
from aslp_lib.tensors import fill, load_tensors, save_tensors
from aslp_lib.training import checkpoints
from aslp_lib.training.checkpoints import TrainingState

CASES = int(os.environ.get("FUZZ_CASES", "0"))
"""Number of cases of each reader; 0 for the short run, whose cases are always the same."""


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pictures(_: Path) -> Iterable[bytes]:
    levels = np.zeros((12, 20), np.uint8)
    levels[3:8, 4:15], levels[3, 4:8] = 255, (250, 128, 127, 9)
    grey, deep = Image.fromarray(levels), Image.fromarray(levels.astype(np.uint16) * 257)
    rotated = Image.Exif()
    rotated[0x0112] = 6
    for image in (grey, deep, *map(grey.convert, ("RGB", "LA", "P", "1"))):
        yield encoded(image, "PNG")
    yield encoded(grey.convert("P"), "PNG", transparency=77, exif=rotated)
    yield encoded(grey.convert("RGB"), "JPEG", progressive=True, exif=rotated)
    yield encoded(grey.convert("CMYK"), "JPEG")
    yield encoded(deep, "TIFF", compression="tiff_lzw", exif=rotated)
    yield encoded(grey, "GIF")
    yield encoded(grey.convert("RGB"), "WEBP", lossless=True)


def a_picture(path: Path) -> None:
    pixels = read_image(path)
    assert pixels.dtype == np.uint8 and pixels.shape == (*stored_size(path), 3)
    levels = read_map(path)
    assert levels.dtype == np.uint8 and (pixels == levels[:, :, None]).all()
    assert np.array_equal(read_mask(path, "threshold"), levels >= 128)


def lists(_: Path) -> Iterable[bytes]:
    return map(str.encode, ("a\nb.jpg\n", "ä\r\nb c", "a\0b\n\x85", "/etc/passwd\n../up"))


def a_list(path: Path) -> None:
    stems = read_list(path)
    assert len(set(stems)) == len(stems) > 0
    assert all(stem.splitlines() == [stem.strip()] for stem in stems)
    assert all(stem.encode() in path.read_bytes() for stem in stems)


def presets(_: Path) -> Iterable[bytes]:
    return [preset.to_json().encode() for preset in PRESETS.values()]


def a_run(path: Path) -> None:
    read = Run.open(path.parent).settings
    assert repr(read) == repr(Settings.from_json(read.to_json()))  # 1, 1.0 and True are equal


def weights(folder: Path) -> Iterable[bytes]:
    facts = {"network": "tiny", "method": "bce", "settings": Settings().to_json()}
    save_tensors(folder / "good", networks.build("tiny").state_dict(), facts)
    yield (folder / "good").read_bytes()


def a_trained_network(path: Path) -> None:
    network = networks.build("tiny")
    tensors, metadata = load_tensors(path)
    fill(network, tensors, path)
    assert isinstance(metadata, dict)
    assert all(value.isfinite().all() for value in network.state_dict().values())


TRAINED = Settings(methods=("aslp_mc",), size=8)


def a_training() -> TrainingState:
    network = nn.Conv2d(3, 1, 1)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3, 2, 2)).sum().backward()
    optimizer.step()
    return TrainingState(network, TRAINED.method("aslp_mc", 3), optimizer, network)


def training(folder: Path) -> Iterable[bytes]:
    state = a_training()
    state.log.append({"epoch": 1.0, "loss": 0.5})
    checkpoints.save(MethodFolder(folder), TRAINED, state)
    yield MethodFolder(folder).checkpoint.read_bytes()


def a_checkpoint(path: Path) -> None:
    state = a_training()
    checkpoints.restore(MethodFolder(path.parent), TRAINED, state)
    restored = nn.ModuleDict({"network": state.network, "method": state.method}).state_dict()
    stored = load_file(path)
    for name in restored.keys() & stored.keys():
        assert stored[name].tolist() == restored[name].tolist()
    assert {"network.weight", "network.bias", "method.alphas.alpha"} <= stored.keys()
    state.optimizer.step()  # a training that goes on takes this step with the restored moments
    checkpoints.write_log(MethodFolder(path.parent), state)


def recalibrations(folder: Path) -> Iterable[bytes]:
    fitted = [kind() for kind in RECALIBRATIONS.values()]
    fitted.append(Isotonic((-2.0, 0.5, 3.0), (-1.0, -1.0, 2.0)))
    fitted.append(Histogram(edges=(-2.0, 0.5), values=(-1.0, 1.0, 0.0)))
    for each in fitted:
        each.save(folder / "good")
        yield (folder / "good").read_bytes()


def a_recalibration(path: Path) -> None:
    logits = torch.linspace(-9, 9, 24).view(1, 1, 4, 6)
    images = torch.arange(72).view(1, 3, 4, 6).to(torch.uint8)
    text = path.read_text(errors="replace")
    for name, kind in RECALIBRATIONS.items():
        if re.search(rf"\b{name}\b", text):
            network = networks.build("tiny").eval()
            changed = kind.load(path)(logits, images, network)
            assert changed.shape == logits.shape and not changed.isnan().any()


READERS = [
    ("one.png", pictures, spoiled.picture, a_picture),
    ("a.txt", lists, spoiled.any_bytes, a_list),
    ("settings.json", presets, spoiled.json_text, a_run),
    ("one.safetensors", weights, spoiled.safetensors, a_trained_network),
    ("last.safetensors", training, spoiled.any_bytes, a_checkpoint),
    ("one.safetensors", recalibrations, spoiled.safetensors, a_recalibration),
]
"""The name that a file must have, what makes good ones, a strategy of spoiled ones, and what reads
a file and asserts that the result is right."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.fault
@pytest.mark.parametrize(("file", "make", "spoil", "read"), READERS)
def test_spoiled_files_are_read_right_or_refused(file, make, spoil, read, tmp_path):
    good = list(make(tmp_path))
    path = tmp_path / "folder" / file
    path.parent.mkdir()
    outcomes: Counter[str] = Counter()

    @settings(
        max_examples=CASES or 40,
        derandomize=not CASES,
        database=None,
        deadline=20_000 if CASES else None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(good).flatmap(lambda data: st.just(data) | spoil(data)))
    def attack(data: bytes) -> None:
        path.write_bytes(data)
        try:
            read(path)
            outcomes["accepted"] += 1
        except (ValueError, FileNotFoundError):
            outcomes["refused"] += 1

    attack()
    assert outcomes.keys() == {"accepted", "refused"}
    print(f"{make.__name__}: {dict(outcomes)}")
