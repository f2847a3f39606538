"""Base class of recalibration methods."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aslp_lib.checks import explained, require, require_type
from aslp_lib.metrics.classes import AnyCounts
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, nearest_grey_levels, pixels_to_fit
from aslp_lib.metrics.map_features import map_features
from aslp_lib.recalibration.features import features_of
from aslp_lib.tensors import load_tensors, save_tensors

VERSION = 2
"""Version of the files that `Recalibration.save` writes."""
REMEDY = (
    "Fit it again: with recalibrate --save FILE, or, in a run's folder, by removing the file and "
    "train --resume RUN."
)
"""What to do with a file that cannot be read, for messages."""
LARGEST = 1e18
"""Largest absolute value of a fitted number; its products with logits do not overflow float32."""
TEMPERATURES = float(torch.finfo(torch.float32).tiny), LARGEST
"""Range of temperatures: positive normal numbers in float32, in which logits are divided."""
DOSES = 0.0, 1 - 2**-53
"""Range of doses that can be undone: at 1, all predictions are 1/2."""
IDENTITY = "the identity, which changes nothing"
"""Description of a recalibration without parameters, which is the identity."""

CorruptedSets = Collection[Counts]
"""Counts of corrupted copies of a set, one entry for each corruption."""
Network = Callable[[Tensor], Tensor]
"""Function from images to logits."""
Parameter = float | Sequence[float] | NDArray[np.float64] | Tensor
"""A parameter: a number or a vector."""


class Recalibration(nn.Module):
    """A function of logits whose parameters are fitted on the validation set after training.

    The parameters are buffers in float64. They are part of `state_dict`, move with `to(device)`,
    and keep their precision when `half()` or `to(dtype)` converts a network that holds them.
    Without arguments a method is the identity (unless it has no parameters), and `fit` returns a
    fitted module.

    A subclass has a constructor, whose arguments are its parameters; vectors are empty before the
    fit. It implements `transform`, `summary` and, if it has something to fit, `minimise`.

    Args:
        parameters: the parameters by name.

    Raises:
        ValueError: if a parameter is NaN or outside its range.
    """

    name: ClassVar[str]
    """Name in settings, on the command line and in a run's folder."""
    label: ClassVar[str]
    """Name in tables and figures, where it follows a training method's label and a plus sign."""
    preserves_decisions: ClassVar[bool] = False
    """True if logits keep their signs, so that the accuracy does not change."""
    needs: ClassVar[Literal["levels", "map", "images"]] = "levels"
    """What the result of a pixel depends on: "levels", its own logit alone; "map", the features of
    its predicted map too (`metrics.map_features`); "images", the images and the network too."""
    needs_dose: ClassVar[bool] = False
    """True if the method has the dose of the training's labels, and nothing is fitted."""
    fits_corrupted: ClassVar[bool] = False
    """True if `fit` uses counts of corrupted images."""
    clean_weight: ClassVar[float] = 1.0
    """Weight of a clean pixel in the fit of a method that needs maps; a corrupted one has 1."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Smallest and largest value of parameters that are single numbers; by default, `LARGEST`."""
    channels: int | None = 1
    """Number of channels of logits (N, channels, ...): 1 for two classes, None for any number, and
    0 if a fit on more classes sets it."""

    @torch.inference_mode(False)  # a buffer made in inference mode could not be used for gradients
    def __init__(self, **parameters: Parameter) -> None:
        super().__init__()
        for name, value in parameters.items():
            tensor = torch.as_tensor(value, dtype=torch.float64).clone()
            low, high = self.ranges.get(name, (-LARGEST, LARGEST))
            valid = bool(((tensor >= low) & (tensor <= high)).all())
            valid &= tensor.dim() == 0 or name not in self.ranges
            expected = f"a number from {low:.16g} to {high:.16g}"
            require(f"{name} of {self.name}", tensor.tolist(), valid, expected)
            self.register_buffer(name, tensor)

    def fit(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Fit the parameters on the counts of a validation set.

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
        >>> print(f"{Temperature().fit(counts).value:.3f}")  # log 4 / 2 = log 2, log odds of 2/3
        2.000

        Args:
            clean: counts of the validation set.
            corrupted: counts of corrupted copies of these images, one entry for each corruption.
                Methods that have not `fits_corrupted` ignore them.

        Returns:
            The result of `minimise`; or the identity, if that has the smaller NLL on these counts
            (of 8-bit maps: before or after logits are rounded to grey levels). The method itself,
            if it has nothing to fit.

        Raises:
            TypeError: if `corrupted` is a single set.
            ValueError: if sets have different numbers of grey levels; see also `pixels_to_fit`.
        """
        advice = "a list of counts, one set for each corruption. Put a single set into a list."
        require_type("corrupted", corrupted, Collection, advice)
        pixels_to_fit(clean)
        sets = [*corrupted] if self.fits_corrupted else []
        if self.needs != "map":  # then only the pixels of all sets together matter
            one_each = [counts.as_one_image for counts in (clean, *sets)]
            clean, sets = Counts.join(one_each).as_one_image, []
        fitted = self.minimise(clean, sets)
        return fitted if fitted is self or fitted.lowers_nll(clean, sets) else self.identity()

    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Fit the parameters by the method's criterion, without comparison with the identity.

        By default, nothing is fitted, and the method itself is returned.
        """
        return self

    def forward(
        self, logits: Tensor, images: Tensor | None = None, network: Network | None = None
    ) -> Tensor:
        """Recalibrate logits.

        >>> from aslp_lib.recalibration import Temperature
        >>> Temperature(2.0)(torch.tensor([-3.0, 1.0]))
        tensor([-1.5000,  0.5000])

        Args:
            logits: logits (N, ...) of N images; N may be 0.
            images: the images, for methods that need them. Otherwise, they are not used.
            network: the function from images to logits, as `images`.

        Returns:
            Logits of the same shape and dtype, on the same device; for integers, in float32. NaN
            remains NaN, and does not affect other pixels.

        Raises:
            TypeError: if the logits are not a tensor, or if the method needs the images and the
                network, and one is missing.
            ValueError: if a method for K classes gets another number of channels.
        """
        require_type("logits", logits, Tensor, "a tensor. Use torch.from_numpy for an array")
        logits = logits if logits.is_floating_point() else logits.float()
        if self.is_identity:
            return logits
        if self.channels not in (None, 1):
            expected = f"(N, {self.channels}, ...), which are the classes of this {self.name}"
            fits = logits.shape[1:2] == (self.channels,)
            require("the shape of logits", tuple(logits.shape), fits, expected)
        z = at_least_float32(logits)
        match self.needs:
            case "levels":
                after = self.transform(z)
            case "map":
                pixels = z.unsqueeze(-1).flatten(1)  # a row of two-dimensional logits is an image
                after = self.transform(pixels, map_features(pixels)).reshape(z.shape)
            case "images":
                advice = f"that of the logits, because {self.name} runs the network. Pass both"
                require_type("the images", images, Tensor, advice)
                require_type("the network", network, Callable, advice)
                after = self.transform(z, images, network)
        after = after.to(logits.dtype)
        if self.preserves_decisions and logits.dtype == torch.float16:  # which may round to 0
            smallest = torch.finfo(torch.float16).smallest_normal
            after = torch.where((after == 0) & (logits != 0), logits.sign() * smallest, after)
        return after

    @abstractmethod
    def transform(self, logits: Tensor, *given: Any) -> Tensor:
        """Recalibrate logits with the fitted parameters.

        Args:
            logits: logits in single precision or better; of methods that need maps, (N, pixels).
            given: what the method `needs`: nothing for "levels"; for "map", the features of each
                map, (N, features); for "images", the images and the network.

        Returns:
            Logits of the same type. For "map", logits (1, K) stand for those of every map, and the
            result has the shape (N, K).
        """

    def describe(self) -> str:
        """Describe the fitted parameters briefly.

        >>> from aslp_lib.recalibration import Temperature
        >>> Temperature(2.505).describe()
        'T = 2.505'
        """
        return IDENTITY if self.is_identity else self.summary()

    @abstractmethod
    def summary(self) -> str:
        """Describe the fitted parameters; see `describe`."""

    def remark(self, counts: AnyCounts) -> str:
        """Return what must be said of these predictions, after a comma; by default, nothing."""
        return ""

    @property
    def is_identity(self) -> bool:
        """True if the vectors that only a fit yields are empty."""
        vectors = [parameter for parameter in self.buffers() if parameter.dim()]
        return self.channels == 0 or (len(vectors) > 0 and not any(map(len, vectors)))

    def identity(self) -> Self:
        """Return an instance of the same method, with the same settings, that changes nothing."""
        return type(self)()

    @torch.no_grad()
    def lowers_nll(self, clean: Counts, corrupted: CorruptedSets = ()) -> bool:
        """Return whether the method does not raise the NLL of the sets on which it was fitted.

        The NLL of 8-bit maps is compared twice, with exact logits and with logits rounded to grey
        levels. In saturated maps in particular, rounding can cost more than the fit gains.
        """
        levels, increase = clean.grey_levels, np.zeros(2)
        weights = [self.clean_weight, *(1.0 for _ in corrupted)]
        for weight, counts in zip(weights, (clean, *corrupted), strict=True):
            for sign, exact in ((1, self.recalibrated_logits(counts)), (-1, counts.logits)):
                rounded = exact
                if clean.levels is None:
                    rounded = grey_level_logits(levels)[nearest_grey_levels(exact, levels)]
                for number, logits in enumerate((exact, rounded)):
                    nll = np.logaddexp(0, [[1.0], [-1.0]] * logits)
                    increase[number] += sign * weight * (counts.table * nll).sum()
        return bool((increase <= 0).all())

    def apply_counts(self, counts: Counts) -> Counts:
        """Return the counts of the recalibrated predictions.

        Floats keep their levels, whose logits change. Grey levels are replaced by
        `recalibrated_grey_levels`. The result keeps the columns of names and groups; the others
        need the pixels.

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
        >>> Temperature(2.0).apply_counts(counts).table[0, :, 170]  # from p = 0.8 to 2/3
        array([1, 2])
        """
        kept = {name: counts.columns.get(name) for name in ("names", "groups")}
        if counts.levels is not None:
            return counts.with_logits(self.recalibrated_logits(counts)).with_columns(**kept)
        moved = np.broadcast_to(self.recalibrated_grey_levels(counts), counts.table[:, 0].shape)
        images, labels = np.ogrid[: len(counts), :2]
        changed = np.zeros_like(counts.table)
        np.add.at(changed, (images[..., None], labels[..., None], moved[:, None]), counts.table)
        return Counts(changed).with_columns(**kept)

    @torch.no_grad()
    def recalibrated_logits(self, counts: Counts) -> NDArray[np.float64]:
        """Recalibrate the logits of all levels.

        Returns:
            Shape (2, levels), or (images, 2, levels) if the method needs the map.

        Raises:
            TypeError: if the method needs images, which counts do not contain.
        """
        z = torch.from_numpy(counts.logits)
        if self.needs != "map" or self.is_identity:
            after: NDArray[np.float64] = self(z).numpy()
            return after
        features = torch.from_numpy(features_of(counts))
        return self.transform(z.reshape(1, -1), features).reshape(-1, *z.shape).numpy()

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        """Compute the grey level to which each grey level of 8-bit maps is recalibrated.

        The logit of each grey level (`grey_level_logits`) is recalibrated and rounded
        (`nearest_grey_levels`).

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204]]), np.uint8([[1]]))
        >>> Temperature(2.0).recalibrated_grey_levels(counts)[[51, 204]]  # p = 1/3 and 2/3
        array([ 85, 170])

        Returns:
            Shape (grey_levels,), or (images, grey_levels) if the method needs the map.

        Raises:
            TypeError: see `recalibrated_logits`.
        """
        after = self.recalibrated_logits(counts)[..., 0, :]  # equal for both labels
        return nearest_grey_levels(after, counts.grey_levels)

    def save(self, path: Path, network: Mapping[str, str] | None = None) -> None:
        """Write the parameters as a safetensors file.

        Args:
            path: the file.
            network: what identifies the network, for the file's metadata.

        Raises:
            OSError: if the file cannot be written; see `files.write`.
        """
        save_tensors(Path(path), self.state_dict(), {**self.facts(), **(network or {})})

    def facts(self) -> dict[str, object]:
        """Return what `from_tensors` must know of the method, for the metadata of a file."""
        channels = {} if self.channels in (None, 1) else {"channels": self.channels}
        return {"kind": self.name, "version": VERSION, **channels}

    @classmethod
    def load(cls, path: Path, network: Mapping[str, str] | None = None) -> Self:
        """Read a file that `save` wrote.

        Args:
            path: the file.
            network: what identifies the network for which the method was fitted, if the file must
                say so.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or belongs to another method, version or network.
        """
        problem = f"{path} cannot be used as the recalibration {cls.name!r}"
        with explained(problem, f"a file from its save method. {REMEDY}"):
            tensors, facts = load_tensors(Path(path))
            for name, value in (network or {}).items():
                known = facts.get(name)
                require(f"the {name} of its network", known, known == value, repr(value))
            return cls.from_tensors(tensors, facts)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Self:
        """Make the method from the tensors and the metadata of a file.

        Raises:
            ValueError: if they belong to another method or version, or a tensor is wrong.
            KeyError: if the metadata name none.
        """
        axes = {name: tensor.dim() for name, tensor in tensors.items()}
        expected = {name: parameter.dim() for name, parameter in cls().state_dict().items()}
        require("its kind", facts["kind"], facts["kind"] == cls.name, cls.name)
        require("its format", facts["version"], facts["version"] == VERSION, str(VERSION))
        require("the number of axes of each tensor", axes, axes == expected, f"{expected}")
        fitted = cls(**tensors)
        fitted.channels = facts.get("channels", fitted.channels)
        return fitted

    def extra_repr(self) -> str:
        return self.describe()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Buffers move between devices but keep their dtype, except where there is no float64: in
        # half precision, steps of `Isotonic` could coincide.
        def move(buffer: Tensor) -> Tensor:
            device = fn(torch.zeros((), device=buffer.device)).device
            return buffer.to(device, torch.float32 if device.type == "mps" else buffer.dtype)

        return super()._apply(move, recurse)  # type: ignore[no-untyped-call]


def at_least_float32(logits: Tensor) -> Tensor:
    """Convert logits to single precision or better.

    >>> at_least_float32(torch.tensor([0.5], dtype=torch.float16))
    tensor([0.5000])
    """
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def log_add(x: Tensor, y: Tensor) -> Tensor:
    """Compute `log(exp(x) + exp(y))`, also in files that `torch.onnx.export` writes.

    ONNX has no operator for `torch.logaddexp` and `logsigmoid`. The exporters write them as the
    logarithm of a sum of exponentials, which overflows and underflows in float32.

    >>> log_add(torch.tensor([0.0, 1000.0]), torch.tensor([0.0, -1000.0]))
    tensor([6.9315e-01, 1.0000e+03])
    """
    # The difference of equal infinities is NaN, and must count as 0.
    distance = (x - y).abs().nan_to_num(nan=0.0, posinf=torch.inf)
    return torch.maximum(x, y) + torch.log1p(torch.exp(-distance))


def log_sigmoid(x: Tensor) -> Tensor:
    """Compute `log(sigmoid(x))`, also in files that `torch.onnx.export` writes; see `log_add`.

    >>> log_sigmoid(torch.tensor([0.0, -1000.0]))
    tensor([-6.9315e-01, -1.0000e+03])
    """
    return -log_add(torch.zeros_like(x), -x)


def logit_of_excess(excess: Tensor, odds: Tensor) -> Tensor:
    """Compute the logit of a probability p, with its sign near 1/2 and its digits near 0 and 1.

    >>> logit_of_excess(torch.tensor([-1e-9, 1.0]), torch.tensor([0.0, 40.0]))
    tensor([-2.0000e-09,  4.0000e+01])

    Args:
        excess: `2p - 1`, from which the logit is computed for p between 1/4 and 3/4.
        odds: logarithm of `p / (1 - p)`, which is the logit elsewhere, because 1 - p would be
            rounded.
    """
    near = excess.clamp(-0.5, 0.5)
    return torch.where(excess.abs() < 0.5, torch.log1p(near) - torch.log1p(-near), odds)


def preserve_decisions(probability: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Clip recalibrated probabilities so that each stays on its previous side of 1/2.

    Recalibration at the network's size preserves the signs of logits. Resizing to the size of the
    image interpolates between pixels on both sides of an edge, and the interpolated probability can
    cross 1/2. Rounding can reach 1/2 itself.

    >>> preserve_decisions(np.float32([0.4, 0.7]), before=np.float32([0.6, 0.9]))
    array([0.5, 0.7], dtype=float32)

    Args:
        probability: recalibrated probabilities at the size of the image.
        before: probabilities before recalibration, of the same type and size.
    """
    half = probability.dtype.type(0.5)
    below = np.nextafter(half, 0 * half)
    return np.where(before < 0.5, np.minimum(probability, below), np.maximum(probability, half))
