"""One record a score: what tables, files and reports read of it."""

import inspect
import math
from dataclasses import replace

import numpy as np
import pytest

from aslp_lib.metrics import ALL_SCORES, SCORES, calibration, saliency, scores, visible_scores
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.score import ImageMean, Visibility


def test_every_score_stands_in_the_registry_once_and_complete():
    for unique in ("function", "title"):
        assert len({getattr(score, unique) for score in SCORES.values()}) == len(SCORES)
    errors = [name for name in SCORES if name.startswith(("ece", "oe", "mce"))]
    shares = {*errors, "smooth_ece", "ks", "gap", "accuracy", "confidence", "brier"}
    assert {name for name, score in SCORES.items() if score.unit == "%"} == shares
    functions = [score.function for score in SCORES.values()]
    means = [mean for mean in vars(saliency).values() if isinstance(mean, ImageMean)]
    assert means and all(mean in functions for mean in means)
    for score in ALL_SCORES.values():
        assert score.takes_bins == ("bins" in inspect.signature(score.function).parameters)


def test_what_a_terminal_shows_tables_show_too():
    places = [[score.name for score in visible_scores(place)] for place in reversed(Visibility)]
    assert places[0] == ["ece", "nll"]
    assert places[1] == ["ece", "ece_floor", "gap", "nll", "accuracy"]
    assert {*places[1]} < {*places[2]} < {*places[3]}
    assert places[3] == list(SCORES)


@pytest.mark.parametrize(
    ("name", "heading", "text", "signed", "interval"),
    [
        ("ece", "ECE %", "12.35", "+12.35", "[≤ 35.00]"),  # accounts for a noise floor
        ("oe", "OE %", "12.35", "+12.35", "[0.00, 35.00]"),
        ("nll", "NLL nats", "0.123", "+0.123", "[0.000, 0.350]"),
        ("max_f", "max F (mean F)", "0.123", "+0.123", "[0.000, 0.350]"),
    ],
)
def test_a_number_in_its_unit(name, heading, text, signed, interval):
    score = SCORES[name]
    assert score.heading == heading
    assert (score.text(0.12346), score.text(0.12346, "+")) == (text, signed)
    assert score.interval_text(0, 0.35) == interval
    assert "≤" not in score.interval_text(0, 0.35, "+")
    assert (score.text(math.nan), replace(score, digits=0).text(-0.004)) == ("-", "0")


def test_scores_have_the_bins_and_the_columns_that_they_need():
    table = np.random.default_rng(0).integers(0, 5, (5, 2, 256))
    counts = Counts(table).with_columns(weighted_f=np.linspace(0.2, 0.6, 5))
    row = scores(counts, bins=3)
    assert list(row) == list(SCORES)
    assert row["ece"] == calibration.ece(counts, bins=3) != calibration.ece(counts)
    assert row["weighted_f"] == pytest.approx(0.4)
    assert math.isnan(row["s_measure"])  # the geometry is not known
    assert list(scores(counts, names=iter(["mae", "ece"]))) == ["mae", "ece"]
    with pytest.raises(ValueError, match=r"the score is 'acc'; .* ece, .* Did you mean accuracy\?"):
        scores(counts, names=("ece", "acc"))
