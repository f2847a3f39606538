"""Encoding of maps: probabilities as 8-bit grey levels, as PNG files and as arrays of NumPy."""

import io

import numpy as np
from PIL import Image


def to_grey_levels(probability: np.ndarray) -> np.ndarray:
    """Convert probabilities to 8-bit grey levels, `round(255 * p)`.

    >>> to_grey_levels(np.array([0.0, 0.25, 1.0])).tolist()
    [0, 64, 255]
    """
    return np.rint(255 * probability).astype(np.uint8)


def to_png(prediction: np.ndarray) -> bytes:
    r"""Encode an 8-bit map (H, W) as a greyscale PNG.

    >>> to_png(np.uint8([[255, 0]]))[:4]
    b'\x89PNG'
    """
    buffer = io.BytesIO()
    Image.fromarray(prediction).save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def to_npy(prediction: np.ndarray) -> bytes:
    r"""Encode a map (H, W) or (K, H, W) of probabilities as a float32 array in the format .npy.

    >>> to_npy(np.float32([[0.25]]))[:6]
    b'\x93NUMPY'
    """
    buffer = io.BytesIO()
    np.save(buffer, prediction.astype(np.float32, copy=False))
    return buffer.getvalue()


def min_max(prediction: np.ndarray) -> np.ndarray:
    """Stretch a map to the full range, as the released code of ASLP did before writing maps.

    Use it only to reproduce such maps: it changes every confidence, so that calibration metrics no
    longer describe the network. A constant map becomes 0.

    >>> min_max(np.uint8([[100, 150, 200]]))
    array([[  0, 128, 255]], dtype=uint8)

    Args:
        prediction: map (H, W) of uint8 grey levels or floating-point probabilities.

    Returns:
        The stretched map, of the same type.
    """
    low, high = float(prediction.min()), float(prediction.max())
    stretched = (prediction - low) / (high - low) if high > low else np.zeros(prediction.shape)
    if prediction.dtype == np.uint8:
        stretched = np.rint(255 * stretched)
    return stretched.astype(prediction.dtype)
