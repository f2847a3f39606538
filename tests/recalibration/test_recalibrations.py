"""The contract of every recalibration method: tests over both registries."""

import copy
import math
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from aslp_lib.maps.slabs import Slabs
from aslp_lib.metrics import calibration, scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.prediction.predict import predicted_maps
from aslp_lib.prediction.recalibrated_maps import changed_slabs
from aslp_lib.recalibration import (
    CLASS_RECALIBRATIONS,
    RECALIBRATIONS,
    Logistic,
    Recalibrated,
    Temperature,
)
from aslp_lib.recalibration.recalibration import preserve_decisions
from aslp_lib.tensors import load_tensors, save_tensors

OF_CLASSES = {f"{name} of classes": kind for name, kind in CLASS_RECALIBRATIONS.items()}
KINDS = RECALIBRATIONS | OF_CLASSES
FITTED = [
    name for name, kind in RECALIBRATIONS.items() if kind().state_dict() and not kind.needs_dose
]
"""Names of the methods that have something to fit."""
UNFITTED = [*FITTED, *(name for name, kind in OF_CLASSES.items() if not kind.needs_dose)]
ON_COUNTS = [name for name, kind in RECALIBRATIONS.items() if kind.needs != "images"]
ON_LOGITS = [*ON_COUNTS, *OF_CLASSES]
PAGE = (Path(__file__).parents[2] / "docs" / "recalibration.md").read_text(encoding="utf-8")
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def batch(name=""):
    """Logits that are twice too large for labels drawn from them."""
    if name in OF_CLASSES:
        return drawn()
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 32, 32, generator=generator, dtype=torch.float64)
    logits -= torch.arange(5).view(-1, 1, 1, 1) / 2  # so that areas differ
    return logits, torch.bernoulli(torch.sigmoid(logits / 2), generator=generator)


def drawn(classes=4, shape=(12, 9), images=7, seed=0, ignored=0.0, absent=(), rounded=False):
    """Draw logits and labels of K classes, with a bias; ignored pixels have the label 255."""
    generator = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(images, classes, *shape, generator=generator, dtype=torch.float64)
    z = z.round() if rounded else z
    rows = (z / 2).movedim(1, -1).reshape(-1, classes) + torch.linspace(-1, 1, classes)
    rows[:, list(absent)] = -torch.inf
    labels = torch.multinomial(rows.softmax(1), 1, generator=generator).view(images, *shape)
    labels[torch.rand(labels.shape, generator=generator) < ignored] = 255
    return z, labels


def fit_classes(name, batches, ignore_index=None):
    kind = CLASS_RECALIBRATIONS[name]
    method = kind(0.2, classes=4) if kind.needs_dose else kind()
    return method.fit_classes(batches, ignore_index)


@cache
def fitted_on(name):
    if name in OF_CLASSES:
        return fit_classes(name.removesuffix(" of classes"), [drawn()])
    unfitted = KINDS[name](0.2) if KINDS[name].needs_dose else KINDS[name]()
    return unfitted.fit(Counts.from_logits(*batch()))


@pytest.fixture(params=RECALIBRATIONS)
def fitted(request):
    return fitted_on(request.param)


def network(name="", seed=0):
    torch.manual_seed(seed)
    return nn.Conv2d(3, 4 if name in OF_CLASSES else 1, kernel_size=3, padding=1)


def images():
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def test_what_lowers_the_nll_of_clean_images_may_raise_that_of_corrupted_ones():
    wrong_half = Counts.from_map(np.uint8([[230] * 10]), np.uint8([[1] * 5 + [0] * 5]))
    right = Counts.from_map(np.full((40, 10), 200, np.uint8), np.ones((40, 10), np.uint8))
    temperature = RECALIBRATIONS["corruption_temperature"](2.0)
    assert temperature.lowers_nll(wrong_half) and temperature.lowers_nll(wrong_half, [wrong_half])
    assert not temperature.lowers_nll(wrong_half, [right])


@pytest.mark.parametrize("name", ON_COUNTS)
def test_maps_read_in_slabs_and_arrays_get_the_same(name):
    """Also 8-bit maps, whose counts have the levels that their pixels get."""
    fitted, (logits, labels) = fitted_on(name), batch()
    volume = logits[:, 0]  # five slices, of different areas, which are read one by one
    slabs = changed_slabs(fitted, Slabs(volume.shape, iter(volume.numpy()[:, None])), logits=True)
    changed = torch.from_numpy(np.concatenate(list(slabs.parts)))
    expected = fitted(volume[None, None])  # (N, 1, D, H, W)
    torch.testing.assert_close(changed.view_as(expected), expected)
    levels = (255 * logits.sigmoid()).byte()[:, 0].numpy()
    masks = labels.byte()[:, 0].numpy()
    after = fitted.apply_counts(Counts.from_maps(levels, masks))
    for number, (level_map, mask) in enumerate(zip(levels, masks, strict=True)):
        (part,) = changed_slabs(fitted, Slabs.of(level_map)).parts
        np.testing.assert_array_equal(after.table[number], Counts.from_map(part, mask).table[0])


def test_runs_fit_and_predict_it(fitted, small):
    again, test = small.fitted[fitted.name], small.data.tests["test"]
    arguments = small.network, test, small.settings, {"": again}, [0]
    (_, maps), *_ = predicted_maps(*arguments, floats=True)
    with torch.inference_mode():
        expected = Recalibrated(small.network, again)(test[0][0][None]).sigmoid()
    np.testing.assert_allclose(maps[""], expected[0, 0], atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ON_LOGITS)
@pytest.mark.fault
def test_shape_precision_and_promised_decisions_are_kept_also_beside_nan_and_infinity(name, dtype):
    """NaN stays NaN, so that it is refused later, and affects no other pixel; an infinite logit is
    a large one, as half precision makes of logits beyond 65504."""
    fitted, logits = fitted_on(name), batch(name)[0].to(dtype)
    logits[0, 0, 0, 0], logits[1, 0, 0, :2] = math.nan, torch.tensor([0.0, -0.0])
    logits[2, 0, 0, :2] = torch.tensor([30000.0, -30000.0])
    large = fitted(logits)
    logits[2, 0, 0, :2] = torch.tensor([math.inf, -math.inf])
    after = fitted(logits)
    assert after.dtype == dtype and after.shape == logits.shape
    assert after[0, 0, 0, 0].isnan() and after.isnan().any(dim=1).sum() == 1
    assert torch.equal(after[2].sign(), large[2].sign())
    large[2, :, 0, :2] = after[2, :, 0, :2]
    assert torch.equal(after.nan_to_num(), large.nan_to_num())
    if fitted.preserves_decisions and name in ON_COUNTS:
        assert torch.equal(after > 0, logits > 0)
        assert after[1, 0, 0, :2].eq(0).all()


@pytest.mark.parametrize("name", ON_LOGITS)
def test_gradients_are_finite_differences(name):
    logits = batch(name)[0][:2, ..., :3, :2].clone().requires_grad_()
    assert torch.autograd.gradcheck(Recalibrated(nn.Identity(), fitted_on(name)), logits)


@pytest.mark.parametrize("name", [*ON_LOGITS, "flip"])
def test_a_module_computes_in_single_precision(name):
    fitted, recalibrated = fitted_on(name), Recalibrated(network(name), fitted_on(name))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        logits, found = recalibrated.network(images()), recalibrated(images())
        flipped = recalibrated.network(images().flip(-1))
    assert (logits.dtype, found.dtype) == (torch.bfloat16, torch.float32)
    expected = fitted(logits.double(), images(), lambda _: flipped)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


class All(nn.Module):
    """Several recalibrations of the same logits, so that one graph has them all."""

    def __init__(self, names):
        super().__init__()
        fitted = [fitted_on(name) for name in names]
        if "isotonic" in names:
            fitted += [RECALIBRATIONS[name]() for name in ("unperturb", "isotonic", "flip")]
        self.each = nn.ModuleList(Recalibrated(nn.Identity(), each) for each in fitted)

    def forward(self, logits):
        return [module(logits) for module in self.each]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # numbers of channels are constants
@pytest.mark.parametrize("names", [ON_COUNTS, OF_CLASSES], ids=["two", "more"])
def test_compiled_and_exported_graphs_and_onnx_compute_the_same(names, tmp_path):
    """ONNX also of logits whose exponentials overflow or underflow in single precision."""
    together, logits = All(names).eval(), batch(next(iter(names)))[0]
    for graph in (
        torch.compile(together, fullgraph=True, backend="eager"),
        torch.export.export(together, (logits,)).module(),
    ):
        torch.testing.assert_close(graph(logits), together(logits))
    for package in ("onnx", "onnxscript"):  # for the exporters of older and of newer versions
        pytest.importorskip(package)
    onnxruntime = pytest.importorskip("onnxruntime")
    logits, large = logits.float(), torch.tensor([17.0, 40.0, 110.0, 1e4])
    logits[0, 0, :2, :4] = torch.stack([large, -large])
    path = tmp_path / "recalibrated.onnx"
    torch.onnx.export(together, (logits,), path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(None, {session.get_inputs()[0].name: logits.numpy()})
    for each, expected in zip(found, together(logits), strict=True):
        torch.testing.assert_close(torch.from_numpy(each), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ON_COUNTS)
def test_any_tensor_of_logits_can_be_recalibrated(name):
    """No images, no pixels, integers, logits that are not contiguous."""
    fitted = fitted_on(name)
    for shape in ((0, 1, 4, 4), (2, 1, 0, 4), (3,), (3, 2)):
        assert fitted(torch.ones(shape)).shape == shape
    whole = torch.tensor([[[3, -2, 0], [1, -1, 4]]])
    torch.testing.assert_close(fitted(whole), fitted(whole.float()), rtol=0, atol=0)
    swapped = batch()[0].transpose(2, 3)
    torch.testing.assert_close(fitted(swapped), fitted(swapped.contiguous()))


@pytest.mark.parametrize("name", UNFITTED)
def test_unfitted_it_changes_nothing(name):
    identity, logits = KINDS[name](), batch(name)[0]
    torch.testing.assert_close(identity(logits), logits)
    for levels in (256, 4096) if name in FITTED else ():
        counts = Counts(np.arange(3 * 2 * levels).reshape(3, 2, levels))
        np.testing.assert_array_equal(identity.apply_counts(counts).table, counts.table)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECALIBRATIONS)
def test_the_shipped_bce_network_is_as_calibrated_as_the_page_says(name, bce):
    kind, test = RECALIBRATIONS[name], bce.data.tests["test"]
    pictures, labels = (torch.stack(each) for each in list(zip(*test, strict=True))[:2])
    with torch.inference_mode():
        logits = bce.network(pictures)
        changed = bce.fitted[name](logits, pictures, bce.network)
    assert changed.dtype == torch.float32
    before, after = (Counts.from_probabilities(z.sigmoid(), labels) for z in (logits, changed))
    assert calibration.ece(before) == pytest.approx(0.1003, abs=1e-3)
    row = re.search(rf"\| `{name}` \| `{kind.__name__}` \|.*\| (yes|no) \| ([\d.]+) \|", PAGE)
    assert row, f"the page's table has no row of {name}"
    assert 100 * calibration.ece(after) == pytest.approx(float(row[2]), abs=0.1)
    assert kind.preserves_decisions == (row[1] == "yes")
    assert torch.equal(changed > 0, logits > 0) or not kind.preserves_decisions
    if not kind.needs_dose:  # the network learned labels without perturbation
        assert calibration.nll(after) < calibration.nll(before)


# --- Files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_files_and_modules_give_it_back_bit_for_bit(name, tmp_path):
    """Also after a conversion to half precision, in which steps of `Isotonic` would coincide."""
    fitted, path = fitted_on(name), tmp_path / "one.safetensors"
    fitted.save(path)
    again = type(fitted).load(path)
    assert again.describe() == fitted.describe() != ""
    written = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == written
    saved, whole = Recalibrated(network(name), again), tmp_path / "network.safetensors"
    saved.save(whole)
    loaded = Recalibrated.load(whole, network(name, seed=1))
    torch.testing.assert_close(loaded(images()), saved(images()), rtol=0, atol=0)
    torch.testing.assert_close(
        saved(images()), fitted(saved.logits(images()), images(), saved.logits)
    )
    assert {each.name for each in tmp_path.iterdir()} == {path.name, whole.name}
    before = {key: buffer.clone() for key, buffer in saved.named_buffers()}
    assert before.keys() == saved.state_dict().keys() - {"network.weight", "network.bias"}
    for converted in (saved.half(), saved.to(torch.bfloat16)):
        assert converted.network.weight.dtype in (torch.float16, torch.bfloat16)
        torch.testing.assert_close(dict(converted.named_buffers()), before, rtol=0, atol=0)
    there = Recalibrated(network(name).to("meta"), copy.deepcopy(again))
    assert there(images().to("meta")).shape == saved.float()(images()).shape
    assert all(each.is_meta for each in there.buffers())


@pytest.mark.fault
def test_a_damaged_file_is_named_and_refused(tmp_path):
    path = tmp_path / "one.safetensors"
    Temperature(2.5).save(path)
    whole = path.read_bytes()
    for bad in (b"", whole[: len(whole) // 2], whole[:-1], b"\0" + whole, b'{"value": 2}', b"[1]"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=f"{path.name} cannot be .*'temperature_.*--resume"):
            Temperature.load(path)
    with pytest.raises(FileNotFoundError, match=r"no file .*none"):
        Temperature.load(tmp_path / "none")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("tensors", "facts", "message"),
    [
        ({}, {"kind": "density"}, "its kind is 'density'; expected temperature_scaling"),
        ({}, {"version": 1}, "its format is 1; expected 2.*Fit it again.*--save"),
        ({"value": None}, {}, r"axes of each tensor is {}; expected {'value': 0}"),
        ({"colour": torch.zeros(1)}, {}, "axes of each tensor is {'colour': 1, 'value': 0}"),
        ({"value": torch.tensor(-1.0)}, {}, "value of temperature_scaling is -1.0"),
        ({"value": torch.zeros(1, 1)}, {}, "axes of each tensor is {'value': 2}"),
        ({"value": torch.tensor(math.nan)}, {}, "value of temperature_scaling is nan"),
    ],
)
def test_a_file_of_something_else_is_named_and_refused(tmp_path, tensors, facts, message):
    path = tmp_path / "temperature_scaling.safetensors"
    Temperature(2.5).save(path)
    kept, known = load_tensors(path)
    changed = {name: tensor for name, tensor in (kept | tensors).items() if tensor is not None}
    save_tensors(path, changed, known | facts)
    with pytest.raises(ValueError, match=f"{path.name} .*{message}"):
        Temperature.load(path)


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.fault
@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        *(
            ("class_wise_temperature", {side: value}, f"{side} of .*; expected a number from 1.17")
            for side in ("foreground", "background")
            for value in (math.inf, math.nan, 0.0, -1.0, 1e-39, 4e38, [1.0, 2.0])
        ),
        *(
            (name, {"dose": dose}, f"dose of {name} is .*; expected a number from 0 to 0.99")
            for name in ("unperturb", "unperturb_temperature")
            for dose in (-0.1, 1.0, 2)
        ),
        ("unperturb_temperature", {"value": 0.0}, "value of unperturb_temperature is 0.0"),
        ("logistic", {"slope": math.nan}, "slope of logistic is nan; expected a number"),
        ("logistic", {"offset": -1.1e18}, "offset of logistic is -1.1e.18; expected .* 1e.18"),
        ("isotonic", {"logits": (1.0, math.nan), "values": (1.0, 2.0)}, "logits of isotonic is"),
        ("histogram", {"bins": 0}, "the number of bins is 0"),
        ("histogram", {"bins": 2.5}, "the number of bins is 2.5"),
        ("image_wise_shrinkage", {"scales": [[math.nan]]}, "scales of image_wise_shrinkage is"),
    ],
)
def test_numbers_that_cannot_be_are_refused(name, numbers, message):
    with pytest.raises(ValueError, match=message):
        RECALIBRATIONS[name](**numbers)


@pytest.mark.fault
def test_what_cannot_be_fitted_or_recalibrated_is_named_and_refused(fitted):
    fit, counts = type(fitted)().fit, Counts.from_logits(*batch())
    nothing = Counts(np.zeros((2, 2, 256), np.int64))
    for call, arguments, message in (
        (fitted, [np.zeros((1, 4))], "the type of logits is ndarray; expected a tensor"),
        (fit, [[0.0]], "the set to fit on is list; expected Counts. Create them"),
        (fit, [counts, counts], "the type of corrupted is Counts; expected a list"),
        (fit, [nothing], "the number of pixels is 0"),
        (fit, [nothing[:0]], "the number of pixels is 0"),
        (fit, [Counts(np.ones((1, 2, 2)))], "the number of grey levels is 2; expected 4 or more"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            call(*arguments)


@pytest.mark.fault
def test_what_needs_images_refuses_to_do_without():
    flip, logits = RECALIBRATIONS["flip"](), torch.zeros(1, 1, 2, 2)
    for call in (lambda: flip(logits), lambda: flip.apply_counts(Counts.from_logits(*batch()))):
        with pytest.raises(TypeError, match=r"the images is NoneType; .* flip runs the n"):
            call()
    with pytest.raises(TypeError, match="the network is NoneType"):
        flip(logits, images())


# --- Decisions ------------------------------------------------------------------------------------


def test_a_probability_stays_on_the_side_of_one_half_where_it_was():
    after = preserve_decisions(np.float32([0.7, 0.5, 0.4]), np.float32([0.3, 0.4, 0.6]))
    assert (after >= 0.5).tolist() == [False, False, True]
    np.testing.assert_allclose(after, 0.5)


def test_decisions_that_may_move_do_in_the_counts_too():
    """The counts lose what only pixels know."""
    counts = Counts.from_map(np.full((1, 7), 120, np.uint8), np.ones((1, 7), np.uint8))
    after = Logistic(1.0, 1.0).apply_counts(counts.with_columns(weighted_f=[1.0], names=["one"]))
    (level,) = np.flatnonzero(after.table[0, 1])
    assert level == round(255 / (1 + 135 / 120 * np.exp(-1))) >= 128  # from a logit of -0.118
    assert after.names == ("one",) and {*after.columns} == {"names"}


def test_recalibrated_counts_have_no_score_of_the_map_before():
    """Scores that need the pixels are undefined for floats, as they are for 8-bit maps."""
    ignored = Counts.from_floats(np.float64([[0.7, 0.2]]), np.uint8([[1, 9]]), ignore_index=9)
    whole = Counts.from_floats(np.float64([[0.7, 0.2]]), np.uint8([[1, 0]]))
    known = {"weighted_f": [1.0], "names": ["one"], "groups": [3]}
    for counts in (ignored, whole):
        after = Temperature(3.0).apply_counts(counts.with_columns(**known))
        assert {*after.columns} == {"names", "groups"}
    assert not math.isnan(scores(whole)["s_measure"]) and math.isnan(scores(after)["s_measure"])
