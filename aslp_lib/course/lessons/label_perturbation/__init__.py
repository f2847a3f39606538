"""What perturbed labels say, and what a network learns from them."""

from aslp_lib.course.lessons.label_perturbation import explorer, figures, lab
from aslp_lib.course.lessons.label_perturbation.results import (
    bills,
    early_stopped,
    kept_epochs,
    memorised,
    scores_of_techniques,
    smoothed,
    targets_of_techniques,
)
