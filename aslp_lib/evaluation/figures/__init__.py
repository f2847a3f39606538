"""The figures of a report. Each function returns a figure whose label describes it in words.

`alt(figure)` returns this description for readers who cannot see the figure; `show` and `to_png`
store it with the image. The colours are those of Okabe and Ito, which colour-blind readers can
distinguish, and they differ in lightness.
"""

from aslp_lib.evaluation.figures.comparison import (
    detection_curves,
    image_scatter,
    reliability_overlay,
)
from aslp_lib.evaluation.figures.images import gallery
from aslp_lib.evaluation.figures.reliability import joint_density, reliability_diagrams
from aslp_lib.evaluation.figures.style import alt, page_width, show, to_png
from aslp_lib.evaluation.figures.training import training_history

__all__ = [
    "alt",
    "detection_curves",
    "gallery",
    "image_scatter",
    "joint_density",
    "page_width",
    "reliability_diagrams",
    "reliability_overlay",
    "show",
    "to_png",
    "training_history",
]
