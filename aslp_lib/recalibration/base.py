"""Base class of recalibration methods."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aslp_lib.checks import explained, require, require_type
from aslp_lib.files import require_exists
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, nearest_grey_levels, pixels_to_fit
from aslp_lib.recalibration.features import Images, corrupted_sets
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
IDENTITY = "the identity, which changes nothing"
"""Description of a recalibration without parameters, which is the identity."""

CorruptedSets = Iterable[Counts | Images]
"""Counts of corrupted copies of a set, or their images, one entry for each corruption."""
Network = Callable[[Tensor], Tensor]
"""Function from images to logits."""
Features = Callable[[Tensor], Sequence[Tensor]]
"""Function from images to the features of each stage, (N, channels)."""
Numbers = float | Sequence[float] | NDArray[np.float64] | Tensor
"""A parameter: a number or a vector."""


class Outcome(NamedTuple):
    """Logits of a set before and after recalibration, and their pixels."""

    before: NDArray[np.float64]
    """Logits of the background and the foreground pixels of each level, shape (2, levels)."""
    after: NDArray[np.float64]
    """Recalibrated logits, shape (..., 2, levels)."""
    pixels: NDArray[np.float64]
    """Numbers of these pixels, weighted as in the fit; (..., 2, levels)."""


class Recalibration(nn.Module):
    """A function of logits whose parameters are fitted on the validation set after training.

    The parameters are buffers in float64 (integers in int64). They are part of `state_dict`, move
    with `to(device)`, and keep their precision when `half()` or `to(dtype)` converts a network that
    holds them. Without arguments a method is the identity (unless it has no parameters), and `fit`
    returns a fitted module.

    A subclass names its parameters in `defaults`, and implements `minimise`, `transform` and
    `summary`.

    Args:
        values: the first parameters, in the order of `defaults`.
        named: other parameters.

    Raises:
        ValueError: if a parameter is not a number, is NaN, exceeds `LARGEST`, or is not allowed.
    """

    name: ClassVar[str]
    """Name in settings, on the command line and in a run's folder."""
    label: ClassVar[str]
    """Name in tables and figures, where it follows a training method's label and a plus sign."""
    preserves_decisions: ClassVar[bool] = False
    """True if logits keep their signs, so that the accuracy does not change."""
    defaults: ClassVar[Mapping[str, Numbers]] = {}
    """Parameters of the identity, in order: settings, which are integers of at least 1 and are not
    fitted, and fitted numbers. Vectors of these are empty before the fit."""
    fits_corrupted: ClassVar[bool] = False
    """True if `fit` uses counts of corrupted images."""
    uses_whole_map: ClassVar[bool] = False
    """True if the result of a pixel depends on the other pixels of its map."""
    needs_dose: ClassVar[bool] = False
    """True if the method has the dose of the training's labels, and nothing is fitted."""
    needs_network: ClassVar[bool] = False
    """True if `forward` needs the images, and the network that `attach` gives the method."""

    network: Network | None = None
    """The network whose logits are recalibrated; see `attach`."""
    features: Features | None = None
    """Features of that network; see `attach`."""

    def __init__(self, *values: Numbers, **named: Numbers) -> None:
        super().__init__()
        if named.keys() - self.defaults.keys() or len(values) > len(self.defaults):
            raise TypeError(f"{self.name} has the parameters {', '.join(self.defaults) or 'none'}")
        given = dict(zip(self.defaults, values, strict=False)) | named
        for name, default in self.defaults.items():
            self.register_buffer(name, self._checked(name, given.get(name, default), default))
        self.check()

    def check(self) -> None:
        """Raise ValueError unless the parameters fit together; by default, they do."""

    @torch.inference_mode(False)  # a buffer made in inference mode could not be used for gradients
    def _checked(self, name: str, value: Numbers, default: Numbers) -> Tensor:
        """Convert a parameter to a tensor with the precision of its default."""
        dtype = np.int64 if isinstance(default, int) else np.float64
        try:
            given = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            given = np.array(np.nan)
        same_kind = given.ndim == np.ndim(default) and not isinstance(value, str)
        valid = same_kind and (abs(given) <= LARGEST).all() and (given.astype(dtype) == given).all()
        shown = value.tolist() if isinstance(value, (Tensor, np.ndarray)) else value
        expected = f"{'numbers' if np.ndim(default) else 'a number'} of absolute value at most"
        require(f"{name} of {self.name}", shown, bool(valid), f"{expected} {LARGEST:g}")
        if isinstance(default, int):
            require(name, shown, bool(given >= 1), "1 or more")
        return torch.from_numpy(given.astype(dtype))

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
            (of 8-bit maps: before or after logits are rounded to grey levels). A method without
            parameters is not compared.

        Raises:
            TypeError: if `corrupted` is a single set.
            ValueError: see `pixels_to_fit`.
        """
        sets = corrupted_sets(corrupted) if self.fits_corrupted else []
        fitted = self.minimise(clean, sets)
        kept = not self.defaults or fitted.lowers_nll(clean, sets)
        return fitted if kept else self.identity()

    @abstractmethod
    def minimise(self, clean: Counts, corrupted: CorruptedSets = ()) -> Self:
        """Fit the parameters by the method's criterion, without comparison with the identity."""

    def forward(self, logits: Tensor, images: Tensor | None = None) -> Tensor:
        """Recalibrate logits.

        >>> from aslp_lib.recalibration import Temperature
        >>> Temperature(2.0)(torch.tensor([-3.0, 1.0]))
        tensor([-1.5000,  0.5000])

        Args:
            logits: logits (N, ...) of N images; N may be 0.
            images: the images, for methods that need them.

        Returns:
            Logits of the same shape and dtype, on the same device; for integers, in float32. NaN
            remains NaN, and does not affect other pixels.

        Raises:
            TypeError: if the logits are not a tensor, or if the method needs images or a network
                and has none.
        """
        require_type("logits", logits, Tensor, "a tensor. Use torch.from_numpy for an array")
        logits = logits if logits.is_floating_point() else logits.float()
        if self.is_identity:
            return logits
        after = self.transform(logits, images)
        if self.preserves_decisions and logits.dtype == torch.float16:  # which may round to 0
            smallest = torch.finfo(torch.float16).smallest_normal
            after = torch.where((after == 0) & (logits != 0), logits.sign() * smallest, after)
        return after

    @abstractmethod
    def transform(self, logits: Tensor, images: Tensor | None) -> Tensor:
        """Recalibrate logits in floating point with the fitted parameters; see `forward`."""

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

    def remark(self, counts: Counts) -> str:
        """Return what must be said of these predictions, after a comma; by default, nothing."""
        return ""

    @property
    def is_identity(self) -> bool:
        """True if the numbers that only a fit yields are missing."""
        vectors = [getattr(self, name) for name, default in self.defaults.items() if default == ()]
        return len(vectors) > 0 and not any(map(len, vectors))

    def identity(self) -> Self:
        """Return an instance of the same method, with the same settings, that changes nothing."""
        settings = [name for name, default in self.defaults.items() if isinstance(default, int)]
        return type(self)(**{name: getattr(self, name) for name in settings})

    def attach(self, logits: Network, features: Features | None = None) -> Self:
        """Give the method the network whose logits it recalibrates, if it needs one.

        Args:
            logits: function from images to logits.
            features: function from images to the features of each stage.
        """
        if self.needs_network:  # not as a submodule, because its weights are not the method's
            vars(self).update(network=logits, features=features)
        return self

    def lacking(self, what: str) -> TypeError:
        """Return the error of a method that lacks what it needs."""
        return TypeError(
            f"the recalibration {self.name!r} has no {what}; expected images and a network. Pass "
            "the images, and call attach before."
        )

    def outcomes(self, clean: Counts, corrupted: CorruptedSets = ()) -> list[Outcome]:
        """Recalibrate the logits of the sets on which the method was fitted."""
        return [Outcome(clean.logits, self.recalibrated_logits(clean), pixels_to_fit(clean))]

    @torch.no_grad()
    def lowers_nll(self, clean: Counts, corrupted: CorruptedSets = ()) -> bool:
        """Return whether the method does not raise the NLL of the sets on which it was fitted.

        The NLL of 8-bit maps is compared twice, with exact logits and with logits rounded to grey
        levels. In saturated maps in particular, rounding can cost more than the fit gains.
        """
        levels = clean.grey_levels
        increase = np.zeros(2)
        for before, after, pixels in self.outcomes(clean, corrupted):
            for sign, exact in ((1, after), (-1, before)):
                rounded = exact
                if clean.levels is None:
                    rounded = grey_level_logits(levels)[nearest_grey_levels(exact, levels)]
                increase += [sign * _total_nll(logits, pixels) for logits in (exact, rounded)]
        return bool((increase <= 0).all())

    def apply_counts(self, counts: Counts) -> Counts:
        """Return the counts of the recalibrated predictions.

        Floats keep their levels, whose logits change. Grey levels are replaced by
        `recalibrated_grey_levels`. Of the columns, the result has names and groups, because others
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
            Shape (2, levels), or (images, 2, levels) if the method depends on the image.

        Raises:
            TypeError: if the method needs images, which counts do not contain.
        """
        after: NDArray[np.float64] = self(torch.from_numpy(counts.logits)).numpy()
        return after

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        """Compute the grey level to which each grey level of 8-bit maps is recalibrated.

        The logit of each grey level (`grey_level_logits`) is recalibrated and rounded
        (`nearest_grey_levels`).

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204]]), np.uint8([[1]]))
        >>> Temperature(2.0).recalibrated_grey_levels(counts)[[51, 204]]  # p = 1/3 and 2/3
        array([ 85, 170])

        Returns:
            Shape (grey_levels,), or (images, grey_levels) if the method depends on the image.

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
        facts = {"kind": self.name, "version": VERSION, **(network or {})}
        save_tensors(Path(path), self.state_dict(), facts)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or belongs to another method or version.
        """
        require_exists("file", Path(path), f"the parameters of {cls.name!r}. Fit it and save it.")
        problem = f"{path} cannot be used as the recalibration {cls.name!r}"
        with explained(problem, f"a file from its save method. {REMEDY}"):
            if Path(path).suffix == ".json":  # of the first version
                check_version(1)
            return cls.from_tensors(*load_tensors(Path(path)))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Self:
        """Make the method from the tensors and the metadata of a file.

        Raises:
            ValueError: if they belong to another method or version, or a tensor is wrong.
            KeyError: if the metadata name none.
        """
        check_version(facts["version"])
        require("its kind", facts["kind"], facts["kind"] == cls.name, cls.name)
        if wrong := tensors.keys() ^ cls.defaults.keys():
            names = ", ".join(cls.defaults) or "none"
            raise ValueError(f"wrong tensors: {', '.join(sorted(wrong))}; expected {names}.")
        return cls(**tensors)

    def extra_repr(self) -> str:
        return self.describe()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # Buffers move between devices but keep their dtype, except where there is no float64: in
        # half precision, steps of `Isotonic` could coincide.
        def move(buffer: Tensor) -> Tensor:
            device = fn(torch.zeros((), device=buffer.device)).device
            return buffer.to(device, torch.float32 if device.type == "mps" else buffer.dtype)

        return super()._apply(move, recurse)  # type: ignore[no-untyped-call]


def check_version(version: object) -> None:
    """Raise ValueError unless files of this version can be read."""
    if version != VERSION:
        age = "an older" if version in range(VERSION) else "another"
        raise ValueError(
            f"{age} version of this library wrote it, in format {version}; expected {VERSION}"
        )


def at_least_float32(logits: Tensor, *parameters: Tensor) -> list[Tensor]:
    """Convert logits to single precision or better, and parameters to tensors like them.

    >>> at_least_float32(torch.tensor([0.5], dtype=torch.float16), torch.tensor([1, 2]))
    [tensor([0.5000]), tensor([1., 2.])]
    """
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return [z, *(numbers.to(z) for numbers in parameters)]


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


def _total_nll(logits: NDArray[np.float64], pixels: NDArray[np.float64]) -> float:
    """Sum the NLL of background and foreground pixels with their logits, both (..., 2, K)."""
    return float((pixels * np.logaddexp(0, [[1.0], [-1.0]] * logits)).sum())
