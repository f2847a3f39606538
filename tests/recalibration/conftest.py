"""The shipped BCE network, which is ten points too sure, as a trained one."""

from functools import partial

import pytest
import torch

from aslp_lib.course import recorded
from aslp_lib.recalibration import Trained
from aslp_lib.training.validation import validate


@pytest.fixture(scope="session")
def bce():
    network, data = recorded.load("bce"), recorded.SETTINGS.load_data()
    return Trained(network, data, partial(validate, network, settings=recorded.SETTINGS))


@pytest.fixture(scope="session")
def tested(bce):
    """Images, labels and logits of its test set."""
    test = bce.data.tests["test"]
    images, labels = (torch.stack(each) for each in list(zip(*test, strict=True))[:2])
    with torch.inference_mode():
        return images, labels, bce.network(images)
