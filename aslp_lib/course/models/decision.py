"""A decision that takes probabilities at their word: have a pixel checked by hand, or leave it."""

from __future__ import annotations

from dataclasses import dataclass

from aslp_lib.metrics.counts import Counts


@dataclass(frozen=True)
class Bill:
    """What was decided and what it costs, a pixel; a check costs 1.

    Args:
        checked: share of all pixels.
        missed: share of the foreground that was left.
        expected: what it costs if each pixel is foreground with the probability that was said.
        paid: what it costs with the labels as they are.
    """

    checked: float
    missed: float
    expected: float
    paid: float


def bill(counts: Counts, miss: float) -> Bill:
    """Check where it is cheaper by the probabilities: where `miss * P(y=1) > 1`.

    Checked pixels cost 1 each, foreground that was left costs `miss`, background that was left
    nothing: the threshold 1 / `miss` is then the cheapest if the probabilities are right (Elkan,
    *The Foundations of Cost-Sensitive Learning*, IJCAI 2001).

    Args:
        counts: of a set with foreground.
        miss: what a foreground pixel costs that was left; more than 1.

    Raises:
        ValueError: a miss that is no dearer than a check, so that nothing is worth checking.
    """
    if not miss > 1:
        raise ValueError(f"a miss costs {miss}, but must cost more than a check, which costs 1")
    background, foreground = counts.pooled
    p, pixels = counts.probabilities, background + foreground
    left = miss * p <= 1
    checked = pixels[~left].sum() / counts.pixels
    return Bill(
        checked=float(checked),
        missed=float(foreground[left].sum() / foreground.sum()),
        expected=float(checked + miss * (pixels * p)[left].sum() / counts.pixels),
        paid=float(checked + miss * foreground[left].sum() / counts.pixels),
    )
