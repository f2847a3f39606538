"""Non-parametric recalibration of K classes: each against the rest."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from aslp_lib.metrics.counts import Counts
from aslp_lib.recalibration.binning import Histogram, Isotonic
from aslp_lib.recalibration.classes import ClassRecalibration, LabelledPixels
from aslp_lib.recalibration.recalibration import Recalibration, log_sigmoid
from aslp_lib.tensors import with_prefix


class OneAgainstRest(ClassRecalibration):
    """One against the rest: `p'_k = g_k(p_k) / sum_j g_j(p_j)`.

    g_k is a recalibration for two classes, class k and all others. Its values are clipped away from
    0, so that the sum is positive; a pixel at which all are at this limit gets the same probability
    for every class. The result is logarithms of probabilities, and decisions change.

    Source: Zadrozny & Elkan, KDD 2002.

    >>> halves = [Histogram(edges=(0.0,), values=(-1.0, 1.0))] * 3
    >>> ClassHistogram(halves)(torch.tensor([[9.0, 0.0, 0.0]])).exp()
    tensor([[0.5761, 0.2119, 0.2119]])

    Args:
        parts: the functions g_k of all classes; empty for the identity.
    """

    against_rest: ClassVar[type[Recalibration]]
    """The recalibration for two classes."""

    def __init__(self, parts: Iterable[Recalibration] = ()) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.channels = len(self.parts)

    def minimise_classes(self, pixels: LabelledPixels) -> Self:
        """Count each class against the rest in one pass, and fit its part to these counts."""
        counts: list[Counts] = []
        for z, y in pixels:
            pairs = zip(log_odds(z[None])[0], range(len(z)), strict=True)
            piece = [Counts.from_logits(odds[None], (y == k)[None]) for odds, k in pairs]
            both = zip(counts, piece, strict=True) if counts else ([c] for c in piece)
            counts = [Counts.join([*parts]).as_one_image for parts in both]
        return type(self)(self.against_rest().fit(count) for count in counts)

    def transform(self, logits: Tensor) -> Tensor:
        """Recalibrate the log odds of each class against the rest, and normalise."""
        odds = log_odds(logits).unbind(1)
        changed = [part(each) for part, each in zip(self.parts, odds, strict=True)]
        return log_sigmoid(torch.stack(changed, 1)).log_softmax(1)

    def summary(self) -> str:
        """Return what each part returns."""
        return "; ".join(f"class {k}: {part.extra_repr()}" for k, part in enumerate(self.parts))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Self:
        numbers = range(facts.get("channels", 1))
        parts = [with_prefix(tensors, f"parts.{number}.") for number in numbers]
        of_two = {**facts, "channels": 1}
        return cls(cls.against_rest.from_tensors(part, of_two) for part in parts)


class ClassIsotonic(OneAgainstRest):
    """Isotonic regression of each class against the rest; see `OneAgainstRest` and `Isotonic`.

    >>> logits = torch.tensor([[3.0, 1.0, 1.0]] * 5).log()  # p = 0.6, 0.2 and 0.2
    >>> labels = torch.tensor([0, 0, 1, 1, 2])
    >>> ClassIsotonic().fit_classes([(logits, labels)])(logits[:1]).exp()
    tensor([[0.4000, 0.4000, 0.2000]])
    """

    name, label = "isotonic", "isotonic"
    against_rest = Isotonic


class ClassHistogram(OneAgainstRest):
    """Histogram binning of each class against the rest; see `OneAgainstRest` and `Histogram`.

    >>> logits = torch.tensor([[3.0, 1.0, 1.0]] * 5).log()  # p = 0.6, 0.2 and 0.2
    >>> labels = torch.tensor([0, 0, 1, 1, 2])
    >>> ClassHistogram().fit_classes([(logits, labels)])(logits[:1]).exp()
    tensor([[0.4000, 0.4000, 0.2000]])
    """

    name, label = "histogram", "histogram"
    against_rest = Histogram


def log_odds(logits: Tensor) -> Tensor:
    """Compute `log p_k - log(1 - p_k)` of the softmax p, also where p_k rounds to 0 or 1.

    >>> log_odds(torch.tensor([[200.0, 0.0, 0.0]]))  # 200 - log 2
    tensor([[ 199.3069, -200.0000, -200.0000]])

    Args:
        logits: logits (N, K, ...).
    """
    largest = torch.finfo(logits.dtype).max
    z = logits.clamp(-largest, largest)
    axes = (-1, *[1] * (z.dim() - 2))
    # Of the largest p, 1 - p would be rounded; all others are at most 1/2.
    top = torch.arange(z.shape[1], device=z.device).view(axes) == z.argmax(1, keepdim=True)
    log_p = z.log_softmax(1)
    below = log_p.clamp(max=-math.log(2))
    rest = z.masked_fill(top, -torch.inf).logsumexp(1, keepdim=True)
    return torch.where(top, z - rest, log_p - torch.log1p(-below.exp()))
