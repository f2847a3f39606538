"""One record a score: what tables, files and reports read of it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from aslp_lib.metrics import SCORES, Visibility, calibration, saliency, scores, visible_scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ImageMean


def some_counts(images=3):
    table = np.random.default_rng(0).integers(0, 5, (images, 2, 256))
    return Counts(table).with_columns(weighted_f=np.linspace(0.2, 0.6, images))


def test_every_score_stands_in_the_registry_once_and_complete():
    for name, score in SCORES.items():
        assert score.name == name
    for unique in ("function", "title"):
        assert len({getattr(score, unique) for score in SCORES.values()}) == len(SCORES)
    errors = [name for name in SCORES if name.startswith(("ece", "oe", "mce"))]
    shares = {*errors, "smooth_ece", "ks", "gap", "accuracy", "confidence", "brier"}
    assert {name for name, score in SCORES.items() if score.unit == "%"} == shares
    functions = [score.function for score in SCORES.values()]
    means = [mean for mean in vars(saliency).values() if isinstance(mean, ImageMean)]
    assert means and all(mean in functions for mean in means)


def test_what_a_terminal_shows_tables_show_too():
    places = [[score.name for score in visible_scores(place)] for place in reversed(Visibility)]
    assert places[0] == ["ece", "nll"]
    assert places[1] == ["ece", "ece_floor", "gap", "nll", "accuracy"]
    assert {*places[1]} < {*places[2]} < {*places[3]}
    assert places[3] == list(SCORES)


@pytest.mark.parametrize(
    ("name", "heading", "text", "signed"),
    [
        ("ece", "ECE %", "12.35", "+12.35"),
        ("nll", "NLL nats", "0.123", "+0.123"),
        ("max_f", "max F (mean F)", "0.123", "+0.123"),
    ],
)
def test_a_number_in_its_unit(name, heading, text, signed):
    score = SCORES[name]
    assert score.heading == heading
    assert (score.text(0.12346), score.text(0.12346, "+")) == (text, signed)
    assert score.text(math.nan) == "-"


@pytest.mark.parametrize(
    ("better", "values", "best"),
    [
        ("less", [0.3, 0.1, 0.2], 0.1),
        ("more", [0.1, 0.3, 0.2], 0.3),
        ("zero", [-0.1, 0.2], -0.1),
        ("zero", [-0.2, 0.1], 0.1),
    ],
)
def test_the_best_value_has_the_lowest_cost(better, values, best):
    assert min(values, key=replace(SCORES["ece"], better=better).cost) == best


def test_only_intervals_that_account_for_a_noise_floor_are_upper_bounds():
    texts = {name: score.interval_text(0, 0.35) for name, score in SCORES.items()}
    assert {name for name, text in texts.items() if "≤" in text} == {"ece"}
    assert texts["dice"] == "[0.000, 0.350]" and texts["oe"] == "[0.00, 35.00]"
    assert SCORES["ece"].interval_text(0, 0.35, "+") == "[0.00, +35.00]"


@pytest.mark.fault
def test_an_unknown_score_is_named():
    with pytest.raises(ValueError, match=r"the score is 'acc'; .* ece, .* Did you mean accuracy\?"):
        scores(some_counts(), names=("ece", "acc"))
    assert list(scores(some_counts(), names=iter(["oe", "ece"]))) == ["oe", "ece"]


def test_digits_may_be_chosen():
    assert [replace(SCORES[k], digits=1).text(0.1234) for k in ("ece", "nll")] == ["12.3", "0.1"]
    assert replace(SCORES["nll"], digits=0).text(-0.4) == "0"


def test_scores_are_their_functions_with_bins_where_they_have_any():
    with_bins = {"ece", "ece_floor", "ece_equal_mass", "ece_debiased", "oe", "mce"}
    counts = some_counts(5)
    row = scores(counts, bins=3)
    assert list(row) == list(SCORES)
    assert row["ece"] != calibration.ece(counts)
    assert math.isnan(row["s_measure"])  # the geometry is not known
    assert row["weighted_f"] == pytest.approx(0.4)
    for name, score in SCORES.items():
        if name != "s_measure":
            bins = {"bins": 3} if name in with_bins else {}
            assert row[name] == score.function(counts, **bins)
    assert list(scores(counts, names=("mae", "ece"))) == ["mae", "ece"]
