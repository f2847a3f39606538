"""Training at a constant perturbation beside temperature scaling."""

from aslp_lib.course.lessons.perturbation_lab import explorer
from aslp_lib.course.recorded import perturbations
