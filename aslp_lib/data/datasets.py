"""The embedded data sets by name."""

from collections.abc import Callable

from aslp_lib.data.image_set import DataSplits
from aslp_lib.data.nuclei import CLASSES, nuclei, nuclei3
from aslp_lib.data.shapes import shapes

DATASETS: dict[str, Callable[..., DataSplits]] = {
    "shapes": shapes,
    "nuclei": nuclei,
    "nuclei3": nuclei3,
}
"""Functions that load the embedded data sets."""
CLASS_NAMES = {"nuclei3": CLASSES}
"""Names of the classes of the embedded data sets that have more than an object and a background."""
