"""A temperature for each image, by how far it lies from the training images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aslp_lib.checks import short_repr
from aslp_lib.data.base import SaliencySet
from aslp_lib.metrics.grey_levels import grey_level_logits, pixels_to_fit
from aslp_lib.networks.base import DenseNetwork
from aslp_lib.recalibration.base import (
    IDENTITY,
    VERSION,
    ImageRecalibration,
    Outcome,
    as_float32,
)
from aslp_lib.recalibration.calibration_data import CalibrationData
from aslp_lib.recalibration.temperature import HIGHEST, LOWEST, best_temperature
from aslp_lib.tensors import load_tensors, save_tensors

NEIGHBOURS = 10
REFERENCES = 500
"""Training images that are kept, evenly spread over the list: of the paper's network 8 MB."""
LARGEST_WEIGHT = 10.0
"""Within which weights are sought: one standard deviation would change T by a factor of e^10."""
SMALLEST_DEVIATION = 1e-6
"""Of distances between features of length 1 in single precision: below it they do not differ."""
LISTS = ("weights", "means", "deviations")
BATCH = 10
"""Images of which features are taken together."""


@dataclass(frozen=True, eq=False)
class Density(ImageRecalibration):
    """Divides an image's logits by a temperature that depends on how unusual the image is.

        1/T(x) = exp(w_0 + sum_l w_l * d_l(x))

    `d_l` is the mean Euclidean distance of the image's features of encoder stage l, pooled over its
    pixels and scaled to length 1, to those of its nearest training images, less its mean over the
    validation images and divided by their standard deviation. T stays in [0.01, 100], as that of
    `Temperature`.

    After density-aware calibration (Tomani et al., ICML 2023), where T is the sum itself, over
    classifiers' layers; that may be negative, the exponential may not, so that every decision
    stays. Up to 500 training images are kept, not all.
    """

    name = "density"
    label = "density"
    preserves_decisions = True
    suffix = ".safetensors"

    neighbours: int = NEIGHBOURS
    """Nearest training images whose distances are averaged; all, if there are fewer."""
    weights: tuple[float, ...] = ()
    """w_0 and one a stage; none: nothing is changed."""
    means: tuple[float, ...] = ()
    """Of each stage's distances, over the validation images."""
    deviations: tuple[float, ...] = ()
    """Their standard deviations."""
    references: tuple[Tensor, ...] = ()
    """(training images, channels) of each stage, float32 on the CPU, rows of length 1."""

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"there are {self.neighbours} neighbours, but must be 1 or more")
        weights = as_float32("weight", *self.weights)
        if (abs(weights) > LARGEST_WEIGHT).any():
            raise ValueError(f"weights are {self.weights}, but must be {LARGEST_WEIGHT:g} at most")
        as_float32("mean", *self.means)
        deviations = as_float32("standard deviation", *self.deviations)
        stages = len(self.references)
        if {len(self.means), len(self.deviations)} != {stages} or (
            len(self.weights) != (stages + 1 if self.weights else 0)
        ):
            raise ValueError(
                f"{stages} stages have {len(self.weights)} weights, {len(self.means)} means and "
                f"{len(self.deviations)} standard deviations: there must be one more weight"
            )
        if not (deviations > 0).all():
            raise ValueError("a standard deviation is not positive")
        for each in self.references:
            if each.dim() != 2 or not each.numel() or each.dtype != torch.float32:
                raise ValueError(
                    f"references are {each.dtype} of shape {tuple(each.shape)}, but must be "
                    "float32 of (images, channels)"
                )
            if not bool(torch.isfinite(each).all()):
                raise ValueError("references hold NaN or infinity")

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """The weights of least negative log-likelihood on the validation images, by L-BFGS.

        A little ridge, `sum_l w_l^2 / (2 N)` of N images beside the mean NLL, holds the stages'
        weights, whose distances say nearly the same. It is the prior that one standard deviation of
        distance changes T by a factor of e or less, `w_l ~ Normal(0, 1)`, against as many
        observations as there are images: their pixels are not independent ones. w_0 has none. The
        search begins at the one best temperature. Where the identity has the smaller NLL, before or
        after logits are rounded to grey levels, it is kept.

        Raises:
            ValueError: a network that names no features, no images to train or validate on, counts
                as `pixels_to_fit` refuses.
        """
        network, data = trained.network, trained.data
        if not isinstance(network, DenseNetwork) or not network.feature_modules():
            raise ValueError(
                f"{type(network).__name__} names no features to measure distances of: give it "
                "feature_modules"
            )
        pooled = pixels_to_fit(trained.counts)
        if not len(data.train):
            raise ValueError("there are no training images to measure distances to")
        size = data.validation[0][0].shape[-2:]
        number = min(len(data.train), REFERENCES)
        kept = np.linspace(0, len(data.train) - 1, number).round().astype(int).tolist()
        references = _features_of(network, lambda i: _unaugmented(data.train, i, size), kept)
        validation = range(len(data.validation))
        own = _features_of(network, lambda i: data.validation[i][0], validation)
        distances = self._distances(own, references)
        means, deviations = distances.mean(axis=0), distances.std(axis=0)
        deviations[deviations < SMALLEST_DEVIATION] = 1.0  # of one image, or of equal ones
        inputs = np.column_stack([np.ones(len(own[0])), (distances - means) / deviations])
        table, z = trained.counts.table, grey_level_logits(trained.counts.grey_levels)
        margins = table[:, 1] + table[:, 0, ::-1].astype(np.float64)  # of background: -z
        start = best_temperature(pooled.ravel(), np.concatenate([-z, z]))
        weights = _fit(margins, z, inputs, -math.log(start))
        after = np.exp(_in_range(inputs @ weights))[:, None] * z
        fitted = type(self)(
            neighbours=self.neighbours,
            weights=tuple(weights.tolist()),
            means=tuple(means.tolist()),
            deviations=tuple(deviations.tolist()),
            references=tuple(references),
        )
        return self.unless_worse(fitted, trained.counts.grey_levels, [Outcome(z, after, table)])

    def identity(self) -> Self:
        return type(self)(self.neighbours)

    def temperatures(self, images: Tensor, network: nn.Module) -> Tensor:
        """(N,) float64 on the CPU: T of images (N, 3, H, W).

        Raises:
            ValueError: a network whose features are others than those that were fitted on.
        """
        own = _features(network, images) if isinstance(network, DenseNetwork) else []
        shapes = [each.shape[1] for each in own]
        if shapes != [each.shape[1] for each in self.references]:
            raise ValueError(
                f"the recalibration {self.name!r} was fitted on other features than those of "
                f"{type(network).__name__}: fit it again"
            )
        standard = (self._distances(own, self.references) - self.means) / self.deviations
        exponent = self.weights[0] + standard @ np.array(self.weights[1:])
        return torch.from_numpy(np.exp(-_in_range(exponent)))

    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """`logits / T(x)`."""
        if not self.weights:
            return logits
        temperatures = self.temperatures(images, network).to(logits)
        return logits / temperatures.view(-1, *[1] * (logits.dim() - 1))

    def _distances(
        self, own: Sequence[Tensor], references: Sequence[Tensor]
    ) -> NDArray[np.float64]:
        """(N, stages) mean distance to the nearest references. In double precision, as that of
        neighbours that nearly coincide is a difference of nearly equal numbers."""
        stages = []
        for mine, theirs in zip(own, references, strict=True):
            all_of_them = torch.cdist(mine.double(), theirs.double())
            nearest = all_of_them.topk(min(self.neighbours, len(theirs)), largest=False).values
            stages.append(nearest.mean(dim=1).numpy())
        return np.stack(stages, axis=1)

    def describe(self) -> str:
        if not self.weights:
            return IDENTITY
        factors = ", ".join(f"{math.exp(-w):.2f}" for w in self.weights[1:])
        return (
            f"T = {math.exp(-self.weights[0]):.3f} at mean distances, times {factors} for each "
            "standard deviation further in the encoder's stages"
        )

    def save(self, path: Path) -> None:
        tensors = {name: torch.tensor(getattr(self, name), dtype=torch.float64) for name in LISTS}
        tensors |= {f"references.{i}": each for i, each in enumerate(self.references)}
        facts = {"kind": self.name, "version": VERSION, "neighbours": self.neighbours}
        save_tensors(Path(path), tensors, facts)

    @classmethod
    def read(cls, path: Path) -> Self:
        tensors, facts = load_tensors(path)
        cls.check_kind(facts)
        neighbours = facts.pop("neighbours")
        if type(neighbours) is not int or facts:
            raise ValueError(
                f"it says {short_repr(facts)}, and neighbours are {short_repr(neighbours)}"
            )
        numbers = {name: tensors.pop(name) for name in LISTS}
        if any(each.dim() != 1 or each.dtype != torch.float64 for each in numbers.values()):
            raise ValueError(f"{', '.join(LISTS)} must be lists in float64")
        return cls(
            neighbours=neighbours,
            references=tuple(tensors[f"references.{i}"] for i in range(len(tensors))),
            **{name: tuple(each.tolist()) for name, each in numbers.items()},
        )


def _features(network: DenseNetwork, images: Tensor) -> list[Tensor]:
    """(N, channels) of each stage, rows of length 1, on the CPU."""
    return [F.normalize(each.cpu(), dim=1) for each in network.pooled_features(images)]


def _features_of(
    network: DenseNetwork, load: Callable[[int], Tensor], indices: Sequence[int]
) -> list[Tensor]:
    """`_features` of single images that are loaded batch by batch."""
    parts = [
        _features(network, torch.stack([*map(load, batch)]).to(network.mean.device))
        for batch in (indices[i : i + BATCH] for i in range(0, len(indices), BATCH))
    ]
    return [torch.cat(stage) for stage in zip(*parts, strict=True)]


def _unaugmented(dataset: SaliencySet, index: int, size: Sequence[int]) -> Tensor:
    """An image of a training set as a validation set has it: where it is augmentation that resizes,
    it comes at its own size."""
    image = dataset.load(index)[0]
    if list(image.shape[-2:]) == list(size):
        return image
    resized = F.interpolate(image[None].float(), list(size), mode="bilinear", antialias=True)
    return resized[0].round().to(torch.uint8)


def _in_range(exponent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of temperatures, the logarithm of 1/T."""
    return exponent.clip(-math.log(HIGHEST), -math.log(LOWEST))


def _fit(
    margins: NDArray[np.float64],
    z: NDArray[np.float64],
    inputs: NDArray[np.float64],
    start: float,
) -> NDArray[np.float64]:
    """The weights.

    Args:
        margins: (N, levels) how many pixels of each image have the margins z.
        inputs: (N, 1 + stages): 1 and the standardised distances.
        start: of w_0.
    """
    from scipy.optimize import minimize

    pixels, images = margins.sum(), len(margins)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        exponent = inputs @ weights
        held = _in_range(exponent)
        scaled = np.exp(held)[:, None] * z
        price = np.logaddexp(0, -scaled)
        slope = -(margins * scaled * np.exp(-price - scaled)).sum(axis=1)  # by the exponent
        slope[held != exponent] = 0.0
        ridge = np.concatenate([[0.0], weights[1:]]) / images
        nll = float((margins * price).sum() / pixels)
        return nll + float(ridge @ weights) / 2, slope @ inputs / pixels + ridge

    first = np.concatenate([[start], np.zeros(inputs.shape[1] - 1)])
    bounds = [(-LARGEST_WEIGHT, LARGEST_WEIGHT)] * len(first)
    options = {"ftol": 1e-14, "gtol": 1e-9}
    found = minimize(loss, first, method="L-BFGS-B", jac=True, bounds=bounds, options=options)
    return found.x
