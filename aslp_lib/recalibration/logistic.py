"""Platt scaling: a slope and an offset for all pixels."""

from typing import Self

import numpy as np
import torch
from torch import Tensor

from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import pixels_to_fit
from aslp_lib.recalibration.recalibration import CorruptedSets, Parameter, Recalibration


class Logistic(Recalibration):
    """Platt scaling: `p' = sigmoid(a z + b)` with slope a and offset b.

    The offset also corrects the predicted share of foreground. It moves the decision threshold, so
    that decisions change.

    Source: Platt, Advances in Large Margin Classifiers, 1999.

    >>> import torch
    >>> Logistic(slope=0.5, offset=1.0)(torch.tensor([-3.0, 1.0]))
    tensor([-0.5000,  1.5000])

    At p = 0.8, four of five pixels are foreground; at p = 0.2, one of two. The fit maps the logits
    log 4 and -log 4 to log 4 and 0:

    >>> grey_levels, labels = [204] * 5 + [51] * 2, [1, 1, 1, 1, 0, 1, 0]
    >>> counts = Counts.from_map(np.uint8([grey_levels]), np.uint8([labels]))
    >>> many = Counts(10**6 * counts.table)  # with few pixels, Platt's targets differ from 0 and 1
    >>> Logistic().fit(many).describe()  # a = 1/2, b = log 2
    'slope 0.500, offset +0.693'
    """

    name, label = "logistic", "logistic"

    slope: Tensor
    """Slope a, a number."""
    offset: Tensor
    """Offset b, a number."""

    def __init__(self, slope: Parameter = 1.0, offset: Parameter = 0.0) -> None:
        super().__init__(slope=slope, offset=offset)

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Fit a logistic regression of the labels on the logits of grey levels.

        The targets are `(N1 + 1) / (N1 + 2)` for the N1 foreground pixels and `1 / (N0 + 2)` for
        the N0 background pixels, as in Platt's paper. The NLL is convex in a and b, and with these
        targets its minimum is finite even if the logits separate the classes. With one class, a is
        close to 0. The slope is negative if the logits contradict the labels.

        A trust-region Newton method starts at a = 1, b = 0.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        from scipy.optimize import minimize
        from scipy.special import expit

        pixels = pixels_to_fit(clean)
        n0, n1 = pixels.sum(axis=1)
        share = pixels.ravel() / (n0 + n1)
        target = share * np.repeat([1 / (n0 + 2), (n1 + 1) / (n1 + 2)], pixels.shape[1])
        z = clean.logits.ravel()
        inputs = np.stack([z, np.ones_like(z)])

        def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
            logits = parameters @ inputs
            nll = share * np.logaddexp(0, logits) - target * logits
            return float(nll.sum()), inputs @ (share * expit(logits) - target)

        def hessian(parameters: np.ndarray) -> np.ndarray:
            f = expit(parameters @ inputs)
            return (inputs * (share * f * (1 - f))) @ inputs.T

        start, options = np.array([1.0, 0.0]), {"gtol": 1e-13, "max_trust_radius": 1e6}
        fit = minimize(loss, start, jac=True, hess=hessian, method="trust-ncg", options=options)
        # The minimiser stops at a small gradient; where the minimum is flat, a last step is needed.
        step = np.linalg.lstsq(hessian(fit.x), loss(fit.x)[1])[0]
        return type(self)(*(fit.x - step))

    def transform(self, logits: Tensor) -> Tensor:
        """Compute `a z + b`; with a slope of 0, also of infinite logits."""
        largest = torch.finfo(logits.dtype).max
        return self.slope.to(logits) * logits.clamp(-largest, largest) + self.offset.to(logits)

    def summary(self) -> str:
        """Return slope and offset."""
        return f"slope {self.slope:.3f}, offset {self.offset:+.3f}"
