"""Recalibration of K classes, against scipy's minimum over all logits at once, scikit-learn, exact
fractions and the methods for two classes."""

import math
import re
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from test_recalibrations import drawn, fit_classes
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import (
    CLASS_RECALIBRATIONS,
    Histogram,
    Recalibrated,
    Temperature,
    Unperturb,
)
from aslp_lib.recalibration.classes import LabelledPixels
from aslp_lib.recalibration.one_against_rest import ClassHistogram, ClassIsotonic, log_odds
from aslp_lib.recalibration.vector import VectorScaling

IGNORED = 255
NAMES = pytest.mark.parametrize("name", CLASS_RECALIBRATIONS)


def batches(z, labels, size):
    return [*zip(z.split(size), labels.split(size), strict=True)]


# --- Fits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Temperature, VectorScaling])
@pytest.mark.parametrize(
    "case",
    [
        {"classes": 2, "shape": (), "images": 200},
        {"classes": 3, "shape": (20, 11), "rounded": True},
        {"classes": 5, "shape": (4, 6, 5), "ignored": 0.3},
        {"classes": 6, "absent": (0, 4), "ignored": 0.1},
        {"classes": 21, "images": 20, "seed": 1},
    ],
    ids=str,
)
def test_the_nll_is_the_minimum_that_scipy_finds_on_all_logits_at_once(case, kind):
    z, labels = drawn(**case)
    classes = z.shape[1]
    rows, ids = z.movedim(1, -1).reshape(-1, classes), labels.flatten()

    def loss(parameters):
        """Compute the NLL for inverse temperatures, and for offsets if there are any."""
        at = torch.tensor(parameters, requires_grad=True)
        slopes, offsets = (*at.split(classes), 0.0)[:2]
        value = cross_entropy(slopes * rows + offsets, ids, ignore_index=IGNORED)
        value.backward()
        return value.item(), at.grad.numpy()

    start = np.array([1.0] if kind is Temperature else [1.0] * classes + [0.0] * classes)
    expected = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-9}).fun
    absent = kind is VectorScaling and "absent" in case
    said = pytest.warns(RuntimeWarning, match="labelled 0, 4;") if absent else nullcontext([])
    with said as warned:
        fitted = kind().fit_classes(batches(z, labels, 2), IGNORED)
    assert all(each.filename == __file__ for each in warned)
    if kind is Temperature:
        at = 1 / fitted.value.view(1)
    else:
        at = torch.cat([fitted.slopes, fitted.offsets])
        assert fitted.offsets.sum().abs() < 1e-12
    value, gradient = loss(at.numpy())
    assert value == pytest.approx(expected, abs=1e-8) and value <= expected + 1e-9
    assert np.abs(gradient).max() < 1e-8
    again = cross_entropy(fitted(z), labels, ignore_index=IGNORED)
    assert again.item() == pytest.approx(value, abs=1e-12)


@NAMES
def test_batches_of_any_size_give_the_same_fit(name):
    """Images have more pixels than are converted at a time."""
    z, labels = drawn(shape=(100, 100), ignored=0.1)
    expected = fit_classes(name, [(z, labels)], IGNORED).state_dict()
    for size in (1, 3):
        loader = DataLoader([*zip(z, labels, strict=True)], batch_size=size)
        given = loader if size == 1 else partial(iter, loader)  # which is called for each pass
        again = fit_classes(name, given, IGNORED).state_dict()
        torch.testing.assert_close(again, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("rows", "labels", "end"),
    [
        ([[5.0, 0.0, 1.0], [0.0, 9.0, 0.0]], [0, 1], 0.01),  # all correct
        ([[900.0, 0.0, 1.0], [0.0, 900.0, 0.0]], [0, 1], 0.01),  # the slope is 0 in float64
        ([[0.0, 0.0, 0.0]], [1], 0.01),
        ([[5.0, 0.0, 1.0], [0.0, 9.0, 0.0]], [1, 2], 100.0),  # all wrong
    ],
)
def test_without_a_best_temperature_an_end_is_taken_and_said(rows, labels, end):
    pair = torch.tensor(rows), torch.tensor(labels)
    with pytest.warns(RuntimeWarning, match=f"; {end:g} is used. Check") as warned:
        fitted = Temperature().fit_classes([pair])
    assert fitted.value == end and warned[0].filename == __file__


@pytest.mark.filterwarnings("ignore:no (pixel|temperature)")
@pytest.mark.parametrize("labels", ["separable", "one class", "constant channel", "few pixels"])
def test_vector_scaling_without_a_unique_minimum_ends_with_finite_parameters(labels):
    """With few pixels, whose logits are large, the curvature vanishes at wrong ones."""
    z, ids = drawn(4)
    if labels == "constant channel":
        z[:, 2] = 1.0
    elif labels == "few pixels":
        z, ids = drawn(21, shape=(), images=10)
        z = 60 * z
    else:
        ids = z.argmax(1) if labels == "separable" else torch.zeros_like(ids)
    fitted = VectorScaling().fit_classes([(z, ids)])
    parameters = [each.requires_grad_() for each in fitted.buffers()]
    value = cross_entropy(fitted(z), ids)
    gradients = torch.autograd.grad(value, parameters)
    assert max(each.abs().max() for each in parameters) < 1e5
    assert max(each.abs().max() for each in gradients) < 1e-6
    assert value < 1e-9 or labels in ("constant channel", "few pixels")


def test_a_fit_that_raises_the_nll_is_the_identity():
    class Worse(VectorScaling):
        def minimise_classes(self, pixels):
            assert sum(len(y) for _, y in pixels) > 0
            return type(self)([50.0] * 4, [0.0] * 4)

    z, labels = drawn()
    fitted = Worse().fit_classes([(z, labels)])
    assert fitted.describe() == "the identity, which changes nothing"
    assert torch.equal(fitted(z), z)


def test_the_example_of_the_page_runs_and_its_table_names_all_methods():
    page = (Path(__file__).parents[2] / "docs" / "recalibration.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n([^`]*fit_classes[^`]*)```", page)
    z, labels = drawn(ignored=0.2)
    names = {"batches": batches(z, labels, 2), "logits": z}
    exec(block, names)
    torch.testing.assert_close(names["probabilities"].sum(1), torch.ones_like(z[:, 0]))
    for name, kind in CLASS_RECALIBRATIONS.items():
        assert f"| `{name}` | `{kind.__name__}` |" in page.partition("## More than two")[2]


# --- One against the rest -------------------------------------------------------------------------


def test_log_odds_keep_their_digits():
    z = drawn(5)[0]
    torch.testing.assert_close(log_odds(z), z.softmax(1).logit())
    large = torch.tensor([[100.0, 0.0, -200.0], [-3e38, 3e38, 3e38]])
    expected = torch.tensor([[100.0, -100.0, -300.0], [-math.inf, 0.0, 0.0]])
    torch.testing.assert_close(log_odds(large), expected)


def test_isotonic_is_scikit_learn_s_of_each_class_normalised():
    """Logits are tied, so that every level has one value."""
    z, labels = drawn(4)
    z = 3.0 * (z > 1)
    fitted = ClassIsotonic().fit_classes(batches(z, labels, 3))
    values = []
    for k, odds in enumerate(log_odds(z).unbind(1)):
        x, y = odds.flatten().numpy().round(9), (labels == k).flatten().numpy()
        p = IsotonicRegression().fit_transform(x, y.astype(float))
        values.append(p.clip(1 / 8670, 1 - 1 / 8670))  # half a grey level
    expected = np.stack(values) / np.sum(values, axis=0)
    found = fitted(z).exp().transpose(0, 1).flatten(1)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_histogram_binning_is_that_of_each_class_normalised():
    z, labels = drawn(4)
    parts = []
    for k, odds in enumerate(log_odds(z).unbind(1)):
        fitted = Histogram().fit(Counts.from_logits(odds, labels == k))
        parts.append(fitted(odds).sigmoid())
    expected = torch.stack(parts, 1) / torch.stack(parts, 1).sum(1, keepdim=True)
    found = ClassHistogram().fit_classes(batches(z, labels, 3))(z).exp()
    torch.testing.assert_close(found, expected)


# --- Errors ---------------------------------------------------------------------------------------

Z, Y = torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.int64)
NUMBERS = torch.arange(2).view(2, 1, 1)


@pytest.mark.fault
@pytest.mark.parametrize(  # tests/metrics/test_classes.py has all that is wrong in a batch
    ("given", "error", "message"),
    [
        (iter([(Z, Y)]), TypeError, "batches is list_iterator; .* Use list.batches"),
        (3, TypeError, "the type of batches is int; expected a list of pairs"),
        ((Z, Y), TypeError, "a batch is a Tensor of length 2; expected a pair .* a list"),
        ([(Z, Y, 0)], TypeError, "a batch is a tuple of length 3; expected a pair"),
        ([], ValueError, "the number of labelled pixels is 0; expected 1 or more in every pass"),
        ([(Z, 0 * Y + IGNORED)], ValueError, "the number of labelled pixels is 0"),
        ([(Z, Y + 3 * NUMBERS)], ValueError, "the first is 3; expected 0 to 2.* ignore_index"),
        ([(Z / 0, Y)], ValueError, "the batch spans .nan, nan.; expected finite"),
        ([(Z + math.inf, Y)], ValueError, "the batch spans .inf, inf.; expected finite"),
        ([(Z, Y), (Z[:, :2], Y)], ValueError, "channels is 2; expected 3, as in the batches b"),
    ],
)
def test_batches_that_cannot_be_are_named_and_refused(given, error, message):
    with pytest.raises(error, match=message):
        VectorScaling().fit_classes(given, IGNORED)


def test_ignored_pixels_may_hold_anything():
    logits = Z.clone()
    logits[0] = math.nan
    labels = torch.where(NUMBERS == 0, -100, Y + 1).to(torch.int16)
    pixels = LabelledPixels([(logits, labels)], ignore_index=-100)
    assert sum(len(y) for _, y in pixels) == 16


FOUR, ONE = VectorScaling([1.0] * 4, [0.0] * 4), Counts.from_logits(Z[:, :1], Z[:, :1])


@pytest.mark.fault
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: VectorScaling([1.0], []), ValueError, r"slopes and offsets is ..1., .0..; exp"),
        (lambda: Unperturb(0.2, classes=0), ValueError, "classes is 0; expected the number of c"),
        (lambda: Unperturb(0.2, classes=4)(Z), ValueError, r".2, 3, 4, 4.; expected .N, 4, ...."),
        (lambda: FOUR(Z), ValueError, "which are the classes of this vector_scaling"),
        (lambda: ClassIsotonic().fit(ONE), TypeError, "ClassIsotonic cannot .* Use fit_classes.b"),
        (lambda: Recalibrated(nn.Identity(), Unperturb(0.2))(Z), ValueError, "3 channels: .* two"),
    ],
)
def test_what_is_for_other_numbers_of_classes_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
