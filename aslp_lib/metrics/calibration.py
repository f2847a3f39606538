"""Calibration of dense binary maps, pooled over all pixels of a set.

Conventions: a pixel's confidence is that of its predicted class, `max(p, 1 - p)`; its accuracy is
whether that class is the label. Bins are equally wide over [0, 1], `(low, high]`, and a level's bin
is found in integers, so that no level falls on the wrong side of an edge by rounding. Every value
is a share in [0, 1] unless a docstring says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aslp_lib.metrics.counts import Counts

BINS = 10


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram's numbers, one entry a bin (empty bins: NaN means).

    Args:
        edges: (bins + 1,) confidence.
        pixels: (bins,) int64.
        confidence: (bins,) mean confidence of the bin's pixels.
        accuracy: (bins,) share of them whose predicted class is the label.
    """

    edges: np.ndarray
    pixels: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """(bins,) share of all pixels."""
        return self.pixels / self.pixels.sum()


def reliability(counts: Counts, bins: int = BINS) -> Reliability:
    """Pixels, mean confidence and accuracy of each confidence bin."""
    if bins < 1:
        raise ValueError(f"bins is {bins}, but at least 1 is needed")
    confidence, correct, total = _by_confidence(counts)
    # Confidence is an integer over levels - 1; (low, high] is then a ceiling division.
    top = counts.levels - 1
    level = np.arange(counts.levels // 2, counts.levels)
    which = (level * bins + top - 1) // top - 1
    pixels = np.bincount(which, total, minlength=bins).astype(np.int64)
    with np.errstate(invalid="ignore"):
        return Reliability(
            edges=np.arange(bins + 1) / bins,
            pixels=pixels,
            confidence=np.bincount(which, total * confidence, minlength=bins) / pixels,
            accuracy=np.bincount(which, correct, minlength=bins) / pixels,
        )


def ece(counts: Counts, bins: int = BINS) -> float:
    """Expected calibration error, `sum_k w_k * |acc_k - conf_k|` (Naeini et al., AAAI 2015)."""
    table = reliability(counts, bins)
    return float(np.nansum(table.share * np.abs(table.accuracy - table.confidence)))


def oe(counts: Counts, bins: int = BINS) -> float:
    """Over-confidence error, `sum_k w_k * conf_k * max(conf_k - acc_k, 0)`.

    Source: Thulasidasan et al., NeurIPS 2019, as the paper's release computes it.
    """
    table = reliability(counts, bins)
    excess = np.maximum(table.confidence - table.accuracy, 0)
    return float(np.nansum(table.share * table.confidence * excess))


def accuracy(counts: Counts) -> float:
    """Share of pixels whose predicted class is the label."""
    _, correct, total = _by_confidence(counts)
    return float(correct.sum() / total.sum())


def confidence(counts: Counts) -> float:
    """Mean confidence, `mean(max(p, 1 - p))`."""
    values, _, total = _by_confidence(counts)
    return float(values @ total / total.sum())


def gap(counts: Counts) -> float:
    """Signed gap, mean confidence less accuracy, in [-1, 1]: positive is over-confident."""
    return confidence(counts) - accuracy(counts)


def brier(counts: Counts) -> float:
    """Brier score, `mean((p - y)^2)` (Brier, 1950)."""
    background, foreground = counts.pooled
    p = counts.probabilities
    return float((background @ p**2 + foreground @ (1 - p) ** 2) / counts.pixels)


def nll(counts: Counts) -> float:
    """Negative log-likelihood in nats per pixel.

    Levels 0 and 1 are clipped at half a level: a rounded map cannot tell a certainty from one.
    """
    half = 0.5 / (counts.levels - 1)
    p = np.clip(counts.probabilities, half, 1 - half)
    background, foreground = counts.pooled
    return float(-(background @ np.log1p(-p) + foreground @ np.log(p)) / counts.pixels)


def _by_confidence(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, correct pixels and all pixels of the levels folded at 1/2, least sure first."""
    background, foreground = counts.pooled
    half = counts.levels // 2
    if background.sum() + foreground.sum() == 0:
        raise ValueError("there is nothing to measure: the set has no pixels")
    correct = foreground[half:] + background[:half][::-1]
    wrong = background[half:] + foreground[:half][::-1]
    return counts.probabilities[half:], correct, correct + wrong
