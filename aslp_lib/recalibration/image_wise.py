"""A perturbation level, or a temperature, for each test image: this project's own extension.

ASLP learns a level for each training image. What a network does not know differs between test
images too, and under shift no single number fits: here the level is a function of the image, fitted
after training on the validation images and corrupted copies of them.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, nearest_grey_levels
from aslp_lib.recalibration.base import IDENTITY, Outcome, Recalibration, as_float32
from aslp_lib.recalibration.calibration_data import (
    FEATURES,
    CalibrationData,
    Images,
    bin_centres,
    map_features,
)
from aslp_lib.recalibration.temperature import HIGHEST, LOWEST

TAIL = 0.005
"""Share of the fit's images beyond each end of a feature's range, to which others are held."""
LARGEST_PARAMETER = 20.0
"""u beyond which a perturbation level counts as this one, 1 - 2e-9: the sign of logits is kept."""


@dataclass(frozen=True)
class ImageWise(Recalibration):
    """What both kinds share: `u = w_0 + sum_k w_k * phi_k(x)`, one for the pixels that are
    predicted foreground and one for the others, and a change of their logits by it.

    The features phi are of the predicted map alone, so that any network, and anyone's maps, have
    them: the logarithms of the predicted foreground's share of the pixels and of the mean entropy,
    each plus 0.001; the mean entropy of predicted foreground and of background (their sums over the
    area plus 0.01); the mean `|z|`, up to 6. They are standardised over the clean images, and held
    to the range that they have in the fit: what is unlike all of it is treated as its most unlike.
    """

    preserves_decisions = True
    fits_corrupted = True
    start: ClassVar[float]
    """u that changes next to nothing: where the search begins."""
    ridge: ClassVar[float]
    """Beside the mean NLL, times the sum of squares of all w but w_0."""
    clean_weight: ClassVar[float] = 10.0
    """Of a clean image, where a corrupted one has 1: there are 30 of these for each."""

    foreground: tuple[float, ...] = ()
    """w of the pixels that are predicted foreground; none: nothing is changed."""
    background: tuple[float, ...] = ()
    means: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()
    lowest: tuple[float, ...] = ()
    """Of the standardised features."""
    highest: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, each in vars(self).items():
            as_float32(f"{name} of {self.name}", *each)
            expected = len(FEATURES) + (name in ("foreground", "background"))
            expected *= bool(self.foreground)
            if len(each) != expected:
                raise ValueError(f"{name} has {len(each)} numbers, but must have {expected}")
        if not all(each > 0 for each in self.deviations):
            raise ValueError("a standard deviation is not positive")

    @abstractmethod
    def changed(self, logits: Tensor, u: Tensor) -> Tensor:
        """Logits changed by u, a value each; they keep their sign."""

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Fitted on the validation set, and on it under each of `CORRUPTIONS`."""
        return self.fit(trained.counts, trained.corrupted)

    def fit(self, counts: Counts, corrupted: Iterable[Counts | Images] = ()) -> Self:
        """Fit on clean images, and on corrupted ones.

        The fit is what `minimise` finds, or the identity where that has the smaller NLL on these
        images, each weighted as in the fit, before or after logits are rounded to grey levels.

        Args:
            counts: of clean images, each by itself.
            corrupted: of corrupted ones; anyone's maps will do (`Counts.from_maps`).

        Raises:
            ValueError: counts as `pixels_to_fit` refuses.
        """
        corrupted = [*corrupted]
        fitted = self.minimise(counts, corrupted)
        weighted = [(counts, self.clean_weight), *((each, 1.0) for each in corrupted)]
        outcomes = (fitted._outcome(_images(each), weight) for each, weight in weighted)
        return self.unless_worse(fitted, counts.grey_levels, outcomes)

    def minimise(self, counts: Counts, corrupted: Iterable[Counts | Images] = ()) -> Self:
        """Find the weights of least negative log-likelihood, by L-BFGS.

        Each image's NLL is the mean over its pixels; a clean image weighs 10 times as much as a
        corrupted one. The ridge was chosen by leaving one kind of corruption out of the fit after
        another (`benchmarks/image_wise.py`), never by a test set.
        """
        sets = [_images(each).binned() for each in (counts, *corrupted)]
        clean = sets[0].features
        means, deviations = clean.mean(axis=0), clean.std(axis=0)
        deviations[deviations < 1e-6] = 1.0  # of one image, or of images that are all alike
        inputs = (np.concatenate([each.features for each in sets]) - means) / deviations
        lowest, highest = np.quantile(inputs, [TAIL, 1 - TAIL], axis=0)
        weights = np.ones(len(inputs))
        weights[: len(clean)] = self.clean_weight
        tables = np.concatenate([each.tables for each in sets])
        foreground, background = self._fitted(tables, inputs.clip(lowest, highest), weights)
        return type(self)(
            *(tuple(each.tolist()) for each in (foreground, background)),
            *(tuple(each.tolist()) for each in (means, deviations, lowest, highest)),
        )

    def _fitted(
        self, tables: NDArray[np.float64], inputs: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(2, 1 + features) w of foreground and of background.

        Args:
            tables: (N, 2, BINS) shares of an image's pixels.
            inputs: (N, features).
            weights: (N,).
        """
        from scipy.optimize import minimize

        background, positive = (torch.from_numpy(tables[:, i]) for i in (0, 1))
        z, phi = torch.from_numpy(bin_centres()), torch.from_numpy(_with_one(inputs))
        importance = torch.from_numpy(weights / weights.sum())
        shape = 2, phi.shape[1]

        def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            w = torch.tensor(flat).view(shape).requires_grad_()
            sides = phi @ w.T + self.start
            after = self.changed(z, torch.where(z > 0, sides[:, :1], sides[:, 1:]))
            nll = (positive * softplus(-after) + background * softplus(after)).sum(dim=1)
            total = importance @ nll + self.ridge * w[:, 1:].square().sum()
            (gradient,) = torch.autograd.grad(total, w)
            return total.item(), gradient.numpy().ravel()

        found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B")
        w: NDArray[np.float64] = found.x.reshape(shape)
        w[:, 0] += self.start
        return w

    def _outcome(self, images: Images, weight: float) -> Outcome:
        """What the fit makes of images that weigh so much each."""
        after = self._changed(torch.from_numpy(images.logits), images.features)
        return Outcome(images.logits, after.numpy(), weight * images.tables)

    def levels(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 2) u of each image's predicted foreground and background.

        Args:
            features: (N, features), as `map_features` gives them.
        """
        inputs = ((features - self.means) / self.deviations).clip(self.lowest, self.highest)
        return _with_one(inputs) @ np.array([self.foreground, self.background]).T

    def _changed(self, logits: Tensor, features: NDArray[np.float64]) -> Tensor:
        """(N, K) changed logits of N images with these features, from logits (N, K) or (K,)."""
        u = torch.from_numpy(self.levels(features))
        return self.changed(logits, torch.where(logits > 0, u[:, :1], u[:, 1:]))

    def apply(self, logits: Tensor) -> Tensor:
        """Changed logits (N, ...): each image by its own features."""
        if not self.foreground:
            return logits
        # In double precision, which not every device has.
        flat = logits.reshape(len(logits), -1).cpu().double()
        after = self._changed(flat, map_features(flat.numpy()))
        return after.to(logits).view(logits.shape)

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        if not self.foreground:
            return np.arange(counts.grey_levels)
        logits = grey_level_logits(counts.grey_levels)
        features = map_features(logits, counts.table.sum(axis=1))
        after = self._changed(torch.from_numpy(logits), features)
        return nearest_grey_levels(after.numpy(), counts.grey_levels)

    def describe(self) -> str:
        if not self.foreground:
            return IDENTITY
        usual = self._in_words(self.foreground[0]), self._in_words(self.background[0])
        return "of foreground {} and of background {}, on a usual image".format(*usual)

    @abstractmethod
    def _in_words(self, u: float) -> str: ...


@dataclass(frozen=True)
class ImageWiseShrinkage(ImageWise):
    """`p' = (1 - s) p + s/2` with `s = sigmoid(u)`: SC-BCE's own minimiser at `alpha*beta = s`, so
    that s is a perturbation level for a test image."""

    name = "image_wise_shrinkage"
    label = "image-wise shrinkage"
    start = -3.0
    ridge = 0.001

    def changed(self, logits: Tensor, u: Tensor) -> Tensor:
        # In logarithms: 1 - s and s/2, each times the odds' parts.
        u = u.clamp(max=LARGEST_PARAMETER)
        keep, half = logsigmoid(-u), logsigmoid(u) - math.log(2)
        positive = torch.logaddexp(keep + logsigmoid(logits), half)
        return positive - torch.logaddexp(keep + logsigmoid(-logits), half)

    def _in_words(self, u: float) -> str:
        return f"s = {1 / (1 + math.exp(-u)):.3f}"


@dataclass(frozen=True)
class ImageWiseTemperature(ImageWise):
    """`z' = z exp(-u)`: a temperature `exp(u)`, from 0.01 to 100, for either side of each image's
    decision."""

    name = "image_wise_temperature"
    label = "image-wise temperature"
    start = 0.0
    ridge = 0.01

    def changed(self, logits: Tensor, u: Tensor) -> Tensor:
        return logits * torch.exp(-u.clamp(math.log(LOWEST), math.log(HIGHEST)))

    def _in_words(self, u: float) -> str:
        return f"T = {math.exp(u):.3f}"


def _images(each: Counts | Images) -> Images:
    return each if isinstance(each, Images) else Images.of(each)


def _with_one(inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.ones(len(inputs)), inputs])
