import math

import pytest
import torch
from torch.nn import functional as F

from aslp_lib.methods.confidence_penalty import entropy


def test_where_it_is_least():
    """The loss `log(1 + e^-z) - beta H` of a correct pixel has its minimum where
    `1 - f = beta f (1 - f) z`, so at `f z = 1 / beta`; BCE alone has none."""
    z = torch.linspace(0, 20, 20_001).view(-1, 1, 1, 1)
    pixel = F.softplus(-z) - 0.2 * entropy(z)
    best = z[pixel.argmin()].item()
    assert best / (1 + math.exp(-best)) == pytest.approx(1 / 0.2, abs=0.02)


def test_entropy_by_hand_and_of_large_logits():
    logits = torch.tensor([0.0, math.log(3), -math.log(3), 50.0, -50.0])
    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    large = 51 * math.exp(-50)
    expected = [math.log(2), quarter, quarter, large, large]
    assert entropy(logits).tolist() == pytest.approx(expected, rel=1e-5, abs=0)
