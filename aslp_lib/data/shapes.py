"""The embedded data set: shapes on textures, made from a seed, whose true posterior is known.

An image shows one to three shapes on a textured background. Shape k stands out by its contrast c_k
and is labelled salient with probability `q_k = sigmoid(sharpness * (c_k - threshold))`, drawn once
an image. So some images are ambiguous, a network can only memorise what their annotator chose, and
`P(y = 1 | x)` of every pixel is known: q_k on shape k, 0 on the background. It stays known under
the graded shifts of images and annotators (`graded`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.checks import require
from aslp_lib.data.base import Augment, DataSplits, SaliencySet, derived_seed

SIZE = 48
CONTRAST = (0.08, 0.60)
TEST, TEST_IMAGES = 2, 300
"""Which part of a data set is drawn for testing, and how many images."""


@dataclass(frozen=True)
class Annotators:
    """Who labels: how sharply saliency depends on contrast, and how far annotators agree.

    `agreement` in [0, 1] pulls every q_k towards 1/2: `q' = 1/2 + agreement * (q - 1/2)`. At 1 they
    are the training set's; at 0 each shape is a coin toss.
    """

    sharpness: float = 12.0
    threshold: float = 0.34
    agreement: float = 1.0

    def __post_init__(self) -> None:
        require("agreement", self.agreement, 0.0 <= self.agreement <= 1.0, "lie in [0, 1]")

    def salience(self, contrast: np.ndarray) -> np.ndarray:
        """Probability that a shape of this contrast is labelled salient."""
        q = 1 / (1 + np.exp(-self.sharpness * (contrast - self.threshold)))
        return 0.5 + self.agreement * (q - 0.5)


@dataclass(frozen=True)
class Scene:
    """What images show; the training set's, unless said otherwise.

    Args:
        contrast: lowest and highest contrast of a shape.
        texture: strength of the clouds on background and shapes, times the training set's.
        shapes: fewest and most shapes of an image; some may lie under others.
    """

    contrast: tuple[float, float] = CONTRAST
    texture: float = 1.0
    shapes: tuple[int, int] = (1, 3)

    def __post_init__(self) -> None:
        low, high = self.contrast
        require("contrast", self.contrast, 0 <= low <= high, "rise, from 0 or more")
        require("texture", self.texture, self.texture >= 0, "be 0 or more")
        if not 0 <= self.shapes[0] <= self.shapes[1]:
            raise ValueError(f"shapes are {self.shapes}, but must rise, from 0 or more")


SHIFTED = Annotators(agreement=0.85)

SHIFTS: dict[str, tuple[Scene, Annotators]] = {
    # Fainter shapes, of which annotators label fewer.
    "contrast1": (Scene(contrast=(0.07, 0.51)), Annotators()),
    "contrast2": (Scene(contrast=(0.06, 0.42)), Annotators()),
    "contrast3": (Scene(contrast=(0.04, 0.30)), Annotators()),
    # A stronger texture, on which the same contrast is harder to see.
    "texture1": (Scene(texture=1.5), Annotators()),
    "texture2": (Scene(texture=2.0), Annotators()),
    "texture3": (Scene(texture=3.0), Annotators()),
    # Annotators who agree less; the first are those of `shifted`.
    "agreement1": (Scene(), SHIFTED),
    "agreement2": (Scene(), Annotators(agreement=0.65)),
    "agreement3": (Scene(), Annotators(agreement=0.40)),
    # More shapes than in training.
    "crowd1": (Scene(shapes=(4, 4)), Annotators()),
    "crowd2": (Scene(shapes=(6, 6)), Annotators()),
    "crowd3": (Scene(shapes=(9, 9)), Annotators()),
    # No shape: in a third of the images, in half, in all.
    "empty1": (Scene(shapes=(0, 2)), Annotators()),
    "empty2": (Scene(shapes=(0, 1)), Annotators()),
    "empty3": (Scene(shapes=(0, 0)), Annotators()),
}
"""Graded shifts by name: what changes and how strongly. One thing changes in each."""


class Shapes(SaliencySet):
    """A set of `images` shapes, all in memory.

    >>> shapes = Shapes("test", images=4, seed=1, size=32)
    >>> shapes.images.shape, shapes.posterior.shape
    (torch.Size([4, 3, 32, 32]), (4, 32, 32))

    Args:
        name, augment: as `SaliencySet`.
        images: how many.
        seed: fixes the images and labels, on every machine.
        annotators: who labels them.
        size: side in pixels.
        scene: what they show.

    Attributes:
        posterior: (images, size, size) float32, `P(y = 1 | x)` of every pixel.
    """

    def __init__(
        self,
        name: str,
        images: int,
        seed: int,
        annotators: Annotators = Annotators(),
        size: int = SIZE,
        augment: Augment | None = None,
        augment_seed: int = 0,
        *,
        scene: Scene = Scene(),
    ) -> None:
        super().__init__(name, [f"{name}_{i:04d}" for i in range(images)], augment, augment_seed)
        drawn = [
            _draw(np.random.default_rng([seed, i]), size, annotators, scene) for i in range(images)
        ]
        pictures, masks, posteriors = zip(*drawn, strict=True)
        self.images = torch.from_numpy(np.stack(pictures))
        self.masks = torch.from_numpy(np.stack(masks)).unsqueeze(1)
        self.posterior = np.stack(posteriors)

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.masks[index]

    def shape(self, index: int) -> tuple[int, int]:
        height, width = self.masks.shape[-2:]
        return height, width

    def mask(self, index: int) -> np.ndarray:
        return self.masks[index, 0].numpy()


class ShapelessTextures(Shapes):
    """Out of distribution: regular textures without an object, all background."""

    def __init__(self, name: str, images: int, seed: int, size: int = SIZE) -> None:
        SaliencySet.__init__(self, name, [f"{name}_{i:04d}" for i in range(images)])
        pictures = [_texture(np.random.default_rng([seed, i]), size) for i in range(images)]
        self.images = torch.from_numpy(np.stack(pictures))
        self.masks = torch.zeros(images, 1, size, size, dtype=torch.uint8)
        self.posterior = np.zeros((images, size, size), np.float32)


def embedded(
    size: int = SIZE,
    *,
    augment: Augment | None = None,
    seed: int = 0,
    data_seed: int = 0,
    limit: int | None = None,
) -> DataSplits:
    """The embedded sets: 160 images to train on, and four to measure on.

    `test` is drawn as the training set; `shifted` shows the same images to annotators who agree
    less, as SOD's do beside DUTS's; `textures` show no shape.

    Args:
        size: side in pixels.
        augment, seed: as `SaliencySet`, for training.
        data_seed: which data set.
        limit: at most so many images a set.
    """

    def count(images: int) -> int:
        return min(images, limit or images)

    def shapes(name: str, images: int, part: int, **kwargs: Any) -> Shapes:
        return Shapes(name, count(images), derived_seed(data_seed, part), size=size, **kwargs)

    return DataSplits(
        origin=f"the embedded set (shapes, seed {data_seed})",
        train=shapes("train", 160, 0, augment=augment, augment_seed=seed),
        validation=shapes("validation", 100, 1),
        tests={
            "test": shapes("test", TEST_IMAGES, TEST),
            "shifted": shapes("shifted", TEST_IMAGES, TEST, annotators=SHIFTED),
            "textures": ShapelessTextures("textures", count(100), derived_seed(data_seed, 3), size),
        },
    )


def graded(
    size: int = SIZE,
    names: Iterable[str] = SHIFTS,
    *,
    data_seed: int = 0,
    limit: int | None = None,
) -> dict[str, Shapes]:
    """Further test sets beside those of `embedded`, by the names of their shifts.

    Each is drawn with the random numbers of `test`. Where contrast, texture or agreement changes,
    image i is `test`'s image i in all else; where the number of shapes changes, they are others.

    Args:
        names: of `SHIFTS`; all, unless given (a third of a second each).
        size, data_seed, limit: as `embedded`.

    Raises:
        ValueError: a name that is not there.
    """
    chosen = list(names)
    if unknown := [name for name in chosen if name not in SHIFTS]:
        raise ValueError(
            f"there is no shift {', '.join(map(repr, unknown))}: choose of {', '.join(SHIFTS)}"
        )
    images, seed = min(TEST_IMAGES, limit or TEST_IMAGES), derived_seed(data_seed, TEST)

    def shapes(name: str) -> Shapes:
        scene, annotators = SHIFTS[name]
        return Shapes(name, images, seed, annotators, size, scene=scene)

    return {name: shapes(name) for name in chosen}


def _draw(
    rng: np.random.Generator, size: int, annotators: Annotators, scene: Scene
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One image (3, size, size) uint8, its mask (size, size) uint8 and its posterior."""
    shade = rng.uniform(0.3, 0.7, (3, 1, 1))
    clouds = 0.10 * scene.texture * _clouds(rng, size, 6)
    picture = shade + clouds + 0.04 * rng.standard_normal((3, size, size))
    mask = np.zeros((size, size), np.uint8)
    posterior = np.zeros((size, size), np.float32)
    fewest, most = scene.shapes
    for _ in range(rng.integers(fewest, most + 1)):
        inside = _outline(rng, size)
        contrast = rng.uniform(*scene.contrast)
        direction = rng.standard_normal((3, 1, 1))
        direction *= contrast / np.abs(direction).mean()
        paint = shade + direction + 0.05 * scene.texture * _clouds(rng, size, 10)
        picture = np.where(inside, paint, picture)
        q = annotators.salience(np.asarray(contrast))
        mask[inside] = rng.random() < q
        posterior[inside] = q
    return (255 * np.clip(picture, 0, 1)).round().astype(np.uint8), mask, posterior


def _outline(rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size) bool: an ellipse, a rectangle or a triangle, turned, 1/3 to 2/3 of a side."""
    y, x = np.mgrid[0:size, 0:size] / size
    cx, cy = rng.uniform(0.25, 0.75, 2)
    angle, (a, b) = rng.uniform(0, np.pi), rng.uniform(0.22, 0.42, 2)
    u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / a
    v = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / b
    kind = rng.integers(3)
    if kind == 0:
        return u**2 + v**2 <= 1
    if kind == 1:
        return np.maximum(np.abs(u), np.abs(v)) <= 0.9
    return (v >= -0.8) & (2 * np.abs(u) + v <= 1.2)


def _clouds(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """(1, size, size) smooth noise of unit variance at its nodes, `cells` nodes a side."""
    nodes = torch.from_numpy(rng.standard_normal((1, 1, cells, cells)))
    smooth = F.interpolate(nodes, size=(size, size), mode="bilinear", align_corners=True)
    return smooth[0].numpy()


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """One texture (3, size, size) uint8: stripes, a grid, dots or clouds in two colours."""
    y, x = np.mgrid[0:size, 0:size] / size
    angle, period = rng.uniform(0, np.pi), rng.uniform(3, 9)
    u = np.sin(2 * np.pi * period * (x * np.cos(angle) + y * np.sin(angle)))
    v = np.sin(2 * np.pi * period * (y * np.cos(angle) - x * np.sin(angle)))
    kind = rng.integers(4)
    pattern = (u, np.sign(u * v), (u + v) / 2, _clouds(rng, size, 12)[0])[kind]
    shade = rng.uniform(0.3, 0.7, (3, 1, 1))
    colour = rng.uniform(-0.35, 0.35, (3, 1, 1))
    picture = shade + colour * pattern + 0.04 * rng.standard_normal((3, size, size))
    return (255 * np.clip(picture, 0, 1)).round().astype(np.uint8)
