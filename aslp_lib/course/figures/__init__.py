"""All figures of the course: those of the notebooks, and those of reports that notebooks show."""

from aslp_lib.course.figures.alphas import (
    alphas_over_epochs,
    alphas_over_margins,
    excess_over_bound,
    feedback_loop,
    lambda_trade,
)
from aslp_lib.course.figures.confidence import against_truth, readings
from aslp_lib.course.figures.corruptions import corruptions
from aslp_lib.course.figures.loss import ascent, descent, entropy_of_kinds, loss_curves
from aslp_lib.course.figures.own_data import alphas_and_uncertainty, cells
from aslp_lib.course.figures.perturbation import (
    decisions,
    label_grid,
    label_maps,
    plane,
    running_means,
)
from aslp_lib.course.figures.recalibration import (
    early_stop,
    errors_by_set,
    nll_over_temperature,
)
from aslp_lib.course.figures.release import overlapping_bins, stretched_maps
from aslp_lib.course.figures.studies import curves, estimator_bias, interval_coverage
from aslp_lib.course.figures.trial import memorisation, primary_contrasts, training_set_size
from aslp_lib.evaluation.figures import (
    alt,
    calibration_errors,
    detection_curves,
    error_maps,
    gallery,
    image_scatter,
    joint_density,
    reliability_diagrams,
    show,
    to_png,
    training_history,
)
from aslp_lib.experiments.figures import (
    in_and_under_shift,
    paired_differences,
    scores_over_seeds,
)
