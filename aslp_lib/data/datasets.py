"""The embedded data sets by name."""

from collections.abc import Callable

from aslp_lib.data.image_set import DataSplits
from aslp_lib.data.nuclei import nuclei
from aslp_lib.data.shapes import shapes

DATASETS: dict[str, Callable[..., DataSplits]] = {"shapes": shapes, "nuclei": nuclei}
"""Functions that load the embedded data sets."""
