"""The feedback loop of the levels without a network: each image is one number, its margin.

The levels are moved by the real `AdaptiveAlpha`; only the network is replaced, by four statements:

1. Image i has a margin m_i of its own, in nats: as sure as a network can learn to be of this
   image's labels, `pi_i = sigmoid(m_i)`. Margins are normally distributed over the images.
2. Each epoch the image's logit margin z_i goes a share `rate` of its way to the minimiser of
   SC-BCE, `logit((1 - s_i) * pi_i + s_i/2)`, and flickers. `s_i = response * alpha_i * beta`: with
   a response of 1 the network fits its perturbed labels, with 0 it takes no notice of them.
3. On validation images the network is as sure as on the training images: confidence is the mean of
   `max(f_i, 1 - f_i)`, `f_i = sigmoid(z_i)`.
4. Validation accuracy is learned like the margins, ends at `accuracy`, and pays `cost` times the
   square of the mean `alpha*beta` for perturbed labels.

So the network is over-confident unless the levels hold it back, which is all the loop needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.theory import minimiser


@dataclass(frozen=True)
class Population:
    """The images of a simulation, and how the network that is not there answers.

    Args:
        images: how many.
        margin, spread: mean and standard deviation of the images' own margins, in nats.
        accuracy: share of validation pixels that are right at the end, with plain labels.
        cost: accuracy lost per unit of the squared mean `alpha*beta`.
        response: how much of the perturbation the network answers, from 0 (nothing) to 1 (it fits).
        rate: share of the way to its target that a margin goes in an epoch.
        flicker: standard deviation of an epoch's noise in a margin, in nats.
        seed: fixes margins and noise.
    """

    images: int = 4000
    margin: float = 6.0
    spread: float = 2.0
    accuracy: float = 0.95
    cost: float = 0.1
    response: float = 1.0
    rate: float = 0.3
    flicker: float = 0.5
    seed: int = 0

    @property
    def margins(self) -> Tensor:
        """(images,) the images' own margins, in nats."""
        noise = torch.randn(self.images, generator=torch.Generator().manual_seed(self.seed))
        return self.margin + self.spread * noise


@dataclass(frozen=True)
class Trace:
    """What happened, an entry an epoch.

    Args:
        margins: (images,) the images' own margins, in nats.
        gradient: (epochs, images) the expected loss's gradient in alpha, in nats.
        alpha: (epochs, images) levels after the epoch.
        accuracy, confidence: (epochs,) of the validation, shares in [0, 1].
        bound: (epochs,) level at which the target's expected confidence is the accuracy,
            `2 * (1 - A) / beta`, at most the technique's limit.
    """

    margins: np.ndarray
    gradient: np.ndarray = field(repr=False)
    alpha: np.ndarray = field(repr=False)
    accuracy: np.ndarray
    confidence: np.ndarray
    bound: np.ndarray

    @property
    def correlation(self) -> float:
        """Rank correlation (Spearman's) of the last levels with the images' own margins.

        Ranks, because a handful of images whose margin is negative rest at 0, far from all others.
        NaN where all levels are equal.
        """
        levels = self.alpha[-1]
        return float(spearmanr(levels, self.margins).statistic) if np.ptp(levels) else math.nan

    @property
    def spread(self) -> tuple[float, float]:
        """10 % and 90 % quantile of the last levels."""
        low, high = np.quantile(self.alpha[-1], [0.1, 0.9])
        return float(low), float(high)

    @property
    def drops(self) -> np.ndarray:
        """(epochs - 1, images) whether a level lost a fifth of itself or more in one epoch."""
        before, after = self.alpha[:-1], self.alpha[1:]
        return (before > 0) & (after <= 0.8 * before)


def simulate(alphas: AdaptiveAlpha, crowd: Population = Population(), epochs: int = 30) -> Trace:
    """Run the loop; `alphas` is left at the last epoch's levels.

    Raises:
        ValueError: the levels are not those of `crowd.images` images.
    """
    if len(alphas) != crowd.images:
        raise ValueError(f"there are {len(alphas)} levels, but the crowd has {crowd.images} images")
    generator = torch.Generator().manual_seed(crowd.seed + 1)
    noise = crowd.flicker * torch.randn(epochs, crowd.images, generator=generator)
    margins, beta = crowd.margins, alphas.technique.beta
    own, index = torch.sigmoid(margins), torch.arange(crowd.images)
    labels, fitted = torch.ones(crowd.images, 1), torch.zeros(crowd.images)
    rows: dict[str, list] = {"gradient": [], "alpha": [], "accuracy": [], "confidence": []}
    for epoch in range(epochs):
        answered = crowd.response * alphas.alpha
        aim = torch.logit(minimiser(own, answered, alphas.technique), eps=1e-6)
        fitted = fitted + crowd.rate * (aim - fitted)
        logits = fitted + noise[epoch]
        alphas.update(index, logits.unsqueeze(1), labels)
        foreground = torch.sigmoid(logits)
        confidence = torch.maximum(foreground, 1 - foreground).mean().item()
        learned = 1 - (1 - crowd.rate) ** (epoch + 1)
        strength = beta * alphas.alpha.mean().item()
        accuracy = 0.5 + (crowd.accuracy - 0.5) * learned - crowd.cost * strength**2
        alphas.observe(accuracy, confidence)
        rows["gradient"].append(beta / 2 * logits.numpy())
        rows["alpha"].append(alphas.alpha.numpy().copy())
        rows["accuracy"].append(accuracy)
        rows["confidence"].append(confidence)
    table = {name: np.stack(values) for name, values in rows.items()}
    bound = np.minimum(2 * (1 - table["accuracy"]) / max(beta, 1e-12), alphas.technique.alpha_limit)
    return Trace(margins.numpy(), bound=bound, **table)
