"""Simulated feedback loop of adaptive alphas, in which each image is one number, its margin.

The real `AdaptiveAlpha` updates the perturbation levels. Only the network is simulated, by four
assumptions:

1. Image i has a margin m_i in nats, which sets how confident a network can become about this
   image's labels: `pi_i = sigmoid(m_i)`. Margins are normally distributed over the images.
2. In each epoch the logit margin z_i moves by a share `rate` towards the minimiser of SC-BCE,
   `logit((1 - s_i) * pi_i + s_i/2)`, and noise is added. `s_i = response * alpha_i * beta`: with a
   response of 1 the network fits its perturbed labels, with 0 it ignores the perturbation.
3. The network is as confident on validation images as on training images: confidence is the mean
   of `max(f_i, 1 - f_i)` with `f_i = sigmoid(z_i)`.
4. Validation accuracy approaches `accuracy` at the same rate as the margins, and loses `cost` times
   the square of the mean `alpha*beta` to the perturbed labels.

Without perturbation the simulated network is therefore overconfident, as the loop requires.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from aslp_lib.aslp.alphas import AdaptiveAlpha
from aslp_lib.aslp.theory import minimiser


@dataclass(frozen=True)
class Population:
    """The images of a simulation, and the behaviour of the simulated network.

    Args:
        images: number of images.
        margin, spread: mean and standard deviation of the images' margins, in nats.
        accuracy: final validation accuracy without label perturbation.
        cost: accuracy lost per unit of the squared mean `alpha*beta`.
        response: share of the perturbation that the network fits, from 0 (none) to 1 (all).
        rate: share of the distance to its target that a margin moves in an epoch.
        flicker: standard deviation of the noise in a margin in an epoch, in nats.
        seed: seed of margins and noise.
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
        """Margins of the images, (images,), in nats."""
        noise = torch.randn(self.images, generator=torch.Generator().manual_seed(self.seed))
        return self.margin + self.spread * noise

    def noise(self, epochs: int) -> Tensor:
        """Noise in the margins of the images, (epochs, images), in nats."""
        generator = torch.Generator().manual_seed(self.seed + 1)
        return self.flicker * torch.randn(epochs, self.images, generator=generator)


@dataclass(frozen=True)
class Trace:
    """Course of a simulation, with one entry per epoch.

    Args:
        margins: (images,) margins of the images, in nats.
        gradient: (epochs, images) gradient of the expected loss with respect to alpha, in nats.
        alpha: (epochs, images) perturbation levels after the epoch.
        accuracy, confidence: (epochs,) validation accuracy and mean confidence, in [0, 1].
        bound: (epochs,) alpha at which the expected confidence of the target equals the accuracy,
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
        """Spearman's rank correlation of the last alphas with the images' margins.

        A rank correlation is used because the few images with a negative margin stay at alpha = 0,
        far from all others. It is NaN if all alphas are equal.
        """
        alpha = self.alpha[-1]
        from scipy.stats import spearmanr

        return float(spearmanr(alpha, self.margins).statistic) if np.ptp(alpha) else math.nan

    @property
    def spread(self) -> tuple[float, float]:
        """The 10 % and the 90 % quantile of the last alphas."""
        low, high = np.quantile(self.alpha[-1], [0.1, 0.9])
        return float(low), float(high)


def simulate(
    alphas: AdaptiveAlpha, population: Population = Population(), epochs: int = 30
) -> Trace:
    """Run the feedback loop, and leave `alphas` in its state after the last epoch.

    Raises:
        ValueError: `alphas` does not hold one alpha for each of `population.images` images.
    """
    if len(alphas) != population.images:
        raise ValueError(
            f"alphas has {len(alphas)} entries and the population {population.images} images; "
            "expected equal numbers"
        )
    noise = population.noise(epochs)
    margins, beta = population.margins, alphas.technique.beta
    posterior, index = torch.sigmoid(margins), torch.arange(population.images)
    labels, fitted = torch.ones(population.images, 1), torch.zeros(population.images)
    rows = []
    for epoch in range(epochs):
        effective_alpha = population.response * alphas.alpha
        target = torch.logit(minimiser(posterior, effective_alpha, alphas.technique), eps=1e-6)
        fitted = fitted + population.rate * (target - fitted)
        logits = fitted + noise[epoch]
        alphas.update(index, logits.unsqueeze(1), labels)
        foreground = torch.sigmoid(logits)
        confidence = torch.maximum(foreground, 1 - foreground).mean().item()
        learned = 1 - (1 - population.rate) ** (epoch + 1)
        strength = beta * alphas.alpha.mean().item()
        accuracy = 0.5 + (population.accuracy - 0.5) * learned - population.cost * strength**2
        alphas.observe(accuracy, confidence)
        rows.append((beta / 2 * logits.numpy(), alphas.alpha.numpy().copy(), accuracy, confidence))
    gradients, alpha, accuracies, confidences = map(np.array, zip(*rows, strict=True))
    bound = np.minimum(2 * (1 - accuracies) / max(beta, 1e-12), alphas.technique.alpha_limit)
    return Trace(margins.numpy(), gradients, alpha, accuracies, confidences, bound)
