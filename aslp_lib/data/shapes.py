"""The synthetic data set: shapes on textures, with a known true posterior.

An image shows one to three shapes on a textured background. Shape k has contrast c_k and is
labelled salient with probability `q_k = sigmoid(sharpness * (c_k - threshold))`; the label is drawn
once per shape. Some images are therefore ambiguous: their labels can only be memorised. The true
posterior `P(y = 1 | x)` is known for every pixel: q_k on shape k, and 0 on the background. It stays
known under the graded distribution shifts of images and annotators (`graded`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aslp_lib.checks import require_name
from aslp_lib.data.image_set import DataSplits, ImageSet, derived_seed

SIZE = 48
CONTRAST = (0.08, 0.60)
TEST, TEST_IMAGES = 2, 300
"""Number from which the seed of the test sets is derived, and their number of images."""


@dataclass(frozen=True)
class Annotators:
    """Model of the annotators, who label a shape salient with a probability q.

    `q = 1/2 + agreement * (sigmoid(sharpness * (contrast - threshold)) - 1/2)`

    Args:
        sharpness: slope of the sigmoid.
        threshold: contrast at which q is 1/2.
        agreement: agreement between annotators, in [0, 1]. At 1, they label as in the training set;
            at 0, each label is a coin toss.

    >>> Annotators().salience(np.array([0.34]))
    array([0.5])
    """

    sharpness: float = 12.0
    threshold: float = 0.34
    agreement: float = 1.0

    def salience(self, contrast: np.ndarray) -> np.ndarray:
        """Compute the probability that a shape of a given contrast is labelled salient."""
        q = 1 / (1 + np.exp(-self.sharpness * (contrast - self.threshold)))
        return 0.5 + self.agreement * (q - 0.5)


@dataclass(frozen=True)
class Scene:
    """Distribution of the images. The defaults are those of the training set.

    Args:
        contrast: lowest and highest contrast of a shape.
        texture: strength of the texture on background and shapes, relative to the training set.
        shapes: smallest and largest number of shapes in an image; some may be hidden.

    >>> empty = Shapes("empty", images=2, seed=0, scene=Scene(shapes=(0, 0)))
    >>> empty.masks.sum().item()
    0
    """

    contrast: tuple[float, float] = CONTRAST
    texture: float = 1.0
    shapes: tuple[int, int] = (1, 3)


SHIFTED = Annotators(agreement=0.85)

_GRADES: dict[str, Sequence[Scene | Annotators]] = {
    # Shapes have less contrast, and annotators label fewer of them.
    "contrast": [Scene(contrast=ends) for ends in ((0.07, 0.51), (0.06, 0.42), (0.04, 0.30))],
    # The texture is stronger, so that the same contrast is harder to see.
    "texture": [Scene(texture=strength) for strength in (1.5, 2.0, 3.0)],
    # Annotators agree less; the first grade is that of `shifted`.
    "agreement": [Annotators(agreement=share) for share in (0.85, 0.65, 0.40)],
    # There are more shapes than in training.
    "crowd": [Scene(shapes=(number, number)) for number in (4, 6, 9)],
    # A third of the images, half of them, or all show no shape.
    "empty": [Scene(shapes=(0, most)) for most in (2, 1, 0)],
}
SHIFTS = {f"{kind}{i}": shift for kind in _GRADES for i, shift in enumerate(_GRADES[kind], 1)}
"""Graded distribution shifts by name: what differs from the training set in a single property."""


class Shapes(ImageSet):
    """A synthetic set of images of shapes, held in memory.

    Args:
        name: see `ImageSet`.
        images: number of images.
        seed: seed of the images and labels, which are the same on every machine.
        annotators: model of the annotators.
        size: side in pixels.
        scene: distribution of the images.

    Attributes:
        images: (images, 3, size, size) uint8.
        masks: (images, 1, size, size) uint8 in {0, 1}.
        posterior: (images, size, size) float32, the true posterior `P(y = 1 | x)` of every pixel.

    >>> shapes = Shapes("test", images=4, seed=1, size=32)
    >>> shapes.images.shape, shapes.posterior.shape
    (torch.Size([4, 3, 32, 32]), (4, 32, 32))
    """

    def __init__(
        self,
        name: str,
        images: int,
        seed: int,
        annotators: Annotators = Annotators(),
        size: int = SIZE,
        *,
        scene: Scene = Scene(),
    ) -> None:
        super().__init__(name, [f"{name}_{i:04d}" for i in range(images)])
        generators = (np.random.default_rng([seed, i]) for i in range(images))
        items = [_draw(rng, size, annotators, scene) for rng in generators]
        pixels, masks, posteriors = zip(*items, strict=True)
        self.images = torch.from_numpy(np.stack(pixels))
        self.masks = torch.from_numpy(np.stack(masks)).unsqueeze(1)
        self.posterior = np.stack(posteriors)

    def load(self, index: int) -> tuple[Tensor, Tensor]:
        return self.images[index], self.masks[index]


class ShapelessTextures(Shapes):
    """An out-of-distribution set of regular textures without objects; all pixels are background.

    >>> ShapelessTextures("textures", images=2, seed=0).masks.sum().item()
    0
    """

    def __init__(self, name: str, images: int, seed: int, size: int = SIZE) -> None:
        ImageSet.__init__(self, name, [f"{name}_{i:04d}" for i in range(images)])
        pixels = [_texture(np.random.default_rng([seed, i]), size) for i in range(images)]
        self.images = torch.from_numpy(np.stack(pixels))
        self.masks = torch.zeros(images, 1, size, size, dtype=torch.uint8)
        self.posterior = np.zeros((images, size, size), np.float32)


def shapes(size: int = SIZE, *, data_seed: int = 0, limit: int | None = None) -> DataSplits:
    """Generate the synthetic data set: 160 training images, a validation set and three test sets.

    The set `test` has the distribution of the training set. `shifted` has the same images as
    `test`, but annotators who agree less, as those of SOD do compared with DUTS. `textures` shows
    no shapes.

    Args:
        size: side in pixels.
        data_seed: seed of the images and labels.
        limit: largest number of images in each set.

    >>> {name: len(test) for name, test in shapes(limit=150).tests.items()}
    {'test': 150, 'shifted': 150, 'textures': 100}
    """

    def drawn(name: str, images: int, part: int, kind: Any = Shapes, **options: Any) -> Shapes:
        images, seed = min(images, limit or images), derived_seed(data_seed, part)
        made: Shapes = kind(name, images, seed, size=size, **options)
        return made

    return DataSplits(
        origin=f"the synthetic set shapes (seed {data_seed})",
        train=drawn("train", 160, 0),
        validation=drawn("validation", 100, 1),
        tests={
            "test": drawn("test", TEST_IMAGES, TEST),
            "shifted": drawn("shifted", TEST_IMAGES, TEST, annotators=SHIFTED),
            "textures": drawn("textures", 100, 3, ShapelessTextures),
        },
    )


def graded(
    size: int = SIZE, names: Iterable[str] = SHIFTS, *, data_seed: int = 0, limit: int | None = None
) -> dict[str, Shapes]:
    """Generate shifted test sets, by the names of their distribution shifts.

    All use the random numbers of `test`. If contrast, texture or agreement changes, image i is that
    of `test` in all other respects. If the number of shapes changes, the images are different ones.

    Args:
        names: keys of `SHIFTS`; all by default, which takes a third of a second for each.
        size, data_seed, limit: see `shapes`.

    Raises:
        ValueError: a name is not in `SHIFTS`.

    >>> shifted = graded(names=["texture1", "empty3"], limit=2)
    >>> shifted["empty3"].masks.sum().item()
    0
    """
    images, seed = min(TEST_IMAGES, limit or TEST_IMAGES), derived_seed(data_seed, TEST)
    sets = {}
    for name in names:
        require_name("shift", name, SHIFTS)
        shift = SHIFTS[name]
        changed: Any = {"scene" if isinstance(shift, Scene) else "annotators": shift}
        sets[name] = Shapes(name, images, seed, size=size, **changed)
    return sets


def _draw(
    rng: np.random.Generator, size: int, annotators: Annotators, scene: Scene
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw an image (3, size, size) uint8, its mask (size, size) uint8 and its posterior."""
    shade = rng.uniform(0.3, 0.7, (3, 1, 1))
    clouds = 0.10 * scene.texture * _clouds(rng, size, 6)
    image = shade + clouds + 0.04 * rng.standard_normal((3, size, size))
    mask = np.zeros((size, size), np.uint8)
    posterior = np.zeros((size, size), np.float32)
    fewest, most = scene.shapes
    for _ in range(rng.integers(fewest, most + 1)):
        inside = _outline(rng, size)
        contrast = rng.uniform(*scene.contrast)
        direction = rng.standard_normal((3, 1, 1))
        direction *= contrast / np.abs(direction).mean()
        paint = shade + direction + 0.05 * scene.texture * _clouds(rng, size, 10)
        image = np.where(inside, paint, image)
        q = annotators.salience(np.asarray(contrast))
        mask[inside] = rng.random() < q
        posterior[inside] = q
    return (255 * np.clip(image, 0, 1)).round().astype(np.uint8), mask, posterior


def _outline(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a shape as (size, size) bool: a rotated ellipse, rectangle or triangle.

    Its size is 1/3 to 2/3 of the image's side.
    """
    y, x = np.mgrid[0:size, 0:size] / size
    cx, cy = rng.uniform(0.25, 0.75, 2)
    angle, (a, b) = rng.uniform(0, np.pi), rng.uniform(0.22, 0.42, 2)
    u = ((x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)) / a
    v = ((y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)) / b
    ellipse = u**2 + v**2 <= 1
    rectangle = np.maximum(np.abs(u), np.abs(v)) <= 0.9
    triangle = (v >= -0.8) & (2 * np.abs(u) + v <= 1.2)
    return (ellipse, rectangle, triangle)[rng.integers(3)]


def _clouds(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Draw (1, size, size) smooth noise, with unit variance at its nodes, `cells` per side."""
    nodes = torch.from_numpy(rng.standard_normal((1, 1, cells, cells)))
    smooth = F.interpolate(nodes, size=(size, size), mode="bilinear", align_corners=True)
    return smooth[0].numpy()


def _texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw a texture (3, size, size) uint8: stripes, a grid, dots or clouds in two colours."""
    y, x = np.mgrid[0:size, 0:size] / size
    angle, period = rng.uniform(0, np.pi), rng.uniform(3, 9)
    u = np.sin(2 * np.pi * period * (x * np.cos(angle) + y * np.sin(angle)))
    v = np.sin(2 * np.pi * period * (y * np.cos(angle) - x * np.sin(angle)))
    kind = rng.integers(4)
    pattern = (u, np.sign(u * v), (u + v) / 2, _clouds(rng, size, 12)[0])[kind]
    shade = rng.uniform(0.3, 0.7, (3, 1, 1))
    colour = rng.uniform(-0.35, 0.35, (3, 1, 1))
    image = shade + colour * pattern + 0.04 * rng.standard_normal((3, size, size))
    return (255 * np.clip(image, 0, 1)).round().astype(np.uint8)
