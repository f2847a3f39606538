import numpy as np
import pytest
import torch

from aslp_lib.methods.ml1_ace import calibration_error
from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts


def test_soft_bins_of_less_than_a_pixel_do_not_count():
    f, y = torch.tensor([[0.5], [0.25]]), torch.tensor([[1.0], [1.0]])
    assert calibration_error(f, y, 2, soft=True).tolist() == [0.0, 0.75]


def test_edges_belong_to_the_bin_below_as_in_the_metrics():
    grey = np.array([[0, 51, 102, 255]], np.uint8)
    y = np.array([[0, 1, 0, 1]], np.uint8)
    expected = ((1 - 0.2) / 2 + 0.4 + 0) / 3  # [0, .2], (.2, .4], none, none, (.8, 1]
    f = torch.from_numpy(grey) / 255
    ours = calibration_error(f, torch.from_numpy(y).float(), 5, soft=False)
    assert ours.item() == pytest.approx(expected)
    table = calibration.reliability(Counts.from_map(grey, y), 5, of="foreground")
    assert np.abs(table.gap)[table.pixels > 0].mean() == pytest.approx(expected)
