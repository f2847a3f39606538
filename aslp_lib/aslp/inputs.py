"""Checks of what the functions of this folder are given: logits, labels, alphas and indices.

In training, values are read on a CPU only, because reading them would synchronise another device.
"""

from numbers import Real

import torch
from torch import Tensor

from aslp_lib.checks import class_channels, require, require_type

SUM_TOLERANCE = 0.01
"""Largest difference from 1 of a sum of soft labels, which half precision may have rounded."""


def values_are_read(values: Tensor) -> bool:
    """Return whether values may be checked: on a CPU, outside of a graph of `torch.compile`.

    Reading them would synchronise another device, and would break the graph.
    """
    return values.device.type == "cpu" and not torch.compiler.is_compiling()


def check_tensors(**values: Tensor) -> None:
    """Raise TypeError, with the name of the argument, unless all values are tensors."""
    remedy = "Convert an array with torch.from_numpy, and a list with torch.tensor."
    for name, value in values.items():
        require_type(name, value, Tensor, f"a tensor. {remedy}")


def check_pixels(
    logits: Tensor, labels: Tensor, ignore_index: int | None, *, on_any_device: bool = False
) -> tuple[int, Tensor, Tensor | None]:
    """Check the logits (or probabilities) and labels of a batch.

    Args:
        logits, labels: the batch; see `class_channels` for their shapes.
        ignore_index: label of the pixels that are not checked; None checks all.
        on_any_device: read labels that are not on a CPU too.

    Returns:
        The number of classes, which is 1 for two in one channel; see `class_channels`.

        The labels in at least single precision, because half precision would round 2049 to 2048
        and 1.0001 to 1, and in unsigned 8-bit integers -1 is 255; class ids are 64-bit integers.

        A mask of the pixels that have a label, without an axis of classes, or None if there is no
        `ignore_index`.

    Raises:
        TypeError: logits or labels are not tensors.
        ValueError: the shapes do not fit, class ids are not integers, or a label that is read is
            invalid.
    """
    check_tensors(logits=logits, labels=labels)
    classes = class_channels(logits.shape, labels.shape)
    if labels.dim() == logits.dim():
        labels = labels.to(torch.promote_types(logits.dtype, torch.float32))
    elif labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        advice = "an integer dtype. Convert them with labels.long()."
        raise ValueError(f"class ids have dtype {labels.dtype}; expected {advice}")
    else:
        labels = labels.long()
    labelled = None
    if ignore_index is not None:
        labelled = labels != ignore_index
        if classes > 1 and labels.dim() == logits.dim():
            labelled = labelled.any(dim=1)
    if on_any_device or values_are_read(labels):
        check_labels(labels, classes, labelled)
    return classes, labels, labelled


def check_labels(labels: Tensor, classes: int = 1, labelled: Tensor | None = None) -> None:
    """Raise ValueError unless all labels are valid.

    Args:
        labels: labels as in `valid_labels`.
        classes: number of channels; 1 for two classes in one channel.
        labelled: mask of the pixels whose labels are checked; None checks all.
    """
    valid = valid_labels(labels, classes)
    if labelled is not None:
        valid |= ~labelled
    if bool(valid.all()):
        return
    invalid = (labels if valid.shape == labels.shape else labels.movedim(1, -1))[~valid]
    if classes == 1:
        expected = "0, 1 or a value in between. Divide a mask of 0 and 255 by 255. Of several "
        expected += "classes, take one against the rest, labels == k, or give each a channel"
    elif labels.is_floating_point():
        expected = f"{classes} values in [0, 1] that sum to 1, along the second dimension. "
        expected += "Use class ids, labels.argmax(dim=1), for one-hot labels"
    else:
        expected = f"0 to {classes - 1}. Give the logits a channel for each class"
    first = ", ".join(f"{value:g}" for value in invalid[0].flatten()[:8].tolist())
    raise ValueError(
        f"{len(invalid)} of {valid.numel()} labels are invalid, the first is {first}; expected "
        f"{expected}, and exclude pixels without a label with ignore_index."
    )


def valid_labels(labels: Tensor, classes: int) -> Tensor:
    """Return where labels are valid: a boolean for each pixel.

    Args:
        labels: class ids of an integer dtype, or labels in floating point.
        classes: number of channels; 1 for two classes in one channel.
    """
    if not labels.is_floating_point():
        return (labels >= 0) & (labels < classes)
    valid = (labels >= 0) & (labels <= 1)
    if classes == 1:
        return valid
    total = labels.sum(dim=1, dtype=torch.promote_types(labels.dtype, torch.float32))
    return valid.all(dim=1) & ((total - 1).abs() <= SUM_TOLERANCE)


def at_labels(values: Tensor, labels: Tensor) -> Tensor:
    """Return the values (N, K, ...) at the classes of labels, (N, ...).

    Args:
        values: one value for each class.
        labels: class ids (N, ...), or weights (N, K, ...) in floating point, with which values are
            summed.
    """
    if labels.is_floating_point():
        return (labels * values).sum(dim=1)
    return values.gather(1, labels[:, None]).squeeze(1)


def alpha_of_pixels(alpha: Tensor | float, pixels: Tensor) -> Tensor:
    """Return valid alphas, (N, 1, ...), in the precision of the pixels, on their own device.

    Args:
        alpha: (N,) perturbation level of each image, or one number for all, in [0, 1].
        pixels: (N, ...) logits or labels in floating point.

    Raises:
        TypeError: alpha is neither a tensor nor a number.
        ValueError: alpha is outside [0, 1] (on a CPU) or does not have one value per image.
    """
    expected = "a tensor with one value for each image, or a number"
    require_type("alpha", alpha, (Tensor, Real), expected)
    alpha = torch.as_tensor(alpha, dtype=pixels.dtype)
    if values_are_read(alpha) and not bool(((alpha >= 0) & (alpha <= 1)).all()):
        raise ValueError(
            f"alpha spans [{alpha.min():g}, {alpha.max():g}]; expected probabilities in [0, 1]"
        )
    shape = tuple(pixels.shape[:1])
    if alpha.dim() == 0:
        alpha = alpha.expand(shape)
    expected = f"one number, or the shape {shape}, with one value for each image"
    require("the shape of alpha", tuple(alpha.shape), alpha.shape == shape, expected)
    return alpha.view(-1, *[1] * (pixels.dim() - 1))


def check_images(index: Tensor, images: int) -> None:
    """Raise an error unless an index is a tensor of integers in [0, images).

    Raises:
        TypeError: it is not a tensor.
        ValueError: it has another dtype, or a value is out of range.
    """
    require_type("index", index, Tensor, "a tensor. Convert a list with torch.tensor.")
    if index.dtype == torch.bool or index.is_floating_point() or index.is_complex():
        raise ValueError(f"image indices have dtype {index.dtype}; expected an integer dtype")
    if values_are_read(index):
        expected = f"0 to {images - 1}, for {images} training images"
        for i in index.flatten().tolist():
            require("an image index", i, 0 <= i < images, expected)
