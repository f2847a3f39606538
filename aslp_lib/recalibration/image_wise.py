"""Image-wise recalibration: a shrinkage or temperatures for each test image.

This is an extension of this project, not part of the paper. ASLP learns a perturbation level for
each training image. Uncertainty also differs between test images, and under distribution shift no
single parameter calibrates all of them. Here the parameter is a function of the image, which is
fitted after training on the validation images and on corrupted copies of them.
"""

import math
from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.temperature import HIGHEST, LOWEST
from aslp_lib.recalibration.features import CENTRES, binned
from aslp_lib.recalibration.recalibration import (
    CorruptedSets,
    Parameter,
    Recalibration,
    log_add,
    log_sigmoid,
    logit_of_excess,
)

TAIL = 0.005
"""Features are clipped to their 0.5 and 99.5 percentiles over the images used for fitting."""
LARGEST_PARAMETER = 20.0
"""Largest u of a shrinkage; s is then at most 1 - 2e-9, so that logits keep their signs."""
NONE = torch.empty(0, 0)
"""Parameters of the identity."""


class ImageWise(Recalibration):
    """Base class of the image-wise methods.

    `u = w_0 + sum_k w_k phi_k(x)` is computed with one set of weights for pixels that are predicted
    foreground and another for the other pixels of image x. A subclass defines how u changes logits.

    The features phi (`map_features`) depend only on the predicted map, so that the method applies
    to any network and to maps from files. They are standardised over the clean images and clipped
    to their range in the fit (`TAIL`). An image outside that range is treated as if it were at its
    boundary.
    """

    preserves_decisions = True
    fits_corrupted = True
    needs = "map"
    clean_weight = 10.0  # a copy under each of 30 corruptions has weight 1
    start: ClassVar[float]
    """Value of u with which the method is close to the identity, where the optimisation starts."""
    ridge: ClassVar[float]
    """Factor of the ridge penalty, the sum of squares of all w except w_0."""

    weights: Tensor
    """Weights w of pixels that are predicted foreground, and of the others, (2, 1 + features)."""
    scales: Tensor
    """Mean and standard deviation of each feature over the clean images, and the lower and upper
    bound of each standardised feature, (4, features)."""

    def __init__(self, weights: Parameter = NONE, scales: Parameter = NONE) -> None:
        super().__init__(weights=weights, scales=scales)

    @staticmethod
    @abstractmethod
    def changed(logits: Tensor, u: Tensor) -> Tensor:
        """Recalibrate logits, each with its u; all logits keep their signs."""

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Minimise the mean NLL with a ridge penalty, by L-BFGS.

        The mean is over pixels, as in the score `nll`, so that a large image counts more than a
        small one. A clean pixel has ten times the weight of a corrupted one. The ridge factor was
        chosen by leaving out one corruption at a time (`benchmarks/image_wise.py`), without using a
        test set.
        """
        sets = [binned(counts) for counts in (clean, *corrupted)]
        features = [counts.columns["features"] for counts in sets]
        means, deviations = features[0].mean(axis=0), features[0].std(axis=0)
        deviations[deviations < 1e-6] = 1.0  # of a single image, or of equal images
        inputs = (np.concatenate(features) - means) / deviations
        lowest, highest = np.quantile(inputs, [TAIL, 1 - TAIL], axis=0)
        tables = np.concatenate([counts.table for counts in sets])
        tables[: len(sets[0])] *= self.clean_weight
        weights = self._fitted(tables, inputs.clip(lowest, highest))
        return type(self)(weights, np.stack([means, deviations, lowest, highest]))

    @torch.inference_mode(False)
    @torch.enable_grad()  # the fit needs gradients, also where a caller has turned them off
    def _fitted(self, tables: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Compute the weights w of foreground and background, shape (2, 1 + features).

        Args:
            tables: weighted pixels of each image by label and bin, shape (N, 2, bins).
            inputs: standardised and clipped features, shape (N, features).
        """
        from scipy.optimize import minimize

        background, positive = torch.from_numpy(tables / tables.sum()).unbind(dim=1)
        z = torch.from_numpy(CENTRES)
        phi = torch.from_numpy(np.column_stack([np.ones(len(inputs)), inputs]))
        shape = 2, phi.shape[1]

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            w = torch.tensor(flat).view(shape).requires_grad_()
            sides = phi @ w.T + self.start
            after = self.changed(z, torch.where(z > 0, sides[:, :1], sides[:, 1:]))
            nll = (positive * softplus(-after) + background * softplus(after)).sum()
            total = nll + self.ridge * w[:, 1:].square().sum()
            (gradient,) = torch.autograd.grad(total, w)
            return total.item(), gradient.numpy().ravel()

        result = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B")
        w: np.ndarray = result.x.reshape(shape)
        w[:, 0] += self.start
        return w

    def levels(self, features: Tensor) -> Tensor:
        """Compute u of predicted foreground and of background, shape (N, 2).

        Args:
            features: features of N images, shape (N, features), from `map_features`.
        """
        weights, (means, deviations, lowest, highest) = (b.to(features) for b in self.buffers())
        inputs = ((features - means) / deviations).clip(lowest, highest)
        # This is not written as a matrix product, which autocast would compute in half precision.
        return weights[:, 0] + (weights[:, 1:] * inputs[:, None]).sum(dim=-1)

    def transform(self, logits: Tensor, features: Tensor) -> Tensor:
        """Recalibrate the logits of each map with its features."""
        u = self.levels(features)
        return self.changed(logits, torch.where(logits > 0, u[:, :1], u[:, 1:]))

    def summary(self) -> str:
        """Return the parameters of an image with mean features."""
        typical = [self._in_words(u) for u in self.weights[:, 0].tolist()]
        return "of foreground {} and of background {}, on a usual image".format(*typical)

    @abstractmethod
    def _in_words(self, u: float) -> str:
        """Describe the parameter that u stands for."""


class ImageWiseShrinkage(ImageWise):
    """Image-wise shrinkage: `p' = (1 - s) p + s/2` with `s = sigmoid(u)`.

    See `ImageWise` for u, which depends on the image and the predicted class. With
    `alpha * beta = s`, p' is the minimiser of SC-BCE for a pixel with posterior p. s is therefore
    the dose of a test image.

    Source: extension of this project.

    >>> import torch
    >>> w = torch.zeros(2, 6)  # u does not depend on the image
    >>> scales = torch.tensor([[0.0], [1.0], [0.0], [0.0]]).expand(4, 5)
    >>> shrinkage = ImageWiseShrinkage(w, scales)
    >>> shrinkage(torch.tensor([[0.8, 0.2]]).logit()).sigmoid()  # s = sigmoid(0) = 1/2
    tensor([[0.6500, 0.3500]])

    At p = 0.8, two of three pixels are foreground; at p = 0.2, one of three:

    >>> grey_levels, labels = [204] * 3 + [51] * 3, [1, 1, 0, 1, 0, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> fitted = ImageWiseShrinkage().fit(counts)
    >>> fitted(torch.tensor([[0.8, 0.2]]).logit()).sigmoid().round(decimals=1)
    tensor([[0.7000, 0.3000]])
    """

    name, label = "image_wise_shrinkage", "image-wise shrinkage"
    start = -3.0
    ridge = 0.001

    @staticmethod
    def changed(logits: Tensor, u: Tensor) -> Tensor:
        """Compute the logits of `(1 - s) p + s/2`."""
        u = u.clamp(max=LARGEST_PARAMETER)
        keep, half = log_sigmoid(-u), log_sigmoid(u) - math.log(2)
        excess = keep.exp() * torch.tanh(logits / 2)  # 2 p' - 1 = (1 - s) (2 p - 1)
        p, others = (log_add(keep + log_sigmoid(side), half) for side in (logits, -logits))
        return logit_of_excess(excess, p - others)

    def _in_words(self, u: float) -> str:
        return f"s = {torch.tensor(u, dtype=torch.float64).sigmoid().item():.3f}"


class ImageWiseTemperature(ImageWise):
    """Image-wise temperature scaling: `z' = z / T` with `T = exp(u)` in [0.01, 100].

    See `ImageWise` for u, which depends on the image and the predicted class.

    Source: extension of this project.

    >>> import torch
    >>> w = torch.zeros(2, 6)  # u does not depend on the image
    >>> w[0, 0] = math.log(2)  # T = 2 of foreground, 1 of background
    >>> scales = torch.tensor([[0.0], [1.0], [0.0], [0.0]]).expand(4, 5)
    >>> ImageWiseTemperature(w, scales)(torch.tensor([[3.0, -3.0]]))
    tensor([[ 1.5000, -3.0000]])

    At p = 0.8, two of three pixels are foreground; at p = 0.2, one of three:

    >>> grey_levels, labels = [204] * 3 + [51] * 3, [1, 1, 0, 1, 0, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> fitted = ImageWiseTemperature().fit(counts)
    >>> fitted(torch.tensor([[0.8, 0.2]]).logit()).sigmoid().round(decimals=1)
    tensor([[0.7000, 0.3000]])
    """

    name, label = "image_wise_temperature", "image-wise temperature"
    start = 0.0
    ridge = 0.01

    @staticmethod
    def changed(logits: Tensor, u: Tensor) -> Tensor:
        """Compute `z / exp(u)`."""
        return logits * torch.exp(-u.clamp(math.log(LOWEST), math.log(HIGHEST)))

    def _in_words(self, u: float) -> str:
        return f"T = {math.exp(min(max(u, math.log(LOWEST)), math.log(HIGHEST))):.3f}"
