"""The blocks of docs/any_network.md, run on networks of other libraries with random weights."""

import re
from pathlib import Path

import pytest
import torch

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import Recalibrated

PAGE = Path(__file__).parents[2] / "docs" / "any_network.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
NETWORKS = {
    package: next(block for block in BLOCKS if package in block)
    for package in ("torchvision", "segmentation_models_pytorch", "transformers")
}
THE_REST = [block for block in BLOCKS if block not in NETWORKS.values()]


@pytest.mark.slow
@pytest.mark.parametrize("package", NETWORKS)
@pytest.mark.filterwarnings("ignore:no temperature:RuntimeWarning")  # of random logits and labels
def test_the_page_recalibrates(package, elsewhere):
    pytest.importorskip(package)
    torch.manual_seed(0)
    images = torch.rand(2, 3, 64, 64)
    labels = torch.randint(2, (2, 1, 64, 64))
    names = {"images": images, "validation": [(images, labels), (images.flip(-1), labels)]}
    exec(NETWORKS[package], names)
    for block in THE_REST:
        exec(block, names)
    logits = names["unfitted"](images)
    assert logits.shape == labels.shape and logits.grad_fn is not None
    assert isinstance(names["recalibrated"], Recalibrated)
    expected = (logits / names["temperature"].value).sigmoid()
    torch.testing.assert_close(names["probabilities"], expected)
    torch.testing.assert_close(names["recalibrated"](images).sigmoid(), expected)
    assert Counts.join(names["parts"]).pixels == 2 * labels.numel()
