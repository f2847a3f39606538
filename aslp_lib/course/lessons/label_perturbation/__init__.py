"""What perturbed labels say."""

from aslp_lib.course.lessons.label_perturbation import explorer, figures
