"""Answers to exercises, worked out by hand without the library; of numbers the mistakes too.

Mistakes stand in the exercise's order, so that each must get its own hint.
"""

import math

import numpy as np
import pytest

from aslp_lib.course.exercises import of_lesson
from aslp_lib.course.lessons import LESSONS

EXERCISES = {exercise.name: exercise for lesson in LESSONS for exercise in of_lesson(lesson)}


NUMBERS = {
    "confidence/texture": (0.2, [0, 0.8, -0.2, 1]),
    "label_perturbation/disturb": (0.15, [0.3, 0.6, 0.075, 0.85]),
    "label_perturbation/one_pixel": (
        8 / math.log(4),
        [8 / math.log(1.5), 10, math.log(4) / 8, -8 / math.log(4)],
    ),
    "sc_bce/variance": (88 / 38, [38 / 88, (88 / 38) ** 0.5, 1, 4, 22 / 38, 2]),
    "evaluation/brier": (0.3 * 0.64 + 0.7 * 0.04, [0.21, 0.01, 0.38, 0.2 * 0.8, 0.1]),
    "adaptive_alpha/gap": (0.0875, [0.0575, 0.0125, 0.3, 0.0375, 0.05]),
    "adaptive_alpha/student": (0.8528, [0.92, 0.8864, 0.7728, 0.8066]),
    "training/climb": (35, [30, 20, 80, 6.875]),
    "audit/fair_judge": (4, [1, 2, 3, 5]),
    "insurance/break_even": (1 / 4, [1 / 3, 3 / 4, 3]),
    "stability/step": (4000 / 3, [2000 / 3, 1000, 8 / 3, 0.00075]),
    "release/units": (0.75, [1.5, 3, 0.25, 0.375]),
}


def trained_levels(images, masks, accuracies):
    """The loop of training/loop without torch: the gradient of its one weight is written out."""
    weight, reported, levels = 1.0, 0.0, np.zeros(len(images))
    for accuracy in accuracies:
        for first in range(0, len(images), 2):
            batch = range(first, min(first + 2, len(images)))
            slope, used = 0.0, weight
            for i in batch:
                target = (1 - levels[i]) * masks[i] + levels[i] / 2
                error = 1 / (1 + np.exp(-weight * images[i])) - target
                slope += (error * images[i]).mean() / len(batch)
            weight -= 0.5 * slope
            for i in batch:
                new = levels[i] + 0.05 * ((masks[i] - 0.5) * used * images[i]).mean()
                if new / 2 > 1 - reported:  # (1 + 0.05 * 200 / 2) a = new + 0.05 * 200 (1 - A)
                    new = (new + 10 * (1 - reported)) / 6
                levels[i] = min(max(new, 0), 1)
        reported = accuracy
    return levels


def flip(y, b, switch):
    """Perturbed labels where the switch, of an axis for each image, is on."""
    return y + b * (0.5 - y) * switch[:, None, None]


def lowest_worth_a_check(miss, alpha, beta):
    """The lowest expected target, of a fine grid of posteriors, at which a check costs less."""
    posteriors = np.linspace(0, 1, 60_001)
    targets = posteriors - alpha * beta * (posteriors - 1 / 2)
    return targets[miss * posteriors > 1].min()


def lowest_of_each_number_of_checks(f, y, miss):
    """Try each number of checks, from the largest f down, and add the costs one by one."""
    ranked = [label for _, label in sorted(zip(f, y, strict=True), reverse=True)]
    return 100 * min(
        sum(1 if i < checks else miss * label for i, label in enumerate(ranked)) / len(ranked)
        for checks in range(len(ranked) + 1)
    )


def error_of_shares(p, y):
    """Sum promise minus outcome pixel by pixel, in a dict of bins, as a share of the class."""
    shares = []
    for k in range(p.shape[1]):
        sums = {}
        for probability, label in zip(p[:, k], y, strict=True):
            index = math.ceil(10 * probability)
            sums[index] = sums.get(index, 0) + probability - (label == k)
        shares.append(sum(map(abs, sums.values())) / sum(label == k for label in y))
    return shares


FUNCTIONS = {
    "bill/lowest": lowest_of_each_number_of_checks,
    "training/loop": trained_levels,
    "sc_bce/threshold": lowest_worth_a_check,
    "more_classes/shares": error_of_shares,
}
"""Functions whose solutions call the library, and others that are worth another way."""

BREAK_A_PROPERTY = {
    "bill/lowest": [
        lambda f, y, miss: EXERCISES["bill/lowest"].right(f, y, miss) + y[0] + f[0],
        lambda f, y, miss: EXERCISES["bill/lowest"].right(f, y, miss) + f.mean(),
        lambda f, y, miss: EXERCISES["bill/lowest"].right(f, y, miss) * len(f),
    ],
    "confidence/oe": [
        lambda p, y: p[0] * abs(p - y).mean(),
        lambda p, y: (p > y).mean(),
        lambda p, y: len(p) * EXERCISES["confidence/oe"].right(p, y),
    ],
    "label_perturbation/switch": [
        lambda y, u, a, b: y + b * (0.5 - y) * (y > u[:, None, None]),
        lambda y, u, a, b: flip(y, b, u <= a),
        lambda y, u, a, b: flip(y, b, u < a / 2),
        lambda y, u, a, b: flip(y, b, np.sort(u) < a),
    ],
    "evaluation/bootstrap": [
        lambda r, n, t: sorted(EXERCISES["evaluation/bootstrap"].right(r, n, t)),
        lambda r, n, t: [r[0] / n[0]] * 3,
    ],
}
"""Functions that are no listed mistake, in the order of the properties that they break."""


def test_no_exercise_is_forgotten():
    numbers = {name for name, exercise in EXERCISES.items() if not exercise.arguments}
    calling = {name for name, exercise in EXERCISES.items() if "aslp_lib" in exercise.solution}
    assert numbers == NUMBERS.keys() and calling - numbers <= FUNCTIONS.keys()


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_by_hand(name):
    exercise, (right, mistakes) = EXERCISES[name], NUMBERS[name]
    assert exercise.check(right).kind == "right"
    for answer, hint in zip(mistakes, exercise.mistakes, strict=True):
        verdict = exercise.check(answer)
        assert verdict.kind == "mistake" and hint in verdict.text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_by_hand(name):
    assert EXERCISES[name].check(FUNCTIONS[name]).kind == "right"


@pytest.mark.parametrize("name", BREAK_A_PROPERTY)
def test_a_broken_property_has_a_hint_of_its_own(name):
    exercise = EXERCISES[name]
    for answer, hint in zip(BREAK_A_PROPERTY[name], exercise.properties, strict=True):
        assert hint in exercise.check(answer).text
