"""Answers to every exercise, worked out by hand without the library; of numbers the mistakes too.

Mistakes stand in the exercise's order, so that each must get its own hint.
"""

import math

import numpy as np
import pytest

from aslp_lib.course.exercises import EXERCISES


def entropy(p, log=math.log):
    return -p * log(p) - (1 - p) * log(1 - p)


NUMBERS = {
    "01/pixels": ((0.9 + 0.8 + 0.7 + 0.9) / 4, [0.525, 0.475, 0.175, 0.85]),
    "01/ece": (0.11, [0.0833, 0.08, -0.08, 0.15, 0.0888]),
    "01/pooled": (0.63, [0.75, 0.9, 0.6, 0.37]),
    "01/texture": (0.2, [0, 0.8, -0.2, 1]),
    "02/label": (0.7, [0.3, 0.4, 0.85, 0.6, 1.9]),
    "02/smoothing": (1 / 15, [0.05, 0.1, 0.15, 2 / 15, 1 / 30]),
    "02/disturb": (0.15, [0.3, 0.6, 0.075, 0.85]),
    "02/limit": (0.625, [0.3125, 0.8, 1, 0.5, 1.25]),
    "03/confidence": (0.85, [0.15, 0.7, 0.925, 0.75, 1]),
    "03/floor": (
        entropy(0.1),
        [entropy(0.1, math.log2), -entropy(0.1), 0.230, 0.105, entropy(0.2), entropy(0.05)],
    ),
    "03/variance": (2.25, [0.444, 1.5, 1, 4, 0.09 / 0.16, 2]),
    "06/sample": (0.063 / 4, [0.0039, 0, 0.0627, 0.0314]),
    "06/brier": (0.3 * 0.64 + 0.7 * 0.04, [0.21, 0.01, 0.38, 0.2 * 0.8, 0.1]),
    "04/gradient": (
        1.5 * (0.5 * 4 + 0.5 * 2 + 0.5 * 3 - 0.5) / 4,
        [6, -1.5, 3, 8 / 3, 1.875, 0.75],
    ),
    "04/step": (4000 / 3, [2000 / 3, 1000, 8 / 3, 0.00075]),
    "04/gap": (0.0875, [0.0575, 0.0125, 0.3, 0.0375, 0.05]),
    "04/rest": (0.308, [0.3, 0.292, 0.316, 0.304, 0.158]),
    "05/climb": (35, [30, 20, 80, 6.875]),
    "05/lambda": (0.3736, [0.3, 2 * (0.15 + math.log(0.85 / 0.15) / 2 / 20), 0.4296, 0.3368]),
    "07/same_camera": (2, [1, 3, 4, 5, 6]),
    "07/drone": (6, [1, 2, 3, 4, 5]),
    "09/units": (0.75, [1.5, 3, 0.25, 0.375]),
    "09/grey": (0.82, [0.9, 820 / 900, 0.8, 0.88]),
    "10/match": (6.9, [2.6, 8.5, 7.5, 5.5, 1 / 6.9]),  # read off the level lab, to one digit
    "10/limit": (8 / math.log(4), [8 / math.log(1.5), 10, math.log(4) / 8, -8 / math.log(4)]),
}


def listed(*arrays):
    return zip(*(each.tolist() for each in arrays), strict=True)


def ece_of_ten_bins(p, y):
    bins = {}
    for says, is_foreground in listed(p, y):
        sure, right = max(says, 1 - says), (says > 0.5) == (is_foreground == 1)
        bins[int(sure * 10)] = bins.get(int(sure * 10), 0) + sure - right
    return sum(abs(gap) for gap in bins.values()) / len(p)


def bootstrapped(right, pixels, times):
    """Pooled accuracy and the 2.5 and 97.5 percentiles of the resamples, sorted, interpolated."""
    found = []
    for row in times.tolist():
        drawn = list(zip(row, right.tolist(), pixels.tolist(), strict=True))
        found.append(sum(t * r for t, r, _ in drawn) / sum(t * n for t, _, n in drawn))
    found.sort()

    def at(quantile):
        place = quantile * (len(found) - 1)
        below, part = int(place), place - int(place)
        return found[below] + part * (found[min(below + 1, len(found) - 1)] - found[below])

    return [sum(right.tolist()) / sum(pixels.tolist()), at(0.025), at(0.975)]


def ascent(z, y, beta):
    pixels = [listed(*(each.ravel() for each in pair)) for pair in zip(z, y, strict=True)]
    return [np.mean([beta / 2 * (a if b else -a) for a, b in image]) for image in pixels]


def proximal_step(alpha, gradient, accuracy, beta, eta, weight):
    """For each image, by bisection, the level where its ascent and the constraint's pull agree."""
    levels = []
    for level, push in listed(alpha, gradient):
        low, high = level + eta * push - 100, level + eta * push
        for _ in range(80):
            a = (low + high) / 2
            pull = weight * min(1 - beta * a / 2 - accuracy, 0)
            low, high = (a, high) if a < level + eta * (push + pull) else (low, a)
        levels.append(min(max(high, 0), 1, 1 / beta))
    return levels


def trained_levels(images, masks, accuracies):
    """The loop of 05/loop without torch: the gradient of its one weight is written out."""
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


def fitted_temperature(logits, foreground, background):
    """1/s where the derivative of the log-likelihood in s = 1/T crosses 0, by bisection."""
    low, high = 0.1, 10.0
    for _ in range(40):
        s = (low + high) / 2
        slope = sum(
            z * (f - (f + b) / (1 + math.exp(-s * z)))
            for z, f, b in listed(logits, foreground, background)
        )
        low, high = (s, high) if slope > 0 else (low, s)
    return 1 / low


def equal_mass_ece(confidence, right, bins):
    pixels, size = sorted(listed(confidence, right)), len(confidence) // bins
    parts = [pixels[k * size : (k + 1) * size] for k in range(bins)]
    return sum(abs(sum(c - r for c, r in part)) for part in parts) / len(pixels)


def gap_of_labelled(p, y):
    pairs = [(a, b) for a, b in listed(p, y) if b != 255]
    return sum(max(a, 1 - a) - ((a > 0.5) == (b == 1)) for a, b in pairs) / len(pairs)


def mean_level(logits, labels, accuracy, epochs):
    """Mean level of MC's stable step with beta = 2, eta = 0.01, lambda = 20, warm-up 5."""
    levels = []
    for z, y in listed(logits, labels):
        gradients = [2 * (b - 0.5) * a for a, b in zip(z, y, strict=True) if b != 255]
        alpha, room = 0, 1 - accuracy
        for _ in range(max(epochs - 5, 0)):
            alpha += 0.01 * sum(gradients) / len(gradients)
            if alpha > room:
                alpha = (alpha + 0.2 * room) / 1.2
            alpha = min(max(alpha, 0), 0.5)
        levels.append(alpha)
    return sum(levels) / len(levels)


def flip(y, b, switch):
    """Perturbed labels where the switch, of an axis for each image, is on."""
    return y + b * (0.5 - y) * switch[:, None, None]


FUNCTIONS = {
    "01/arrays": ece_of_ten_bins,
    "01/oe": lambda c, a: c * (c - a) if c > a else 0,
    "02/expected": lambda y, a, b: a * (y * (1 - b) + b / 2) + (1 - a) * y,
    "02/switch": lambda y, u, a, b: [
        y_i + b * (0.5 - y_i) if u_i < a else y_i for y_i, u_i in zip(y, u, strict=True)
    ],
    "03/ascent": ascent,
    "03/minimiser": lambda p, a, b: p + a * b * (0.5 - p),
    "04/bound": lambda a, b: min((2 - 2 * a) / b, 1),
    "04/proximal": proximal_step,
    "05/loop": trained_levels,
    "06/bootstrap": bootstrapped,
    "06/stretch": lambda p, low, high: (p - low) / (high - low),
    "07/temperature": fitted_temperature,
    "07/stopping": lambda nll, accuracy: accuracy[-1] - min(listed(nll, accuracy))[1],
    "07/smoothed": lambda p, s: math.log(1 / p - 1) / math.log(1 / (p + s * (0.5 - p)) - 1),
    "08/told": gap_of_labelled,
    "08/loop": mean_level,
    "08/classes": lambda a, b, k: (1 - a) + a * ((1 - b) + b / k),
    "08/report": lambda validation, test: min(listed(validation, test))[1],
    # Exponents of 0.95: none up to epoch 10, then 1 an epoch, from 21 on 2, and so on.
    "09/rate": lambda e: 0.95 ** sum(k * min(max(e - 10 * k, 0), 10) for k in range(1, 9)),
    "09/mass": equal_mass_ece,
    "10/step": lambda z, y, level, rate: (
        z - rate * (1 / (1 + math.exp(-z)) - y - level * (0.5 - y))
    ),
}

BREAK_A_PROPERTY = {
    "01/arrays": [
        lambda p, y: p[0] * abs(p - y).mean(),
        lambda p, y: (p > y).mean(),
        lambda p, y: len(p) * ece_of_ten_bins(p, y),
    ],
    "02/switch": [
        lambda y, u, a, b: y + b * (0.5 - y) * (y > u[:, None, None]),
        lambda y, u, a, b: flip(y, b, u <= a),
        lambda y, u, a, b: flip(y, b, u < a / 2),
        lambda y, u, a, b: flip(y, b, np.sort(u) < a),
    ],
    "03/ascent": [
        lambda z, y, b: b * ((y - 0.5) * (z + 1)).mean((1, 2)),
        lambda z, y, b: np.full(len(z), b * ((y - 0.5) * z).mean()),
        lambda z, y, b: b * (0.6 * y * z - 0.4 * (1 - y) * z).mean((1, 2)),
        lambda z, y, b: b**2 * ((y - 0.5) * z).mean((1, 2)),
    ],
    "06/bootstrap": [
        lambda r, n, t: sorted(bootstrapped(r, n, t)),
        lambda r, n, t: [0.8, 0.7, 0.9],
        lambda r, n, t: [r[0] / n[0]] * 3,
    ],
}
"""Functions that are no listed mistake, in the order of the properties that they break."""


def test_no_exercise_is_forgotten():
    assert EXERCISES.keys() == NUMBERS.keys() | FUNCTIONS.keys()


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_by_hand(name):
    exercise, (right, mistakes) = EXERCISES[name], NUMBERS[name]
    assert exercise.check(right).kind == "right"
    for answer, hint in zip(mistakes, exercise.mistakes, strict=True):
        verdict = exercise.check(answer)
        assert verdict.kind == "mistake" and hint in verdict.text


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_by_hand(name):
    exercise = EXERCISES[name]
    assert exercise.check(FUNCTIONS[name]).kind == "right"
    broken = BREAK_A_PROPERTY.get(name, [])
    for answer, hint in zip(broken, exercise.properties, strict=bool(broken)):
        assert hint in exercise.check(answer).text
