"""What every recalibration is, whichever are registered."""

import json
import math
import re
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from aslp_lib.metrics import calibration
from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration import (
    RECALIBRATIONS,
    REGISTERED,
    ImageRecalibration,
    Recalibration,
    Temperature,
    base,
)

OF_IMAGES = [each.name for each in REGISTERED if issubclass(each, ImageRecalibration)]
OF_COUNTS = [each.name for each in REGISTERED if each.name not in OF_IMAGES]
FITTED = [each.name for each in REGISTERED if fields(each)]  # the others have nothing to fit
PAGE = (Path(__file__).parents[2] / "docs" / "recalibration.md").read_text(encoding="utf-8")


@pytest.fixture
def counts():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 32, 32, generator=generator)
    labels = torch.bernoulli(torch.sigmoid(logits / 2), generator=generator)
    return Counts.from_probabilities(torch.sigmoid(logits), labels)


@pytest.fixture(params=RECALIBRATIONS)
def kind(request):
    return RECALIBRATIONS[request.param]


@pytest.fixture(params=OF_COUNTS)
def of_counts(request):
    return RECALIBRATIONS[request.param]


@pytest.fixture(scope="session")
def fitted_on(bce):
    """Each kind, fitted once on the shipped network."""
    return cache(lambda kind: kind().fit_on_images(bce))


def scored(logits, labels):
    return Counts.from_probabilities(torch.sigmoid(logits), labels)


@pytest.mark.parametrize("name", FITTED)
def test_unfitted_it_changes_nothing(name, bce, tested):
    kind = RECALIBRATIONS[name]
    images, _, logits = (each[:3] for each in tested)
    torch.testing.assert_close(kind().apply_on_images(logits, images, bce.network), logits)


def test_fitted_it_lowers_the_nll_and_keeps_what_it_promises(of_counts, counts):
    fitted = of_counts().fit(counts)
    after = fitted.apply_counts(counts)
    assert calibration.nll(after) < calibration.nll(counts)
    np.testing.assert_array_equal(after.table.sum(axis=2), counts.table.sum(axis=2))
    if of_counts.preserves_decisions:
        assert calibration.accuracy(after) == calibration.accuracy(counts)
    assert of_counts().fit(counts) == fitted


def test_the_shipped_bce_network_is_mended(kind, bce, tested, fitted_on):
    """Ten points too sure on test. How much, and what stays, is what the page's table says."""
    images, labels, logits = tested
    fitted = fitted_on(kind)
    with torch.inference_mode():
        changed = fitted.apply_on_images(logits, images, bce.network)
    assert changed.shape == logits.shape and changed.dtype == torch.float32
    if kind.preserves_decisions:
        assert torch.equal(changed > 0, logits > 0)
    before, after = scored(logits, labels), scored(changed, labels)
    assert calibration.ece(before) == pytest.approx(0.1003, abs=1e-3)
    told = re.search(rf"\| `{kind.name}` \|.*\| (yes|no) \| ([\d.]+) \|", PAGE)
    assert told, f"the page's table has no row of {kind.name}"
    assert 100 * calibration.ece(after) == pytest.approx(float(told[2]), abs=0.1)
    assert kind.preserves_decisions == (told[1] == "yes")
    assert calibration.ece(after) < calibration.ece(before)
    assert calibration.nll(after) < calibration.nll(before)
    if kind.name in OF_COUNTS:
        of_counts = calibration.ece(fitted.apply_counts(before))
        assert of_counts == pytest.approx(calibration.ece(after), abs=2e-3)
    assert fitted.describe()


@pytest.mark.parametrize("name", FITTED)
def test_the_identity_is_kept_where_rounding_would_raise_the_nll(name, bce):
    """A share of 1/400 at both ends of 256 levels lies nearer to the second level, at 1/255, but
    costs more there than at half a level."""
    table = np.zeros((len(bce.data.validation), 2, 256), np.int64)
    table[:, 0, [0, 255]], table[:, 1, [0, 255]] = (399, 1), (1, 399)
    kind = RECALIBRATIONS[name]
    fitted = kind().fit_on_images(replace(bce, validate=lambda _: Counts(table)))
    assert fitted.describe() == kind().describe()
    moved = Temperature(base.level_logits(256)[-1] / math.log(399)).moved_levels(Counts(table))
    assert moved[[0, 255]].tolist() == [1, 254]


@pytest.mark.parametrize("name", OF_IMAGES)
def test_what_sees_images_refuses_to_do_without(name, counts):
    kind = RECALIBRATIONS[name]
    with pytest.raises(TypeError, match=f"'{name}' sees images: call fit_on_images"):
        kind().fit(counts)
    with pytest.raises(TypeError, match=f"'{name}' sees images: call apply_on_images"):
        kind().apply(torch.zeros(1, 1, 2, 2))
    with pytest.raises(TypeError, match=f"'{name}' sees images, which counts do not hold"):
        kind().apply_counts(counts)


def test_its_file_gives_it_back(kind, bce, tested, fitted_on, tmp_path):
    images, _, logits = (each[:3] for each in tested)
    fitted, path = fitted_on(kind), tmp_path / f"{kind.name}{kind.suffix}"
    fitted.save(path)
    again = kind.load(path)
    assert again.describe() == fitted.describe()
    changed = [each.apply_on_images(logits, images, bce.network) for each in (fitted, again)]
    assert torch.equal(*changed)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no half of it
    whole = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == whole


@pytest.mark.fault("a recalibration is fitted on damaged counts", "they are refused")
@pytest.mark.parametrize("value", [-1, math.nan, math.inf])
@pytest.mark.parametrize("name", FITTED)
def test_what_is_no_number_of_pixels_is_refused(name, bce, value):
    def fit(table):
        kind = RECALIBRATIONS[name]
        return kind().fit_on_images(replace(bce, validate=lambda _: Counts(table)))

    table = np.ones((1, 2, 256))
    table[0, 1, 3] = value
    with pytest.raises(ValueError, match="some are negative or NaN"):
        fit(table)
    for images in (0, 2):
        with pytest.raises(ValueError, match="the set has no pixels"):
            fit(np.zeros((images, 2, 256), np.int64))


@pytest.mark.fault("a recalibration's file is damaged, or another's", "it is refused by name")
def test_a_damaged_or_foreign_file_is_named_and_refused(kind, fitted_on, tmp_path):
    path, other = tmp_path / f"one{kind.suffix}", tmp_path / "other"
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


def test_names_are_the_registry_s_and_fit_a_folder(kind):
    assert RECALIBRATIONS[kind.name] is kind
    assert kind.name.isidentifier()
    assert kind.label


@dataclass(frozen=True)
class Offset(Recalibration):
    """Adds a number to every logit: of another kind, and decisions move."""

    name = "offset"
    label = "offset"
    preserves_decisions = False

    value: float = 0.0

    def minimise(self, counts):
        return Offset(1.0)

    def apply(self, logits):
        return logits + self.value

    def describe(self):
        return f"{self.value:+g}"


@pytest.mark.fault("a fitted number is NaN", "its file is not written")
def test_what_is_no_number_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        Offset(float("nan")).save(tmp_path / "offset.json")
    assert not list(tmp_path.iterdir())


def test_decisions_that_may_move_do_in_the_counts_too():
    table = np.zeros((1, 2, 256), np.int64)
    table[0, 1, 120] = 7  # p = 120/255, logit -0.118
    (level,) = np.flatnonzero(Offset(1.0).apply_counts(Counts(table)).table[0, 1])
    assert level == round(255 / (1 + 135 / 120 * np.exp(-1)))
    assert level >= 128


def test_counts_lose_what_only_pixels_tell():
    counts = Counts.from_map(np.array([[0, 200]], np.uint8), np.array([[0, 1]], np.uint8))
    after = Temperature(2.0).apply_counts(counts)
    assert after.quadrants is None
    assert after.weighted_f is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"kind": "temperature", "version": 1, "val', "cannot be used"),
        (b"\xff\xfe\x00", "cannot be used"),
        ("[1, 2]", "cannot be used"),
        ("{}", "'kind'"),
        ('{"kind": "offset", "version": 1, "value": 1.0}', "it holds the recalibration 'offset'"),
        ('{"kind": "temperature", "version": 2, "value": 1.0}', "of version 2, and only 1"),
        ('{"kind": "temperature", "version": 1, "value": -1.0}', "must be a positive number"),
        (
            '{"kind": "temperature", "version": 1, "value": NaN}',
            "value is nan, but must be a number",
        ),
        ('{"kind": "temperature", "version": 1, "value": "2"}', "value is '2', but must be a n"),
        (f'{{"kind": "temperature", "version": 1, "value": {10**400}}}', "value is 100"),
        ('{"kind": "temperature", "version": 1, "colour": 3}', "colour"),
        ('{"kind": "temperature", "version": 1}', "missing numbers: value; expected value"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_file_is_named_and_refused(tmp_path, content, message):
    path = tmp_path / "temperature.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as refused:
        Temperature.load(path)
    assert "temperature.json" in str(refused.value)
    with pytest.raises(FileNotFoundError, match=r"no file .*none\.json"):
        Temperature.load(tmp_path / "none.json")


def test_the_file_is_numbers_that_a_reader_knows(tmp_path):
    Temperature(2.5).save(tmp_path / "temperature.json")
    held = json.loads((tmp_path / "temperature.json").read_text())
    assert held == {"kind": "temperature", "version": 1, "value": 2.5}


@pytest.mark.parametrize("levels", [256, 4096])
def test_level_logits_price_pixels_as_the_nll_does(levels):
    z = base.level_logits(levels)
    table = np.random.default_rng(0).integers(0, 9, (1, 2, levels))
    background, foreground = table[0]
    price = background @ np.logaddexp(0, z) + foreground @ np.logaddexp(0, -z)
    assert price / table.sum() == pytest.approx(calibration.nll(Counts(table)), rel=1e-12)
    np.testing.assert_array_equal(z, -z[::-1])


def test_a_logit_between_two_levels_goes_to_the_one_farther_from_one_half():
    z = base.level_logits(4)
    between = np.array([z[0], 0.0, z[-1]])
    assert base.nearest_levels(between, 4).tolist() == [0, 2, 3]
    assert base.nearest_levels(np.nextafter(between, -np.inf), 4).tolist() == [0, 1, 2]
    assert base.nearest_levels(np.nextafter(between, np.inf), 4).tolist() == [1, 2, 3]
