"""Base classes of recalibration methods."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aslp_lib.checks import check_types, json_object, require, require_type
from aslp_lib.files import write
from aslp_lib.metrics.counts import Counts
from aslp_lib.metrics.grey_levels import grey_level_logits, nearest_grey_levels, pixels_to_fit

if TYPE_CHECKING:
    from aslp_lib.recalibration.calibration_data import CalibrationData

VERSION = 1
"""Version of the files that `Recalibration.save` writes."""
LARGEST = 1e18
"""Largest absolute value of a fitted number; its products with logits do not overflow float32."""
IDENTITY = "the identity, which changes nothing"
"""Description of a recalibration without parameters, which is the identity."""


class Outcome(NamedTuple):
    """Logits of a set before and after recalibration, and their pixels."""

    before: NDArray[np.float64]
    """Logits, shape (K,)."""
    after: NDArray[np.float64]
    """Recalibrated logits, shape (..., K)."""
    pixels: NDArray[np.float64]
    """Background and foreground pixels of each logit, weighted as in the fit; (..., 2, K)."""


@dataclass(frozen=True, eq=False)
class Recalibration(ABC):
    """A function of logits whose parameters are fitted on the validation set after training.

    A subclass is a frozen dataclass of these parameters. Without arguments it is the identity
    (unless it has no parameters), and `fit` returns a fitted instance. A subclass implements
    `minimise`, `apply` and `describe`. A method that needs the images, or the network's features of
    them, is a subclass of `ImageRecalibration` instead. A method with large arrays overrides
    `save`, `read` and `suffix`.
    """

    name: ClassVar[str]
    """Name in settings, on the command line and in a run's folder."""
    label: ClassVar[str]
    """Name in tables and figures, where it follows a training method's label and a plus sign."""
    preserves_decisions: ClassVar[bool]
    """True if logits keep their signs, so that the accuracy does not change."""
    fits_corrupted: ClassVar[bool] = False
    """True if `fit` also takes counts of corrupted images, as a second argument."""
    suffix: ClassVar[str] = ".json"
    """Suffix of the file in which the parameters are saved beside a network's weights."""

    def fit(self, counts: Counts) -> Self:
        """Fit the parameters on the counts of a validation set.

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
        >>> round(Temperature().fit(counts).value, 3)  # log 4 / 2 = log 2, the log odds of 2/3
        2.0

        Returns:
            The result of `minimise`; or the identity, if that has the smaller NLL on these counts,
            before or after logits are rounded to grey levels.

        Raises:
            ValueError: see `pixels_to_fit`.
        """
        fitted = self.minimise(counts)
        logits = grey_level_logits(counts.grey_levels)
        after = fitted.apply(torch.from_numpy(logits)).numpy()
        outcome = Outcome(logits, after, pixels_to_fit(counts))
        return self.unless_worse(fitted, counts.grey_levels, [outcome])

    @abstractmethod
    def minimise(self, counts: Counts) -> Self:
        """Fit the parameters by the method's criterion, without comparison with the identity."""

    @abstractmethod
    def apply(self, logits: Tensor) -> Tensor:
        """Recalibrate logits.

        >>> from aslp_lib.recalibration import Temperature
        >>> Temperature(2.0).apply(torch.tensor([-3.0, 1.0]))
        tensor([-1.5000,  0.5000])

        Args:
            logits: logits (N, ...) of N images; N may be 0.

        Returns:
            Logits of the same shape and dtype, on the same device; for integers, in float32. NaN
            remains NaN, and does not affect other pixels.

        Raises:
            TypeError: if the logits are not a tensor.
        """

    @abstractmethod
    def describe(self) -> str:
        """Describe the fitted parameters briefly.

        >>> from aslp_lib.recalibration import Temperature
        >>> Temperature(2.505).describe()
        'T = 2.505'
        """

    def identity(self) -> Self:
        """Return an instance of the same method that changes nothing."""
        return type(self)()

    def unless_worse(self, fitted: Self, grey_levels: int, outcomes: Iterable[Outcome]) -> Self:
        """Return `fitted`, or the identity if `fitted` raises the NLL of its own data.

        The NLL is compared twice: with exact logits, and with logits rounded to grey levels. In
        saturated maps in particular, rounding can cost more than the fit gains.

        Args:
            fitted: result of `minimise`.
            grey_levels: number of grey levels to which logits are rounded.
            outcomes: the sets on which `fitted` was fitted, with their logits before and after.
        """
        z = grey_level_logits(grey_levels)
        increase = np.zeros(2)
        for before, after, pixels in outcomes:
            for sign, logits in ((1, after), (-1, before)):
                rounded = z[nearest_grey_levels(logits, grey_levels)]
                increase += [sign * _total_nll(exact, pixels) for exact in (logits, rounded)]
        return fitted if (increase <= 0).all() else self.identity()

    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Fit the parameters to a trained network.

        The base class uses only the counts of the validation set. In distributed training, every
        process calls this method and obtains the same parameters.

        Raises:
            ValueError: see `fit`.
        """
        return self.fit(trained.counts)

    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """Recalibrate the logits of a batch of images.

        The base class calls `apply` and ignores the images and the network.

        Args:
            logits: the network's logits of these images, (N, 1, S, S) float32.
            images: images, (N, 3, S, S) uint8.
            network: the network, in eval mode.
        """
        return self.apply(logits)

    def apply_counts(self, counts: Counts) -> Counts:
        """Return the counts of the recalibrated predictions.

        Grey levels are replaced by `recalibrated_grey_levels`. Of the columns, the result has
        names and groups, because others need the pixels.

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204, 204, 204]]), np.uint8([[1, 1, 0]]))
        >>> Temperature(2.0).apply_counts(counts).table[0, :, 170]  # from p = 0.8 to 2/3
        array([1, 2])
        """
        moved = np.broadcast_to(
            self.recalibrated_grey_levels(counts), (len(counts), counts.grey_levels)
        )
        images, labels = np.ogrid[: len(counts), :2]
        changed = np.zeros_like(counts.table)
        np.add.at(changed, (images[..., None], labels[..., None], moved[:, None]), counts.table)
        kept = {name: counts.columns.get(name) for name in ("names", "groups")}
        return Counts(changed).with_columns(**kept)

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        """Compute the grey level to which each grey level is recalibrated.

        The logit of each grey level (`grey_level_logits`) is recalibrated and rounded
        (`nearest_grey_levels`).

        >>> from aslp_lib.recalibration import Temperature
        >>> counts = Counts.from_map(np.uint8([[204]]), np.uint8([[1]]))
        >>> Temperature(2.0).recalibrated_grey_levels(counts)[[51, 204]]  # p = 1/3 and 2/3
        array([ 85, 170])

        Returns:
            Shape (grey_levels,), or (images, grey_levels) if the method depends on the image.
        """
        after = self.apply(torch.from_numpy(grey_level_logits(counts.grey_levels)))
        return nearest_grey_levels(after.numpy(), counts.grey_levels)

    def save(self, path: Path) -> None:
        """Write the parameters as a JSON file.

        Raises:
            OSError: if the file cannot be written; see `files.write`.
            ValueError: if a parameter is NaN or infinite.
        """
        content = {"kind": self.name, "version": VERSION, **asdict(self)}
        write(Path(path), json.dumps(content, indent=2, allow_nan=False))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if the file is damaged, or belongs to another method or version.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no file {path}; expected the parameters of {cls.name!r}. Fit it and "
                "save it first."
            )
        try:
            return cls.read(path)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{path} cannot be used as the recalibration {cls.name!r} "
                f"({str(error).rstrip('.')}); expected a file from its save method. Fit it again."
            ) from error

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read an existing file for `load`.

        Raises:
            ValueError, TypeError, KeyError: if the content is not what `save` writes.
        """
        content = json_object(path.read_text(encoding="utf-8"))
        cls.check_kind(content)
        numbers = {key: tuple(v) if isinstance(v, list) else v for key, v in content.items()}
        check_types(cls, numbers)
        names = [field.name for field in fields(cls)]
        if missing := [name for name in names if name not in numbers]:
            raise ValueError(f"missing numbers: {', '.join(missing)}; expected {', '.join(names)}.")
        return cls(**numbers)

    @classmethod
    def check_kind(cls, content: dict[str, Any]) -> None:
        """Remove "kind" and "version" from the content of a file, and check them.

        Raises:
            ValueError: if the file belongs to another method or version.
            KeyError: if it states none.
        """
        kind, version = content.pop("kind"), content.pop("version")
        if kind != cls.name:
            raise ValueError(f"it holds the recalibration {kind!r}; expected {cls.name!r}.")
        if version != VERSION:
            raise ValueError(f"it is of version {version}; expected version {VERSION}.")


@dataclass(frozen=True, eq=False)
class ImageRecalibration(Recalibration):
    """A recalibration method that needs the images, not only logits or counts.

    A subclass implements `fit_on_images` and `apply_on_images`. All methods that take only logits
    or counts raise a TypeError.
    """

    @abstractmethod
    def fit_on_images(self, trained: CalibrationData) -> Self:
        """Fit the parameters to a trained network; see `Recalibration.fit_on_images`."""

    @abstractmethod
    def apply_on_images(self, logits: Tensor, images: Tensor, network: nn.Module) -> Tensor:
        """Recalibrate the logits of images; see `Recalibration.apply_on_images`."""

    def minimise(self, counts: Counts) -> Self:
        """Raise TypeError; `fit_on_images` fits the parameters."""
        raise self._needs_images()

    def apply(self, logits: Tensor) -> Tensor:
        """Raise TypeError; `apply_on_images` recalibrates logits."""
        raise self._needs_images()

    def recalibrated_grey_levels(self, counts: Counts) -> NDArray[np.intp]:
        """Raise TypeError; counts do not contain the images."""
        raise self._needs_images()

    def _needs_images(self) -> TypeError:
        return TypeError(
            f"the recalibration {self.name!r} cannot be used on counts or logits; expected images. "
            "Call fit_on_images or apply_on_images, and count the resulting probabilities."
        )


def as_float32(name: str, *numbers: float) -> NDArray[np.float32]:
    """Convert fitted parameters to the precision of logits.

    >>> as_float32("slope", 0.5)
    array([0.5], dtype=float32)

    Args:
        name: what the numbers are, for error messages.
        numbers: the parameters.

    Raises:
        ValueError: if one is not a number, is NaN, or exceeds `LARGEST` in absolute value.
    """
    for number in numbers:
        valid = isinstance(number, (int, float)) and abs(number) <= LARGEST
        require(f"the {name}", number, valid, f"a number of absolute value at most {LARGEST:g}")
    return np.array(numbers, dtype=np.float32)


def as_floats(logits: Tensor) -> Tensor:
    """Return logits in floating point: integers in float32, and others as they are.

    >>> as_floats(torch.tensor([2, -1]))
    tensor([ 2., -1.])

    Raises:
        TypeError: if the logits are not a tensor.
    """
    require_type("logits", logits, Tensor, "a tensor. Use torch.from_numpy for an array")
    return logits if logits.is_floating_point() else logits.float()


def at_least_float32(logits: Tensor, *lists: tuple[float, ...] | Tensor) -> list[Tensor]:
    """Convert logits to single precision or better, and lists of parameters to tensors like them.

    The lists may be the buffers that `Recalibrated` stores for them.

    >>> at_least_float32(torch.tensor([0.5], dtype=torch.float16), (1.0, 2.0))
    [tensor([0.5000]), tensor([1., 2.])]
    """
    z = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return [z, *(torch.as_tensor(numbers, dtype=z.dtype, device=z.device) for numbers in lists)]


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


def preserve_decisions(
    probability: NDArray[np.float32], before: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Clip recalibrated probabilities so that each stays on its previous side of 1/2.

    Recalibration at the network's size preserves the signs of logits. Resizing to the size of the
    image interpolates between pixels on both sides of an edge, and the interpolated probability can
    cross 1/2. Rounding can reach 1/2 itself.

    >>> preserve_decisions(np.float32([0.4, 0.7]), before=np.float32([0.6, 0.9]))
    array([0.5, 0.7], dtype=float32)

    Args:
        probability: recalibrated probabilities, at the size of the image.
        before: probabilities before recalibration, at the same size.
    """
    below = np.nextafter(np.float32(0.5), np.float32(0))
    return np.where(before < 0.5, np.minimum(probability, below), np.maximum(probability, 0.5))


def _total_nll(logits: NDArray[np.float64], pixels: NDArray[np.float64]) -> float:
    """Sum the NLL of background and foreground pixels (..., 2, K) with logits (..., K)."""
    background, foreground = np.moveaxis(pixels, -2, 0)
    nll = background * np.logaddexp(0, logits) + foreground * np.logaddexp(0, -logits)
    return float(nll.sum())
