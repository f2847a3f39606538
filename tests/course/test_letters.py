"""The contrasts that isolate the letters of ASLP, on records whose scores are known."""

from dataclasses import asdict

import pytest

from aslp_lib.course.models import letters
from aslp_lib.experiments.seed_statistics import Difference
from aslp_lib.methods import METHODS

SEEDS = 3


def records(training, nll, confidence=0.8, seeds=SEEDS):
    """Records of a training on two sets; its NLL grows by 0.01 from seed to seed."""
    options = {**asdict(METHODS[training.method].Options()), **training.options}
    return [
        {
            "method": training.method,
            "options": options,
            "recalibration": kind,
            "seed": seed,
            "set": name,
            "nll": nll + 0.01 * seed,
            "accuracy": 0.9,
            "gap": confidence - 0.9,
        }
        for kind in (None, "temperature_scaling")
        for name in ("validation", "test")
        for seed in range(seeds)
    ]


def found():
    """MC, and three constants of which each matches it in another respect."""
    own = records(letters.aslp("calibration", "HI"), 0.34, 0.80)
    own += records(letters.constant(0.1), 0.30, 0.90)
    own += records(letters.constant(0.125), 0.36, 0.81)
    return own + records(letters.constant(0.15), 0.345, 0.70)


def test_constants_are_matched_by_validation():
    mc = letters.aslp("calibration", "HI")
    choices = {alpha: letters.constant(alpha) for alpha in (0.05, 0.1, 0.125, 0.15)}
    assert letters.matched(found(), mc, choices) == {
        0.1: ["lowest validation NLL"],
        0.15: ["MC's validation NLL"],
        0.125: ["MC's mean confidence"],
    }
    assert letters.matched(found(), letters.aslp("entropy", "HI"), choices) == {}


def test_a_difference_is_paired_by_the_seeds_of_both():
    """0.04 at every one of two seeds."""
    second = records(letters.constant(0.1), 0.30, seeds=2)
    own = records(letters.aslp("calibration", "HI"), 0.34) + second
    (contrast,) = letters.contrasts(own)["A"]
    assert contrast.first.method == "calibration"
    text = letters.table(own, [contrast], ["test"])
    assert text.splitlines()[0] == "| difference in nll | seeds | test |"
    assert text.splitlines()[2].endswith("| 2 | +0.040 [+0.040, +0.040] larger |")


def test_an_interval_and_a_verdict_are_those_of_the_differences():
    """0.00, 0.01 and 0.02: mean 0.01, standard deviation 0.01, t(0.975, 2) = 4.3027."""
    first = records(letters.aslp("calibration", "HI"), 0.30)
    second = records(letters.constant(0.1), 0.30)
    for record in second:
        record["nll"] = 0.30
    own = first + second
    text = letters.table(own, letters.contrasts(own)["A"], ["test"])
    half = 4.3027 * 0.01 / 3**0.5
    assert f"+0.010 [{0.01 - half:+.3f}, {0.01 + half:+.3f}] not resolved" in text


def test_what_was_recorded_once_or_not_at_all_is_left_out():
    own = found() + records(letters.smoothing(0.2), 0.33, seeds=1)
    groups = letters.contrasts(own)
    assert groups["S"] == groups["rule"] == [] and len(groups["A"]) == 3


@pytest.mark.parametrize("every_technique", [True, False])
def test_all_contrasts_can_be_made_from_the_design(every_technique):
    trainings = letters.design((0.1, 0.15), every_technique=every_technique)
    assert len({each.name for each in trainings}) == len(trainings)
    own = [record for each in trainings for record in records(each, 0.3)]
    groups = letters.contrasts(own)
    # MC, two constants and three techniques; two rules with each of three techniques.
    assert [len(groups[letter]) for letter in ("S", "rule")] == (
        [8, 6] if every_technique else [3, 1]
    )


def test_the_chain_adds_up_from_bce_to_aslp():
    """The constant alpha with MC's validation NLL is 0.15 in `found`."""
    own = found() + records(letters.RunConfiguration("bce"), 0.4)
    lp, s, a, whole = letters.chain(own)
    assert (lp.second.method, lp.first) == ("bce", letters.smoothing(0.3))
    assert (s.first, s.second) == (letters.constant(0.15), lp.first)
    assert (a.first, a.second) == (letters.aslp("calibration", "HI"), s.first)
    assert (whole.first, whole.second) == (a.first, lp.second)
    steps = list(letters.chain_differences("embedded", "test").values())
    assert sum(step.mean for step in steps[:3]) == pytest.approx(steps[3].mean)


@pytest.mark.parametrize(
    ("mean", "word", "text"),
    [
        (-0.02, "smaller", "lowers it by 0.020 nats [0.005, 0.035]"),
        (0.02, "larger", "raises it by 0.020 nats [0.005, 0.035]"),
        (0.01, "not resolved", "changes it by +0.010 nats [-0.005, +0.025] (not resolved)"),
    ],
)
def test_an_effect_is_a_difference_with_its_interval(mean, word, text):
    assert letters._effect(Difference(mean, mean - 0.015, mean + 0.015, 0.01), word) == text
