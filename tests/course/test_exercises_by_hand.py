"""Exercises against answers worked out by hand, the library not asked: right ones and mistakes."""

import math
import re

import numpy as np
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


def gaps(pixels, bins, weigh):
    """Mean over bins of neighbouring pixels, (confidence, right), of their weighed gap."""
    size = len(pixels) // bins
    parts = [pixels[k * size : (k + 1) * size] for k in range(bins)]
    return sum(weigh(sum(c - r for c, r in part) / size) for part in parts) / bins


def twice(confidence, right, bins):
    """ECE over bins that reach over two quantiles, but the first, which has nothing before it."""
    pixels, size = sorted(zip(confidence, right, strict=True)), len(confidence) // bins
    parts = [pixels[:size]] + [pixels[k * size : (k + 2) * size] for k in range(bins - 1)]
    return sum(abs(sum(c - r for c, r in part)) for part in parts) / sum(map(len, parts))


def flattened(*arrays):
    """For each image its pixels, of one array after another."""
    return zip(*(each.reshape(len(each), -1).tolist() for each in arrays), strict=True)


def stepped(alpha, gradient, accuracy, beta, eta, weight):
    """MC's stable step, an image at a time: from the climb down to where climb and pull agree."""
    levels = []
    for level, push in zip(alpha, gradient, strict=True):
        low, high = level + eta * push - 100, level + eta * push
        for _ in range(80):
            a = (low + high) / 2
            pull = weight * min(1 - beta * a / 2 - accuracy, 0)
            low, high = (a, high) if a < level + eta * (push + pull) else (low, a)
        levels.append(min(max(high, 0), 1, 1 / beta))
    return np.array(levels)


def looped(images, masks, accuracies, deaf=False, free=False, swapped=False, late=False):
    """The loop of exercise 05/loop without torch; the slope of its one weight by hand."""
    weight, told, levels = 1.0, 0.0, np.zeros(len(images))

    def move(i, label, w):
        climbed = levels[i] + 0.05 * ((label - 0.5) * w * images[i]).mean()
        if climbed / 2 > 1 - told:  # (1 + 0.05 * 200 / 2) a = climbed + 0.05 * 200 * (1 - told)
            climbed = (climbed + 10 * (1 - told)) / 6
        levels[i] = min(max(climbed, 0), 1)

    for accuracy in accuracies:
        for first in range(0, len(images), 2):
            batch = range(first, min(first + 2, len(images)))
            slope, used = 0.0, weight
            for i in batch:
                target = masks[i] if deaf else (1 - levels[i]) * masks[i] + levels[i] / 2
                error = 1 / (1 + np.exp(-weight * images[i])) - target
                slope += (error * images[i]).mean() / len(batch)
            weight -= 0.5 * slope
            for i in [] if late else batch:
                seen = (1 - levels[i]) * masks[i] + levels[i] / 2 if swapped else masks[i]
                move(i, seen, used)
        for i in range(len(images)) if late else []:
            move(i, masks[i], weight)
        told = 0.0 if free else accuracy
    return levels


def pairs(p, y):
    return list(zip(p, y, strict=True))


def labelled(p, y):
    """The pixels that have a label."""
    return [(a, b) for a, b in pairs(p, y) if b != 255]


def surer_than_right(sure, right):
    """Of (p, y) each: the mean confidence of the first less the accuracy of the second."""
    total = sum(a if a > 0.5 else 1 - a for a, _ in sure) / len(sure)
    return total - sum((a > 0.5) == (b == 1) for a, b in right) / len(right)


def told(p, y):
    return surer_than_right(labelled(p, y), labelled(p, y))


def mean_level(logits, labels, accuracy, epochs, *, wait=5, beta=2, of=float, blank=None):
    """The mean level of MC's proximal step, eta = 0.01, lambda = 20."""
    total = 0
    for z, y in zip(logits, labels, strict=True):
        y = [blank if b == 255 and blank is not None else b for b in y]
        kept = [(b - 0.5) * of(a) for a, b in labelled(z, y)]
        alpha, room, half = 0, 1 - accuracy, beta / 2
        for _ in range(max(epochs - wait, 0)):
            alpha += 0.01 * beta * sum(kept) / len(kept)
            if half * alpha > room:
                alpha = (alpha + 0.2 * room) / (1 + 0.2 * half)
            alpha = min(max(alpha, 0), 1 / beta)
        total += alpha / len(logits)
    return total


MATCHED = {0.6: 6.9, 0.2: 2.6, "drawn": 8.5, "background": 7.5, "toss-ups": 5.5}
"""Temperatures read off the level lab, to one digit."""


def bins(p, y, fold=True):
    """Pixels, sums of confidence and sums of outcome of ten bins, pixel by pixel; empty ones left
    out."""
    found = {}
    for says, is_so in zip(p.tolist(), y.tolist(), strict=True):
        sure = max(says, 1 - says) if fold else says
        outcome = int((says > 0.5) == (is_so == 1)) if fold else is_so
        n, c, a = found.get(int(sure * 10), (0, 0, 0))
        found[int(sure * 10)] = n + 1, c + sure, a + outcome
    return list(found.values())


def half_folded(p, y):
    found = [0] * 10
    for says, is_so in zip(p.tolist(), y.tolist(), strict=True):
        found[int(says * 10)] += says - int((says > 0.5) == (is_so == 1))
    return sum(abs(each) for each in found) / len(p)


def ordered(right, pixels, times, cut, power=1):
    """Pooled accuracy, and so far from either end of the resamples', sorted and interpolated."""
    found = []
    for row in times.tolist():
        r = sum(min(t, power) * each for t, each in zip(row, right.tolist(), strict=True))
        n = sum(min(t, power) * each for t, each in zip(row, pixels.tolist(), strict=True))
        found.append(r / n)
    found.sort()

    def at(q):
        place = q * (len(found) - 1)
        below, part = int(place), place - int(place)
        return found[below] + part * (found[min(below + 1, len(found) - 1)] - found[below])

    return [sum(right.tolist()) / sum(pixels.tolist()), at(cut), at(1 - cut)]


def deviating(right, pixels, times):
    value = sum(right.tolist()) / sum(pixels.tolist())
    found = [sum(t * right) / sum(t * pixels) for t in times]
    mean = sum(found) / len(found)
    sigma = math.sqrt(sum((each - mean) ** 2 for each in found) / len(found))
    return [value, value - 1.96 * sigma, value + 1.96 * sigma]


def of_single_pixels(right, pixels, times):
    n = sum(pixels.tolist())
    value = sum(right.tolist()) / n
    sigma = math.sqrt(value * (1 - value) / n)
    return [value, value - 1.96 * sigma, value + 1.96 * sigma]


MANY = 10**6
"""More often than an image can be in a resample."""

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
    "05/climb": (
        35,
        {30: "warm-up", 20: "margin for the gradient", 80: "paper's step", 6.875: "once an epoch"},
    ),
    "05/lambda": (
        0.3736,
        {
            0.3: "the bound",
            2 * (0.15 + math.log(0.85 / 0.15) / 2 / 20): "margin at the bound",
            0.4296: "margin for the gradient",
            0.3368: "excess in confidence",
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
    "09/units": (
        0.75,
        {1.5: "1.5 and -0.5", 3: "wrong way", 0.25: "target of foreground", 0.375: "Halved twice"},
    ),
    "09/grey": (
        0.82,
        {
            0.9: "cut at 128",
            820 / 900: "left the grey pixels out",
            0.8: "wrong already",
            0.88: "change sides",
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
            MATCHED["drawn"]: "on drawn targets",
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
    "01/arrays": (
        lambda p, y: sum(abs(c - a) for n, c, a in bins(p, y)) / len(p),
        [
            (
                lambda p, y: sum(abs(c - a) for n, c, a in bins(p, y, fold=False)) / len(p),
                "other reading",
            ),
            (half_folded, r"still P\(y=1\)"),
            (lambda p, y: abs(sum(c - a for n, c, a in bins(p, y))) / len(p), "single bin"),
            (
                lambda p, y: sum(abs(c - a) / n for n, c, a in bins(p, y)) / len(bins(p, y)),
                "plain mean",
            ),
            (
                lambda p, y: (
                    sum(
                        abs(max(f, 1 - f) - ((f > 0.5) == (t == 1)))
                        for f, t in zip(p.tolist(), y.tolist(), strict=True)
                    )
                    / len(p)
                ),
                "never 80 % right",
            ),
            (lambda p, y: max(abs(c - a) / n for n, c, a in bins(p, y)), "largest"),
            (
                lambda p, y: sum(c / n * max(c - a, 0) for n, c, a in bins(p, y)) / len(p),
                "That is OE",
            ),
            (lambda p, y: p[0] * abs(p - y).mean(), "another order"),
            (lambda p, y: sum(f > t for f, t in zip(p, y, strict=True)) / len(p), "exchanged"),
            (lambda p, y: sum(abs(c - a) for n, c, a in bins(p, y)), "every pixel twice"),
        ],
    ),
    "06/bootstrap": (
        lambda r, n, t: ordered(r, n, t, 0.025, MANY),
        [
            (lambda r, n, t: ordered(r / n, 0 * n + 1, t, 0.025, MANY), "counts once"),
            (
                lambda r, n, t: [
                    sum(sum(w * r) / sum(w * n) for w in t) / len(t),
                    *ordered(r, n, t, 0.025, MANY)[1:],
                ],
                "the set's own",
            ),
            (lambda r, n, t: ordered(r, n, t, 0.025), "counts three times"),
            (lambda r, n, t: ordered(r, n, t, 0.05, MANY), "a 90 % interval"),
            (lambda r, n, t: ordered(r, n, t, 0, MANY), "all resamples"),
            (deviating, "1.96 deviations"),
            (of_single_pixels, "an image at a time"),
            (lambda r, n, t: ordered(r, n, t, 0.975, MANY), "value, low, high"),
            (lambda r, n, t: sorted(ordered(r, n, t, 0.025, MANY)), "value, low, high"),
            (lambda r, n, t: [0.8, 0.7, 0.9], "must be equal"),
            (lambda r, n, t: [r[0] / n[0]] * 3, "columns"),
        ],
    ),
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
    "02/switch": (
        lambda y, u, a, b: np.stack(
            [y_i + b * (0.5 - y_i) if u_i < a else y_i for y_i, u_i in zip(y, u, strict=True)]
        ),
        [
            (lambda y, u, a, b: y + b * (0.5 - y) * (u >= a)[:, None, None], "turned round"),
            (lambda y, u, a, b: y + b * (0.5 - y) * (u < a), "column"),
            (lambda y, u, a, b: y + b * (0.5 - y) * (u < a)[:, None], "row"),
            (lambda y, u, a, b: y + b * (0.5 - y), "every map"),
            (lambda y, u, a, b: y + a * b * (0.5 - y), "expected label"),
            (lambda y, u, a, b: y + (1 - 2 * y) * (u < a)[:, None, None], "beta = 2 alone"),
            (lambda y, u, a, b: y - b * y * (u < a)[:, None, None], "is missing"),
            # Caught by what they break, not by their values:
            (lambda y, u, a, b: y + b * (0.5 - y) * (u <= a)[:, None, None], "exactly 0"),
            (lambda y, u, a, b: y + b * (0.5 - y) * (y > u[:, None, None]), "not for a pixel"),
            (
                lambda y, u, a, b: y + b * (0.5 - y) * (np.sort(u) < a)[:, None, None],
                "shuffled images",
            ),
            (
                lambda y, u, a, b: y + b * (0.5 - y) * (u < a / 2)[:, None, None],
                "every map must be inverted",
            ),
        ],
    ),
    "03/ascent": (
        lambda z, y, b: np.stack(
            [
                np.mean([b / 2 * (z_j if y_j else -z_j) for z_j, y_j in pixels])
                for pixels in (zip(*each, strict=True) for each in flattened(z, y))
            ]
        ),
        [
            (lambda z, y, b: b * (y * z - z / 2).sum(-1).sum(-1), "sum over the pixels"),
            (lambda z, y, b: b * (z / 2 - y * z).mean((1, 2)), "sign is turned"),
            (lambda z, y, b: b * (2 * y * z - z).mean((1, 2)), "Twice"),
            (lambda z, y, b: (y * z - z / 2).mean((1, 2)), "Beta is missing"),
            (lambda z, y, b: b * np.where(y == 1, z, 0).mean((1, 2)), "foreground alone"),
            (lambda z, y, b: b * abs(z / 2).mean((1, 2)), "as if it were right"),
            (lambda z, y, b: b * ((y - 0.5) * (1 + np.tanh(z / 2)) / 2).mean((1, 2)), "for logits"),
            # Caught by what they break:
            (lambda z, y, b: b * ((y - 0.5) * (z + 1)).mean((1, 2)), "cost log 2|must be 0"),
            (
                lambda z, y, b: np.full(len(z), b * ((y - 0.5) * z).mean()),
                "other images",
            ),
            (lambda z, y, b: b * (0.6 * y * z - 0.4 * (1 - y) * z).mean((1, 2)), "turned round"),
            (lambda z, y, b: b**2 * ((y - 0.5) * z).mean((1, 2)), "proportional to beta"),
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
    "04/proximal": (
        stepped,
        [
            (
                lambda a, g, acc, b, e, w: np.clip(
                    a + e * g + e * w * np.minimum(1 - acc - b / 2 * a, 0), 0, min(1, 1 / b)
                ),
                "explicit step",
            ),
            (
                lambda a, g, acc, b, e, w: np.clip(
                    np.minimum(a + e * g, (1 - acc) / (b / 2)), 0, min(1, 1 / b)
                ),
                "projection",
            ),
            (
                lambda a, g, acc, b, e, w: np.where(
                    a + e * g < (1 - acc) / (b / 2),
                    a + e * g,
                    (a + e * g + e * w * (1 - acc)) / (1 + e * w * b / 2),
                ),
                "but for their limits",
            ),
        ],
    ),
    "05/loop": (
        looped,
        [
            (lambda *case: looped(*case, deaf=True), "plain BCE"),
            (lambda *case: looped(*case, free=True), "never told"),
            (lambda *case: looped(*case, swapped=True), "takes plain labels"),
            (lambda *case: looped(*case, late=True), "once an epoch"),
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
    "09/rate": (
        # Exponents of 0.95: none up to epoch 10, then 1 an epoch, from 21 on 2, and so on.
        lambda e: 0.95 ** sum(tens * min(max(e - 10 * tens, 0), 10) for tens in range(1, 9)),
        [
            (lambda e: 0.95 ** ((e - 1) // 10), "what is documented"),
            (lambda e: math.prod(0.95 ** (k // 10) for k in range(e + 1)), "One epoch too far"),
            (lambda e: 0.95**e / 0.95, "after every epoch"),
            (lambda e: 0.95 ** (e - 10) if e > 10 else 1, "the power"),
            (lambda e: 0.95 ** (e // 10), "factor of one epoch"),
        ],
    ),
    "09/mass": (
        lambda c, r, n: gaps(sorted(zip(c, r, strict=True)), n, abs),
        [
            (lambda c, r, n: gaps(list(zip(c, r, strict=True)), n, abs), "Sort them"),
            (lambda c, r, n: abs(gaps(sorted(zip(c, r, strict=True)), n, float)), "cancel"),
            (lambda c, r, n: sum(abs(c - r)) / len(c), "a bin of its own"),
            (twice, "two quantiles"),
        ],
    ),
    "08/told": (
        told,
        [
            (lambda p, y: -told(p, y), "sign"),
            (lambda p, y: surer_than_right(pairs(p, y), pairs(p, y)), "as background"),
            (lambda p, y: surer_than_right(pairs(p, y), labelled(p, y)), "of all"),
            (lambda p, y: surer_than_right(pairs(p, y), pairs(p, y > 0)), "for foreground"),
            (
                lambda p, y: (
                    sum(a for a, _ in labelled(p, y)) / len(labelled(p, y))
                    - sum((a > 0.5) == b for a, b in labelled(p, y)) / len(labelled(p, y))
                ),
                r"mean of P\(y=1\)",
            ),
        ],
    ),
    "08/loop": (
        mean_level,
        [
            (lambda *loop: mean_level(*loop, wait=0), "Without a warm-up"),
            (lambda *loop: 0, "never moved"),
            (lambda *loop: mean_level(*loop, wait=4), "one update too many"),
            (
                lambda *loop: mean_level(*loop, of=lambda z: 1 / (1 + math.exp(-z))),
                "from probabilities",
            ),
            (lambda *loop: mean_level(*loop, blank=0), "for background"),
            (lambda *loop: mean_level(*loop, beta=1), "moderation"),
        ],
    ),
    "08/classes": (
        lambda a, b, k: (1 - a) + a * ((1 - b) + b / k),
        [
            (lambda a, b, k: 1 - a * b / 2, "two classes"),
            (lambda a, b, k: (1 - a) + a * (1 - b), "spread over all"),
            (lambda a, b, k: 1 - a * b / k, "K - 1 of them"),
            (lambda a, b, k: a * b / k, "each of the other"),
            (lambda a, b, k: (1 - b) + b / k, "switch is on"),
        ],
    ),
    "08/report": (
        lambda validation, test: min(zip(validation, test, strict=True))[1],
        [
            (lambda validation, test: min(test), "lets the test set choose"),
            (lambda validation, test: min(validation), "optimistic"),
            (lambda validation, test: sum(test) / len(test), "mean over all settings"),
            (lambda validation, test: max(zip(validation, test, strict=True))[1], "Less is better"),
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
