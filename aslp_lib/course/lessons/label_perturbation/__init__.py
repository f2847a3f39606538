"""What perturbed labels say, and what the dose does to a network."""

from aslp_lib.course.lessons.label_perturbation import explorer, figures, lab
from aslp_lib.course.lessons.label_perturbation.results import (
    DOSES,
    bills,
    early_stopped,
    known_confidence,
    missed_shape,
    over_dose,
    scores_of_techniques,
    smoothed,
    targets_of_techniques,
)
