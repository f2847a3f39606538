"""Density-aware temperature scaling: a temperature that depends on distances to training images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.checks import check_types, require
from aslp_lib.data.base import SaliencySet
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit
from aslp_lib.metrics.temperature import HIGHEST, LOWEST
from aslp_lib.networks.base import DenseNetwork
from aslp_lib.recalibration.base import (
    IDENTITY,
    VERSION,
    ImageRecalibration,
    Outcome,
    as_float32,
)
from aslp_lib.recalibration.calibration_data import CalibrationData
from aslp_lib.recalibration.temperature import fitted_temperature
from aslp_lib.tensors import load_tensors, save_tensors

NEIGHBOURS = 10
"""Default number of nearest training images."""
REFERENCES = 500
"""Largest number of training images whose features are stored (8 MB for the paper's network)."""
LARGEST_WEIGHT = 10.0
"""Bound of the weights; with it, one standard deviation of distance changes T by a factor e^10."""
SMALLEST_DEVIATION = 1e-6
"""Standard deviation of distances below which differences are rounding errors of float32."""
LISTS = ("weights", "means", "deviations")
"""Parameters that are saved as float64 vectors."""
BATCH = 10
"""Number of images in a batch of feature extraction."""


@dataclass(frozen=True, eq=False)
class Density(ImageRecalibration):
    """Density-aware temperature scaling: `z' = z / T(x)` for all pixels of image x.

    `1/T(x) = exp(w_0 + sum_l w_l d_l(x))` over the stages l of the encoder. d_l is the mean
    Euclidean distance between the features of x and those of its nearest training images,
    standardised over the validation images. The features of a stage are averaged over pixels and
    scaled to length 1. T is clipped to [0.01, 100], the range of `Temperature`.

    Source: after density-aware calibration (Tomani et al., ICML 2023). There, T is the sum itself,
    over the layers of a classifier, and may become negative. The exponential is always positive,
    so that decisions are preserved. Here at most 500 training images, evenly spaced in the list,
    are stored instead of all.

    >>> from dataclasses import replace
    >>> from functools import partial
    >>> from aslp_lib.course import recorded  # networks that ship with the course
    >>> from aslp_lib.training.validation import validate
    >>> settings = replace(recorded.SETTINGS, limit=4)  # four images of each set
    >>> network, data = recorded.load("bce"), settings.load_data()
    >>> trained = CalibrationData(network, data, partial(validate, network, settings=settings))
    >>> fitted = Density().fit_on_images(trained)
    >>> images = data.validation[0][0][None]
    >>> logits = network(images)
    >>> ratio = logits / fitted.apply_on_images(logits, images, network)
    >>> torch.allclose(ratio, fitted.temperatures(images, network).float(), rtol=1e-3)
    True
    """

    name = "density"
    label = "density"
    preserves_decisions = True
    suffix = ".safetensors"

    neighbours: int = NEIGHBOURS
    """Number of nearest training images whose distances are averaged (all, if there are fewer)."""
    weights: tuple[float, ...] = ()
    """Weights w_0 and w_l, one more than stages; empty for the identity."""
    means: tuple[float, ...] = ()
    """Mean distance of the validation images at each stage."""
    deviations: tuple[float, ...] = ()
    """Standard deviation of these distances."""
    references: tuple[Tensor, ...] = ()
    """Features of training images at each stage, (images, channels) float32 with unit rows."""

    def __post_init__(self) -> None:
        require("neighbours", self.neighbours, self.neighbours >= 1, "1 or more")
        weights = as_float32("weight", *self.weights)
        if (abs(weights) > LARGEST_WEIGHT).any():
            raise ValueError(
                f"weights are {self.weights}; expected absolute values at most {LARGEST_WEIGHT:g}."
            )
        as_float32("mean", *self.means)
        deviations = as_float32("standard deviation", *self.deviations)
        stages = len(self.references)
        lengths = [len(numbers) for numbers in (self.weights, self.means, self.deviations)]
        if lengths != [stages + 1 if self.weights else 0, stages, stages]:
            raise ValueError(
                f"the parameters of {stages} stages are {len(self.weights)} weights, "
                f"{len(self.means)} means and {len(self.deviations)} standard deviations; expected "
                "one mean and one standard deviation for each stage, and one weight more."
            )
        if not (deviations > 0).all():
            raise ValueError(f"a standard deviation is not positive: {self.deviations}.")
        for features in self.references:
            if features.dim() != 2 or not features.numel() or features.dtype != torch.float32:
                raise ValueError(
                    f"references are {features.dtype} of shape {tuple(features.shape)}; expected "
                    "float32 of shape (images, channels)."
                )
            if not bool(torch.isfinite(features).all()):
                raise ValueError("references hold NaN or infinity; expected finite features.")

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Fit the weights on the validation images by L-BFGS.

        The objective is the mean NLL plus the ridge penalty `sum_l w_l^2 / (2 N)` for N images. The
        penalty is needed because the distances of different stages are strongly correlated. It
        corresponds to the prior `w_l ~ Normal(0, 1)`, under which one standard deviation of
        distance typically changes T by at most a factor e. An image counts as one observation,
        because its pixels are not independent. w_0 is not penalised. The optimisation starts at the
        best single temperature.

        Returns:
            The fit; or the identity, if that has the smaller NLL, before or after logits are
            rounded to grey levels.

        Raises:
            ValueError: if the network names no features, or if there are no training or validation
                images; see also `pixels_to_fit`.
        """
        network, data = trained.network, trained.data
        if not isinstance(network, DenseNetwork) or not network.feature_modules():
            raise ValueError(
                f"{type(network).__name__} names no features to measure distances; expected a "
                "DenseNetwork with feature_modules. Define that method."
            )
        pooled = pixels_to_fit(trained.counts)
        if not len(data.train):
            raise ValueError(
                "there are no training images to measure distances to; expected at least one. "
                "Check the training set."
            )
        train, validation = data.train, data.validation
        size, number = validation[0][0].shape[-2:], min(len(train), REFERENCES)
        indices = np.linspace(0, len(train) - 1, number).round().astype(int).tolist()
        references = _features_of(network, (_unaugmented(train, i, size) for i in indices))
        features = _features_of(network, (validation[i][0] for i in range(len(validation))))
        distances = self._distances(features, references)
        means, deviations = distances.mean(axis=0), distances.std(axis=0)
        deviations[deviations < SMALLEST_DEVIATION] = 1.0  # of a single image, or of equal images
        inputs = np.column_stack([np.ones(len(features[0])), (distances - means) / deviations])
        table, z = trained.counts.table, grey_level_logits(trained.counts.grey_levels)
        margins = table[:, 1] + table[:, 0, ::-1].astype(np.float64)  # background has margin -z
        start = fitted_temperature(pooled, np.stack([-z, z]))
        weights = _fit(margins, z, inputs, -math.log(start))
        after = np.exp(_in_range(inputs @ weights))[:, None] * z
        arrays = zip(LISTS, (weights, means, deviations), strict=True)
        numbers = {name: tuple(array.tolist()) for name, array in arrays}
        fitted = type(self)(self.neighbours, references=tuple(references), **numbers)
        return self.unless_worse(fitted, trained.counts.grey_levels, [Outcome(z, after, table)])

    def identity(self) -> Self:
        """Return an unfitted instance with the same `neighbours`."""
        return type(self)(self.neighbours)

    def temperatures(self, images: Tensor, network: nn.Module) -> Tensor:
        """Compute the temperature T(x) of each image.

        Args:
            images: images (N, 3, H, W).
            network: the network to which the parameters were fitted.

        Returns:
            Shape (N,), float64 on the CPU.

        Raises:
            ValueError: if the network has other features than in the fit.
        """
        features = _features(network, images) if isinstance(network, DenseNetwork) else []
        channels = [stage.shape[1] for stage in features]
        expected = [stage.shape[1] for stage in self.references]
        if channels != expected:
            raise ValueError(
                f"the recalibration {self.name!r} was fitted on other features than those of "
                f"{type(network).__name__}: numbers of channels {channels}; expected {expected}. "
                "Fit it again."
            )
        standard = (self._distances(features, self.references) - self.means) / self.deviations
        exponent = self.weights[0] + standard @ np.array(self.weights[1:])
        return torch.from_numpy(np.exp(-_in_range(exponent)))

    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """Compute `z / T(x)`."""
        if not self.weights:
            return logits
        temperatures = self.temperatures(images, network).to(logits)
        return logits / temperatures.view(-1, *[1] * (logits.dim() - 1))

    def _distances(self, features: Sequence[Tensor], references: Sequence[Tensor]) -> np.ndarray:
        """Compute the mean distance to the nearest references, shape (N, stages)."""
        means = []
        for stage, reference in zip(features, references, strict=True):
            # In double precision, because the features of near neighbours are almost equal.
            distances = torch.cdist(stage.double(), reference.double())
            nearest = distances.topk(min(self.neighbours, len(reference)), largest=False).values
            means.append(nearest.mean(dim=1).numpy())
        return np.stack(means, axis=1)

    def describe(self) -> str:
        """Return T at mean distances, and its change per standard deviation of each stage."""
        if not self.weights:
            return IDENTITY
        factors = ", ".join(f"{math.exp(-w):.2f}" for w in self.weights[1:])
        return (
            f"T = {math.exp(-self.weights[0]):.3f} at mean distances, times {factors} for each "
            "standard deviation further in the encoder's stages"
        )

    def save(self, path: Path) -> None:
        """Write the parameters as a safetensors file."""
        tensors = {name: torch.tensor(getattr(self, name), dtype=torch.float64) for name in LISTS}
        tensors |= {f"references.{i}": stage for i, stage in enumerate(self.references)}
        facts = {"kind": self.name, "version": VERSION, "neighbours": self.neighbours}
        save_tensors(Path(path), tensors, facts)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an existing safetensors file for `load`."""
        tensors, facts = load_tensors(path)
        cls.check_kind(facts)
        check_types(cls, facts)
        numbers = {name: tensors.pop(name) for name in LISTS}
        for name, vector in numbers.items():
            if vector.dim() != 1 or vector.dtype != torch.float64:
                raise ValueError(
                    f"{name} is {vector.dtype} of shape {tuple(vector.shape)}; expected a vector "
                    "in float64."
                )
        return cls(
            neighbours=facts["neighbours"],
            references=tuple(tensors[f"references.{i}"] for i in range(len(tensors))),
            **{name: tuple(vector.tolist()) for name, vector in numbers.items()},
        )


def _features(network: DenseNetwork, images: Tensor) -> list[Tensor]:
    """Compute the features of each stage, (N, channels) with unit rows, on the CPU."""
    return [F.normalize(stage.cpu(), dim=1) for stage in network.pooled_features(images)]


def _features_of(network: DenseNetwork, images: Iterator[Tensor]) -> list[Tensor]:
    """Compute `_features` of images, which are loaded in batches."""
    parts = []
    while batch := [*islice(images, BATCH)]:
        parts.append(_features(network, torch.stack(batch).to(network.mean.device)))
    return [torch.cat(stage) for stage in zip(*parts, strict=True)]


def _unaugmented(dataset: SaliencySet, index: int, size: Sequence[int]) -> Tensor:
    """Load an image of a training set as a validation set would have it.

    If augmentation resizes images to the network's size, `load` returns them at their own size.
    """
    image = dataset.load(index)[0]
    if list(image.shape[-2:]) == list(size):
        return image
    resized = F.interpolate(image[None].float(), list(size), mode="bilinear", antialias=True)
    return resized[0].round().to(torch.uint8)


def _in_range(exponent: np.ndarray) -> np.ndarray:
    """Clip log(1/T) to the range of temperatures."""
    return exponent.clip(-math.log(HIGHEST), -math.log(LOWEST))


def _fit(margins: np.ndarray, z: np.ndarray, inputs: np.ndarray, start: float) -> np.ndarray:
    """Minimise the penalised NLL.

    Args:
        margins: number of pixels of each image that have each margin z, shape (N, grey_levels).
        z: the margins, shape (grey_levels,).
        inputs: 1 and the standardised distances, shape (N, 1 + stages).
        start: initial value of w_0.

    Returns:
        The weights, shape (1 + stages,).
    """
    from scipy.optimize import minimize

    pixels, images = margins.sum(), len(margins)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        exponent = inputs @ weights
        clipped = _in_range(exponent)
        scaled = np.exp(clipped)[:, None] * z
        nll = np.logaddexp(0, -scaled)
        slope = -(margins * scaled * np.exp(-nll - scaled)).sum(axis=1)  # d NLL / d exponent
        slope[clipped != exponent] = 0.0
        ridge = np.concatenate([[0.0], weights[1:]]) / images
        mean_nll = float((margins * nll).sum() / pixels)
        return mean_nll + float(ridge @ weights) / 2, slope @ inputs / pixels + ridge

    first = np.concatenate([[start], np.zeros(inputs.shape[1] - 1)])
    bounds = [(-LARGEST_WEIGHT, LARGEST_WEIGHT)] * len(first)
    options = {"ftol": 1e-14, "gtol": 1e-9}
    result = minimize(loss, first, method="L-BFGS-B", jac=True, bounds=bounds, options=options)
    return result.x
