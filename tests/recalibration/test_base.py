"""The contract of every recalibration method: most tests run over the registry."""

import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits
from aslp_lib.recalibration import RECALIBRATIONS, REGISTERED, Logistic, Temperature
from aslp_lib.recalibration.base import preserve_decisions
from aslp_lib.tensors import load_tensors, save_tensors

OF_IMAGES = [each.name for each in REGISTERED if each.needs_network]
OF_COUNTS = [k.name for k in REGISTERED if not k.needs_network and not k.needs_dose]
FITTED = [each.name for each in REGISTERED if each.defaults and not each.needs_dose]
"""Names of the methods that have something to fit."""
PAGE = (Path(__file__).parents[2] / "docs" / "recalibration.md").read_text(encoding="utf-8")


def batch():
    """Logits that are twice too large for labels drawn from them."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 32, 32, generator=generator, dtype=torch.float64)
    return logits, torch.bernoulli(torch.sigmoid(logits / 2), generator=generator)


def counted(logits, labels):
    return Counts.from_probabilities(torch.sigmoid(logits), labels)


@cache
def fitted_on_counts(name):
    return RECALIBRATIONS[name]().fit(counted(*batch()))


def test_three_are_fitted_on_corrupted_images_too():
    names = {kind.name for kind in REGISTERED if kind.fits_corrupted}
    assert names == {"corruption_temperature", "image_wise_shrinkage", "image_wise_temperature"}


@pytest.mark.fault
@pytest.mark.parametrize("name", [kind.name for kind in REGISTERED if kind.fits_corrupted])
def test_one_set_of_corrupted_images_is_no_list(name):
    counts = counted(*batch())
    with pytest.raises(TypeError, match="the type of corrupted is Counts; expected a list"):
        RECALIBRATIONS[name]().fit(counts, counts)


@pytest.fixture(params=RECALIBRATIONS)
def kind(request):
    return RECALIBRATIONS[request.param]


@pytest.fixture(scope="session")
def fitted_on(small):
    """Each kind, fitted once on the shipped network."""
    return cache(small.fit)


def changed_by(fitted, trained, images):
    """Logits of images before and after."""
    with torch.inference_mode():
        logits = trained.network(images)
        fitted.attach(trained.network, trained.network.pooled_features)
        return logits, fitted(logits, images)


def first_images(trained, number):
    return torch.stack([trained.data.validation[i][0] for i in range(number)])


@pytest.mark.parametrize("name", OF_COUNTS)
def test_a_fit_lowers_the_nll_and_changes_counts_as_it_changes_logits(name):
    fitted, (logits, labels) = fitted_on_counts(name), batch()
    counts = counted(logits, labels)
    by_counts, by_pixels = fitted.apply_counts(counts), counted(fitted(logits), labels)
    assert calibration.nll(by_counts) < calibration.nll(counts)
    np.testing.assert_array_equal(by_counts.table.sum(axis=2), counts.table.sum(axis=2))
    for score in (calibration.nll, calibration.brier, calibration.confidence, calibration.accuracy):
        assert score(by_counts) == pytest.approx(score(by_pixels), abs=2e-3)
    if fitted.preserves_decisions:
        for after in (by_counts, by_pixels):
            assert calibration.accuracy(after) == calibration.accuracy(counts)
    torch.testing.assert_close(
        type(fitted)().fit(counts).state_dict(), fitted.state_dict(), rtol=0, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", OF_COUNTS)
@pytest.mark.fault
def test_shape_precision_nan_and_promised_decisions_are_kept(name, dtype):
    """A logit that is NaN stays NaN, so that it is refused later; it affects no other pixel."""
    fitted, logits = fitted_on_counts(name), batch()[0].to(dtype)
    logits[0, 0, 0, 0], logits[1, 0, 0, :2] = math.nan, torch.tensor([0.0, -0.0])
    after = fitted(logits)
    assert after.dtype == dtype and after.shape == logits.shape
    assert after[0, 0, 0, 0].isnan() and after.isnan().sum() == 1
    if fitted.preserves_decisions:
        assert torch.equal(after > 0, logits > 0)
        assert after[1, 0, 0, :2].eq(0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("name", OF_COUNTS)
@pytest.mark.fault
def test_an_infinite_logit_is_a_large_one_and_affects_no_other_pixel(name, dtype):
    """Logits in half precision are infinite beyond 65504."""
    fitted, logits = fitted_on_counts(name), batch()[0].to(dtype)
    logits[0, 0, 0, :2] = torch.tensor([30000.0, -30000.0])
    large = fitted(logits)
    logits[0, 0, 0, :2] = torch.tensor([math.inf, -math.inf])
    after = fitted(logits)
    assert torch.equal(after.flatten()[2:], large.flatten()[2:])
    assert not after.isnan().any()
    assert (after[0, 0, 0, :2].sign() == large[0, 0, 0, :2].sign()).all()


@pytest.mark.parametrize("name", OF_COUNTS)
def test_any_tensor_of_logits_can_be_recalibrated(name):
    """No images, no pixels, integers, logits that are not contiguous or have gradients."""
    fitted = fitted_on_counts(name)
    for shape in ((0, 1, 4, 4), (2, 1, 0, 4), (3,), (3, 2)):
        assert fitted(torch.ones(shape)).shape == shape
    whole = torch.tensor([[[3, -2, 0], [1, -1, 4]]])
    changed = fitted(whole)
    assert changed.dtype == torch.float32
    torch.testing.assert_close(changed, fitted(whole.float()), rtol=0, atol=0)
    logits = batch()[0].requires_grad_()
    (gradient,) = torch.autograd.grad(fitted(logits).sum(), logits)
    assert gradient.isfinite().all()
    swapped = logits.detach().transpose(2, 3)
    torch.testing.assert_close(fitted(swapped), fitted(swapped.contiguous()))


@pytest.mark.parametrize("name", FITTED)
def test_unfitted_it_changes_nothing(name, small):
    identity, images = RECALIBRATIONS[name](), first_images(small, 3)
    torch.testing.assert_close(*changed_by(identity, small, images))
    for levels in (256, 4096) if name in OF_COUNTS else ():
        counts = Counts(np.arange(3 * 2 * levels).reshape(3, 2, levels))
        moved = np.broadcast_to(identity.recalibrated_grey_levels(counts), (3, levels))
        np.testing.assert_array_equal(moved, np.tile(np.arange(levels), (3, 1)))
        np.testing.assert_array_equal(identity.apply_counts(counts).table, counts.table)


@pytest.fixture(scope="module")
def tested(bce):
    """Images of the test set, their labels and the network's logits."""
    test = bce.data.tests["test"]
    images, labels = (torch.stack(each) for each in list(zip(*test, strict=True))[:2])
    with torch.inference_mode():
        return images, labels, bce.network(images)


def test_the_page_has_the_class_beside_the_name(kind):
    assert f"| `{kind.name}` | `{kind.__name__}` |" in PAGE


@pytest.mark.slow
def test_the_shipped_bce_network_is_as_calibrated_as_the_page_says(kind, bce, tested):
    images, labels, logits = tested
    fitted = bce.fit(kind)
    with torch.inference_mode():
        changed = fitted(logits, images)
    assert changed.shape == logits.shape and changed.dtype == torch.float32
    if kind.preserves_decisions:
        assert torch.equal(changed > 0, logits > 0)
    before, after = counted(logits, labels), counted(changed, labels)
    assert calibration.ece(before) == pytest.approx(0.1003, abs=1e-3)
    row = re.search(rf"\| `{kind.name}` \|.*\| (yes|no) \| ([\d.]+) \|", PAGE)
    assert row, f"the page's table has no row of {kind.name}"
    assert 100 * calibration.ece(after) == pytest.approx(float(row[2]), abs=0.1)
    assert kind.preserves_decisions == (row[1] == "yes")
    if not kind.needs_dose:  # the network learned labels without perturbation
        assert calibration.ece(after) < calibration.ece(before)
        assert calibration.nll(after) < calibration.nll(before)


@pytest.mark.parametrize("name", FITTED)
def test_the_identity_is_kept_where_rounding_would_raise_the_nll(name, small):
    """A share of 1/400 at both ends of 256 levels lies nearer to the second level, at 1/255, but
    costs more there than at half a level."""
    table = np.zeros((len(small.data.validation), 2, 256), np.int64)
    table[:, 0, [0, 255]], table[:, 1, [0, 255]] = (399, 1), (1, 399)
    kind = RECALIBRATIONS[name]
    fitted = replace(small, validate=lambda _: Counts(table)).fit(kind)
    assert fitted.describe() == kind().describe()
    moved = Temperature(grey_level_logits(256)[-1] / math.log(399)).recalibrated_grey_levels(
        Counts(table)
    )
    assert moved[[0, 255]].tolist() == [1, 254]


@pytest.mark.parametrize("name", OF_IMAGES)
def test_what_needs_a_network_refuses_to_do_without(name, small, fitted_on):
    fitted, logits = fitted_on(RECALIBRATIONS[name]), torch.zeros(1, 1, 2, 2)
    for call in (lambda: fitted(logits), lambda: fitted.apply_counts(counted(*batch()))):
        with pytest.raises(TypeError, match=f"'{name}' has no .*; expected images and a network"):
            call()


# --- Files ----------------------------------------------------------------------------------------


def test_its_file_gives_it_back_bit_for_bit(kind, small, fitted_on, tmp_path):
    fitted, path = fitted_on(kind), tmp_path / f"{kind.name}.safetensors"
    fitted.save(path)
    again = kind.load(path)
    assert again.describe() == fitted.describe() != ""
    images = first_images(small, 3)
    changed = [changed_by(each, small, images)[1] for each in (fitted, again)]
    assert torch.equal(*changed)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no partial file
    whole = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == whole


@pytest.mark.fault
def test_a_damaged_or_foreign_file_is_named_and_refused(kind, fitted_on, tmp_path):
    path, other = tmp_path / "one.safetensors", tmp_path / "other"
    fitted_on(kind).save(path)
    for foreign in RECALIBRATIONS.values():
        if foreign is not kind:
            fitted_on(foreign).save(other)
            with pytest.raises(ValueError, match=f"other cannot be used.*'{kind.name}'"):
                kind.load(other)
    whole = path.read_bytes()
    for bad in (b"", whole[: len(whole) // 2], whole[:-1], b"\0" + whole, b"{}", b"[1]"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=f"{path.name} cannot be used.*'{kind.name}'"):
            kind.load(path)
    path.rename(tmp_path / "temperature.json")
    with pytest.raises(ValueError, match=r"temperature\.json .*older version.* --resume RUN"):
        kind.load(tmp_path / "temperature.json")
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.json"):
        kind.load(tmp_path / "none.json")


@pytest.mark.fault
@pytest.mark.parametrize(
    ("tensors", "facts", "message"),
    [
        ({}, {"kind": "offset"}, "its kind is 'offset'; expected temperature_scaling"),
        (
            {},
            {"kind": "two_temperatures", "version": 1},
            "an older version .* in format 1; .*--save",
        ),
        ({}, {"version": 3}, "another version of this library wrote it, in format 3; expected 2"),
        ({"value": None}, {}, "wrong tensors: value; expected value"),
        ({"colour": torch.zeros(1)}, {}, "wrong tensors: colour; expected value"),
        ({"value": torch.tensor(-1.0)}, {}, "the temperature is -1.0"),
        ({"value": torch.zeros(1, 1)}, {}, "value of temperature_scaling is"),
    ],
)
def test_a_file_of_something_else_is_named_and_refused(tmp_path, tensors, facts, message):
    path = tmp_path / "temperature_scaling.safetensors"
    Temperature(2.5).save(path)
    held, known = load_tensors(path)
    changed = {name: tensor for name, tensor in (held | tensors).items() if tensor is not None}
    save_tensors(path, changed, known | facts)
    with pytest.raises(ValueError, match=message) as refused:
        Temperature.load(path)
    assert path.name in str(refused.value)


NO_NUMBERS = (math.inf, math.nan, "2", None, 10**400)
BAD_NUMBERS = [
    *(
        (name, {number: value}, "expected")
        for name, number in (
            *(("temperature_scaling", "value"), ("class_wise_temperature", "foreground")),
            ("class_wise_temperature", "background"),
        )
        for value in (*NO_NUMBERS, 0.0, -1.0, 1e-39, 4e38, [1.0, 2.0])
    ),
    *(
        ("logistic", {number: value}, f"{number} of logistic is .* expected .*number")
        for number in ("slope", "offset")
        for value in (*NO_NUMBERS, -1.1e18)
    ),
    ("isotonic", {"logits": (1.0, math.nan), "values": (1.0, 2.0)}, "logits of isotonic is"),
    ("isotonic", {"logits": (1.0, 1e39), "values": (1.0, 2.0)}, "1e.39.*; expected .* 1e.18"),
    ("isotonic", {"logits": 0.0, "values": ()}, "logits of isotonic is 0.0; expected numbers"),
    ("histogram", {"bins": 0}, "bins is 0"),
    ("histogram", {"bins": 2.5}, "bins of histogram is 2.5"),
    ("density", {"neighbours": 0}, "neighbours is 0"),
    ("image_wise_shrinkage", {"means": (math.nan,) * 5}, "means of image_wise_shrinkage is"),
]


@pytest.mark.fault
@pytest.mark.parametrize(("name", "numbers", "message"), BAD_NUMBERS)
def test_numbers_that_are_none_are_refused(name, numbers, message):
    with pytest.raises(ValueError, match=message):
        RECALIBRATIONS[name](**numbers)


@pytest.mark.fault
def test_parameters_that_a_method_has_not_are_refused(kind):
    for values, named in (((), {"colour": 1.0}), ((1.0,) * 9, {})):
        with pytest.raises(TypeError, match=f"{kind.name} has the parameters"):
            kind(*values, **named)


@pytest.mark.fault
@pytest.mark.parametrize("name", FITTED)
def test_a_set_without_pixels_is_refused(name, small):
    kind = RECALIBRATIONS[name]
    for images in (12,) if name == "density" else (0, 2):
        empty = Counts(np.zeros((images, 2, 256), np.int64))
        with pytest.raises(ValueError, match="the number of pixels is 0"):
            replace(small, validate=lambda _, empty=empty: empty).fit(kind)


@pytest.mark.fault
@pytest.mark.parametrize("name", OF_COUNTS)
def test_what_is_no_tensor_and_no_counts_is_named_and_refused(name):
    fitted = fitted_on_counts(name)
    for value in (np.zeros((1, 4), np.float32), [0.0], "logits"):
        kind = type(value).__name__
        with pytest.raises(TypeError, match=f"the type of logits is {kind}; expected a tensor"):
            fitted(value)
        with pytest.raises(TypeError, match=f"the set to fit on is {kind}; expected Counts"):
            type(fitted)().fit(value)


# --- The base class and grey levels ---------------------------------------------------------------


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
