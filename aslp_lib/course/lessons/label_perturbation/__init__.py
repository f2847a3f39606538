"""What perturbed labels say, and what the expected perturbation does to a network."""

from aslp_lib.course.lessons.label_perturbation import explorer, figures, lab
