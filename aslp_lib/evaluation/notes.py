"""Notes on results that must not be read as they stand, derived from the counts of maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aslp_lib.metrics.classes import AnyCounts, ClassCounts
from aslp_lib.metrics.float_levels import finite_logits

FEW = 100
"""Number of images below which a note warns that the intervals are too narrow."""
FEW_FOR_ECE = 50
"""Number below which the note says so of the intervals of the ECE of images without groups."""
RARE = 1e-3
"""Share of the pixels below which a class counts as not predicted."""
STRAY = 1e-4
"""Share of the pixels up to which a class counts as missing from the masks."""
FACTS = ("foreground", "predicted_foreground", "wrong_at_ends", "units")
"""Names of the facts on which the notes depend, see `facts`."""


def facts(counts: AnyCounts) -> dict[str, float]:
    """Compute the facts on which the notes depend.

    >>> from aslp_lib.metrics.counts import Counts
    >>> counts = Counts.from_map(np.uint8([[255, 204, 51, 0]]), np.uint8([[0, 0, 1, 0]]))
    >>> {name: round(value, 2) for name, value in facts(counts).items()}
    {'foreground': 0.25, 'predicted_foreground': 0.5, 'wrong_at_ends': 0.33, 'units': 1}

    Returns:
        The shares of foreground in the masks and in the predictions; the share of the wrong pixels
        whose probability is exactly 0 or 1 (0 if no pixel is wrong); and the number of images, or
        of groups of images. With K classes, the class that is predicted most takes the place of the
        background, the third fact is unknown, NaN, and the number K is added as "classes".
    """
    if isinstance(counts, ClassCounts):
        confusion = counts.confusion.sum(axis=0)
        most = int(confusion.sum(axis=0).argmax())
        others = np.delete(confusion, most, axis=0), np.delete(confusion, most, axis=1)
        return {
            "foreground": float(others[0].sum() / counts.pixels),
            "predicted_foreground": float(others[1].sum() / counts.pixels),
            "wrong_at_ends": np.nan,
            "units": counts.independent,
            "classes": counts.classes,
        }
    pooled, pixels = counts.pooled, counts.pixels
    half = pooled.shape[1] // 2
    wrong = np.concatenate([pooled[1, :half], pooled[0, half:]])
    logits = np.concatenate([counts.logits[1, :half], counts.logits[0, half:]])
    ends = logits[[0, -1]]
    if counts.levels is not None:
        both = (finite_logits(np.array([0, 1], t)) for t in (np.float16, np.float32, np.float64))
        ends = np.concatenate([*both])
    at_ends = np.isclose(logits[:, None], ends, rtol=0, atol=1e-6).any(axis=1)
    return {
        "foreground": float(pooled[1].sum() / pixels),
        "predicted_foreground": float(pooled[:, half:].sum() / pixels),
        "wrong_at_ends": float(wrong[at_ends].sum() / max(wrong.sum(), 1)),
        "units": counts.independent,
    }


def one_class(of_maps: Mapping[str, float]) -> str:
    """Name the class of nearly all predictions, if the masks hold clearly more of the other one.

    The other class is predicted on less than 0.1 % of the pixels, so that the accuracy is within
    0.1 points of that of a constant prediction; and on less than a tenth of its pixels in the
    masks, so that more than 90 % of these are missed. Masks that lack it are no evidence.

    >>> one_class({"foreground": 0.2, "predicted_foreground": 0.0002})
    'background'
    >>> one_class({"foreground": 0.0, "predicted_foreground": 0.0})  # images without an object
    ''
    >>> one_class({"foreground": 0.002, "predicted_foreground": 0.0009})  # small objects
    ''

    Args:
        of_maps: facts on the maps; NaN if they are unknown.

    Returns:
        "background" or "foreground", or "one class" of K; empty if several classes are predicted.
    """
    shares = of_maps["foreground"], of_maps["predicted_foreground"]
    others = {"background": shares, "foreground": tuple(1 - share for share in shares)}
    for predicted, (in_masks, in_maps) in others.items():
        if in_maps < RARE and 10 * in_maps < in_masks and STRAY < in_masks < 1 - STRAY:
            return "one class" if of_maps.get("classes", 0) > 1 else predicted
    return ""


def hidden(of_maps: Mapping[str, float]) -> bool:
    """Return whether most wrong pixels are exactly 0 or 1, so that their confidence is lost.

    If they are half of the wrong pixels of 8-bit maps, the NLL is a third too low, and a fitted
    temperature about half of that of the logits (the shipped BCE networks with doubled logits).
    Right pixels at 0 or 1 say nothing: maps of good networks have 80 % there.

    >>> hidden({"wrong_at_ends": 0.18}), hidden({"wrong_at_ends": 0.55})  # 67 and 91 % at 0 or 1
    (False, True)

    Args:
        of_maps: facts on the maps; NaN if they are unknown.
    """
    return of_maps["wrong_at_ends"] > 1 / 2


def of_maps(name: str, label: str, seeds: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the notes on the maps of a method on a set.

    Args:
        name: name of the set.
        label: label of the method.
        seeds: facts on the maps of each seed, with the entry "seed" if there are several.
    """
    if collapsed := [row for row in seeds if one_class(row)]:
        numbers = ", ".join(f"{row['seed']:.0f}" for row in collapsed if len(seeds) > 1)
        seed = f" with seed {numbers}" if numbers else ""
        predicted = one_class(collapsed[0])
        others = "of other classes" if predicted == "one class" else "foreground"
        return [
            f"{name}: {label} predicts {predicted} on more than 99.9 % of the pixels{seed}, but "
            f"{100 * collapsed[0]['foreground']:.1f} % are {others}, so it is not compared. Look "
            "at its training first"
        ]
    if not all(map(hidden, seeds)):
        return []
    share = 100 * float(np.mean([row["wrong_at_ends"] for row in seeds]))
    return [
        f"{name}: {share:.0f} % of the wrong pixels of {label} are exactly 0 or 1, which hides how "
        "confident they are: NLL is not that of the network, and recalibration cannot tell them "
        "from right pixels. Save logits, np.save('STEM.npy', logits), and give --logits, or let a "
        "run save floats, predict RUN --images DIR --out DIR --floats"
    ]


def few_images(sets: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return a warning if sets have too few images, or groups of images, for reliable intervals.

    Percentile intervals are too narrow if the scores of resamples are skewed. More images correct
    this; other bootstrap intervals hardly do (bias-corrected and accelerated intervals cover the
    truth in 86 % of trials with 30 images). Those of the ECE are in `metrics.noise_floor`.

    >>> few_images({"SOD": (300, 300)})
    []

    Args:
        sets: name -> number of images, or of groups of images; and number of images.
    """
    names: dict[str, list[str]] = {}
    for name, (units, images) in sets.items():
        if 1 < units < FEW:
            noun = "images" if units == images else "groups of images"
            text = (
                f"95 % intervals over {units:.0f} {noun} are too narrow: in trials they held the "
                "truth in 80 to 87 % with 30 images, in 91 to 95 % with 100"
            )
            if units == images and units < FEW_FOR_ECE:
                text += ", and those of a calibrated predictor's ECE in 40, 58 and 77 % with 5, 10 "
                text += "and 20"
            names.setdefault(text, []).append(name)
    return [f"{', '.join(known)}: {text}" for text, known in names.items()]


def ignored(name: str, counts: AnyCounts) -> list[str]:
    """Return a note if pixels of a set were ignored, with their share.

    >>> from aslp_lib.metrics.counts import Counts
    >>> maps, labels = np.uint8([[255, 0, 9, 9]]), np.uint8([[1, 0, 0, 7]])
    >>> (note,) = ignored("SOD", Counts.from_map(maps, labels, ignore_index=7))
    >>> note[:40]
    'SOD: 25.0 % of the pixels are ignored; S'
    """
    number = counts.columns.get("ignored", np.zeros(1)).sum()
    if not number:
        return []
    note = f"{name}: {100 * number / (number + counts.pixels):.1f} % of the pixels are ignored"
    missing = "; S and weighted F, which need whole images, are missing"
    return [note if isinstance(counts, ClassCounts) else note + missing]


def first_sentence(note: str) -> str:
    """Return the first sentence of a note, for captions, which give no advice.

    >>> first_sentence("SOD: BCE predicts background on more than 99.9 %. Look at its training")
    'SOD: BCE predicts background on more than 99.9 %.'
    """
    return note.partition(". ")[0] + "."
