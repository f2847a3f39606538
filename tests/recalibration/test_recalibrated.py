"""A network with a recalibration as one module: what it takes, and its files."""

import copy
from operator import itemgetter

import pytest
import torch
from test_recalibrations import drawn, images, network
from torch import nn

from aslp_lib.recalibration import Flip, Isotonic, Recalibrated, Temperature
from aslp_lib.tensors import load_tensors, save_tensors


def test_flip_averages_the_probabilities_of_an_image_and_its_mirror_image():
    convolution, original = network().double(), images().double()
    p, mirrored = (convolution(each).sigmoid() for each in (original, original.flip(-1)))
    averaged = Recalibrated(convolution, Flip())(original).sigmoid()
    torch.testing.assert_close(averaged, (p + mirrored.flip(-1)) / 2)


def test_flip_leaves_a_network_that_sees_no_difference_as_it_is():
    """Also where a probability in single precision is 1, or is 1 exactly; NaN stays NaN."""
    values = [-torch.inf, -80.0, -17.5, -3.0, 0.0, 2.0, 17.5, 80.0, 1e4, torch.inf, torch.nan]
    logits = torch.tensor(values).view(1, 1, -1, 1)
    after = Flip()(logits, logits, lambda _: logits.double())
    torch.testing.assert_close(after, logits, equal_nan=True)


@pytest.mark.fault
def test_what_is_no_fitted_recalibration_is_refused():
    with pytest.raises(TypeError, match=r"the recalibration is \w+; expected a fitted method"):
        Recalibrated(nn.Identity(), Temperature)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("output", "select", "error", "message"),
    [
        ({"out": 1, "aux": 2}, None, TypeError, "is dict; expected a tensor, one of out, aux"),
        ({"out": 1}, itemgetter("out"), TypeError, "type of the logits is int; expected a tensor"),
        (torch.zeros(2, 2, 4, 4), None, ValueError, "2 channels: shape .2, 2, 4, 4.; expected on"),
    ],
)
def test_outputs_that_are_not_one_map_are_refused(output, select, error, message):
    with pytest.raises(error, match=message):
        Recalibrated(nn.Identity(), Isotonic(), select)(output)


def test_the_logit_of_a_softmax_over_two_classes():
    scores = drawn(2)[0]
    recalibrated = Recalibrated(nn.Identity(), Temperature(2.0), lambda z: z[:, 1:] - z[:, :1])
    expected = (scores / 2).softmax(dim=1)[:, 1:]
    torch.testing.assert_close(recalibrated(scores).sigmoid(), expected)


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changed", "facts", "message"),
    [
        ({}, {"kind": "density"}, "its recalibration is 'density'; expected one of .*Fit and save"),
        ({}, {"kind": "logistic"}, "axes of each tensor is {'value': 0}; expected {'slope': 0"),
        ({}, {"kind": ["temperature_scaling"]}, "its recalibration is .'temperature_scaling'."),
        ({}, {"version": 1}, "its format is 1; expected 2.*Fit and save it again"),
        ({"network.bias": torch.ones(2)}, {}, "another network: 1 .*such as network.bias"),
    ],
)
def test_a_wrong_file_is_refused_and_leaves_the_network_unchanged(
    changed, facts, message, tmp_path
):
    path, other = tmp_path / "network.safetensors", network(seed=1)
    Recalibrated(network(), Temperature(2.0)).save(path)
    tensors, written = load_tensors(path)
    save_tensors(path, tensors | changed, written | facts)
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(ValueError, match=f"{path.name} .*{message}"):
        Recalibrated.load(path, other)
    torch.testing.assert_close(dict(other.state_dict()), dict(before), rtol=0, atol=0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        Recalibrated.load(path, other)
