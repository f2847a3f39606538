"""Every plot of the course and the report. Each function returns a figure whose label describes it.

`alt(figure)` is that description, for readers who cannot see the picture; `show` and `to_png` keep
it with the image. Colours are Okabe and Ito's, safe for colour-blind readers, and differ in
lightness.
"""

from aslp_lib.figures.comparison import detection_curves, image_scatter, reliability_overlay
from aslp_lib.figures.confidence import against_truth, readings, sure_and_wrong
from aslp_lib.figures.explorers import (
    feedback_loop,
    loss_over_f,
    perturbation_plane,
    reliability_gaps,
)
from aslp_lib.figures.images import gallery
from aslp_lib.figures.levels import lambda_trade, levels_over_epochs, levels_over_margins
from aslp_lib.figures.loss import (
    descent,
    gradient_noise,
    loss_curves,
    loss_surface,
    posterior_lines,
)
from aslp_lib.figures.perturbation import decisions, label_grid, label_maps, plane, running_means
from aslp_lib.figures.reliability import joint_density, reliability_diagrams
from aslp_lib.figures.studies import estimator_bias, interval_coverage
from aslp_lib.figures.style import alt, show, to_png
from aslp_lib.figures.training import training_history

__all__ = [
    "against_truth",
    "alt",
    "decisions",
    "descent",
    "detection_curves",
    "estimator_bias",
    "feedback_loop",
    "gallery",
    "gradient_noise",
    "image_scatter",
    "interval_coverage",
    "joint_density",
    "label_grid",
    "label_maps",
    "lambda_trade",
    "levels_over_epochs",
    "levels_over_margins",
    "loss_curves",
    "loss_over_f",
    "loss_surface",
    "perturbation_plane",
    "plane",
    "posterior_lines",
    "readings",
    "reliability_diagrams",
    "reliability_gaps",
    "reliability_overlay",
    "running_means",
    "show",
    "sure_and_wrong",
    "to_png",
    "training_history",
]
