"""Every plot of a report. Each function returns a figure whose label describes it.

`alt(figure)` is that description, for readers who cannot see the picture; `show` and `to_png` keep
it with the image. Colours are Okabe and Ito's, safe for colour-blind readers, and differ in
lightness.
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
