"""Every plot of the course and the report. Each function returns a figure whose label describes it.

`alt(figure)` is that description, for readers who cannot see the picture; `show` and `to_png` keep
it with the image. Colours are Okabe and Ito's, safe for colour-blind readers, and differ in
lightness.
"""

from aslp_lib.figures.explorers import (
    feedback_loop,
    loss_over_f,
    perturbation_plane,
    reliability_gaps,
)
from aslp_lib.figures.images import gallery
from aslp_lib.figures.reliability import joint_density, reliability_diagrams
from aslp_lib.figures.style import alt, show, to_png
from aslp_lib.figures.training import training_history

__all__ = [
    "alt",
    "feedback_loop",
    "gallery",
    "joint_density",
    "loss_over_f",
    "perturbation_plane",
    "reliability_diagrams",
    "reliability_gaps",
    "show",
    "to_png",
    "training_history",
]
