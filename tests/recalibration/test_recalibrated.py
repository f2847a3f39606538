"""A network with a recalibration as one module, compared with the library's path on grey levels."""

import copy
import re
from operator import itemgetter

import numpy as np
import pytest
import torch
from test_recalibrations import ON_COUNTS, fitted_on
from torch import nn

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, nearest_grey_levels
from aslp_lib.recalibration import (
    Flip,
    ImageWiseTemperature,
    Isotonic,
    Recalibrated,
    Temperature,
    Unperturb,
)
from aslp_lib.tensors import load_tensors, save_tensors

LEVELS = 256
OF_LOGITS = pytest.mark.parametrize("name", ON_COUNTS)


def random_logits(*shape):
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def convolution(channels=3):
    torch.manual_seed(0)
    return nn.Conv2d(channels, 1, kernel_size=3, padding=1)


@OF_LOGITS
def test_in_float64_it_is_the_library_s_recalibration_of_grey_levels(name):
    fitted = fitted_on(name)
    levels = np.random.default_rng(0).integers(LEVELS, size=(3, 400))
    levels[0] //= 2  # all background
    table = np.zeros((3, 2, LEVELS), dtype=np.int64)
    np.add.at(table, (np.arange(3)[:, None], 0, levels), 1)
    moved = np.broadcast_to(fitted.recalibrated_grey_levels(Counts(table)), (3, LEVELS))
    logits = torch.from_numpy(grey_level_logits(LEVELS)[levels]).view(3, 1, 20, 20)
    recalibrated = Recalibrated(nn.Identity(), fitted)(logits)
    assert recalibrated.shape == logits.shape
    torch.testing.assert_close(recalibrated, fitted(logits), rtol=1e-12, atol=1e-12)
    found = nearest_grey_levels(recalibrated.view(3, 400).numpy(), LEVELS)
    np.testing.assert_array_equal(found, np.take_along_axis(moved, levels, axis=1))


@OF_LOGITS
def test_gradients_are_finite_differences(name):
    logits = random_logits(2, 1, 3, 4).requires_grad_()
    assert torch.autograd.gradcheck(Recalibrated(nn.Identity(), fitted_on(name)), logits)


def test_flip_averages_the_probabilities_of_an_image_and_its_mirror_image():
    network = convolution().double()
    images = random_logits(2, 3, 5, 6)
    original, mirrored = (network(each).sigmoid() for each in (images, images.flip(-1)))
    probabilities = Recalibrated(network, Flip())(images).sigmoid()
    torch.testing.assert_close(probabilities, (original + mirrored.flip(-1)) / 2)


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
    scores = random_logits(2, 2, 4, 4)
    recalibrated = Recalibrated(nn.Identity(), Temperature(2.0), lambda z: z[:, 1:] - z[:, :1])
    expected = (scores / 2).softmax(dim=1)[:, 1:]
    torch.testing.assert_close(recalibrated(scores).sigmoid(), expected)


@pytest.mark.parametrize("name", [*ON_COUNTS, "flip"])
def test_it_computes_in_single_precision(name):
    fitted = fitted_on(name)
    images, recalibrated = random_logits(2, 3, 8, 8).float(), Recalibrated(convolution(), fitted)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits, found = recalibrated.network(images), recalibrated(images)
        flipped = recalibrated.network(images.flip(-1)).flip(-1)
    assert (logits.dtype, found.dtype) == (torch.bfloat16, torch.float32)
    expected = fitted(logits.double(), images, lambda _: flipped.flip(-1))
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_float16_does_not_overflow():
    logits = torch.tensor([[[[-6e4, 6e4]]]], dtype=torch.float16)
    found = Recalibrated(nn.Identity(), Temperature(0.25))(logits)
    torch.testing.assert_close(found, 4 * logits.float())


@OF_LOGITS
def test_its_numbers_are_buffers_that_keep_their_precision_on_the_network_s_device(name):
    recalibrated = Recalibrated(convolution(), copy.deepcopy(fitted_on(name)))
    before = {name: each.clone() for name, each in recalibrated.named_buffers()}
    assert before.keys() == recalibrated.state_dict().keys() - {"network.weight", "network.bias"}
    for converted in (recalibrated.half(), recalibrated.to(torch.bfloat16)):
        assert converted.network.weight.dtype in (torch.float16, torch.bfloat16)
        for name, each in converted.named_buffers():
            torch.testing.assert_close(each, before[name], rtol=0, atol=0)
    there = Recalibrated(convolution().to("meta"), recalibrated.recalibration)
    assert there(torch.empty(2, 3, 4, 4, device="meta")).shape == (2, 1, 4, 4)
    assert all(each.is_meta for each in there.buffers())


@pytest.mark.fault
@pytest.mark.parametrize(
    ("changed", "facts", "message"),
    [
        ({}, {"kind": "density"}, "its recalibration is 'density'; expected one of .*Fit and save"),
        ({}, {"kind": "logistic"}, "axes of each tensor is {'value': 0}; expected {'slope': 0"),
        ({}, {"kind": ["temperature_scaling"]}, "its recalibration is .'temperature_scaling'."),
        ({}, {"version": 1}, "its format is 1; expected 2.*Fit and save it again"),
        ({"network.bias": None}, {}, "another network: 1 .*such as network.bias"),
        ({"network.bias": torch.ones(2)}, {}, "another network: 1 .*such as network.bias"),
        ({"network.bias": torch.ones(1).half()}, {}, "holds network.bias, which is torch.float16"),
        ({"recalibration.value": torch.tensor(-1.0)}, {}, "the temperature is -1.0"),
    ],
)
def test_a_wrong_file_is_refused_and_leaves_the_network_unchanged(
    changed, facts, message, tmp_path
):
    path = tmp_path / "network.safetensors"
    Recalibrated(convolution(), Temperature(2.0)).save(path)
    tensors, written = load_tensors(path)
    tensors = {k: each for k, each in (tensors | changed).items() if each is not None}
    save_tensors(path, tensors, written | facts)
    network = nn.Conv2d(3, 1, kernel_size=3, padding=1)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=message) as raised:
        Recalibrated.load(path, network)
    assert str(path) in str(raised.value)
    torch.testing.assert_close(dict(network.state_dict()), dict(before), rtol=0, atol=0)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=re.escape(f"{path} is damaged")):
        Recalibrated.load(path, network)


class All(nn.Module):
    """Every recalibration of the same logits, so that one graph has them all."""

    def __init__(self, *more):
        super().__init__()
        fitted = [
            *map(fitted_on, ON_COUNTS),
            Unperturb(),
            Isotonic(),
            ImageWiseTemperature(),
            *more,
        ]
        self.each = nn.ModuleList(Recalibrated(nn.Identity(), each) for each in fitted)

    def forward(self, logits):
        return [module(logits) for module in self.each]


@pytest.mark.slow
def test_torch_compile_sees_one_graph():
    together, logits = All(), random_logits(2, 1, 4, 4)
    compiled = torch.compile(together, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(logits), together(logits))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # numbers of channels are constants
def test_onnx_computes_the_same(tmp_path):
    """Also of logits whose exponentials overflow or underflow in single precision."""
    for package in ("onnx", "onnxscript"):  # for the exporters of older and of newer versions
        pytest.importorskip(package)
    onnxruntime = pytest.importorskip("onnxruntime")
    together, logits = All(Flip()), random_logits(3, 1, 4, 4).float()
    large = torch.tensor([17.0, 40.0, 110.0, 1e4])
    logits[0, 0, :2] = torch.stack([large, -large])
    path = tmp_path / "recalibrated.onnx"
    torch.onnx.export(together.eval(), (logits,), path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: logits.numpy()})
    for each, expected in zip(found, together(logits), strict=True):
        torch.testing.assert_close(torch.from_numpy(each), expected)
