"""Features of a predicted map, from which image-wise recalibrations compute their parameters."""

from typing import Any

import numpy as np  # noqa: F401 - for the examples

from aslp_lib.metrics.float_levels import array_module

LIMIT = 6.0
"""Value at which `|z|` is clipped, close to the largest logit of an 8-bit map (6.23)."""


def map_values(logits: Any) -> Any:
    """Compute the values of pixels whose means determine the features of their map.

    With the predicted class f of a pixel (1 if z > 0) and the entropy H of its prediction in nats,
    the values are f, `H f`, `H (1 - f)` and `min(|z|, 6)`.

    >>> map_values(np.log([4.0, 0.25])).round(2)  # p = 0.8 and 0.2; H = 0.50
    array([[1.  , 0.  ],
           [0.5 , 0.  ],
           [0.  , 0.5 ],
           [1.39, 1.39]])

    Infinite logits count as the largest finite ones, and NaN as 0, the logit of probability 1/2:
    one broken pixel must not change what is known about the others.

    Args:
        logits: logits of any shape, an array or a tensor.

    Returns:
        Shape (4, ...).
    """
    xp = array_module(logits)
    logits = xp.nan_to_num(logits)
    size = abs(logits)
    odds = xp.exp(-size)  # entropy is the same for z and -z
    entropy = xp.log1p(odds) + size * odds / (1 + odds)
    decision = (logits > 0) * xp.ones_like(logits)
    values = decision, entropy * decision, entropy * (1 - decision), size.clip(max=LIMIT)
    return xp.stack(values)


def map_features(logits: Any) -> Any:
    """Compute the features of predicted maps.

    >>> map_features(np.log([[4.0, 0.25]])).round(2)  # p = 0.8 and 0.2
    array([[-0.69, -0.69,  0.49,  0.49,  1.39]])

    Args:
        logits: logits of the pixels of N images, shape (N, pixels), an array or a tensor.

    Returns:
        Shape (N, features), see `features_of_means`.
    """
    return features_of_means(map_values(logits).mean(-1))


def features_of_means(means: Any) -> Any:
    """Compute the features of predicted maps from the means of `map_values`.

    The features are, in this order, `log(0.001 + mean f)`, `log(0.001 + mean H)`,
    `mean(H f) / (mean f + 0.01)`, `mean(H (1 - f)) / (1 - mean f + 0.01)` and `mean min(|z|, 6)`:
    the logarithms of area and entropy, the entropies of foreground and background, and the size of
    the logits.

    Args:
        means: means over the pixels of N images, shape (4, N).

    Returns:
        Shape (N, features).
    """
    xp = array_module(means)
    area, inside, outside, size = means
    logs = xp.log(0.001 + area), xp.log(0.001 + inside + outside)
    entropies = inside / (area + 0.01), outside / (1 - area + 0.01)
    return xp.stack([*logs, *entropies, size], 1)
