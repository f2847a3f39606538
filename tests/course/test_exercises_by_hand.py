"""Exercises against answers worked out by hand, the library not asked: right ones and mistakes."""

import math
import re

import pytest

from aslp_lib.course import exercises
from aslp_lib.course.exercises import EXERCISES


def halved(falls):
    """Where a function of s = 1/T from 1/10 to 10 crosses 0, as T."""
    low, high = 0.1, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(middle) > 0 else (low, middle)
    return 1 / low


def slope(s, logits, foreground, background):
    """Of the log-likelihood."""
    return sum(
        z * (f - (f + b) / (1 + math.exp(-s * z)))
        for z, f, b in zip(logits, foreground, background, strict=True)
    )


def surplus(s, logits, foreground, background):
    """Of accuracy over mean confidence."""
    return sum(
        (f if z > 0 else b) - (f + b) / (1 + math.exp(-s * abs(z)))
        for z, f, b in zip(logits, foreground, background, strict=True)
    )


def squared_slope(s, logits, foreground, background):
    """Of Brier's score, turned, as it falls with s."""
    total = 0
    for z, f, b in zip(logits, foreground, background, strict=True):
        p = 1 / (1 + math.exp(-s * z))
        total += z * p * (1 - p) * (f * (1 - p) - b * p)
    return total


MATCHED = {0.6: 6.9, 0.2: 2.6, "background": 7.5, "toss-ups": 5.5}
"""Temperatures read off the level lab, to one digit."""
NUMBERS = {
    "01/pixels": (
        (0.9 + 0.8 + 0.7 + 0.9) / 4,
        {0.525: r"mean of P\(y=1\)", 0.175: "not predicted", 82.5: "percent", 0.85: "other two"},
    ),
    "01/ece": (
        0.11,
        {
            0.0833: "plain mean",
            0.08: "with their signs",
            0.15: "largest",
            0.0888: "OE",
            11: "percent",
        },
    ),
    "01/pooled": (
        0.63,
        {0.75: "mean over images", 0.37: "wrong pixels", 63: "percent", 0.6: "large"},
    ),
    "01/texture": (0.2, {0: "OE", 0.8: "confidence", -0.2: "sign", 1: "accuracy"}),
    "02/label": (
        0.7,
        {0.3: "background's", 0.4: "second term", 0.85: "halved twice", 0.6: "itself", 1.9: "sign"},
    ),
    "02/smoothing": (
        1 / 15,
        {
            0.05: "hard inversion",
            0.1: "Divide",
            0.15: "multiplied",
            2 / 15: "release",
            1 / 30: "Half",
        },
    ),
    "02/disturb": (
        0.15,
        {0.3: "Half of the random", 0.6: "doubled", 0.075: "twice", 0.85: "stays"},
    ),
    "02/limit": (
        0.625,
        {0.3125: "release", 0.8: "beta/2", 1: "every map", 0.5: "hard inversion", 1.25: "equal 1"},
    ),
    "03/confidence": (
        0.85,
        {
            0.15: r"P\(y=1\)",
            0.7: "Half of it goes",
            0.925: "release",
            0.75: "perturbed label",
            1: "plain BCE",
        },
    ),
    "03/floor": (
        -0.1 * math.log(0.1) - 0.9 * math.log(0.9),
        {
            -0.1 * math.log2(0.1) - 0.9 * math.log2(0.9): "bits",
            0.1 * math.log(0.1) + 0.9 * math.log(0.9): "wrong sign",
            0.230: "one term",
            0.105: "switch is off",
            -0.2 * math.log(0.2) - 0.8 * math.log(0.8): r"took alpha \* beta",
            -0.05 * math.log(0.05) - 0.95 * math.log(0.95): "release",
        },
    ),
    "03/variance": (
        2.25,
        {0.444: "upside down", 1.5: "Square it", 1: "scatter", 4: "switch itself", 2: "1 - alpha"},
    ),
    "06/sample": (
        0.063 / 4,
        {0.0039: "square root", 0: "absolute", 0.0627: "25 pixels", 0.0314: "four times"},
    ),
    "06/brier": (
        0.3 * 0.64 + 0.7 * 0.04,
        {0.21: "uncertainty alone", 0.01: "reliability alone", 0.38: "absolute", 0.1: "gap"},
    ),
    "04/gradient": (
        1.5 * (0.5 * 4 + 0.5 * 2 + 0.5 * 3 - 0.5 * 1) / 4,
        {
            6: "sum over the pixels",
            -1.5: "sign is turned",
            3: "doubled",
            8 / 3: "authors' code",
            1.875: "last pixel is wrong",
            0.75: "averaged the logits",
        },
    ),
    "04/step": (
        4000 / 3,
        {2000 / 3: "gain is 1", 1000: "left beta/2", 8 / 3: "left eta", 0.00075: "upside down"},
    ),
    "04/gap": (
        0.0875,
        {
            0.0575: r"P\(y=1\) for confidence",
            0.0125: "sign",
            0.3: "only a share k",
            0.0375: "starts from 0.05",
            0.05: "fourth is wrong",
        },
    ),
    "04/rest": (
        0.308,
        {
            0.3: "That is the bound",
            0.292: "not before it",
            0.316: "mean margin for the gradient",
            0.304: "2/beta",
            0.158: "hard inversion",
        },
    ),
    "07/same_camera": (
        2,
        {
            1: "can mend that",
            3: "moves decisions",
            4: "needs a new training",
            5: "decides otherwise",
            6: "nothing shifts",
        },
    ),
    "07/drone": (
        6,
        {
            1: "dusk",
            2: "one number",
            3: "moves decisions",
            4: "one strength",
            5: "sharp images",
        },
    ),
    "10/match": (
        MATCHED[0.6],
        {
            MATCHED[0.2]: "for level 0.2",
            MATCHED["background"]: "background alone",
            MATCHED["toss-ups"]: "toss-ups alone",
            1 / MATCHED[0.6]: "inverse",
        },
    ),
    "10/limit": (
        8 / math.log(4),
        {
            8 / math.log(1.5): "Only half",
            10: "divided by the prob",
            math.log(4) / 8: "inverse",
            -8 / math.log(4): "positive",
        },
    ),
}
"""Right answer, then typical mistakes with words of their hints."""

FUNCTIONS = {
    "01/oe": (
        lambda c, a: c * (c - a) if c > a else 0,
        [
            (lambda c, a: abs(c - a), "That is ECE"),
            (lambda c, a: (c > a) * (c - a), "weighs"),
            (lambda c, a: c * (a > c) * (a - c), "sign"),
            (lambda c, a: c * (c - a), "not negative"),
        ],
    ),
    "02/expected": (
        lambda y, a, b: a * (y * (1 - b) + b / 2) + (1 - a) * y,
        [
            (lambda y, a, b: y * (1 - b) + b / 2, "while the switch is on"),
            (lambda y, a, b: y - a * b * y, "alpha\\*beta/2 is missing"),
            (lambda y, a, b: y - 2 * a * b * (y - 0.5), "release"),
            (lambda y, a, b: y + a * b * (1 - y), "It is alpha"),
        ],
    ),
    "03/minimiser": (
        lambda p, a, b: p + a * b * (0.5 - p),
        [
            (lambda p, a, b: p - a * b * p, "is missing"),
            (lambda p, a, b: p, "plain BCE"),
            (lambda p, a, b: 0.5 + abs((1 - a * b) * (p - 0.5)), "confidence, max"),
            (lambda p, a, b: p + 2 * a * b * (0.5 - p), "release"),
            (lambda p, a, b: 1 - a * b / 2, "surely foreground"),
        ],
    ),
    "06/stretch": (
        lambda p, low, high: (p - low) / (high - low),
        [
            (lambda p, low, high: p / high, "leaves the least"),
            (lambda p, low, high: p - low, "greatest must become 1"),
            (lambda p, low, high: low + p * (high - low), "way back"),
            (lambda p, low, high: p / high - low / high, "whole range"),
        ],
    ),
    "04/bound": (
        lambda a, b: (2 - 2 * a) / b if (2 - 2 * a) / b < 1 else 1,
        [
            (lambda a, b: (1 - a) / (b / 2), "leaves the admitted range"),
            (lambda a, b: (1 - a) / b, "release"),
            (lambda a, b: 2 - 2 * a, "beta is missing"),
            (lambda a, b: 2 * a / b, "share of errors"),
            (lambda a, b: min(1, 1 / b), "keeps the decision"),
        ],
    ),
    "07/temperature": (
        lambda z, f, b: halved(lambda s: slope(s, z, f, b)),
        [
            (lambda z, f, b: 1 / halved(lambda s: slope(s, z, f, b)), "1/T"),
            (lambda z, f, b: halved(lambda s: surplus(s, z, f, b)), "equals accuracy"),
            (lambda z, f, b: halved(lambda s: slope(s, z, f / (f + b), b / (f + b))), "its pixels"),
            (lambda z, f, b: halved(lambda s: squared_slope(s, z, f, b)), "Brier"),
            (lambda z, f, b: halved(lambda s: slope(s, z, f, 0 * b)), "foreground alone"),
        ],
    ),
    "07/stopping": (
        lambda nll, accuracy: accuracy[-1] - accuracy[sorted(range(len(nll)), key=nll.item)[0]],
        [
            (lambda nll, accuracy: accuracy[list(nll).index(min(nll))] - accuracy[-1], "turned"),
            (lambda nll, accuracy: max(accuracy) - accuracy[list(nll).index(min(nll))], "the last"),
            (lambda nll, accuracy: accuracy[-1] - max(accuracy), "most accurate epoch"),
            (lambda nll, accuracy: accuracy[-1] - accuracy[1], "wobbles"),
            (lambda nll, accuracy: nll[-1] - min(nll), "gains in NLL"),
        ],
    ),
    "07/smoothed": (
        lambda p, s: math.log(1 / p - 1) / math.log(1 / (p + s * (0.5 - p)) - 1),
        [
            (
                lambda p, s: math.log(1 / (p + s * (0.5 - p)) - 1) / math.log(1 / p - 1),
                "multiplied",
            ),
            (lambda p, s: 1 / (1 - s), "toss-up"),
            (lambda p, s: p / (p + s * (0.5 - p)), "ratio of the prob"),
            (lambda p, s: math.log(1 / p - 1) / math.log(1 / (p - s * p) - 1), "missing"),
        ],
    ),
    "10/step": (
        lambda z, y, level, rate: z - rate * (1 / (1 + math.exp(-z)) - y - level * (0.5 - y)),
        [
            (lambda z, y, s, r: z + r * (1 / (1 + math.exp(-z)) - y - s * (0.5 - y)), "climbs"),
            (lambda z, y, s, r: z - r * (1 / (1 + math.exp(-z)) - y), "plain BCE"),
            (lambda z, y, s, r: z - r * (1 / (1 + math.exp(-z)) - y + s * y), "both classes"),
            (lambda z, y, s, r: z - r * (z - y - s * (0.5 - y)), "compared the logit"),
        ],
    ),
}


def test_none_is_forgotten():
    assert EXERCISES.keys() == NUMBERS.keys() | FUNCTIONS.keys()


CASES = [(n, r, list(m.items())) for n, (r, m) in NUMBERS.items()]
CASES += [(n, r, m) for n, (r, m) in FUNCTIONS.items()]


@pytest.mark.parametrize("name, right, mistakes", CASES, ids=[case[0] for case in CASES])
def test_right_and_wrong_by_hand(name, right, mistakes):
    assert exercises.check(name, right).kind == "right"
    assert len(mistakes) >= 3
    for wrong, words in mistakes:
        verdict = exercises.check(name, wrong)
        assert verdict.kind == "mistake", words
        assert re.search(words, verdict.text), verdict.text
