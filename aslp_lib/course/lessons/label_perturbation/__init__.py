"""What perturbed labels say, and what a network learns from them."""

from aslp_lib.course.lessons.label_perturbation import explorer, figures, lab
from aslp_lib.course.lessons.label_perturbation.results import (
    bills,
    brier_of_trial,
    kept_epochs,
    posterior_of_unlikely_labels,
    probability_of_unlikely,
    smoothed,
    targets_of_techniques,
    unlikely_on_unseen_images,
)
