"""Density-aware temperature scaling: a temperature that depends on distances to training images."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.checks import require
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.temperature import HIGHEST, LOWEST, pixel_margins
from aslp_lib.recalibration.base import CorruptedSets, Numbers, Outcome, Recalibration
from aslp_lib.recalibration.temperature import fitted_temperature

NEIGHBOURS = 10
"""Default number of nearest training images."""
LARGEST_WEIGHT = 10.0
"""Bound of the weights; with it, one standard deviation of distance changes T by a factor e^10."""
SMALLEST_DEVIATION = 1e-6
"""Standard deviation of distances below which differences are rounding errors of float32."""
STAGE, REFERENCE = "features.", "reference_"
"""Beginnings of the names of columns of `Counts`, and of buffers, with the features of a stage."""


class Density(Recalibration):
    """Density-aware temperature scaling: `z' = z / T(x)` for all pixels of image x.

    `1/T(x) = exp(w_0 + sum_l w_l d_l(x))` over the stages l of the encoder. d_l is the mean
    Euclidean distance between the features of x and those of its nearest training images,
    standardised over the validation images. The features of a stage are averaged over pixels and
    scaled to length 1. T is clipped to [0.01, 100], the range of `Temperature`.

    It is fitted on counts whose columns "features.0", "features.1", ... hold the features of the
    validation images, (N, channels) with unit rows. `training.recalibrate` makes them.

    Source: after density-aware calibration (Tomani et al., ICML 2023). There, T is the sum itself,
    over the layers of a classifier, and may become negative. The exponential is always positive,
    so that decisions are preserved.

    >>> near, far = torch.eye(2)[:1], torch.eye(2)[1:]  # of one stage with two channels
    >>> density = Density(1, [0.0, -math.log(2)], [0.0], [2**0.5], references=[near])
    >>> density.attach(lambda images: None, lambda images: [images])
    Density(T = 1.000 at mean distances, times 2.00 for each standard deviation further in the \
encoder's stages)
    >>> density(torch.ones(2, 1), images=torch.cat([near, far]))  # T = 1 at distance 0, 2 at sqrt 2
    tensor([[1.0000],
            [0.5000]])
    """

    name, label = "density", "density"
    preserves_decisions = True
    needs_network = True
    defaults: ClassVar = {"neighbours": NEIGHBOURS, "weights": (), "means": (), "deviations": ()}

    neighbours: Tensor
    """Number of nearest training images whose distances are averaged (all, if there are fewer)."""
    weights: Tensor
    """Weights w_0 and w_l, one more than stages; empty for the identity."""
    means: Tensor
    """Mean distance of the validation images at each stage."""
    deviations: Tensor
    """Standard deviation of these distances."""

    def __init__(
        self, *values: Numbers, references: Sequence[Tensor] = (), **named: Numbers
    ) -> None:
        super().__init__(*values, **named)
        for stage, features in enumerate(references):
            self.register_buffer(f"{REFERENCE}{stage}", features)

    @property
    def references(self) -> list[Tensor]:
        """Features of training images at each stage, (images, channels) float32 with unit rows."""
        return [buffer for name, buffer in self.named_buffers() if name.startswith(REFERENCE)]

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Fit the weights on the validation images by L-BFGS.

        The objective is the mean NLL plus the ridge penalty `sum_l w_l^2 / (2 N)` for N images. The
        penalty is needed because the distances of different stages are strongly correlated. It
        corresponds to the prior `w_l ~ Normal(0, 1)`, under which one standard deviation of
        distance typically changes T by at most a factor e. An image counts as one observation,
        because its pixels are not independent. w_0 is not penalised. The optimisation starts at the
        best single temperature.

        Raises:
            ValueError: if there are no features or no references; see also `pixels_to_fit`.
        """
        start = fitted_temperature(*pixel_margins(clean))
        distances = self._distances_of(clean)
        means, deviations = distances.mean(axis=0), distances.std(axis=0)
        deviations[deviations < SMALLEST_DEVIATION] = 1.0  # of a single image, or of equal images
        inputs = np.column_stack([np.ones(len(distances)), (distances - means) / deviations])
        _, margins = pixel_margins(clean)
        pixels = clean.table.reshape(len(clean), -1).astype(np.float64)
        weights = _fit(pixels, margins.ravel(), inputs, -math.log(start))
        numbers = self.neighbours, weights, means, deviations
        return type(self)(*numbers, references=self.references)

    def outcomes(self, clean: Counts, corrupted: CorruptedSets = ()) -> list[Outcome]:
        """Recalibrate the logits of each validation image."""
        exponents = self._exponents(self._distances_of(clean))
        after = np.exp(exponents)[:, None, None] * clean.logits
        return [Outcome(clean.logits, after, clean.table)]

    def _distances_of(self, clean: Counts) -> np.ndarray:
        """Compute the distances of counted images from the features in their columns."""
        names = [f"{STAGE}{stage}" for stage in range(len(self.references))]
        known = bool(names) and clean.columns.keys() >= {*names}
        expected = f"{names or 'references'} for {len(names)} stages. Use training.recalibrate."
        require("the list of columns of the counts", [*clean.columns], known, expected)
        return self._distances([torch.from_numpy(clean.columns[name]) for name in names])

    def _exponents(self, distances: np.ndarray) -> np.ndarray:
        """Compute log(1/T) from distances (N, stages)."""
        means, deviations, weights = (
            numbers.cpu().numpy() for numbers in (self.means, self.deviations, self.weights)
        )
        return _in_range(weights[0] + (distances - means) / deviations @ weights[1:])

    def temperatures(self, images: Tensor) -> Tensor:
        """Compute the temperature T(x) of each image.

        Args:
            images: images (N, 3, H, W).

        Returns:
            Shape (N,), float64 on the CPU.

        Raises:
            ValueError: if the network has other features than in the fit.
        """
        if self.features is None:
            raise self.lacking("network with features")
        features = unit_rows(self.features(images))
        fitted, channels = ([x.shape[1] for x in stages] for stages in (self.references, features))
        expected = f"{fitted}, on which {self.name!r} was fitted. Fit it again."
        require("the number of channels by stage", channels, channels == fitted, expected)
        return torch.from_numpy(np.exp(-self._exponents(self._distances(features))))

    def transform(self, logits: Tensor, images: Tensor | None) -> Tensor:
        """Compute `z / T(x)`."""
        if images is None:
            raise self.lacking("images")
        temperatures = self.temperatures(images).to(logits)
        return logits / temperatures.view(-1, *[1] * (logits.dim() - 1))

    def _distances(self, features: Sequence[Tensor]) -> np.ndarray:
        """Compute the mean distance to the nearest references, shape (N, stages)."""
        means = []
        for stage, reference in zip(features, self.references, strict=True):
            # In double precision, because the features of near neighbours are almost equal.
            distances = torch.cdist(stage.double(), reference.cpu().double())
            number = min(int(self.neighbours), len(reference))
            nearest = distances.topk(number, largest=False).values
            means.append(nearest.mean(dim=1).numpy())
        return np.stack(means, axis=1)

    def summary(self) -> str:
        """Return T at mean distances, and its change per standard deviation of each stage."""
        first, *others = self.weights.tolist()
        factors = ", ".join(f"{math.exp(-w):.2f}" for w in others)
        return (
            f"T = {math.exp(-first):.3f} at mean distances, times {factors} for each "
            "standard deviation further in the encoder's stages"
        )

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Self:
        """Make the method from the tensors and the metadata of a file; see `Recalibration`."""
        own = {name: tensor for name, tensor in tensors.items() if not name.startswith(REFERENCE)}
        super().from_tensors(own | {"weights": torch.zeros(0)}, facts)
        stages = range(len(tensors) - len(own))
        return cls(**own, references=[tensors[f"{REFERENCE}{stage}"] for stage in stages])


def unit_rows(features: Sequence[Tensor]) -> list[Tensor]:
    """Scale the features of each stage, (N, channels), to rows of length 1, on the CPU."""
    return [F.normalize(stage.cpu(), dim=1) for stage in features]


def _in_range(exponent: np.ndarray) -> np.ndarray:
    """Clip log(1/T) to the range of temperatures."""
    return exponent.clip(-math.log(HIGHEST), -math.log(LOWEST))


def _fit(margins: np.ndarray, z: np.ndarray, inputs: np.ndarray, start: float) -> np.ndarray:
    """Minimise the penalised NLL.

    Args:
        margins: number of pixels of each image that have each margin z, shape (N, K).
        z: the margins, shape (K,).
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
