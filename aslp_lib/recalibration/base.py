"""What a run asks of a recalibration."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aslp_lib.checks import check_types, json_object, short_repr
from aslp_lib.files import write
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, nearest_grey_levels, pixels_to_fit

if TYPE_CHECKING:
    from aslp_lib.recalibration.calibration_data import CalibrationData

VERSION = 1
"""Of the files that `Recalibration.save` writes."""
LARGEST = 1e18
"""Of a fitted number: with logits it stays far from what single precision holds."""
IDENTITY = "the identity, which changes nothing"
"""What `describe` says of a recalibration without numbers."""


class Outcome(NamedTuple):
    """The logits of a set before and after a fit.

    Args:
        before: (K,) logits.
        after: (..., K) what they become.
        pixels: (..., 2, K) background and foreground pixels that have them, weighted as in the fit.
    """

    before: NDArray[np.float64]
    after: NDArray[np.float64]
    pixels: NDArray[np.float64]


@dataclass(frozen=True)
class Recalibration(ABC):
    """A change of logits whose numbers are fitted on the validation set, after training.

    A subclass is a frozen dataclass of these numbers: without arguments it changes nothing (unless
    it has none to fit), and `fit` returns the fitted one. It gives `minimise`, `apply` and
    `describe`. One that has to see the images, or the network's features of them, is an
    `ImageRecalibration`. One whose numbers are large arrays gives `save`, `read` and another
    `suffix`.
    """

    name: ClassVar[str]
    """In settings, on the command line and in a run's folder."""
    label: ClassVar[str]
    """In tables and figures, behind a method's own and a plus."""
    preserves_decisions: ClassVar[bool]
    """Whether a logit keeps its sign, so that accuracy is as before."""
    fits_corrupted: ClassVar[bool] = False
    """Whether `fit` takes counts of corrupted images too, as a second argument."""
    suffix: ClassVar[str] = ".json"
    """Of the file beside a network's weights."""

    def fit(self, counts: Counts) -> Self:
        """Fit on the counts of a validation set.

        The fit is what `minimise` finds, or the identity where that has the smaller NLL on these
        counts, before or after logits are rounded to grey levels.

        Raises:
            ValueError: as `pixels_to_fit`.
        """
        fitted = self.minimise(counts)
        logits = grey_level_logits(counts.grey_levels)
        after = fitted.apply(torch.from_numpy(logits)).numpy()
        outcome = Outcome(logits, after, pixels_to_fit(counts))
        return self.unless_worse(fitted, counts.grey_levels, [outcome])

    @abstractmethod
    def minimise(self, counts: Counts) -> Self:
        """Find the numbers that fit the counts best, whether or not they beat the identity."""

    @abstractmethod
    def apply(self, logits: Tensor) -> Tensor:
        """Changed logits, of the same shape and device; images lie along the first axis."""

    @abstractmethod
    def describe(self) -> str:
        """What was fitted, in a few words: "T = 2.505"."""

    def identity(self) -> Self:
        """Return the recalibration of this kind that changes nothing."""
        return type(self)()

    def unless_worse(self, fitted: Self, grey_levels: int, outcomes: Iterable[Outcome]) -> Self:
        """Return `fitted`, or the identity if `fitted` raises the NLL of the sets it was fitted on.

        The NLL is measured twice: of the logits as they are, and rounded to grey levels. Rounding
        can cost more than a fit gains, above all in saturated maps.
        """
        levels = grey_level_logits(grey_levels)
        rises = np.zeros(2)
        for before, after, pixels in outcomes:
            for sign, logits in ((1, after), (-1, before)):
                rounded = levels[nearest_grey_levels(logits, grey_levels)]
                rises += [sign * _total_nll(each, pixels) for each in (logits, rounded)]
        return fitted if (rises <= 0).all() else self.identity()

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Fitted on a trained network: on its validation counts alone, unless a subclass sees
        more. Every process of several calls this, and gets the same."""
        return self.fit(trained.counts)

    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """Changed logits of a batch: `apply`, unless a subclass looks at the images.

        Args:
            logits: (N, 1, S, S) float32, the network's of these images.
            images: (N, 3, S, S) uint8.
        """
        return self.apply(logits)

    def apply_counts(self, counts: Counts) -> Counts:
        """Return the counts of the recalibrated predictions.

        Each grey level becomes that of `recalibrated_grey_levels`. The S-measure's quadrants and
        weighted F are unknown afterwards.
        """
        moved = np.broadcast_to(
            self.recalibrated_grey_levels(counts), (len(counts), counts.grey_levels)
        )
        images, labels = np.ogrid[: len(counts), :2]
        changed = np.zeros_like(counts.table)
        np.add.at(changed, (images[..., None], labels[..., None], moved[:, None]), counts.table)
        return Counts(changed, names=counts.names)

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        """Return where each grey level goes: (grey levels,), or (images, grey levels) if images
        are not treated alike.

        The logit of each level (`grey_level_logits`) is recalibrated, and rounded to the nearest
        grey level (`nearest_grey_levels`).
        """
        after = self.apply(torch.from_numpy(grey_level_logits(counts.grey_levels)))
        return nearest_grey_levels(after.numpy(), counts.grey_levels)

    def save(self, path: Path) -> None:
        """Write the numbers as JSON, whole. Raises as `files.write`."""
        content = {"kind": self.name, "version": VERSION, **asdict(self)}
        write(Path(path), json.dumps(content, indent=2, allow_nan=False))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a damaged file, or one of another kind or version.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {path}")
        try:
            return cls.read(path)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} cannot be used as the recalibration {cls.name!r} ({error}): fit it again"
            ) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """As `load`, of a file that is there; its ValueError, TypeError or KeyError says what is
        wrong with it."""
        held = json_object(path.read_text(encoding="utf-8"))
        cls.check_kind(held)
        held = {key: tuple(v) if isinstance(v, list) else v for key, v in held.items()}
        check_types(cls, held)
        expected = [each.name for each in fields(cls)]
        if missing := [name for name in expected if name not in held]:
            raise ValueError(
                f"missing numbers: {', '.join(missing)}; expected {', '.join(expected)}"
            )
        return cls(**held)

    @classmethod
    def check_kind(cls, held: dict[str, Any]) -> None:
        """Take kind and version out of what a file holds. Raises ValueError if they are others,
        KeyError if there are none."""
        kind, version = held.pop("kind"), held.pop("version")
        if kind != cls.name:
            raise ValueError(f"it holds the recalibration {kind!r}")
        if version != VERSION:
            raise ValueError(f"it is of version {version}, and only {VERSION} is known")


@dataclass(frozen=True)
class ImageRecalibration(Recalibration):
    """One that has to see images: it gives `fit_on_images` and `apply_on_images`.

    What it does to a logit is not known from counts or from logits alone: these refuse.
    """

    @abstractmethod
    def fit_on_images(self, trained: CalibrationData) -> Self: ...

    @abstractmethod
    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor: ...

    def minimise(self, counts: Counts) -> Self:
        raise TypeError(f"the recalibration {self.name!r} sees images: call fit_on_images")

    def apply(self, logits: Tensor) -> Tensor:
        raise TypeError(f"the recalibration {self.name!r} sees images: call apply_on_images")

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        raise TypeError(
            f"the recalibration {self.name!r} sees images, which counts do not hold: count the "
            "probabilities of apply_on_images"
        )


def as_float32(name: str, *numbers: float) -> NDArray[np.float32]:
    """Fitted numbers as they meet logits.

    Raises:
        ValueError: one is no number, or larger than `LARGEST`.
    """
    for number in numbers:
        if not (isinstance(number, (int, float)) and abs(number) <= LARGEST):
            raise ValueError(
                f"the {name} is {short_repr(number)}, but must be a number of {LARGEST:g} at most"
            )
    return np.array(numbers, dtype=np.float32)


def preserve_decisions(
    probability: NDArray[np.float32], before: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Changed probabilities at an image's own size, each on the side of 1/2 where it was before.

    A logit keeps its sign at the network's size; but a pixel that is resized from both sides of an
    edge lies between them, and what is changed moves there as its neighbours do. Rounding reaches
    1/2 itself.
    """
    below = np.nextafter(np.float32(0.5), np.float32(0))
    return np.where(before < 0.5, np.minimum(probability, below), np.maximum(probability, 0.5))


def _total_nll(logits: NDArray[np.float64], pixels: NDArray[np.float64]) -> float:
    """Negative log-likelihood of (..., 2, K) background and foreground pixels with logits (..., K),
    summed."""
    background, foreground = np.moveaxis(pixels, -2, 0)
    nll = background * np.logaddexp(0, logits) + foreground * np.logaddexp(0, -logits)
    return float(nll.sum())
