"""The coverage of intervals of the ECE, for predictors with a known error.

python benchmarks/ece_intervals.py    # 5 minutes on one thread; writes record and tables

The predictors distort the true posterior of synthetic images. The true error of a predictor is the
ECE of all its predictions with their expected labels. All test sets consist of different images.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from harness import facts, publish
from scipy.optimize import brentq
from scipy.stats import norm
from tqdm import trange

from aslp_lib.data.shapes import Shapes
from aslp_lib.evaluation.tables import markdown_table
from aslp_lib.metrics import calibration
from aslp_lib.metrics.bootstrap import Resamples, middle
from aslp_lib.metrics.calibration import image_bins
from aslp_lib.metrics.counts import MAP_GREY_LEVELS, Counts
from aslp_lib.metrics.noise_floor import ece_bounds, noise_floor

BLOCKS, BLOCK = 20, 3_000
"""Number of blocks, and of the images that a block generates and divides into test sets."""
SIZES = (100, 300)
"""Numbers of images of the test sets whose intervals are computed."""
ERRORS = (0.02, 0.10)
"""True errors that the distorted predictors should have."""
CHOSEN = "inverted noise"

Predictor = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Function from the posterior and a standard normal number for each image to probabilities."""


def underconfident(posterior: np.ndarray, _: np.ndarray, *, strength: float) -> np.ndarray:
    """Move the posterior towards 1/2."""
    return posterior + strength * (0.5 - posterior)


def overconfident(posterior: np.ndarray, noise: np.ndarray, *, strength: float) -> np.ndarray:
    """Add the same random number to the logits of all pixels of an image."""
    odds = posterior * np.exp(strength * noise)[:, None, None]
    return odds / (odds + 1 - posterior)


def draw(seed: int, images: int = BLOCK) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw posteriors and labels, (images, H, W), and a random number for each image."""
    shapes = Shapes("sample", images, seed)
    noise = np.random.default_rng(seed).standard_normal(images)
    return shapes.posterior.astype(np.float64), shapes.masks[:, 0].numpy(), noise


def count(p: np.ndarray, labels: np.ndarray) -> Counts:
    """Count the pixels of 8-bit maps; labels may be expected ones."""
    tensors = torch.from_numpy(p), torch.from_numpy(labels)
    return Counts.from_probabilities(*tensors, grey_levels=MAP_GREY_LEVELS)


def predictors() -> dict[str, Predictor]:
    """Find the strengths of the distortions on a sample, and return the predictors by name."""
    posterior, _, noise = draw(BLOCKS, images=1_000)
    result: dict[str, Predictor] = {"true posterior": lambda posterior, _: posterior}
    for distortion, largest in ((underconfident, 1), (overconfident, 20)):
        for error in ERRORS:

            def excess(strength: float, distortion=distortion, error=error) -> float:
                p = distortion(posterior, noise, strength=strength)
                return calibration.ece(count(p, posterior)) - error

            strength = brentq(excess, 0, largest, xtol=1e-3)
            name = f"{distortion.__name__}, {100 * error:.0f} %"
            result[name] = partial(distortion, strength=strength)
    return result


def candidates(counts: Counts, draws: np.ndarray) -> dict[str, tuple[float, float]]:
    """Compute several 95 % intervals of the ECE."""
    images = image_bins(counts)
    residuals, pixels = images.confidence - images.positive, images.pixels.sum(axis=1)
    ece = np.abs(residuals.sum(axis=0)).sum() / pixels.sum()
    scores = np.abs(draws @ residuals).sum(axis=1) / (draws @ pixels)
    low, high = middle(scores)
    bias, floor = scores.mean() - ece, noise_floor(counts)
    without = np.abs(residuals.sum(axis=0) - residuals).sum(axis=1) / (pixels.sum() - pixels)
    skew = without.mean() - without
    acceleration = (skew**3).sum() / (6 * (skew**2).sum() ** 1.5)
    below = norm.ppf(np.clip((scores < ece).mean(), 1e-3, 1 - 1e-3))
    ends = below + norm.ppf([0.025, 0.975])
    bca = np.quantile(scores, norm.cdf(below + ends / (1 - acceleration * ends)))
    return {
        "percentile": (low, high),
        "reflected": (2 * ece - high, 2 * ece - low),
        "BCa": tuple(bca),
        "bias subtracted": (low - 2 * bias, high - 2 * bias),
        "floor subtracted": tuple(np.sqrt(np.maximum(np.square([low, high]) - 2 * floor**2, 0))),
        CHOSEN: ece_bounds(images, draws),
    }


def measure() -> dict:
    """Compute the intervals of every test set."""
    functions = predictors()
    expected = {name: np.zeros((2, MAP_GREY_LEVELS)) for name in functions}
    ends: dict[tuple[str, int], list] = defaultdict(list)
    for block in trange(BLOCKS, desc="blocks"):
        posterior, masks, noise = draw(block)
        counts = {}
        for name, predict in functions.items():
            p = predict(posterior, noise)
            counts[name] = count(p, masks)
            expected[name] += count(p, posterior).pooled
        for images in SIZES:
            for number in range(BLOCK // images):
                part = slice(number * images, (number + 1) * images)
                draws = Resamples(counts["true posterior"][part], seed=number).draws
                for name, whole in counts.items():
                    ends[name, images].append(candidates(whole[part], draws))
    truths = {name: calibration.ece(Counts(pooled[None])) for name, pooled in expected.items()}
    return {
        **facts(),
        "population": BLOCKS * BLOCK,
        "coverage": [
            {
                "predictor": name,
                "ece": truths[name],
                "images": images,
                "sets": len(rows),
                "intervals": {key: covered(truths[name], [row[key] for row in rows])
                              for key in rows[0]},
            }
            for (name, images), rows in ends.items()
        ],
    }  # fmt: skip


def covered(truth: float, ends: list[tuple[float, float]]) -> dict[str, float]:
    """Return the share of intervals that contain the truth, and the means of their ends."""
    low, high = np.transpose(ends)
    inside = (low <= truth) & (truth <= high)
    return {"covered": inside.mean(), "low": low.mean(), "high": high.mean()}


def table(record: dict) -> str:
    """Format the coverage as a Markdown table."""
    shares: dict[str, list[float]] = {kind: [] for kind in record["coverage"][0]["intervals"]}
    rows = []
    for row in record["coverage"]:
        for kind, interval in row["intervals"].items():
            shares[kind].append(100 * interval["covered"])
        low, high = (100 * row["intervals"][CHOSEN][end] for end in ("low", "high"))
        cells = [row["predictor"].split(",")[0], f"{100 * row['ece']:.1f}", str(row["images"])]
        cells += [str(row["sets"]), *(f"{each[-1]:.0f} %" for each in shares.values())]
        rows.append([*cells, f"{low:.1f} to {high:.1f}"])
    head = ["predictor", "true ECE %", "images", "sets", *shares, f"mean ends, {CHOSEN}"]
    ends = {k: f"{min(shares[k]):.0f} to {max(shares[k]):.0f} %" for k in ("percentile", CHOSEN)}
    return (
        "Share of 95 % intervals that contain the true ECE:\n\n"
        f"{markdown_table(head, rows, 'lr')}\n\n"
        f"The percentile interval contains the true ECE in {ends['percentile']} of the test sets, "
        f"and the {CHOSEN} in {ends[CHOSEN]}.\n\n"
        f"{record['population']:,} synthetic images; {record['date']}, commit {record['commit']}."
    )


if __name__ == "__main__":
    record = measure()
    publish("ece_intervals", record, table(record))
